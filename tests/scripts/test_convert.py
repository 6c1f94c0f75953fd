"""The scripts that convert, run as a user runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from PIL import Image

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.tfrecords import Manifest, open_records, read_examples

Run = Callable[..., Any]

# Of VOC's val, c is in SBD's train and d in SBD's val.
LISTS = {
    "VOC2012/ImageSets/Segmentation/train.txt": "ab",
    "VOC2012/ImageSets/Segmentation/val.txt": "cde",
    "dataset/train.txt": "cf",
    "dataset/val.txt": "dg",
}
VAL_BY_MODE = {1: ["c", "d", "e"], 2: ["d", "e"], 3: ["e"]}


@pytest.fixture
def environment(repository: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(repository)}


def write_voc_and_sbd(root: Path, lists: dict[str, Any], size: tuple[int, int]) -> list[Any]:
    """Writes both layouts with hard links to one image; returns the roots as options.

    VOC's masks are of class 1 and SBD's of class 2, to tell them apart.
    """
    rng = np.random.default_rng(0)
    root.mkdir()
    noise = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
    noise.resize(size, Image.Resampling.BICUBIC).save(root / "image.jpg")
    mask = Image.fromarray(np.full(size[::-1], 1, np.uint8), "P")
    mask.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    mask.save(root / "mask.png")
    scipy.io.savemat(
        root / "mask.mat", {"GTcls": {"Segmentation": np.full(size[::-1], 2, np.uint8)}}
    )
    for name, ids in lists.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("".join(f"{i}\n" for i in ids))
        voc = name.startswith("VOC2012")
        images = root / ("VOC2012/JPEGImages" if voc else "dataset/img")
        masks = root / ("VOC2012/SegmentationClass" if voc else "dataset/cls")
        suffix = "png" if voc else "mat"
        for folder in (images, masks):
            folder.mkdir(exist_ok=True)
        for image_id in ids:
            os.link(root / "image.jpg", images / f"{image_id}.jpg")
            os.link(root / f"mask.{suffix}", masks / f"{image_id}.{suffix}")
    return ["--voc-root", root / "VOC2012", "--sbd-root", root / "dataset"]


@pytest.fixture
def voc_and_sbd(tmp_path: Path) -> list[Any]:
    return write_voc_and_sbd(tmp_path / "data", LISTS, (40, 30))


def labels_by_id(out: Path, split: str) -> dict[str, int]:
    return {image_id: int(mask.max()) for _, mask, image_id in read_examples(out, split)}


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_modes_of_pascal_voc(
    run_script: Run, voc_and_sbd: list[Any], tmp_path: Path, mode: int
) -> None:
    out = tmp_path / "out"
    options = ["--mode", mode, "--output-dir", out, "--num-shards", 2, "--workers", mode]
    result = run_script("convert_pascal_voc.py", *voc_and_sbd, *options)
    assert result.returncode == 0, result.stderr
    val, train = labels_by_id(out, "val"), labels_by_id(out, "train")
    assert sorted(val) == VAL_BY_MODE[mode]
    assert set(val.values()) == {1}, "validation masks are VOC's"
    assert sorted([*train, *val]) == list("abcdefg")
    assert {i for i, label in train.items() if label == 2} == set("cdfg") - set(val)
    manifest = Manifest.read(out)
    assert manifest.source["mode"] == mode
    published = {1: 1449, 2: 904, 3: 346}[mode]
    assert f"val: {len(val)} images (published: {published}) in" in result.stdout
    assert f"wrote {out}\n" in result.stdout
    assert f"next: python scripts/inspect_tfrecords.py {out} --verify" in result.stdout
    assert "7/7" in result.stderr, "a progress bar"


def test_classes_of_another_data_set(
    run_script: Run, voc_and_sbd: list[Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = run_script(
        "convert_pascal_voc.py", *voc_and_sbd, "--classes", "shapes", "--output-dir", out
    )
    assert result.returncode == 0, result.stderr
    assert Manifest.read(out).info.name == "shapes"


@pytest.mark.parametrize(
    ("script", "options", "words"),
    [
        ("convert_pascal_voc.py", ["--mode", 4], "error: unknown mode 4; choose from [1, 2, 3]"),
        ("convert_pascal_voc.py", ["--classes", "cats"], "error: unknown dataset 'cats'; choose"),
        ("convert_pascal_voc.py", ["--num-shards", 0], "error: num_shards (0)"),
    ],
)
def test_unknown_choices_are_listed(
    run_script: Run,
    voc_and_sbd: list[Any],
    tmp_path: Path,
    script: str,
    options: list[Any],
    words: str,
) -> None:  # fault 28
    result = run_script(script, *voc_and_sbd, "--output-dir", tmp_path / "out", *options)
    assert result.returncode == 1
    assert words in result.stderr
    assert not (tmp_path / "out").exists()


def test_missing_and_bad_files(run_script: Run, voc_and_sbd: list[Any], tmp_path: Path) -> None:
    # faults 20, 27
    data, out = tmp_path / "data", tmp_path / "out"
    (data / "dataset/cls/f.mat").unlink()
    (data / "VOC2012/JPEGImages/e.jpg").unlink()
    (data / "dataset/cls/g.mat").unlink()
    (data / "dataset/cls/g.mat").write_bytes(b"MATLAB 5.0 MAT-file, and no more")
    result = run_script("convert_pascal_voc.py", *voc_and_sbd, "--output-dir", out)
    assert result.returncode == 1
    assert f"{data}/dataset/cls/f.mat: missing" in result.stderr
    assert f"{data}/VOC2012/JPEGImages/e.jpg: missing" in result.stderr
    assert not out.exists()
    result = run_script("convert_pascal_voc.py", *voc_and_sbd, "--output-dir", out, "--skip-bad")
    assert result.returncode == 0, result.stderr
    assert "train: 3 images (published: 11127) in 3 files, 2 skipped" in result.stdout
    assert sorted(Manifest.read(out).splits["train"].skipped) == ["f", "g"]
    assert sorted(Manifest.read(out).splits["val"].skipped) == ["e"]


def camvid(root: Path) -> Path:
    for split, count in (("train", 3), ("val", 2)):
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir(parents=True)
        for number in range(count):
            name = f"{split}{number}.png"
            Image.new("RGB", (12, 9), (number, 2, 3)).save(root / split / name)
            Image.fromarray(np.full((9, 12), number, np.uint8)).save(root / f"{split}annot" / name)
    return root


def test_registered_data_set(run_script: Run, tmp_path: Path) -> None:
    root, out = camvid(tmp_path / "camvid"), tmp_path / "out"
    options = ["--root", root, "--output-dir", out]
    result = run_script("convert_dataset.py", "camvid", *options)
    assert result.returncode == 1
    assert "test" in result.stderr, "CamVid's third split is not there"
    assert "--splits chooses what to convert" in result.stderr
    options += ["--splits", "train", "val", "--mask-encoding", "zero_is_void"]
    result = run_script("convert_dataset.py", "camvid", *options)
    assert result.returncode == 0, result.stderr
    assert "train: 3 images (published: 367) in 3 files" in result.stdout
    # Stored 0, 1, 2 with 0 for void become void (11 in CamVid), 0, 1.
    assert labels_by_id(out, "train") == {"train0": 11, "train1": 0, "train2": 1}
    assert Manifest.read(out).splits["train"].all_void == ("train0",)


def wait_for_records(out: Path) -> Path:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in out.parent.glob(f".{out.name}.partial-*/*"):
            if path.stat().st_size:
                return path.parent
        time.sleep(0.01)
    raise AssertionError("no records were written")


@pytest.fixture
def long_conversion(
    tmp_path: Path, repository: Path, environment: dict[str, str]
) -> Callable[..., subprocess.Popen[str]]:
    """Starts a conversion that takes some seconds, in a process group of its own."""
    ids = [f"i{number}" for number in range(1500)]
    lists = {name: (*ids, *some) if "VOC" not in name else some for name, some in LISTS.items()}
    lists["dataset/val.txt"] = LISTS["dataset/val.txt"]
    roots = write_voc_and_sbd(tmp_path / "data", lists, (500, 375))

    def start(*options: Any) -> subprocess.Popen[str]:
        script = str(repository / "scripts" / "convert_pascal_voc.py")
        return subprocess.Popen(
            [sys.executable, script, *map(str, [*roots, *options, "--workers", 2])],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )

    return start


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_conversion_leaves_nothing(
    long_conversion: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    number: signal.Signals,
    code: int,
) -> None:  # fault 31
    out = tmp_path / "work" / "out"
    with long_conversion("--output-dir", out) as process:
        wait_for_records(out)
        # As a terminal does it: Ctrl-C goes to the workers, too.
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        _, messages = process.communicate(timeout=60)
    assert process.returncode == code, messages
    assert list(out.parent.iterdir()) == []
    assert "Traceback" not in messages


def test_killed_conversion_is_never_taken_for_a_finished_one(
    long_conversion: Callable[..., subprocess.Popen[str]], tmp_path: Path, run_script: Run
) -> None:  # faults 27, 31
    out = tmp_path / "work" / "out"
    first = write_voc_and_sbd(tmp_path / "small", LISTS, (40, 30))
    assert run_script("convert_pascal_voc.py", *first, "--output-dir", out).returncode == 0
    with long_conversion("--output-dir", out, "--overwrite") as process:
        partial = wait_for_records(out)
        process.kill()
    assert open_records(out).num_examples == 7, "the old output stays whole"
    assert partial.is_dir()
    with pytest.raises(DataError, match=r"not a finished conversion"):
        open_records(partial)
    assert (
        run_script("convert_pascal_voc.py", *first, "--output-dir", out, "--overwrite").returncode
        == 0
    )
    assert [path.name for path in out.parent.iterdir()] == ["out"]
