"""docs/configuration.md lists the keys as `afterword init` explains them, which writes them from the parser's own table."""

import difflib
import subprocess
from pathlib import Path

import yaml

from system.gateway import BINARY

PAGE = Path(__file__).resolve().parents[2] / "docs/configuration.md"
FIRST_ROW = "| key | default | |\n|---|---|---|\n"
INIT = ["init", "--server-name", "example.org", "--homeserver", "http://127.0.0.1:8008", "--dir"]


def rows(text: str) -> str:
    """Of the file that init writes: the comment before each key is what it does."""
    table, section, comment, standard = FIRST_ROW, "", [], "must be given"
    _head, keys = text.split("\n\n", 1)
    for line in keys.splitlines():
        bare = line.strip()
        if not bare:
            comment, standard = [], "must be given"
        elif bare.startswith("# Default: "):
            standard = f"`{bare.removeprefix('# Default: ')}`"
        elif bare.startswith("# "):
            comment.append(bare.removeprefix("# "))
        elif bare.endswith(":"):
            section = bare
        else:
            key = bare.split(":")[0]
            name = f"{section.removesuffix(':')}.{key}" if line.startswith(" ") else key
            table += f"| `{name}` | {standard} | {' '.join(comment)} |\n"
            comment, standard = [], "must be given"
    return table


def test_it_lists_each_key_as_init_explains_it(tmp_path: Path):
    subprocess.run([BINARY, *INIT, tmp_path], check=True, capture_output=True)
    text = (tmp_path / "afterword.yaml").read_text()
    count = sum(len(value) if isinstance(value, dict) else 1 for value in yaml.safe_load(text).values())
    wanted = rows(text)
    assert wanted.count("\n") == count + 2

    page = PAGE.read_text()
    there = page[page.index(FIRST_ROW) :].split("\n\n")[0] + "\n"
    different = difflib.unified_diff(there.splitlines(), wanted.splitlines(), "docs/configuration.md", "init", lineterm="")
    assert there == wanted, "\n".join(different)
