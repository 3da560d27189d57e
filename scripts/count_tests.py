#!/usr/bin/python3
"""What a JUnit report counts. A report that is missing counts nothing.

  count_tests.py REPORT             prints "PASSED FAILED"
  count_tests.py --failed REPORT    names the tests that failed, a line each
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def failed(case: ElementTree.Element) -> bool:
    return bool({child.tag for child in case} & {"failure", "error"})


def cases(report: Path) -> list[ElementTree.Element]:
    """Those that ran."""
    if not report.exists():
        return []
    return [case for case in ElementTree.parse(report).iter("testcase") if case.find("skipped") is None]


def main(arguments: list[str]) -> None:
    found = cases(Path(arguments[-1]))
    if arguments[0] == "--failed":
        for case in filter(failed, found):
            print(f"{case.get('classname')} {case.get('name')}")
    else:
        wrong = sum(map(failed, found))
        print(len(found) - wrong, wrong)


if __name__ == "__main__":
    main(sys.argv[1:])
