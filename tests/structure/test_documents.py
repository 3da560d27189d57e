"""What the documents say of tests is so: each that they name exists, and each row of a table that is a test is named."""

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def test_every_answer_to_a_delivery_is_a_row_of_the_document() -> None:
    tests = (TOP / "src/homeserver/read_answer_test.cc").read_text()
    rows = set(re.findall(r'AnswerRow\{"(\w+)"', tests))
    document = (TOP / "docs/reliability.md").read_text()
    section = document.split("### What an answer means")[1].split("\n### ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")][2:]
    named = {name for line in table for name in re.findall(r"`([a-z]\w*)`", line.split("|")[-2])} - {"body"}
    assert rows == named
