"""docs/openapi.yaml and the code say the same: of requests that it allows and of others, made up by schemathesis, every
answer is one that it describes."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from .operations import Operations

TOP = Path(__file__).resolve().parents[2]
DOCUMENT = TOP / "docs/openapi.yaml"


def test_every_answer_is_one_that_the_document_describes(operations: Operations, tmp_path: Path):
    command = [TOP / "scripts/schemathesis", "run", DOCUMENT, "--url", operations.base_url]
    command += ["--header", f"Authorization: Bearer {operations.token}", "--checks", "all", "--no-color"]
    # Our server takes a TRACE for no request at all (400); test_api has the methods.
    command += ["--exclude-checks", "unsupported_method"]
    command += ["--max-examples", "30", "--generation-deterministic", "--request-timeout", "60", "--continue-on-failure"]
    try:
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    finally:
        operations.api("POST", "drain", body={"drain": False})
        operations.api("POST", "log_level", body={"level": "info"})
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr


def _document() -> dict:
    return yaml.safe_load(DOCUMENT.read_text())


def test_the_document_has_the_routes_of_the_code_and_no_others():
    code = (TOP / "src/monitoring/operator_api.cc").read_text()
    routes = set(re.findall(r'\{"([A-Z]+)", "(/api/v1/[^"]+)"', code))
    paths = _document()["paths"]
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == routes


@pytest.mark.parametrize(
    "name, files", [("Totals", ["totals.cc", "operator_actions.cc"]), ("Event", ["shown_event.cc", "event_lists.cc"])]
)
def test_every_member_that_the_document_has_is_made_somewhere(name: str, files: list[str]):
    code = "".join((TOP / "src/monitoring" / file).read_text() for file in files)
    members = _document()["components"]["schemas"][name]["properties"]
    assert {member for member in members if f'"{member}"' not in code} == set()
