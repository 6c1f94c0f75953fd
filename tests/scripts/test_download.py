"""scripts/download_pascal_voc.py as a user runs it, against a server on localhost."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile

import pytest
from local_server import local_server


@pytest.fixture
def server():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo("vgg_16.ckpt")
        info.size = 1000
        tar.addfile(info, io.BytesIO(bytes(1000)))
    with local_server() as running:
        running.files["mirror/vgg_16_2016_08_28.tar.gz"] = buffer.getvalue()
        running.files["elsewhere/voc"] = b"not the real one"
        yield running


def run(repository, cwd, *arguments):
    environment = dict(os.environ, NO_PROXY="127.0.0.1", PYTHONPATH=str(repository))
    script = str(repository / "scripts" / "download_pascal_voc.py")
    command = [sys.executable, script, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def make_extracted(folder):
    for name in ("VOCdevkit/VOC2012/ImageSets/Segmentation", "benchmark_RELEASE/dataset"):
        (folder / name).mkdir(parents=True)
        for split in ("train", "val"):
            (folder / name / f"{split}.txt").write_text("2007_000032\n")
    for name in ("JPEGImages", "SegmentationClass"):
        (folder / "VOCdevkit/VOC2012" / name).mkdir()
    for name in ("img", "cls"):
        (folder / "benchmark_RELEASE/dataset" / name).mkdir()


def test_base_url_and_the_next_command(repository, tmp_path, server):
    make_extracted(tmp_path / "data")
    result = run(repository, tmp_path, "--base-url", server.url("mirror"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "data/vgg_16.ckpt").stat().st_size == 1000
    assert "no checksum of vgg_16_2016_08_28.tar.gz is published" in result.stdout
    assert result.stdout.rstrip().endswith(
        "python scripts/convert_pascal_voc.py --voc-root data/VOCdevkit/VOC2012 "
        "--sbd-root data/benchmark_RELEASE/dataset --output-dir data/pascal_voc_sbd"
    )
    assert "B/s" in result.stderr  # the progress bar


def test_fault_29_wrong_checksum_ends_the_script(repository, tmp_path, server):
    url = server.url("elsewhere/voc")
    result = run(repository, tmp_path, "--only", "voc", "--voc-url", url, "--output-dir", "d")
    assert result.returncode == 1
    assert "expected md5 6cd6e144f989b92b3379bac3b3de84fd, got md5 " in result.stderr
    assert "error: " in result.stderr
    assert "Traceback" not in result.stderr
    (aside,) = (tmp_path / "d").iterdir()
    assert aside.name.startswith("VOCtrainval_11-May-2012.tar.wrong-")


def test_dead_link_ends_the_script(repository, tmp_path, server):
    result = run(repository, tmp_path, "--only", "sbd", "--base-url", server.url("mirror/"))
    assert result.returncode == 1
    assert f"error: {server.url('mirror/benchmark.tgz')}: the server answered 404" in result.stderr
    assert "--sbd-url URL" in result.stderr


def test_fault_28_unknown_choice_lists_the_choices(repository, tmp_path):
    result = run(repository, tmp_path, "--only", "coco")
    assert result.returncode == 2
    assert all(name in result.stderr for name in ("voc", "sbd", "vgg"))
