"""Tells what happens, as it happens."""

import os
import sys
import textwrap
import time

_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "cyan": "36"}
_COLOURFUL = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(text: str, colour: str) -> str:
    return f"\033[{_COLOURS[colour]}m{text}\033[0m" if _COLOURFUL else text


class Narrator:
    def __init__(self) -> None:
        self._started = time.monotonic()

    def chapter(self, title: str, text: str = "") -> None:
        print(f"\n{paint(title, 'bold')}")
        for line in textwrap.wrap(text, 92):
            print(paint(line, "dim"))

    def say(self, who: str, what: str) -> None:
        seconds = f"{time.monotonic() - self._started:6.1f} s"
        print(f"{paint(seconds, 'dim')}  {paint(f'{who:<10}', 'cyan')} {what}", flush=True)

    def expect(self, holds: bool, what: str) -> None:
        """States what must be true now; ends the program if it is not."""
        if not holds:
            print(f"          {paint('differs', 'red')}    expected: {what}", flush=True)
            sys.exit(1)
        print(f"          {paint('✓', 'green')}          {what}", flush=True)
