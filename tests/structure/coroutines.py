#!/usr/bin/python3
"""The rules for coroutines in CONTRIBUTING.md, which keep GCC 12 from miscompiling them and references from dangling:

- no temporary with braces inside a co_await expression: it is given a name first;
- no co_await in the condition of a switch, whose frame is then gone too early: what it gives is named first;
- no coroutine is a lambda that captures: what it captured goes with the lambda, while the coroutine still runs;
- a parameter that would take a temporary by reference (const T&, T&&, std::string_view, std::span) is only for a file
  in which, or in whose header, a comment says what outlives the task.

It reads tokens, not types. So it takes every function that returns a Task for a coroutine, and it does not know whether
what a comment says is true. Prints what is wrong; status 1 if anything is."""

import bisect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_LITERAL_OR_COMMENT = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | R"(?P<mark>[^\s()\\]*)\(.*?\)(?P=mark)" | "(?:\\.|[^"\\\n])*"
    | (?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'""",
    re.DOTALL | re.VERBOSE,
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_AFTER_WHICH_A_LAMBDA_MAY_BEGIN = re.compile(r"(?:^|[^\w)\]\s]|\b(?:return|co_return|co_await|co_yield))\s*$")
# What may stand between the captures of a lambda and its body, before its parameters and after them.
_BEFORE_PARAMETERS = re.compile(r"\s*(?:<[^<>]*>)?\s*(?=[({]|mutable|noexcept|->)")
_BEFORE_BODY = re.compile(r"(?:\s*(?:mutable|noexcept|constexpr)\b)*(?:\s*->[\w:<>,*&\s]+)?\s*(?=\{)")
_SUSPENDS = re.compile(r"\bco_(?:await|return|yield)\b")
_TASK = re.compile(r"\bTask<")
_TAKES_TEMPORARIES = re.compile(r"\bconst\s+[\w:]+(?:<[^()]*>)?\s*&|&&|\bstring_view\b(?!\s*[*&])|\bspan<")


def code_only(text: str) -> str:
    """The same text, of the same length, with spaces for comments and for what is in literals."""

    def blank(match: re.Match[str]) -> str:
        kept = match[0][0] if match[0][0] in "\"'R" else " "
        return "".join("\n" if letter == "\n" else kept for letter in match[0])

    return _LITERAL_OR_COMMENT.sub(blank, text)


def _end_of(code: str, opening: int) -> int:
    """The place of the bracket that closes the one at `opening`; the end of the code if there is none."""
    expected = []
    for place in range(opening, len(code)):
        letter = code[place]
        if letter in _CLOSING:
            expected.append(_CLOSING[letter])
        elif expected and letter == expected[-1]:
            expected.pop()
            if not expected:
                return place
    return len(code)


class Lambda:
    def __init__(self, begin: int, captures: str, body: tuple[int, int]):
        self.begin = begin
        self.captures = captures.strip()
        self.body = body


def _lambdas(code: str) -> Iterator[Lambda]:
    for match in re.finditer(r"\[(?!\[)", code):
        begin = match.start()
        if code[begin - 1 : begin] == "[" or not _AFTER_WHICH_A_LAMBDA_MAY_BEGIN.search(code, max(0, begin - 200), begin):
            continue
        end_of_captures = _end_of(code, begin)
        parameters = _BEFORE_PARAMETERS.match(code, end_of_captures + 1)
        if not parameters:
            continue
        place = parameters.end()
        body = _BEFORE_BODY.match(code, _end_of(code, place) + 1 if code[place] == "(" else place)
        if body:
            yield Lambda(begin, code[begin + 1 : end_of_captures], (body.end(), _end_of(code, body.end())))


def _end_of_operand(code: str, place: int) -> int:
    """Where the expression that begins at `place` ends: at its statement's end, or where what surrounds it goes on."""
    while place < len(code):
        letter = code[place]
        if letter in ";,)]}":
            return place
        place = _end_of(code, place) + 1 if letter in _CLOSING else place + 1
    return place


def _braced_temporaries(code: str, lambdas: list[Lambda]) -> Iterator[int]:
    bodies = {found.body[0]: found.body[1] for found in lambdas}
    for match in re.finditer(r"\bco_await\b", code):
        place, end = match.end(), _end_of_operand(code, match.end())
        while place < end:
            if code[place] == "{":
                if place not in bodies:
                    yield place
                    break
                place = bodies[place]
            place += 1


def _switches_on_an_await(code: str) -> Iterator[int]:
    for match in re.finditer(r"\bswitch\s*\(", code):
        opening = match.end() - 1
        if re.search(r"\bco_await\b", code[opening : _end_of(code, opening)]):
            yield match.start()


def _capturing_coroutines(code: str, lambdas: list[Lambda]) -> Iterator[int]:
    for outer in lambdas:
        if not outer.captures:
            continue
        begin, end = outer.body
        own = code[begin:end]
        for inner in lambdas:
            if begin < inner.begin < end:
                own = own[: inner.begin - begin] + " " * (inner.body[1] - inner.begin) + own[inner.body[1] - begin :]
        if _SUSPENDS.search(own):
            yield outer.begin


def _task_declarations(code: str) -> Iterator[tuple[int, str]]:
    """Where a function that returns a Task is first declared, and its parameters. Others repeat what those say: the
    definition of a member (X::y) and what overrides."""
    for match in _TASK.finditer(code):
        depth, place = 0, match.end() - 1
        while place < len(code):
            depth += {"<": 1, ">": -1}.get(code[place], 0)
            place += 1
            if depth == 0:
                break
        name = re.compile(r"\s+([A-Za-z_]\w*)\s*\(").match(code, place)
        if not name:
            continue
        end = _end_of(code, name.end() - 1)
        if not re.compile(r"\s*(?:const\s+|noexcept\s+)*override\b").match(code, end + 1):
            yield match.start(), code[name.end() : end]


def problems_of(text: str, header: str = "") -> list[tuple[int, str]]:
    """Line and problem, in the order of the lines. The comments of its `header` count too."""
    code = code_only(text)
    line_ends = [match.start() for match in re.finditer("\n", text)]
    lambdas = list(_lambdas(code))
    found = [
        *((place, "a temporary with braces inside a co_await expression") for place in _braced_temporaries(code, lambdas)),
        *((place, "a co_await in the condition of a switch") for place in _switches_on_an_await(code)),
        *((place, "a lambda that captures is a coroutine") for place in _capturing_coroutines(code, lambdas)),
    ]
    if not any("outlive" in match[0] for match in _LITERAL_OR_COMMENT.finditer(header + text) if match[0][0] == "/"):
        found += [
            (place, "a task takes a reference to what may be a temporary, and no comment says what outlives it")
            for place, parameters in _task_declarations(code)
            if _TAKES_TEMPORARIES.search(parameters)
        ]
    return sorted((bisect.bisect_left(line_ends, place) + 1, problem) for place, problem in found)


def _header_of(path: Path) -> str:
    header = path.with_suffix(".h")
    return header.read_text() if header != path and header.exists() else ""


def check(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}:{line}: {problem}"
        for folder in ("src", "sim", "tests")
        for path in sorted([*(root / folder).rglob("*.h"), *(root / folder).rglob("*.cc")])
        for line, problem in problems_of(path.read_text(), _header_of(path))
    ]


if __name__ == "__main__":
    problems = check(Path(__file__).resolve().parents[2])
    print(*problems, sep="\n", end="\n" if problems else "")
    sys.exit(1 if problems else 0)
