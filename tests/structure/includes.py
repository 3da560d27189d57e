#!/usr/bin/python3
"""Checks what the compiler does not: that includes point down the layers only, to what the module declares, and one
way inside a folder too; that every source file is built; and that no file speaks of the machine it was written on.
Prints what is wrong; status 1 if anything is."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# A folder of src/ may include itself and what stands before it. src/CMakeLists.txt has the same order.
LAYERS = "base async domain http store homeserver delivery api gateway monitoring ops doctor transfer main".split()

_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
# Written so that this file does not match itself.
_MACHINE = re.compile(r"(?<![\w./-])/(?:work|root|home)/\w|(?:artifactory|nexus|jfrog)[\w-]*\.[a-z]|/tmp/[b]ash_jobs")


def _is_test(file: Path) -> bool:
    return file.stem.endswith("_test") or "testing" in file.parts


def wrong_include(file: Path, included: Path) -> str | None:
    """Why `file` may not include `included`, both relative to src/; nothing if it may."""
    layer, target = file.parts[0], included.parts[0]
    if layer not in LAYERS:
        return f"{layer} is no layer"
    if target not in LAYERS:
        return None if len(included.parts) == 1 else f"{target} is no layer"
    if "testing" in included.parts and not _is_test(file):
        return "only tests may include what is in testing/"
    if _is_test(file):
        return None
    if LAYERS.index(target) > LAYERS.index(layer):
        return f"{target} stands above {layer}"
    knows_backends = layer == "transfer" or file.stem == "open_store"
    if target == "store" and len(included.parts) > 2 and not knows_backends and file.parts[:2] != included.parts[:2]:
        return "only ops/open_store and transfer/ may know which store it is"
    return None


def check_includes(source: Path) -> Iterator[str]:
    for path in sorted([*source.rglob("*.h"), *source.rglob("*.cc")]):
        file = path.relative_to(source)
        for included in _INCLUDE.findall(path.read_text()):
            reason = wrong_include(file, Path(included))
            if reason:
                yield f"src/{file} includes {included}: {reason}"
            elif not (source / included).exists():
                yield f"src/{file} includes {included}: includes are written from src/, and there is no such file"


def _units(source: Path) -> dict[Path, dict[Path, str]]:
    """Of each unit, a header with its source file, the units of its own folder that it includes, and how."""
    units: dict[Path, dict[Path, str]] = {}
    for path in sorted([*source.rglob("*.h"), *source.rglob("*.cc")]):
        file = path.relative_to(source)
        if _is_test(file):
            continue
        included = units.setdefault(file.with_suffix(""), {})
        for name in _INCLUDE.findall(path.read_text()):
            other = Path(name).with_suffix("")
            if other.parent == file.parent and other != file.with_suffix(""):
                included.setdefault(other, f"{file.name} includes {Path(name).name}")
    return units


def check_one_way(source: Path) -> Iterator[str]:
    """Inside a folder too: no unit includes what includes it, by whatever way. A cycle is told once."""
    units = _units(source)
    done: set[Path] = set()

    def visit(unit: Path, way: list[Path]) -> Iterator[str]:
        if unit in way:
            cycle = [*way[way.index(unit) :], unit]
            yield f"src/{unit.parent}: " + ", ".join(units[a][b] for a, b in zip(cycle, cycle[1:]))
        elif unit not in done:
            for other in units.get(unit, {}):
                yield from visit(other, [*way, unit])
            done.add(unit)

    for unit in units:
        yield from visit(unit, [])


def check_all_built(source: Path) -> Iterator[str]:
    """A file that is not built is not tested."""
    for path in sorted(source.rglob("*.cc")):
        named = False
        for folder in path.parents:
            lists = folder / "CMakeLists.txt"
            if lists.exists():
                name = re.escape(str(path.relative_to(folder)))
                named = named or bool(re.search(rf"(?<![\w./-]){name}(?![\w./-])", lists.read_text()))
            if folder == source:
                break
        if not named:
            yield f"src/{path.relative_to(source)} is in no CMakeLists.txt"


_MODULE = re.compile(r"afterword_module\((\w+)\s+SOURCES\s(.*?)\sDEPENDS\s(.*?)\)", re.DOTALL)


def check_declared(source: Path) -> Iterator[str]:
    """A module links those whose headers it includes. The build does not insist: an archive is made without what it
    calls, and the compiler sees all of src/. A folder belongs to the module that its CMakeLists.txt makes; main/ makes programs, which may link anything."""
    modules: dict[Path, tuple[str, set[str]]] = {}
    for lists in source.rglob("CMakeLists.txt"):
        for name, _, depends in _MODULE.findall(lists.read_text()):
            modules[lists.parent.relative_to(source)] = (name, set(depends.split()))

    def module_of(file: Path) -> Path | None:
        return next((folder for folder in file.parents if folder in modules), None)

    for path in sorted([*source.rglob("*.h"), *source.rglob("*.cc")]):
        file = path.relative_to(source)
        own = module_of(file)
        if own is None or own == Path("main") or _is_test(file):
            continue
        for included in _INCLUDE.findall(path.read_text()):
            other = module_of(Path(included))
            if other not in (None, own) and f"afterword_{modules[other][0]}" not in modules[own][1]:
                yield f"src/{file} includes {included}: {modules[own][0]} does not declare {modules[other][0]}"


def check_machine_names(root: Path, files: list[Path]) -> Iterator[str]:
    for file in files:
        try:
            lines = (root / file).read_text().splitlines()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        for number, line in enumerate(lines, 1):
            if _MACHINE.search(line):
                yield f"{file}:{number} names a machine: {line.strip()}"


def committed_files(root: Path) -> list[Path]:
    command = ["git", "-c", f"safe.directory={root}", "ls-files", "-z"]
    names = subprocess.run(command, cwd=root, capture_output=True, text=True).stdout
    return [Path(name) for name in names.split("\0") if name]


def check(root: Path) -> list[str]:
    source = root / "src"
    return [
        *check_includes(source),
        *check_one_way(source),
        *check_all_built(source),
        *check_declared(source),
        *check_machine_names(root, committed_files(root)),
    ]


if __name__ == "__main__":
    problems = check(Path(__file__).resolve().parents[2])
    print(*problems, sep="\n", end="\n" if problems else "")
    sys.exit(1 if problems else 0)
