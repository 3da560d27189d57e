"""The commands that the documents give, for the tests that do what they say.

A block of commands says in the line before which test that is, and tests/structure looks that there is none without:

    <!-- test: test_name -->
"""

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PAGES = [TOP / "README.md", *sorted(TOP.glob("docs/*.md")), *sorted(TOP.glob("deploy/*.md"))]
COMMANDS = ("sh", "sql")

_BLOCK = re.compile(r"^(?:<!-- test: (\w+) -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str | None, str, str]]:
    """Of each: the test that it names, its language, and what is in it."""
    return [(test or None, language, text) for test, language, text in _BLOCK.findall(page.read_text())]


def only_block(page: str, language: str) -> str:
    """Of a page that has one block in that language."""
    (found,) = [text for _, its_language, text in blocks(TOP / page) if its_language == language]
    return found


def commands(page: str, test: str) -> list[str]:
    """The blocks of a page that name this test."""
    found = [text for named, language, text in blocks(TOP / page) if named == test and language in COMMANDS]
    assert found, f"{page} has nothing that {test} runs"
    return found
