"""Intervals in steps and in minutes."""

from __future__ import annotations

import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training.interval import Interval, Timer


def test_intervals_are_steps_or_minutes():
    every = Interval.parse(3, "x")
    assert [every.is_due(step, 1e9) for step in (2, 3, 4, 6)] == [False, True, False, True]
    assert Interval.parse("3", "x") == every
    often = Interval.parse("1.5m", "x")
    assert not often.is_due(3, 89) and often.is_due(3, 90)
    for wrong in ("", "-1", -1, "0m", "m", "1h", 1.5):
        with pytest.raises(DataError, match="x must be at least 1 step"):
            Interval.parse(wrong, "x")


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
