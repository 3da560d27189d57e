"""The alert rules and the dashboard of deploy/: each names metrics that there are, each alert has its page in the runbook
and a test of its own, and a real Prometheus reads what Afterword exposes."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.matrix import Server, eventually
from system.processes import Process, free_port

from .operations import Operations

TOP = Path(__file__).resolve().parents[2]
RULES = TOP / "deploy/prometheus/afterword.rules.yml"
RULES_TEST = TOP / "deploy/prometheus/afterword.rules.test.yml"
DASHBOARD = TOP / "deploy/grafana/afterword.json"
GOLDEN = Path(__file__).with_name("metrics.golden")


def _series() -> dict[str, set[str]]:
    """What may be asked for, and its labels."""
    series = {"up": {"job"}}
    for line in GOLDEN.read_text().splitlines():
        name, kind, *labels = line.split()
        if kind == "histogram":
            series |= {f"{name}_{part}": {*labels, "le"} for part in ("bucket", "sum", "count")}
        else:
            series[name] = set(labels)
    return series


def _asked(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics that an expression names, with the labels by which it chooses."""
    for name, matchers in re.findall(r"\b((?:afterword|process)_\w+|up)\b(?:\{([^}]*)\})?", expression):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers))


def _alerts() -> dict[str, str]:
    """Their names and expressions."""
    text = RULES.read_text()
    return dict(re.findall(r"- alert: (\w+)\n +expr: (.*?)\n +(?:for|labels):", text, re.DOTALL))


def _expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    shown = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    assert len(shown) > 30
    return [*_alerts().values(), *shown]


def test_each_expression_names_metrics_that_there_are():
    series = _series()
    for expression in _expressions():
        asked = list(_asked(expression))
        assert asked, expression
        for name, labels in asked:
            assert name in series, expression
            # Those of the scrape come with every metric.
            assert labels - {"instance", "job"} <= series[name], expression


def test_each_metric_is_shown_or_asked_for():
    """But for what never changes while it runs, and what others show better."""
    shown = {name for expression in _expressions() for name, _ in _asked(expression)}
    metrics = {line.split()[0] for line in GOLDEN.read_text().splitlines()}
    missing = {name for name in metrics if not any(re.fullmatch(f"{name}(_bucket|_sum|_count)?", one) for one in shown)}
    assert missing == {
        "afterword_answers_looked_into_total",
        "afterword_build_info",
        "afterword_homeserver_connections_limit",
        "afterword_homeserver_outages_total",
        "afterword_http_connections_accepted_total",
        "afterword_http_requests_refused_total",
        "afterword_tokens_known",
        "afterword_whoami_under_way",
    }


def test_each_alert_has_its_page_in_the_runbook():
    text = RULES.read_text()
    headings = re.findall(r"^## (\w+)$", (TOP / "docs/runbook.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(_alerts())
    links = re.findall(r"runbook_url: docs/runbook\.md#(\w+)", text)
    assert sorted(links) == sorted(name.lower() for name in _alerts())


def _promtool(*arguments: str) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_well_formed():
    _promtool("check", "rules", str(RULES))


def test_each_alert_fires_when_it_should_and_not_when_all_is_well():
    fired = set(re.findall(r'alertname="(\w+)"', RULES_TEST.read_text()))
    assert fired == set(_alerts())
    _promtool("test", "rules", str(RULES_TEST))


def test_a_real_prometheus_reads_it(operations: Operations, tmp_path: Path):
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    target = operations.base_url.removeprefix("http://")
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(
        f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{RULES}]\n"
        f"scrape_configs: [{{job_name: afterword, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    listen = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path}/data"]
    prometheus = Process([*command, f"--web.listen-address={listen}"], tmp_path / "prometheus.log", tmp_path)
    server = Server(f"http://{listen}")

    def ask(expression: str) -> list[dict[str, object]]:
        try:
            answer = server.request("GET", "/api/v1/query", query={"query": expression})
        except OSError:
            return []
        return answer.json["data"]["result"] if answer.status == 200 else []

    try:
        [up] = eventually(lambda: [one for one in ask("up") if one["value"][1] == "1"], 60)
        assert up["metric"]["job"] == "afterword"
        names = {one["metric"]["__name__"] for one in ask('{job="afterword"}')}
        expected = set(operations.scrape().types)
        found = {re.sub("_(bucket|sum|count)$", "", name) for name in names} | names
        assert expected <= found
        eventually(lambda: _health_of_rules(server) == {"ok"}, 60)
    finally:
        prometheus.stop()


def _health_of_rules(server: Server) -> set[str]:
    [group] = server.request("GET", "/api/v1/rules").ok()["data"]["groups"]
    return {rule["health"] for rule in group["rules"]}
