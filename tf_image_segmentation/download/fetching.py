"""How published files get to disk.

Each is fetched (resumed where the server allows), checked, unpacked to a temporary folder and
renamed into place, so that what lies at its final place is whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pooch

from tf_image_segmentation.atomic import place, staging_folder
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.download.extraction import ExtractionLimits, extract_archive
from tf_image_segmentation.download.http_download import DownloadError, ResumingDownloader
from tf_image_segmentation.errors import DataError


def mirror_url(archive: Archive, base_url: str) -> str:
    """Returns the address of an archive in a folder of a mirror."""
    return f"{base_url.rstrip('/')}/{archive.name}"


def product_path(archive: Archive, root: Path) -> Path:
    """Returns where below ``root`` the wanted file or folder lies, or will lie."""
    return root / archive.folder / (archive.product if archive.unpack else archive.name)


def require_folder(path: Path) -> None:
    """Raises a DataError if a file is in the place of a folder."""
    if path.exists() and not path.is_dir():
        raise DataError(f"{path}: is a file, but a folder belongs there; name another folder")


def require_file(path: Path) -> None:
    """Raises a DataError if a folder is in the place of a file."""
    if path.is_dir():
        raise DataError(f"{path}: is a folder, but a file belongs there; move the folder away")


def obtain(
    archive: Archive,
    root: Path,
    url: str | None = None,
    *,
    mirror_option: str = "--url URL",
    progress: bool = True,
) -> Path:
    """Makes sure that what an archive holds lies below ``root``; prints what it does.

    Args:
        archive: what to get.
        root: keeps the archive itself, too; made where missing.
        url: a mirror of the archive; None takes the published address.
        mirror_option: how the user names a mirror, for messages.
        progress: show progress bars.

    Returns:
        The folder or file that was wanted.

    Raises:
        DataError: it cannot be fetched, is not what was published, or cannot be unpacked safely.
    """
    product = product_path(archive, root)
    if archive.required:
        require_folder(product)
    if not archive.unpack:
        fetch(archive, product.parent, url, mirror_option=mirror_option, progress=progress)
        return product
    if _is_there(product, archive):
        _check_whole(product, archive, f"move {product} away and run again")
        print(f"{archive.name}: {product} is there already")
        return product
    file = fetch(archive, root, url, mirror_option=mirror_option, progress=progress)
    _unpack(file, archive, root, progress)
    print(f"{archive.name}: unpacked to {product}; {file} is not needed any more")
    return product


def fetch(
    archive: Archive,
    folder: Path,
    url: str | None = None,
    *,
    mirror_option: str = "--url URL",
    progress: bool = True,
) -> Path:
    """Returns the path of the checked file in ``folder``; downloads it unless it is there.

    Raises:
        DataError: it cannot be fetched, or its checksum is wrong.
    """
    url = url or archive.url
    file = folder / archive.name
    require_folder(folder)
    require_file(file)
    folder.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        print(f"{archive.name}: from {url}", flush=True)
        downloader = ResumingDownloader(file.with_name(file.name + ".part"), progress=progress)
        pooch.get_logger().setLevel("WARNING")
        try:
            # The checksum is compared below, where a file that was there already is, too.
            pooch.retrieve(url, None, file.name, folder, downloader=downloader)
        except (DownloadError, ValueError) as error:
            raise DataError(
                f"{url}: {error}; run again to go on, name a mirror with {mirror_option}, or "
                f"download {archive.name} by other means to {file} and run again"
            ) from error
    _verify(file, archive, mirror_option)
    return file


def _verify(file: Path, archive: Archive, mirror_option: str) -> None:
    """Compares the checksum with the published one, and sets the file aside if it differs."""
    if archive.checksum is None:
        sha256 = pooch.file_hash(str(file), alg="sha256")
        print(f"no checksum of {archive.name} is published; its sha256 is {sha256}")
        return
    kind, _, expected = archive.checksum.partition(":")
    got = pooch.file_hash(str(file), alg=kind)
    if not got.startswith(expected):
        aside = _set_aside(file, got)
        raise DataError(
            f"{file}: wrong checksum, expected {kind} {expected}, got {kind} {got}; the file was "
            f"set aside as {aside}; run again to download it anew, or name another mirror with "
            f"{mirror_option}"
        )


def _set_aside(file: Path, digest: str) -> Path:
    # Named after its content: the same wrong file twice takes its room once.
    return file.replace(file.with_name(f"{file.name}.wrong-{digest[:8]}"))


def _is_there(product: Path, archive: Archive) -> bool:
    if archive.product != ".":
        return product.exists()
    # The folder may have been there before, or be another archive's.
    return all((product / name).exists() for name in archive.required)


def _check_whole(product: Path, archive: Archive, way_out: str) -> None:
    missing = [name for name in archive.required if not (product / name).exists()]
    if missing:
        raise DataError(f"{product}: lacks {', '.join(missing)}; {way_out}")


def _unpack(file: Path, archive: Archive, root: Path, progress: bool) -> None:
    """Unpacks what is wanted of a file beside its place and renames it to there."""
    with _bad_archive_set_aside(file), staging_folder(root) as staging:
        limits = ExtractionLimits(bytes=archive.max_bytes)
        extract_archive(file, staging, only=archive.product, limits=limits, progress=progress)
        unpacked = staging / archive.product
        if not unpacked.exists():
            raise DataError(f"{file}: holds no {archive.product}; try another mirror")
        _check_whole(unpacked, archive, f"{file} is incomplete; try another mirror")
        product = product_path(archive, root)
        product.parent.mkdir(parents=True, exist_ok=True)
        if archive.product == ".":
            _move_entries(
                unpacked, product, last={Path(name).parts[0] for name in archive.required}
            )
        else:
            place(unpacked, product)


def _move_entries(source: Path, target: Path, last: set[str]) -> None:
    """Moves what a folder holds into another one; what is there already is left alone.

    Args:
        source: the folder to empty.
        target: made where missing.
        last: entries that are moved after all others, because they tell that everything is there.
    """
    target.mkdir(parents=True, exist_ok=True)
    for entry in sorted(source.iterdir(), key=lambda entry: (entry.name in last, entry.name)):
        place = target / entry.name
        if not place.exists():
            entry.rename(place)
        elif entry.is_dir() and place.is_dir():
            _move_entries(entry, place, last=set())


@contextlib.contextmanager
def _bad_archive_set_aside(file: Path) -> Iterator[None]:
    """Moves an archive away that cannot be unpacked, so that the next run fetches it anew."""
    try:
        yield
    except DataError as error:
        aside = _set_aside(file, pooch.file_hash(str(file), alg="sha256"))
        raise DataError(f"{error}; the file was set aside as {aside}") from error
