"""Metrics of a test module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tf_image_segmentation.evaluation import METRICS, register_metric


@pytest.fixture
def registered(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """The decorator that registers a metric until the test ends."""
    yield register_metric
    METRICS.remove_from(request.module.__name__)
