"""Unpacks archives that are not trusted: everything is checked before anything is written."""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from tqdm import tqdm

from tf_image_segmentation.download.archive_members import Member, opened_members
from tf_image_segmentation.errors import DISK_FULL, DataError, disk_error

_CHUNK_BYTES = 2**18
_LONGEST_PART = 255  # bytes of a name between two slashes, on the usual file systems


@dataclass(frozen=True)
class ExtractionLimits:
    """What an archive may unpack to.

    Attributes:
        bytes: sum of the lengths of all files.
        members: number of files and folders.
    """

    bytes: int = 8 * 10**9
    members: int = 200_000


def extract_archive(
    archive: Path,
    folder: Path,
    *,
    only: str = ".",
    limits: ExtractionLimits | None = None,
    progress: bool = False,
) -> None:
    """Unpacks a tar (plain or gzip) or zip archive.

    Every member is checked first, so that a bad archive leaves nothing behind. Links of any kind
    are refused, not only those that leave the folder: a chain of inner links can do that, too.

    Args:
        archive: the file to unpack; recognized by its content.
        folder: where to; made where missing, must not hold files of these names.
        only: unpack this file or folder of the archive alone; all of it is checked all the same.
        limits: on the whole archive, also on what is really unpacked; None takes the defaults.
        progress: show progress bars.

    Raises:
        DataError: the archive is damaged, breaks a rule or a limit, or a member would be written
            outside ``folder``.
        OSError: the disk is full or fails; what was written so far is left.
    """
    limits = limits or ExtractionLimits()
    name, off = archive.name, not progress
    with _reported(archive, folder), opened_members(archive) as members:
        checked = _check(
            archive, tqdm(members, f"checking {name}", unit="file", disable=off), limits
        )
        wanted = [(path, m) for path, m in checked if path.is_relative_to(PurePosixPath(only))]
        folder.mkdir(parents=True, exist_ok=True)
        for path, member in tqdm(wanted, f"extracting {name}", unit="file", disable=off):
            _write(archive, member, folder / path)


@contextlib.contextmanager
def _reported(archive: Path, folder: Path) -> Iterator[None]:
    """Turns what damaged archives end in into a `DataError`; a failing disk stays an OSError."""
    try:
        yield
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        gzip.BadGzipFile,
        struct.error,
        EOFError,
        RuntimeError,  # among others, what zipfile says of compressions that it does not know
        MemoryError,
        LookupError,
        OverflowError,
        ValueError,
    ) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{archive}: is a damaged archive ({error}); delete it and download it again"
        ) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # a place before the start of the file
            raise DataError(
                f"{archive}: is a damaged archive ({error}); delete it and download it again"
            ) from error
        if error.errno not in DISK_FULL:
            raise
        raise disk_error(error.errno, folder, f"{archive.name} is not unpacked", error) from error


def _check(
    archive: Path, members: Iterable[Member], limits: ExtractionLimits
) -> list[tuple[PurePosixPath, Member]]:
    """Returns all members with their safe relative paths, or raises a `DataError`."""
    checked: dict[PurePosixPath, Member] = {}
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
    if all(member.is_folder for member in checked.values()):
        raise DataError(f"{archive}: holds no files; delete it and download it again")
    for path, member in checked.items():
        for parent in path.parents:
            if parent in checked and not checked[parent].is_folder:
                raise DataError(
                    f"{archive}: refused, because {str(parent)!r} is a file and yet the folder "
                    f"of {member.name!r}"
                )
    return list(checked.items())


def _safe_path(archive: Path, member: Member) -> PurePosixPath:
    """Returns the member's path, relative and without ``..``, on every operating system."""
    posix, windows = PurePosixPath(member.name), PureWindowsPath(member.name)
    reason = None
    if posix.is_absolute() or windows.drive or windows.root:
        reason = "has an absolute name"
    elif ".." in windows.parts:  # splits at both kinds of slash
        reason = "has '..' in its name"
    elif member.refused:
        reason = f"is {member.refused}"
    elif not (posix.parts or member.is_folder) or "\0" in member.name:
        reason = "has no name that a file can have"
    elif any(len(os.fsencode(part)) > _LONGEST_PART for part in posix.parts):
        reason = f"has more than {_LONGEST_PART} bytes in a part of its name"
    elif member.size < 0:
        reason = "has a negative size"
    if reason:
        raise DataError(
            f"{archive}: refused, because its member {member.name!r} {reason}; nothing was "
            "unpacked; take the archive from a source that can be trusted"
        )
    return posix


def _too_large(archive: Path, limits: ExtractionLimits) -> DataError:
    return DataError(
        f"{archive}: refused, because it unpacks to more than the limit of {limits.bytes} bytes "
        f"or {limits.members} files; if it can be trusted, unpack it by hand"
    )


def _write(archive: Path, member: Member, path: Path) -> None:
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
