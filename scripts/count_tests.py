#!/usr/bin/python3
"""Prints "PASSED FAILED" of one JUnit report, or of a missing one: "0 0"."""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def count(report: Path) -> tuple[int, int]:
    passed = failed = 0
    if report.exists():
        for case in ElementTree.parse(report).iter("testcase"):
            children = {child.tag for child in case}
            if children & {"failure", "error"}:
                failed += 1
            elif "skipped" not in children:
                passed += 1
    return passed, failed


if __name__ == "__main__":
    print(*count(Path(sys.argv[1])))
