"""The error that bad input raises."""

from __future__ import annotations


class DataError(ValueError):
    """Input that cannot be used; the message names the file, the rule and the way out."""
