"""A disk that is full: said with its path, nothing half-done is left, and older output stays."""

from __future__ import annotations

import errno
import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.download.fetching import obtain

INFO = DatasetInfo("tiny", ("background", "cat"), ((0, 0, 0), (255, 0, 0)))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a file system here; `unshare -rm make test` may")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def make_samples(folder: Path, count: int) -> list[Sample]:
    """Images of noise, 120 kB each as a PNG."""
    folder.mkdir()
    rng, samples = np.random.default_rng(0), []
    for number in range(count):
        sample = Sample(str(number), folder / f"{number}.png", folder / f"{number}_mask.png")
        Image.fromarray(rng.integers(0, 256, (200, 200, 3), np.uint8)).save(sample.image)
        Image.fromarray(np.zeros((200, 200), np.uint8)).save(sample.mask)
        samples.append(sample)
    return samples


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# faults 31, 32
@pytest.mark.parametrize("workers", [1, 2])
def test_conversion_onto_a_full_disk(disk: Path, tmp_path: Path, workers: int) -> None:
    from tf_image_segmentation.tfrecords import convert, open_records

    samples, out = make_samples(tmp_path / "data", 12), disk / "out"
    options = {"num_shards": 2, "progress": False, "workers": workers}
    with pytest.raises(OSError, match=r"disk/out: the disk is full, so nothing was kept") as error:
        convert(INFO, {"train": samples}, out, **options)
    assert error.value.errno == errno.ENOSPC
    assert list(disk.iterdir()) == []

    convert(INFO, {"train": samples[:3]}, out, **options)
    before = contents(out)
    with pytest.raises(OSError, match=r"disk/out: the disk is full"):
        convert(INFO, {"train": samples}, out, overwrite=True, **options)
    assert contents(out) == before and list(disk.iterdir()) == [out]
    open_records(out).verify()


# fault 32
def test_unpacking_onto_a_full_disk(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in ("set/one", "set/two"):
            info = tarfile.TarInfo(name)
            info.size = 800_000
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    (disk / "a.tgz").write_bytes(buffer.getvalue())
    archive = Archive("http://example.org/a.tgz", product="set", folder=".")
    with pytest.raises(OSError, match=r"disk/.*: the disk is full, so a\.tgz is not") as error:
        obtain(archive, disk, progress=False)
    assert error.value.errno == errno.ENOSPC
    assert [path.name for path in disk.iterdir()] == ["a.tgz"]
