"""Intervals in steps and in minutes."""

from __future__ import annotations

import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training.interval import Timer, parse_interval


def test_intervals_are_steps_or_minutes():
    assert parse_interval(3, "x") == parse_interval("3", "x") == (3, 0)
    assert parse_interval("1.5m", "x") == (0, 1.5)
    for wrong in ("", "-1", -1, "0m", "m", "1h", 1.5):
        with pytest.raises(DataError, match="x must be at least 1 step"):
            parse_interval(wrong, "x")


def test_a_timer_of_steps_is_due_at_their_multiples():
    timer = Timer(3)
    assert [timer.is_due(step) for step in (2, 3, 4, 6)] == [False, True, False, True]


def test_a_timer_counts_minutes_from_its_last_restart(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    timer = Timer("2m")
    found = []
    for _ in range(4):
        now[0] += 60
        found.append(timer.is_due(7))
        if found[-1]:
            timer.restart()
    assert found == [False, True, False, True]
