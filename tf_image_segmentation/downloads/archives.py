"""Unpacks archives that are not trusted: everything is checked before anything is written."""

from __future__ import annotations

import contextlib
import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, cast

from tqdm import tqdm

from tf_image_segmentation.errors import DataError

_CHUNK_BYTES = 2**18
# Longest single read: file contents are copied in chunks, headers are shorter than this.
_LONGEST_READ = 2**20
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to.

    Attributes:
        bytes: sum of the lengths of all files.
        members: number of files and folders.
    """

    bytes: int = 8 * 10**9
    members: int = 200_000


@dataclass(frozen=True)
class _Member:
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

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LONGEST_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._stream.read(size)


def extract_archive(
    archive: Path,
    folder: Path,
    *,
    only: str = ".",
    limits: Limits | None = None,
    progress: bool = False,
) -> None:
    """Unpacks a tar (plain or gzip) or zip archive.

    Every member is checked first, so that a bad archive leaves nothing behind. Links of any kind
    are refused, not only those that leave the folder: a chain of inner links can do that, too.

    Args:
        archive: the file to unpack; recognised by its content.
        folder: where to; made where missing, must not hold files of these names.
        only: unpack this file or folder of the archive alone; all of it is checked all the same.
        limits: on the whole archive, also on what is really unpacked; None takes the defaults.
        progress: show progress bars.

    Raises:
        DataError: the archive is damaged, breaks a rule or a limit, or a member would be written
            outside ``folder``.
    """
    limits = limits or Limits()
    name, off = archive.name, not progress
    with _reported(archive), _opened(archive) as members:
        checked = _check(
            archive, tqdm(members, f"checking {name}", unit="file", disable=off), limits
        )
        wanted = [(path, m) for path, m in checked if path.is_relative_to(PurePosixPath(only))]
        folder.mkdir(parents=True, exist_ok=True)
        for path, member in tqdm(wanted, f"extracting {name}", unit="file", disable=off):
            _write(archive, member, folder / path)


@contextlib.contextmanager
def _reported(archive: Path) -> Iterator[None]:
    """Turns what damaged archives end in into a `DataError`; a failing disk stays an OSError."""
    try:
        yield
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        gzip.BadGzipFile,
        EOFError,
        RecursionError,
        NotImplementedError,  # zipfile's word for a compression that it does not know
        ValueError,
    ) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{archive}: is a damaged archive ({error}); delete it and download it again"
        ) from error


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[Iterable[_Member]]:
    """Gives the members in the order of the archive, whose kind is told by its first bytes."""
    with archive.open("rb") as file:
        start = file.read(len(_ZIP))
    if start.startswith(_ZIP):
        with zipfile.ZipFile(archive) as zipped:
            yield (_zip_member(zipped, info) for info in zipped.infolist())
        return
    with gzip.open(archive) if start.startswith(_GZIP) else archive.open("rb") as stream:
        bounded = cast(IO[bytes], _BoundedReader(cast(IO[bytes], stream)))
        try:
            tar = tarfile.TarFile(fileobj=bounded)
        except tarfile.ReadError as error:
            raise tarfile.ReadError(f"neither tar nor zip: {error}") from error
        with tar:
            yield (_tar_member(tar, info) for info in tar)


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> _Member:
    refused = None
    if info.issym() or info.islnk():
        refused = f"a link to {info.linkname!r}"
    elif info.issparse() or not (info.isreg() or info.isdir()):
        refused = "a device, a pipe or another special file"
    return _Member(info.name, info.size, info.isdir(), refused, lambda: _tar_content(tar, info))


def _tar_content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(info)
    assert content is not None  # only for members that are no plain files
    return content


def _zip_member(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
    refused = None
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        refused = "a link" if kind == stat.S_IFLNK else "a device or another special file"
    elif info.flag_bits & 1:
        refused = "encrypted"
    return _Member(info.filename, info.file_size, info.is_dir(), refused, lambda: zipped.open(info))


def _check(
    archive: Path, members: Iterable[_Member], limits: Limits
) -> list[tuple[PurePosixPath, _Member]]:
    """Returns all members with their safe relative paths, or raises a `DataError`."""
    checked: dict[PurePosixPath, _Member] = {}
    num_bytes = 0
    for member in members:
        path = _safe_path(archive, member)
        num_bytes += member.size
        # Before the next header is looked for: until here nothing of this member was unpacked.
        if len(checked) >= limits.members or num_bytes > limits.bytes:
            raise _too_large(archive, limits)
        if path in checked and not (member.is_folder and checked[path].is_folder):
            raise DataError(f"{archive}: refused, because it names {member.name!r} twice")
        checked[path] = member
    for path, member in checked.items():
        for parent in path.parents:
            if parent in checked and not checked[parent].is_folder:
                raise DataError(
                    f"{archive}: refused, because {str(parent)!r} is a file and yet the folder "
                    f"of {member.name!r}"
                )
    return list(checked.items())


def _safe_path(archive: Path, member: _Member) -> PurePosixPath:
    """Returns the member's path, relative and without ``..``, on every operating system."""
    posix, windows = PurePosixPath(member.name), PureWindowsPath(member.name)
    reason = None
    if posix.is_absolute() or windows.drive or windows.root:
        reason = "has an absolute name"
    elif ".." in windows.parts:  # splits at both kinds of slash
        reason = "has '..' in its name"
    elif member.refused:
        reason = f"is {member.refused}"
    if reason:
        raise DataError(
            f"{archive}: refused, because its member {member.name!r} {reason}; nothing was "
            "unpacked; take the archive from a source that can be trusted"
        )
    return posix


def _too_large(archive: Path, limits: Limits) -> DataError:
    return DataError(
        f"{archive}: refused, because it unpacks to more than the limit of {limits.bytes} bytes "
        f"or {limits.members} files; if it can be trusted, unpack it by hand"
    )


def _write(archive: Path, member: _Member, path: Path) -> None:
    """Writes one member, never more than the announced bytes, which were within the limit."""
    if member.is_folder:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with member.open() as content, path.open("xb") as file:
        while chunk := content.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > member.size:
                break
            file.write(chunk)
    if size != member.size:
        raise DataError(
            f"{archive}: is damaged or a bomb: {member.name!r} is announced with {member.size} "
            f"bytes and holds {size} or more; download it again"
        )
