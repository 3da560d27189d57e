"""A bounded share of scripts/losses."""

from pathlib import Path

from crashes.trial import Figures

from .loss_run import LossRun
from .losses import RESTARTS, Loss, OnePostgres, WithStandby

_SEED = 1


def _expect_recovered(figures: Figures) -> None:
    assert figures.sent > 50
    assert figures.heartbeats > 50
    assert not figures.breaches
    assert figures.longest_gap < 30


def test_two_instances_lose_each_other_their_database_and_the_way_to_it(tmp_path: Path):
    with OnePostgres(tmp_path, _SEED) as ground, LossRun(ground, _SEED, print) as run:
        _expect_recovered(
            run.lose(
                Loss("an instance, killed in a burst", ground.kill_in_a_burst),
                *(Loss(f"PostgreSQL, {how}", lambda load, how=how: ground.restart_postgres(how)) for how in RESTARTS),
                Loss("connections, reset", lambda load: ground.cut(reset=True)),
                Loss("connections, ended", lambda load: ground.cut(reset=False)),
                Loss("connections, slow", lambda load: ground.delay()),
                Loss("one instance's connections, for a while", lambda load: ground.stall(1, 5.0)),
            )
        )
        _expect_recovered(run.lose(Loss("an instance, paused for longer than its lease", ground.pause)))
        run.look_again()
        assert not run.breaches


def test_a_standby_takes_over_from_a_killed_primary(tmp_path: Path):
    with WithStandby(tmp_path, _SEED) as ground, LossRun(ground, _SEED, print) as run:
        _expect_recovered(run.lose(Loss("PostgreSQL's primary, killed with its Patroni", lambda load: ground.lose_primary())))
        run.look_again()
        assert not run.breaches
