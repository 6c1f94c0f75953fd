"""Fetching, checking and unpacking published files, from localhost."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from local_server import local_server

from tf_image_segmentation.datasets.sets import berkeley_sbd, pascal_voc
from tf_image_segmentation.download import fetching
from tf_image_segmentation.download.archive import Archive
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.zoo.published import published_model

VGG_16 = published_model("vgg_16").archive
VOC_FILES = (
    "VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg",
    "VOCdevkit/VOC2012/SegmentationClass/2007_000032.png",
    "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt",
    "VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt",
)
VOC_TAR = "VOCtrainval_11-May-2012.tar"


def tar_bytes(names, mode="w"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 100_000
            tar.addfile(info, io.BytesIO(name.encode().ljust(info.size)))
    return buffer.getvalue()


@pytest.fixture
def server(monkeypatch):
    """Serves small archives of the real layouts."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with local_server() as running:
        running.files = {
            VOC_TAR: tar_bytes(VOC_FILES),
            "vgg_16_2016_08_28.tar.gz": tar_bytes(["vgg_16.ckpt"], "w:gz"),
        }
        running.checksum = md5(running.files[VOC_TAR])
        yield running


def md5(content):
    return f"md5:{hashlib.md5(content).hexdigest()}"


def voc(server):
    """VOC's archive with the checksum of the small one instead of the real one."""
    (real,) = pascal_voc.SOURCE.archives
    return replace(real, checksum=server.checksum)


def obtain(server, folder, archive=None):
    archive = archive or voc(server)
    url = fetching.mirror_url(archive, server.url())
    return fetching.obtain(archive, folder, url, progress=False)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_published_addresses_and_checksums():
    (real,), (sbd,) = pascal_voc.SOURCE.archives, berkeley_sbd.SOURCE.archives
    assert real.checksum == "md5:6cd6e144f989b92b3379bac3b3de84fd"
    assert sbd.checksum == "md5:82b4d87ceb2ed10f6038a1cba92111cb"
    assert VGG_16.checksum is None
    assert [archive.name for archive in (real, sbd, VGG_16)] == [
        VOC_TAR,
        "benchmark.tgz",
        "vgg_16_2016_08_28.tar.gz",
    ]


def test_voc_is_fetched_and_unpacked(server, tmp_path):
    assert obtain(server, tmp_path) == tmp_path / "VOCdevkit/VOC2012"
    for name in VOC_FILES:
        assert (tmp_path / name).read_bytes().startswith(name.encode())
    assert names(tmp_path) == ["VOCdevkit", VOC_TAR]


def test_what_is_unpacked_is_not_fetched_again(server, tmp_path, capsys):
    obtain(server, tmp_path)
    (tmp_path / VOC_TAR).unlink()
    obtain(server, tmp_path)
    assert len(server.requests) == 1
    assert "is there already" in capsys.readouterr().out


def test_other_data_beside_it_stays(server, tmp_path):
    (tmp_path / "VOCdevkit/VOC2007").mkdir(parents=True)
    obtain(server, tmp_path)
    assert names(tmp_path / "VOCdevkit") == ["VOC2007", "VOC2012"]


def test_vgg_has_no_published_checksum_and_says_so(server, tmp_path, capsys):
    product = obtain(server, tmp_path, VGG_16)
    assert product == tmp_path / "vgg_16.ckpt"
    assert product.stat().st_size == 100_000
    said = capsys.readouterr().out
    assert "no checksum of vgg_16_2016_08_28.tar.gz is published" in said
    assert hashlib.sha256(server.files["vgg_16_2016_08_28.tar.gz"]).hexdigest() in said


def test_cut_download_goes_on_at_the_next_run(server, tmp_path, monkeypatch):
    real = fetching.ResumingDownloader
    once = lambda part, progress: real(part, attempts=1, progress=progress)  # noqa: E731
    monkeypatch.setattr(fetching, "ResumingDownloader", once)
    server.cuts = [150_000]
    with pytest.raises(DataError, match=r"150000 bytes are kept in .*run again to go on"):
        obtain(server, tmp_path)
    assert names(tmp_path) == [f"{VOC_TAR}.part", f"{VOC_TAR}.part.json"]
    obtain(server, tmp_path)
    assert server.requests[-1][1]["Range"] == "bytes=150000-"


# fault 29
def test_wrong_checksum_of_a_fresh_download_is_refused(server, tmp_path):
    expected = server.checksum.removeprefix("md5:")
    server.files[VOC_TAR] = wrong = tar_bytes(VOC_FILES[:2])
    got = hashlib.md5(wrong).hexdigest()
    with pytest.raises(DataError) as caught:
        obtain(server, tmp_path)
    message = str(caught.value)
    aside = f"{VOC_TAR}.wrong-{got[:8]}"
    assert f"wrong checksum, expected md5 {expected}, got md5 {got}" in message
    assert f"set aside as {tmp_path / aside}" in message
    assert "--url URL" in message
    assert names(tmp_path) == [aside]
    assert (tmp_path / aside).read_bytes() == wrong


# fault 29
def test_wrong_checksum_of_a_file_on_disk_is_refused(server, tmp_path):
    (tmp_path / VOC_TAR).write_bytes(b"half of it")
    with pytest.raises(DataError, match=r"wrong checksum, expected md5 .*, got md5 .*set aside as"):
        obtain(server, tmp_path)
    assert server.requests == []
    assert names(tmp_path) == [f"{VOC_TAR}.wrong-{hashlib.md5(b'half of it').hexdigest()[:8]}"]
    obtain(server, tmp_path)  # and now it is fetched
    assert (tmp_path / "VOCdevkit/VOC2012").is_dir()


