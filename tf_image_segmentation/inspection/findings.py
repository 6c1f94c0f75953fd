"""What is wrong with a dataset, or may be: each finding has a rule, a level and a way out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tf_image_segmentation.datasets.long_lists import first_lines
from tf_image_segmentation.inspection.measurement import Fault

ERROR, WARNING = "error", "warning"

RULES = {
    "unlisted": "splits that cannot be listed or opened",
    "sizes": "splits of another size than published",
    "missing": "missing files",
    "intensity-range": "images of more than 8 bits without --intensity-range",
    "broken": "broken files",
    "single-class": "a single class beside ignored pixels",
    "repeated-ids": "image ids that occur twice",
    "duplicates": "images of one split that are in another one, too",
    "near-duplicates": "images of one split that look like one of another",
}
"""The errors. Whatever else is found is a warning."""

_SHOWN = 12


@dataclass(frozen=True)
class Finding:
    """Something that a person should know before training.

    Attributes:
        level: `ERROR` or `WARNING`.
        rule: a short name; that of an error is in `RULES`.
        summary: what was found, in one sentence.
        details: where, a line each.
        way_out: what to do about it.
    """

    level: str
    rule: str
    summary: str
    details: tuple[str, ...] = ()
    way_out: str = ""

    def __str__(self) -> str:
        lines = [f"{self.rule}: {self.summary}", *self.details]
        # The way out comes last, because the list may be longer than a screen.
        return "\n  ".join(lines) + (f"\n  -> {self.way_out}" if self.way_out else "")


def allow(findings: Iterable[Finding], allowed: Iterable[str]) -> list[Finding]:
    """Returns the findings, errors first, those of ``allowed`` rules made warnings."""
    rules = set(allowed)
    changed = [replace(each, level=WARNING) if each.rule in rules else each for each in findings]
    return sorted(changed, key=lambda finding: finding.level != ERROR)


def size_findings(
    published: Mapping[str, int],
    found: Mapping[str, int],
    skipped: Mapping[str, int],
    unlisted: Collection[str] = (),
) -> list[Finding]:
    """Compares the sizes of splits with the published ones.

    Args:
        published: number of samples by split, as the dataset's description says.
        found: number of samples by split.
        skipped: number of samples that a conversion left out, by split.
        unlisted: splits that are known to be at fault.
    """
    findings = []
    wrong = tuple(
        f"{split}: {size}, published {published[split]}"
        for split, size in found.items()
        if split in published and published[split] != size + skipped.get(split, 0)
    )
    if wrong:
        way_out = (
            "look for what is missing or too much; --allow sizes accepts it, for a part of a set"
        )
        findings.append(Finding(ERROR, "sizes", "not as many as published", wrong, way_out))
    absent = tuple(
        f"{split}: {size} published"
        for split, size in published.items()
        if split not in found and split not in unlisted
    )
    if absent:
        findings.append(Finding(WARNING, "absent-splits", "not looked at", absent))
    left_out = tuple(f"{split}: {count}" for split, count in skipped.items() if count)
    if left_out:
        findings.append(Finding(WARNING, "skipped", "bad samples were left out", left_out))
    return findings


_FAULTS = {
    "unlisted": (
        "split",
        "cannot be listed or opened",
        "mend the lists, folders or files; name the splits that there are to look at those only",
    ),
    "missing": (
        "sample",
        "with missing files",
        "copy or download them again; --skip-bad leaves them out of a conversion",
    ),
    "intensity-range": (
        "dataset",
        "with images of more than 8 bits",
        "add the option; it is noted in the records",
    ),
    "broken": (
        "file",
        "cannot be used",
        "mend or replace them; --skip-bad leaves them out of a conversion",
    ),
}


def fault_findings(faults: Iterable[Fault]) -> list[Finding]:
    """Returns all faults, those of a rule in one finding."""
    by_rule: dict[str, list[str]] = defaultdict(list)
    for fault in faults:
        by_rule[fault.rule].append(f"{fault.split}: {fault.reason}")
    findings = []
    for rule, (noun, what, way_out) in _FAULTS.items():
        if reasons := by_rule[rule]:
            summary = f"{counted(len(reasons), noun)} {what}"
            findings.append(
                Finding(ERROR, rule, summary, tuple(first_lines(reasons, rule)), way_out)
            )
    return findings


def counted(count: int, noun: str) -> str:
    """Returns "1 image", "2 images" and so on."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def shorten(lines: Sequence[str]) -> tuple[str, ...]:
    """Returns the first lines, and how many more there are."""
    more = (f"and {len(lines) - _SHOWN:,} more",) if len(lines) > _SHOWN else ()
    return (*lines[:_SHOWN], *more)
