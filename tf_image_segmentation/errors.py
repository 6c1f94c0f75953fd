"""The error that bad input raises, and what a full disk raises."""

from __future__ import annotations

import errno
from pathlib import Path

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""The codes of `OSError` that mean it."""


class DataError(ValueError):
    """Input that cannot be used; the message names the file, the rule and the way out."""


def disk_error(code: int, folder: Path, result: str, message: object) -> OSError:
    """Returns an error that says what a full or failing disk led to, and the way out.

    Args:
        code: number of the system's error.
        folder: what could not be written.
        result: the consequence, after "so".
        message: the system's own.
    """
    reason = "the disk is full" if code in DISK_FULL else "writing failed"
    return OSError(
        code,
        f"{folder}: {reason}, so {result}; free space or name a folder on another disk ({message})",
    )
