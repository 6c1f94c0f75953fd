"""What the PASCAL VOC experiments start from, and how it gets to disk.

Each resource is fetched (resumed where the server allows), checked, unpacked to a temporary folder
and renamed into place, so that what lies at its final place is whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pooch

from tf_image_segmentation.datasets.dataset import choose
from tf_image_segmentation.downloads.archives import Limits, extract_archive
from tf_image_segmentation.downloads.http_download import DownloadError, ResumingDownloader
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.staging import staging_folder


@dataclass(frozen=True)
class Resource:
    """A file to download and what is in it.

    Attributes:
        title: for messages.
        url: where it was published.
        md5: its published checksum, or None if there is none.
        product: the file or folder in the archive that is wanted; also its place on disk.
        required: what ``product`` must hold to be whole, if it is a folder.
        limits: what the archive may unpack to.
    """

    title: str
    url: str
    md5: str | None
    product: Path
    required: tuple[str, ...]
    limits: Limits

    @property
    def filename(self) -> str:
        """Name of the archive on disk, whatever mirror it comes from."""
        return self.url.rpartition("/")[2]


RESOURCES = {
    "voc": Resource(
        title="PASCAL VOC 2012, training and validation",
        url="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
        md5="6cd6e144f989b92b3379bac3b3de84fd",
        product=Path("VOCdevkit", "VOC2012"),
        required=(
            "JPEGImages",
            "SegmentationClass",
            "ImageSets/Segmentation/train.txt",
            "ImageSets/Segmentation/val.txt",
        ),
        limits=Limits(bytes=4 * 10**9),
    ),
    "sbd": Resource(
        title="Berkeley Semantic Boundaries Dataset",
        url=(
            "http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/"
            "semantic_contours/benchmark.tgz"
        ),
        md5="82b4d87ceb2ed10f6038a1cba92111cb",
        product=Path("benchmark_RELEASE", "dataset"),
        required=("img", "cls", "train.txt", "val.txt"),
        limits=Limits(bytes=6 * 10**9),
    ),
    "vgg": Resource(
        title="slim VGG-16 checkpoint",
        url="http://download.tensorflow.org/models/vgg_16_2016_08_28.tar.gz",
        md5=None,
        product=Path("vgg_16.ckpt"),
        required=(),
        limits=Limits(bytes=10**9, members=100),
    ),
}


def mirror_url(name: str, base_url: str) -> str:
    """Returns the address of a resource's archive in a folder of a mirror."""
    return f"{base_url.rstrip('/')}/{RESOURCES[name].filename}"


def obtain(name: str, output_dir: Path, url: str | None = None, *, progress: bool = True) -> Path:
    """Makes sure that a resource lies unpacked in ``output_dir``; prints what it does.

    Args:
        name: a key of `RESOURCES`.
        output_dir: keeps the archive, too; made where missing.
        url: a mirror of the archive; None takes the published address.
        progress: show progress bars.

    Returns:
        The folder or file that was wanted.

    Raises:
        DataError: it cannot be fetched, is not what was published, or cannot be unpacked safely.
    """
    resource: Resource = choose("download", name, RESOURCES)
    product = output_dir / resource.product
    if product.exists():
        _check_whole(product, resource, f"move {product} away and run again")
        print(f"{name}: {product} is there already")
        return product
    print(f"{name}: {resource.title}")
    archive = fetch(name, output_dir, url, progress=progress)
    _unpack(archive, resource, output_dir, progress)
    print(f"{name}: unpacked to {product}; {archive} is not needed any more")
    return product


def fetch(name: str, output_dir: Path, url: str | None = None, *, progress: bool = True) -> Path:
    """Returns the path of the checked archive of a resource; downloads it unless it is there.

    Raises:
        DataError: it cannot be fetched, or its checksum is wrong.
    """
    resource: Resource = choose("download", name, RESOURCES)
    url = url or resource.url
    archive = output_dir / resource.filename
    output_dir.mkdir(parents=True, exist_ok=True)
    if not archive.exists():
        downloader = ResumingDownloader(
            archive.with_name(archive.name + ".part"), progress=progress
        )
        pooch.get_logger().setLevel("WARNING")
        try:
            # The checksum is compared below, where a file that was there already is, too.
            pooch.retrieve(url, None, archive.name, output_dir, downloader=downloader)
        except (DownloadError, ValueError) as error:
            raise DataError(
                f"{url}: {error}; run again to go on, name a mirror with --{name}-url URL, or "
                f"download {resource.filename} by other means to {archive} and run again"
            ) from error
    _verify(archive, name)
    return archive


def _verify(archive: Path, name: str) -> None:
    """Compares the checksum with the published one, and sets the file aside if it differs."""
    expected = RESOURCES[name].md5
    if expected is None:
        sha256 = pooch.file_hash(str(archive), alg="sha256")
        print(
            f"{name}: no checksum of {archive.name} is published; its sha256 is {sha256}. "
            "Restoring it checks the names and shapes of all variables."
        )
        return
    got = pooch.file_hash(str(archive), alg="md5")
    if got != expected:
        aside = _set_aside(archive, got)
        raise DataError(
            f"{archive}: wrong checksum, expected md5 {expected}, got md5 {got}; the file was set "
            f"aside as {aside}; run again to download it anew, or name another mirror with "
            f"--{name}-url URL"
        )


def _set_aside(archive: Path, digest: str) -> Path:
    # Named after its content: the same wrong file twice takes its room once.
    return archive.replace(archive.with_name(f"{archive.name}.wrong-{digest[:8]}"))


def _check_whole(product: Path, resource: Resource, way_out: str) -> None:
    missing = [name for name in resource.required if not (product / name).exists()]
    if missing:
        raise DataError(f"{product}: lacks {', '.join(missing)}; {way_out}")


def _unpack(archive: Path, resource: Resource, output_dir: Path, progress: bool) -> None:
    """Unpacks the product of an archive beside its place and renames it to there."""
    with _bad_archive_set_aside(archive), staging_folder(output_dir) as staging:
        extract_archive(
            archive,
            staging,
            only=resource.product.as_posix(),
            limits=resource.limits,
            progress=progress,
        )
        unpacked = staging / resource.product
        if not unpacked.exists():
            raise DataError(
                f"{archive}: holds no {resource.product.as_posix()}; try another mirror"
            )
        _check_whole(unpacked, resource, f"{archive} is incomplete; try another mirror")
        product = output_dir / resource.product
        product.parent.mkdir(parents=True, exist_ok=True)
        unpacked.rename(product)


@contextlib.contextmanager
def _bad_archive_set_aside(archive: Path) -> Iterator[None]:
    """Moves an archive away that cannot be unpacked, so that the next run fetches it anew."""
    try:
        yield
    except DataError as error:
        aside = _set_aside(archive, pooch.file_hash(str(archive), alg="sha256"))
        raise DataError(f"{error}; the file was set aside as {aside}") from error
