"""Names of splits: what tools call them, and what training looks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from tf_image_segmentation.errors import DataError

DEFAULT_SPLIT = "train"
NAMES = ("train", "val", "test")
_OTHER_NAMES = {
    "training": "train",
    "valid": "val",
    "validation": "val",
    "eval": "val",
    "testing": "test",
}

T = TypeVar("T")


def known_split(name: str) -> str | None:
    """Returns the usual name of a split for "Valid" or "validation"; None for any other text."""
    lower = name.lower()
    return lower if lower in NAMES else _OTHER_NAMES.get(lower)


def usual_names(splits: Mapping[str, T]) -> dict[str, T]:
    """Returns the splits with "val" for "valid" and so on, as far as no two would be one."""
    wanted = [known_split(name) or name for name in splits]
    return {
        new if wanted.count(new) == 1 else old: samples
        for (old, samples), new in zip(splits.items(), wanted, strict=True)
    }


def only_known(splits: Mapping[str, T]) -> dict[str, T]:
    """Returns the splits; a single one of no split's name is a mere folder or file, and "train"."""
    if len(splits) == 1 and not known_split(next(iter(splits))):
        return {DEFAULT_SPLIT: next(iter(splits.values()))}
    return dict(splits)


def renamed(splits: Mapping[str, T], changes: Sequence[str]) -> dict[str, T]:
    """Returns the splits under other names.

    Args:
        splits: anything by split.
        changes: texts "old=new".

    Raises:
        DataError: a text is no such pair, there is no such split, or two would have one name.
    """
    pairs = dict(change.partition("=")[::2] for change in changes)
    for old, new in pairs.items():
        if not old or not new.replace("-", "_").isidentifier():
            raise DataError(f"--rename-split {old}={new}: write OLD=NEW, for example holdout=val")
        if old not in splits:
            raise DataError(
                f"--rename-split {old}={new}: there is no such split, only {', '.join(splits)}"
            )
    names = [pairs.get(name, name) for name in splits]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"--rename-split: two splits would be called {twice[0]}; choose another")
    return dict(zip(names, splits.values(), strict=True))