def test_dead_link_names_the_address_and_the_ways_out(server, tmp_path):
    del server.files[VOC_TAR]
    with pytest.raises(DataError) as caught:
        obtain(server, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{server.url(VOC_TAR)}: the server answered 404 Not Found")
    assert "--url URL" in message
    assert f"by other means to {tmp_path / VOC_TAR}" in message


# fault 30
def test_evil_archive_is_set_aside_and_nothing_unpacked(server, tmp_path):
    server.files[VOC_TAR] = evil = tar_bytes([*VOC_FILES, "../evil"])
    server.checksum = md5(evil)
    with pytest.raises(DataError, match=r"has '\.\.' in its name.*set aside as"):
        obtain(server, tmp_path / "data")
    aside = f"{VOC_TAR}.wrong-{hashlib.sha256(evil).hexdigest()[:8]}"
    assert names(tmp_path / "data") == [aside]
    assert names(tmp_path) == ["data"]


# fault 30
def test_bomb_is_refused(server, tmp_path):
    with pytest.raises(DataError, match="limit of 350000 bytes"):
        obtain(server, tmp_path, replace(voc(server), max_bytes=350_000))
    assert not (tmp_path / "VOCdevkit").exists()


def test_page_instead_of_an_archive_is_set_aside(server, tmp_path):
    server.files["vgg_16_2016_08_28.tar.gz"] = b"<html>log in first</html>"
    with pytest.raises(DataError, match=r"damaged archive.*set aside as"):
        obtain(server, tmp_path, VGG_16)
    assert not (tmp_path / "vgg_16_2016_08_28.tar.gz").exists()


def test_archive_without_the_wanted_folder_is_refused(server, tmp_path):
    server.files[VOC_TAR] = tar_bytes(VOC_FILES[:-1])
    server.checksum = md5(server.files[VOC_TAR])
    with pytest.raises(DataError, match=r"lacks ImageSets/Segmentation/val\.txt.*incomplete"):
        obtain(server, tmp_path)
    assert not (tmp_path / "VOCdevkit").exists()


def test_incomplete_folder_is_not_taken_as_done(server, tmp_path):
    (tmp_path / "VOCdevkit/VOC2012/JPEGImages").mkdir(parents=True)
    with pytest.raises(DataError, match=r"VOC2012: lacks SegmentationClass.*move .* away and run"):
        obtain(server, tmp_path)


# fault 27
def test_interrupted_unpacking_leaves_nothing(server, tmp_path, monkeypatch):
    real = fetching.extract_archive

    def interrupted(*arguments, **options):
        real(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "extract_archive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        obtain(server, tmp_path)
    assert names(tmp_path) == [VOC_TAR]
    monkeypatch.setattr(fetching, "extract_archive", real)
    obtain(server, tmp_path)
    assert len(server.requests) == 1  # the archive itself was whole


def flat(name, **fields):
    """An archive of which everything is wanted, in the folder "set"."""
    return Archive(f"http://example.org/{name}", product=".", folder="set", **fields)


def test_archives_that_fill_the_same_folder(server, tmp_path):
    server.files["a.tar"] = tar_bytes(["images/1.jpg", "readme.txt"])
    server.files["b.tar"] = tar_bytes(["images/2.jpg", "masks/1.png", "readme.txt"])
    first, second = flat("a.tar", required=("images/1.jpg",)), flat("b.tar", required=("masks",))
    (tmp_path / "set").mkdir()
    (tmp_path / "set/readme.txt").write_text("mine")
    for _ in range(2):
        assert [obtain(server, tmp_path, a) for a in (first, second)] == [tmp_path / "set"] * 2
    assert len(server.requests) == 2
    assert names(tmp_path) == ["a.tar", "b.tar", "set"]
    assert names(tmp_path / "set") == ["images", "masks", "readme.txt"]
    assert names(tmp_path / "set/images") == ["1.jpg", "2.jpg"]
    assert (tmp_path / "set/readme.txt").read_text() == "mine"


# fault 27
def test_interrupted_moving_goes_on_at_the_next_run(server, tmp_path, monkeypatch):
    server.files["a.tar"] = tar_bytes(["1.jpg", "1.png", "2.jpg", "2.png"])
    archive = flat("a.tar", required=("1.jpg", "1.png"))
    real, moved = Path.rename, []

    def interrupted(path, target):
        if path.suffix in (".jpg", ".png"):
            if len(moved) == 2:
                raise KeyboardInterrupt
            moved.append(path.name)
        return real(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        obtain(server, tmp_path, archive)
    assert moved == ["2.jpg", "2.png"]  # what tells that all is there comes last
    monkeypatch.setattr(Path, "rename", real)
    obtain(server, tmp_path, archive)
    assert names(tmp_path / "set") == ["1.jpg", "1.png", "2.jpg", "2.png"]
    assert names(tmp_path) == ["a.tar", "set"]


def test_a_file_that_is_no_archive(server, tmp_path):
    server.files["labels.mat"] = content = b"not to be unpacked"
    sha256 = hashlib.sha256(content).hexdigest()
    archive = Archive(
        "http://example.org/files?id=7",
        checksum=f"sha256:{sha256}",
        folder="set",
        filename="labels.mat",
        unpack=False,
    )
    for _ in range(2):
        assert obtain(server, tmp_path, archive) == tmp_path / "set/labels.mat"
    assert (tmp_path / "set/labels.mat").read_bytes() == content
    assert [name for name, _ in server.requests] == ["labels.mat"]
    (tmp_path / "set/labels.mat").write_bytes(b"half")
    with pytest.raises(DataError, match=rf"wrong checksum, expected sha256 {sha256}, got sha256 "):
        obtain(server, tmp_path, archive)
    assert not (tmp_path / "set/labels.mat").exists()
