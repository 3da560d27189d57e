"""The metrics that only instances which share a PostgreSQL have, and what readiness means there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile.homeserver import SERVER_NAME, Homeserver, as_token_of
from system.gateway import Afterword
from system.matrix import eventually
from system.postgres import Postgres
from system.processes import free_port

from .operations import Operations


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    postgres = Postgres()
    postgres.start()
    yield postgres
    postgres.close()


@pytest.fixture
def instances(postgres: Postgres, tmp_path: Path) -> Iterator[tuple[Afterword, Afterword]]:
    homeserver = Homeserver()
    homeserver.start()
    database = postgres.make_database()

    def settings() -> dict[str, str]:
        listen = f"127.0.0.1:{free_port()}"
        return {"database": database, "ops.listen": listen, "ops.token": "the-token-of-an-operator"}

    first = Afterword(tmp_path / "first", settings=settings())
    first.set_up(SERVER_NAME, homeserver.url)
    homeserver.as_token = as_token_of(first.registration)
    second = first.beside(tmp_path / "second", settings=settings())
    first.start()
    second.start()
    yield first, second
    first.stop()
    second.stop()
    homeserver.stop()


def test_a_lease_that_is_lost(instances: tuple[Afterword, Afterword], postgres: Postgres):
    first, second = instances
    operations = Operations(first)
    assert 0 < operations.value("afterword_lease_left_seconds") <= 11
    assert operations.value("afterword_leases_lost_total") == 0
    ended = "SELECT count(*) FROM afterword.instances WHERE ended AND instance > 0"
    first.pause()
    try:
        # Its lease runs out after 15 s, and the other instance finds out within a few more.
        eventually(lambda: postgres.query(ended, first._settings["database"]) == [["1"]], timeout=60)
    finally:
        first.wake()
    operations.reaches(lambda now: now == 1, "afterword_leases_lost_total")
    assert Operations(second).value("afterword_leases_lost_total") == 0


def test_it_is_not_ready_without_its_database(instances: tuple[Afterword, Afterword], postgres: Postgres):
    operations = Operations(instances[0])
    assert operations.ready().status == 200
    postgres.stop()
    eventually(lambda: operations.ready().status == 503)
    assert operations.request("GET", "/health/live").status == 200
    postgres.start()
    eventually(lambda: operations.ready().status == 200, timeout=60)


MOVES = {
    "afterword_lease_left_seconds": test_a_lease_that_is_lost,
    "afterword_leases_lost_total": test_a_lease_that_is_lost,
}
