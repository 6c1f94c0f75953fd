"""The script that shows and checks a dataset before it is converted, run as a user runs it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from html_page import Page
from PIL import Image

from tf_image_segmentation.datasets.sets import camvid
from tf_image_segmentation.datasets.toy.drawing import write_shapes


@pytest.fixture
def inspect(run_script, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")

    def run(*arguments):
        return run_script("inspect_dataset.py", *arguments, "--workers", 1)

    return run


@pytest.fixture
def streets(tmp_path):
    """A folder in the layout of CamVid with four training and two validation images."""
    root, rng = tmp_path / "streets", np.random.default_rng(0)
    for split, count in {"train": 4, "val": 2}.items():
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir(parents=True)
        for number in range(count):
            coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3)).astype(np.uint8))
            image = coarse.resize((60, 40), Image.Resampling.BICUBIC)
            image.save(root / split / f"{split}{number}.png")
            mask = np.tile(np.arange(12, dtype=np.uint8), (40, 5))
            Image.fromarray(mask).save(root / f"{split}annot" / f"{split}{number}.png")
    return root


def rows(result):
    lines = [line for line in result.stdout.splitlines() if line.startswith("│")]
    return {cells[0]: cells[1:] for line in lines if (cells := cells_of(line))}


def cells_of(line):
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_a_part_of_a_set_with_its_figures(inspect, streets, tmp_path):
    page, sheet = tmp_path / "out" / "page.html", tmp_path / "sheet.png"
    options = ["--splits", "train", "val", "--allow", "sizes", "--report", page]
    result = inspect("camvid", "--root", streets, *options, "--contact-sheet", sheet)
    assert result.returncode == 0, result.stderr
    found = rows(result)
    for name in camvid.INFO.class_names:
        assert found[name] == ["8.33%", "4", "8.33%", "2"]
    assert found["ignored"] == ["8.33%", "4", "8.33%", "2"]
    assert "train: 4, published 367" in result.stdout and "error" not in result.stderr
    text = Page(page.read_text()).text
    assert "warning sizes: not as many as published" in text
    assert camvid.SOURCE.license in text
    assert np.asarray(Image.open(sheet)).std() > 10


def test_all_that_is_wrong_is_told_at_once(inspect, streets):
    (streets / "train" / "train0.png").unlink()
    (streets / "valannot" / "val1.png").write_bytes(b"<html>no such file</html>")
    image = (streets / "train" / "train2.png").read_bytes()
    (streets / "val" / "val0.png").write_bytes(image)
    result = inspect("camvid", "--root", streets)
    assert result.returncode == 1
    errors = re.findall(r"^error: ([\w-]+): ", result.stderr, re.MULTILINE)
    assert errors == ["unlisted", "missing", "broken", "sizes", "duplicates"]
    for words in (
        "has neither test.txt nor a folder test",
        "train/train0.png: missing",
        "valannot/val1.png: ",
        "train: 4, published 367",
        "val val0 = train train2",
    ):
        assert words in result.stderr
    assert found_pixels(rows(result)["road"]) == {"8.33%"}


def found_pixels(cells):
    return set(cells[::2])


def test_the_embedded_data_set_is_right(inspect, tmp_path):
    write_shapes(tmp_path / "shapes", num_images=16, image_size=48)
    options = ["--allow", "sizes", "--duplicate-distance", 4]
    result = inspect("shapes", "--root", tmp_path / "shapes", *options)
    assert result.returncode == 0, result.stderr
    assert rows(result)["train"] != rows(result)["val"]


def test_options_that_make_no_sense(inspect, streets, tmp_path):
    result = inspect("camvid", "--root", streets, "--num-images", 0)
    assert result.returncode == 1 and "--num-images must be at least 1" in result.stderr
    result = inspect("camvid", "--root", streets, "--report", tmp_path)
    assert result.returncode == 1 and "name another file with --report" in result.stderr
    result = inspect("camvids", "--root", streets)
    assert result.returncode == 1 and "unknown dataset 'camvids'" in result.stderr


def write_rooms(root, mask=255, names="ab", image=None):
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        pixels = np.full((40, 60, 3), number, np.uint8) if image is None else image
        Image.fromarray(pixels).save(root / f"images/{name}.png")
        Image.fromarray(np.kron(np.eye(2), np.full((20, 30), mask)).astype(np.uint8)).save(
            root / f"masks/{name}.png"
        )
    (root / "classes.csv").write_text("name\nwall\nwindow\ndoor\n")


def test_the_layout_is_found_and_the_command_printed(inspect, tmp_path):
    write_rooms(tmp_path / "rooms", mask=1)
    result = inspect("auto", "--root", tmp_path / "rooms", "--mask-encoding", "index")
    assert result.returncode == 0, result.stderr
    command = "python scripts/convert_dataset.py folder --root"
    assert "layout: folder, because it has the folders images and masks" in result.stdout
    assert f"command: {command} {tmp_path}/rooms --output-dir rooms_records" in result.stdout
    assert "--mask-encoding=index\n" in result.stdout


# fault 74
def test_a_single_class_beside_ignored_pixels_is_an_error(inspect, tmp_path):
    write_rooms(tmp_path)
    result = inspect("folder", "--root", tmp_path)
    assert result.returncode == 1
    assert "error: single-class: masks hold 'wall' alone, and beside it 2,400 ign" in result.stderr
    assert inspect("folder", "--root", tmp_path, "--allow", "single-class").returncode == 0
    write_rooms(tmp_path, mask=1)
    assert inspect("folder", "--root", tmp_path).returncode == 0


# fault 76
def test_sixteen_bits_are_told_once_with_a_range(inspect, tmp_path):
    values = np.linspace(1000, 5000, 2400).reshape(40, 60).astype(np.uint16)
    write_rooms(tmp_path, mask=1, names="abc", image=values)
    result = inspect("folder", "--root", tmp_path)
    assert result.returncode == 1
    assert result.stderr.count("is a 16-bit image") == 1
    assert "0 % 1000," in result.stderr and "100 % 5000;" in result.stderr
    low, high = re.search(r"--intensity-range ([\d.]+) ([\d.]+)", result.stderr).groups()
    assert 1000 <= float(low) < 1010 and 4990 < float(high) <= 5000
    assert inspect("folder", "--root", tmp_path, "--intensity-range", low, high).returncode == 0


# fault 77
def test_long_lists_end_after_20(inspect, tmp_path):
    write_rooms(tmp_path, mask=1, names="abcdefghijklmnopqrstuvwxyz")
    for path in (tmp_path / "masks").glob("[b-z].png"):
        path.unlink()
    result = inspect("folder", "--root", tmp_path)
    assert result.stderr.count(".png: missing") == 20
    named = re.search(r"and 5 more, see (\S+)", result.stderr)[1]
    assert Path(named).read_text().count(": missing") == 25
    Path(named).unlink()
