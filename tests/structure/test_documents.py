"""What the documents say of tests is so: each that they name exists, each row of a table that is a test is named, and each
block of commands is what a test does."""

import itertools
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))

from support import documents  # noqa: E402


def test_every_answer_to_a_delivery_is_a_row_of_the_document() -> None:
    tests = (TOP / "src/homeserver/read_answer_test.cc").read_text()
    rows = set(re.findall(r'AnswerRow\{"(\w+)"', tests))
    document = (TOP / "docs/reliability.md").read_text()
    section = document.split("### What an answer means")[1].split("\n### ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")][2:]
    named = {name for line in table for name in re.findall(r"`([a-z]\w*)`", line.split("|")[-2])} - {"body"}
    assert rows == named


@pytest.mark.parametrize(("name", "at_least"), [("security", 25), ("transparency", 25), ("proposals", 8), ("versioning", 5)])
def test_every_test_that_a_document_names_exists(name: str, at_least: int) -> None:
    document = (TOP / f"docs/{name}.md").read_text()
    cells = [line.split("|")[-2] for line in document.splitlines() if line.startswith("|")]
    named = {name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)}
    units = {
        f"{suite}.{name}"
        for folder in ("src", "sim")
        for file in (TOP / folder).rglob("*_test.cc")
        for suite, name in re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", file.read_text(), re.MULTILINE)
    }
    pythons = {
        name
        for file in (TOP / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    tests = {name for name in named if re.match(r"test_|[A-Z]\w*\.[A-Z]", name)}
    assert len(tests) > at_least
    assert tests - units - pythons == set()


def test_every_call_was_made() -> None:
    """In the table that scripts/calls prints, each case is measured on each ground, or is none there."""
    lines = (TOP / "docs/calls.md").read_text().splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("| in mid-call"))
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in itertools.takewhile(bool, lines[begin + 2 :])]
    assert len(rows) > 10
    for case, *cells in rows:
        assert all(cell == "–" or re.search(r"(nobody|\d) left", cell) for cell in cells), (case, cells)


UNSTABLE_NAME = r"(?:org\.matrix|io\.element)\.msc\d+[\w.]*"


def test_the_names_of_proposals_are_those_of_the_source() -> None:
    document = (TOP / "docs/proposals.md").read_text()
    section = document.split("## Names while they are unstable")[1].split("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| MSC")]
    used = {name for row in rows for name in re.findall(f"`({UNSTABLE_NAME})`", row[1])}
    unused = {name for row in rows for name in re.findall(f"`({UNSTABLE_NAME})`", row[2])}
    sources = [file for end in ("cc", "h", "js") for file in (TOP / "src").rglob(f"*.{end}") if "_test." not in file.name]
    text = "\n".join(line for file in sources for line in file.read_text().splitlines() if "//" not in line)
    assert set(re.findall(UNSTABLE_NAME, text)) == used
    assert used & unused == set()
    numbers = {number for name in used | unused for number in re.findall(r"\.msc(\d+)", name)}
    assert numbers <= set(re.findall(r"^\| MSC(\d+)", section, re.MULTILINE))


def test_the_lines_for_nginx_are_those_that_init_prints() -> None:
    page = documents.only_block("docs/getting-started.md", "nginx")
    source = (TOP / "src/doctor/next_steps.cc").read_text().split('nginx_lines = R"(\n')[1].split(')"')[0]
    printed = source.replace("{{", "{").replace("}}", "}").replace("{address}", "127.0.0.1:8009")
    assert page == textwrap.dedent(printed)


# As GitHub makes them of headings.
def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


PAGES = [
    TOP / name
    for name in subprocess.run(["git", "ls-files", "*.md"], cwd=TOP, capture_output=True, text=True, check=True).stdout.split()
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!\w+:)([^)\s]+)\)", page.read_text())
    wrong = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


def test_the_index_names_every_page() -> None:
    named = set(re.findall(r"\]\(([\w.-]+)\)", (TOP / "docs/README.md").read_text()))
    assert named == {page.name for page in TOP.glob("docs/*.md")} - {"README.md"}


@pytest.mark.parametrize("page", documents.PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_every_command_is_what_a_test_does(page: Path) -> None:
    """It takes it from there: so who changes one changes what is tested."""
    of_tests = {
        name: text
        for file in (TOP / "tests").rglob("test_*.py")
        for text in [file.read_text()]
        for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)
    }
    for test, language, text in documents.blocks(page):
        assert language, f"a block that does not say what it is:\n{text}"
        if language in documents.COMMANDS:
            assert test, f"no test is named that does this:\n{text}"
            assert f'"{page.relative_to(TOP)}"' in of_tests.get(test, ""), f"{test} does not read it here:\n{text}"
