"""What the documents say of tests is so: each that they name exists, and each row of a table that is a test is named."""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


def test_every_answer_to_a_delivery_is_a_row_of_the_document() -> None:
    tests = (TOP / "src/homeserver/read_answer_test.cc").read_text()
    rows = set(re.findall(r'AnswerRow\{"(\w+)"', tests))
    document = (TOP / "docs/reliability.md").read_text()
    section = document.split("### What an answer means")[1].split("\n### ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")][2:]
    named = {name for line in table for name in re.findall(r"`([a-z]\w*)`", line.split("|")[-2])} - {"body"}
    assert rows == named


@pytest.mark.parametrize("name", ["security", "transparency"])
def test_every_test_that_a_document_names_exists(name: str) -> None:
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
    tests = {name for name in named if "." in name or name.startswith("test_")}
    assert len(tests) > 25
    assert tests - units - pythons == set()


# As GitHub makes them of headings.
def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/*.md"), *TOP.glob("deploy/*.md")])


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
