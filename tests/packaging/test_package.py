"""What is in the package: what Debian's and systemd's own checkers say of it, and whether the completions complete."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    return folder


def test_lintian_finds_nothing(package: Path):
    # What it says of root is about itself.
    found = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", package], capture_output=True, text=True
    )
    assert (found.returncode, found.stdout) == (0, ""), found.stdout + found.stderr


@pytest.mark.parametrize(("name", "listens"), [("afterword", ""), ("afterword@", " --set listen=%i")])
def test_systemd_takes_the_unit_and_calls_it_safe(name: str, listens: str, unpacked: Path, tmp_path: Path):
    text = (unpacked / f"usr/lib/systemd/system/{name}.service").read_text()
    assert f"ExecStart=/usr/bin/afterword serve --config /etc/afterword/afterword.yaml{listens}\n" in text
    assert ("%i" in text) == bool(listens)
    unit = tmp_path / f"{name}.service"
    unit.write_text(text.replace("/usr/bin/afterword", str(unpacked / "usr/bin/afterword")))
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", unit], capture_output=True, text=True
    )
    assert judged.returncode == 0, judged.stdout


def test_the_manual_is_of_every_command_and_every_key(unpacked: Path, tmp_path: Path):
    def page(name: str) -> str:
        shown = subprocess.run(
            ["man", "--warnings", "-l", unpacked / f"usr/share/man/{name}.gz"],
            capture_output=True,
            text=True,
            env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "200"},
        )
        assert (shown.returncode, shown.stderr) == (0, "")
        return shown.stdout

    helped = subprocess.run([unpacked / "usr/bin/afterword", "--help"], check=True, capture_output=True, text=True)
    commands = re.findall(r"^  ([a-z][a-z-]+) {2,}", helped.stdout.split("Subcommands:")[1], re.MULTILINE)
    assert len(commands) > 4
    for command in commands:
        assert f"afterword {command} " in page("man1/afterword.1")
    shown = page("man5/afterword.yaml.5")
    for key in keys(unpacked, tmp_path):
        assert re.search(rf"^ +{re.escape(key)}\b", shown, re.MULTILINE), key


def keys(unpacked: Path, folder: Path) -> list[str]:
    """Of the configuration, as init writes them."""
    init = [unpacked / "usr/bin/afterword", "init", "--server-name", "example.org", "--homeserver", "http://127.0.0.1:1"]
    subprocess.run([*init, "--dir", folder], check=True, stdout=subprocess.DEVNULL)
    sections = yaml.safe_load((folder / "afterword.yaml").read_text()).items()
    found = [
        f"{name}.{key}" if key else name
        for name, value in sections
        for key in (value if isinstance(value, dict) else [""])
    ]
    assert len(found) > 20
    return found


def test_what_is_stable_is_there(unpacked: Path, tmp_path: Path):
    """What docs/versioning.md promises of the command line and the configuration."""
    fish = (unpacked / "usr/share/fish/vendor_completions.d/afterword.fish").read_text()
    options = re.findall(r"__fish_seen_subcommand_from (\S+)' -l (\S+)", fish)
    offered = {f"{command} --{option}" for command, option in options} | {f"key {key}" for key in keys(unpacked, tmp_path)}
    stable = set(Path(__file__).with_name("stable.golden").read_text().splitlines())
    assert stable - offered == set(), "from 1.0 on, only a major version may take it away"
    assert offered - stable == set(), "what is new belongs in stable.golden"


def completed(unpacked: Path, line: str) -> list[str]:
    """What bash offers after this."""
    script = 'source "$1"; compopt() { :; }; COMP_WORDS=($2); [ "${2% }" = "$2" ] || COMP_WORDS+=("")\n'
    script += 'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _afterword; printf "%s\\n" "${COMPREPLY[@]}"'
    file = unpacked / "usr/share/bash-completion/completions/afterword"
    offered = subprocess.run(
        ["bash", "-c", script, "bash", file, line], check=True, capture_output=True, text=True, cwd=unpacked
    )
    return offered.stdout.split()


def test_bash_completes_commands_options_files_and_keys(unpacked: Path):
    assert "import-synapse" in completed(unpacked, "afterword ")
    assert completed(unpacked, "afterword se") == ["serve"]
    assert "--public" in completed(unpacked, "afterword check --")
    assert "--public" not in completed(unpacked, "afterword serve --")
    assert completed(unpacked, "afterword serve --config us") == ["usr"]
    assert completed(unpacked, "afterword serve --set retention.max_a") == ["retention.max_age="]
    assert completed(unpacked, "afterword check --public ") == []


@pytest.mark.parametrize(
    ("shell", "file"), [("zsh", "zsh/vendor-completions/_afterword"), ("fish", "fish/vendor_completions.d/afterword.fish")]
)
def test_other_shells_read_theirs(shell: str, file: str, unpacked: Path):
    read = subprocess.run([shell, "-n", unpacked / "usr/share" / file], capture_output=True, text=True)
    assert (read.returncode, read.stderr) == (0, "")
