"""Mutated archives are unpacked whole and inside their folder, or refused by name."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from hypothesis import strategies as st
from mutations import fuzz, mutated, outcome, tree
from seeds import ARCHIVES, EVIL_ARCHIVES, FILES, with_tar_checksums

from tf_image_segmentation.download.extraction import ExtractionLimits, extract_archive

LIMITS = ExtractionLimits(bytes=10**6, members=50)
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def extracted(folder: Path, data: bytes) -> dict[str, bytes | None] | None:
    """Returns what an archive unpacks to, None if it is refused; nothing appears elsewhere."""
    work = folder / str(next(NUMBERS))
    archive, out = work / "a" / "archive", work / "a" / "b" / "out"
    out.mkdir(parents=True)
    archive.write_bytes(data)
    before = {name for name in tree(work) if "out" not in name}
    whole = outcome(lambda: [extract_archive(archive, out, limits=LIMITS)], archive)
    assert {name for name in tree(work) if not name.startswith("a/b/out")} == before
    found = tree(out)
    shutil.rmtree(work)
    return found if whole else None


def files_of_tar(data: bytes) -> int:
    """Counts the plain files of a tar by walking from header to header.

    The checksum of a header is the sum of its bytes: one whose bytes have changed places, those of
    a length among them, is right, and a longer member then holds the headers of those behind it.
    """
    offset = count = 0
    while any(header := data[offset : offset + 512]):
        length = header[124:136].split(b"\0")[0].strip() or b"0"
        offset += 512 + -(-int(length, 8) // 512) * 512
        count += header[156:157] in (b"0", b"\0")
    return count


@fuzz(150, data=mutated(ARCHIVES))
def test_archives(folder: Path, data: bytes) -> None:
    found = extracted(folder, data)
    if found is not None:
        is_tar = not data.startswith((b"PK", b"\x1f\x8b"))
        expected = files_of_tar(data) if is_tar else len(FILES)
        assert len([content for content in found.values() if content is not None]) == expected


@fuzz(150, data=mutated(EVIL_ARCHIVES), mend=st.booleans())
def test_evil_archives(folder: Path, data: bytes, mend: bool) -> None:
    extracted(folder, with_tar_checksums(data) if mend else data)
