"""docs/explanation/faults.md names tests that exist and that say which fault they stand for."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TABLE = TESTS.parent / "docs" / "explanation" / "faults.md"
WITHOUT_TEST = {68, 69, 70, 72, 79}
NUMBERS = sorted({*range(1, 81)} - WITHOUT_TEST)


def table_rows() -> dict[int, list[tuple[str, str]]]:
    """Returns the (file, function) pairs of each row."""
    found = re.findall(r"^\| (\d+) \|(.*)$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    rows = {int(number): re.findall(r"`([\w/]+\.py)::(\w+)`", row) for number, row in found}
    assert len(rows) == len(found), "a number occurs twice"
    return rows


@functools.cache
def numbers_by_test(file: str) -> dict[str, set[int]]:
    """Returns the faults that each test function of a file says it stands for.

    In its name, or in a comment above it or inside.
    """
    text = (TESTS / file).read_text(encoding="utf-8")
    lines, numbers = text.splitlines(), {}
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
            start = min([function.lineno, *(node.lineno for node in function.decorator_list)]) - 1
            while lines[start - 1].startswith("#"):
                start -= 1
            whole = "\n".join(lines[start : function.end_lineno])
            named = re.findall(r"test_fault_(\d+)_", function.name)
            numbers[function.name] = {int(n) for n in named} | numbers_in(whole)
    return numbers


def numbers_in(text: str) -> set[int]:
    """Returns the numbers of comments such as "fault 3", "faults 3, 4" and "faults 3 to 5"."""
    numbers = set()
    for listed in re.findall(r"# faults? ((?:\d+|, | and | to )+)", text):
        for first, last in re.findall(r"(\d+)(?: to (\d+))?", listed):
            numbers |= set(range(int(first), int(last or first) + 1))
    return numbers


def test_every_fault_has_a_row_with_tests():
    rows = table_rows()
    assert sorted(rows) == NUMBERS
    assert all(rows.values())


@pytest.mark.parametrize("number", NUMBERS)
def test_the_tests_of_a_row_exist_and_name_its_fault(number):
    for file, function in table_rows()[number]:
        assert (TESTS / file).is_file(), file
        assert function in numbers_by_test(file), f"{file} has no {function}"
        assert number in numbers_by_test(file)[function], f"{function} does not name {number}"


def test_comments_are_understood():
    assert numbers_in("# fault 3") == {3}
    assert numbers_in("# faults 3, 4 and 7 to 9: as it was") == {3, 4, 7, 8, 9}
    assert numbers_in("# fault 5 of 7; a default 8") == {5}
