"""The members of tar and zip archives that may be damaged, in one form for both kinds."""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

# Longest single read: file contents are copied in chunks, headers are shorter than this.
_LONGEST_READ = 2**20
_LONGEST_PADDING = 2**24  # zeros behind the members of a tar
# The record at the end of a zip (APPNOTE 4.3.16), and the number that stands for larger ones there.
_END_BYTES, _MANY = 22, 0xFFFF
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"
# A file whose name is damaged; taken for a folder, its content would be dropped.
_FOLDER_WITH_CONTENT = "a folder with content"


@dataclass(frozen=True)
class Member:
    """A file or folder in an archive.

    Attributes:
        name: as the archive spells it.
        size: announced length in bytes.
        is_folder: whether it has no content of its own.
        refused: what it is, if it is neither a plain file nor a folder.
        open: gives its content.
    """

    name: str
    size: int
    is_folder: bool
    refused: str | None
    open: Callable[[], IO[bytes]]


class _BoundedReader:
    """A stream whose single reads are bounded.

    tarfile reads a member's extended header in one piece, however long the archive says it is, and
    a few kilobytes of gzip can say gigabytes.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell
        self.last = b""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LONGEST_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self._stream.read(size)
        return self.last

    def check_end(self) -> None:
        """Raises `tarfile.ReadError` unless the last read began the zeros that end a tar.

        tarfile takes a damaged header for the end, and so would drop all members behind it.
        Reading on to the end also makes gzip compare its checksum.
        """
        block, length = self.last, 0
        if len(block) < tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it ends too early")
        while block:
            length += len(block)
            if block.strip(b"\0") or length > _LONGEST_PADDING:
                raise tarfile.ReadError("a damaged header, or something behind the end")
            block = self._stream.read(_LONGEST_READ)


@contextlib.contextmanager
def opened_members(archive: Path) -> Iterator[Iterable[Member]]:
    """Gives the members in the order of the archive, whose kind is told by its first bytes.

    A damaged archive ends in one of many exceptions of the standard library.
    """
    with archive.open("rb") as file:
        start = file.read(len(_ZIP))
    if start.startswith(_ZIP):
        with zipfile.ZipFile(archive) as zipped:
            yield _zip_members(zipped)
        return
    with gzip.open(archive) if start.startswith(_GZIP) else archive.open("rb") as stream:
        bounded = _BoundedReader(cast(IO[bytes], stream))
        try:
            tar = tarfile.TarFile(fileobj=cast(IO[bytes], bounded))
        except tarfile.ReadError as error:
            raise tarfile.ReadError(f"neither tar nor zip: {error}") from error
        with tar:
            yield _tar_members(tar, bounded)


def _tar_members(tar: tarfile.TarFile, stream: _BoundedReader) -> Iterator[Member]:
    for info in tar:
        yield _tar_member(tar, info)
    stream.check_end()


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    refused = None
    if info.issym() or info.islnk():
        refused = f"a link to {info.linkname!r}"
    elif info.issparse() or not (info.isreg() or info.isdir()):
        refused = "a device, a pipe or another special file"
    elif info.isdir() and info.size:
        refused = _FOLDER_WITH_CONTENT
    return Member(info.name, info.size, info.isdir(), refused, lambda: _tar_content(tar, info))


def _tar_content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(info)
    assert content is not None  # only for members that are no plain files
    return content


def _zip_members(zipped: zipfile.ZipFile) -> Iterator[Member]:
    # A damaged entry of the list can hide the next ones in what it says is its own comment.
    announced, found = _announced_members(zipped), len(zipped.infolist())
    # Some programs write the number of more than 65535 members modulo 65536.
    if announced not in (found & _MANY, _MANY):
        raise zipfile.BadZipFile(f"it lists {found} members and says that there are {announced}")
    for info in zipped.infolist():
        yield _zip_member(zipped, info)


def _announced_members(zipped: zipfile.ZipFile) -> int:
    """Returns the number of members in the record at the end, where zipfile found its list."""
    assert zipped.fp is not None
    size = zipped.fp.seek(0, os.SEEK_END)
    zipped.fp.seek(max(0, size - _END_BYTES - len(zipped.comment)))
    end = zipped.fp.read(_END_BYTES)
    if not end.startswith(b"PK\x05\x06"):
        raise zipfile.BadZipFile("something behind its end")
    return int.from_bytes(end[10:12], "little")


def _zip_member(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
    refused = None
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        refused = "a link" if kind == stat.S_IFLNK else "a device or another special file"
    elif info.flag_bits & 1:
        refused = "encrypted"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        refused = f"compressed by the uncommon method {info.compress_type}"
    elif info.is_dir() and info.file_size:
        refused = _FOLDER_WITH_CONTENT
    return Member(info.filename, info.file_size, info.is_dir(), refused, lambda: zipped.open(info))
