"""What is shipped is hardened: if a fault in it can be reached from outside, it ends the process rather than obey."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from .gateway import BINARY, is_sanitized

_BUILD = BINARY.parents[2]
_SOURCE = Path(__file__).resolve().parents[2] / "src"


def _read(*arguments: str) -> str:
    command = ["readelf", "--wide", *arguments, str(BINARY)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _imports() -> set[str]:
    return set(re.findall(r"UND (\w+)", _read("--dyn-syms")))


@pytest.fixture(scope="module", autouse=True)
def _shipped() -> None:
    if is_sanitized():
        pytest.skip("a build with a sanitizer is not what is shipped")


def test_it_is_loaded_at_a_random_address():
    assert re.search(r"Type:\s+DYN", _read("--file-header"))
    assert re.search(r"FLAGS_1.*\bPIE\b", _read("--dynamic"))


def test_what_is_relocated_is_read_only():
    assert "GNU_RELRO" in _read("--program-headers")
    assert re.search(r"FLAGS.*\bBIND_NOW\b|FLAGS_1.*\bNOW\b", _read("--dynamic"))


def test_no_memory_is_both_writable_and_executable():
    headers = _read("--program-headers")
    assert re.search(r"GNU_STACK .* RW\s", headers)
    assert not re.search(r"LOAD .* RWE\s", headers)
    assert "TEXTREL" not in _read("--dynamic")


def test_the_stack_is_guarded():
    assert "__stack_chk_fail" in _imports()


def test_calls_of_the_c_library_are_checked():
    checked = {name for name in _imports() if name.endswith("_chk")}
    assert len(checked) >= 3, checked


def test_containers_of_the_standard_library_are_checked():
    # Told by the library that the assertions call.
    assert any("__glibcxx_assert_fail" in name for name in _imports())


def test_every_file_of_it_was_compiled_so():
    """These flags leave no trace, or only one for all files together."""
    wanted = ["-fPIE", "-fstack-protector-strong", "-fstack-clash-protection", "-D_FORTIFY_SOURCE=3"]
    wanted += ["-Werror"]
    commands = json.loads((_BUILD / "compile_commands.json").read_text())
    of_modules = [
        entry
        for entry in commands
        if Path(entry["file"]).is_relative_to(_SOURCE)
        and not entry["file"].endswith("_test.cc")
        and "/testing/" not in entry["file"]
    ]
    assert len(of_modules) > 50
    for entry in of_modules:
        missing = [flag for flag in wanted if flag not in entry["command"]]
        assert not missing, (entry["file"], missing)
