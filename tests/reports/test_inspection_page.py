"""An inspection as a page."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from browser import BROWSER, DESK, PHONE, browse
from html_page import Page
from measured import INFO, blocks, smooth, write_samples
from PIL import Image

from tf_image_segmentation.datasets.source import Source
from tf_image_segmentation.inspection.inspection import inspect
from tf_image_segmentation.inspection.sample_source import SampleSource
from tf_image_segmentation.reports.inspection_page import write_inspection_page

HOSTILE = '<b>&"'
DATASET_SOURCE = Source(
    home_page="https://example.org/streets",
    license="CC BY 4.0",
    citation='Somebody, "Streets", 2020',
    layout="",
)
TRAIN = sum(map(ord, "train"))


def write_page(folder, samples, info=INFO, dataset_source=DATASET_SOURCE, **options):
    source = SampleSource(info, samples, options.pop("unlisted", None))
    inspection = inspect(source, **options)
    shown = source.examples(source.selection(4))
    path = folder / "page.html"
    write_inspection_page(path, inspection, source, shown, dataset_source, str(folder))
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    folder = tmp_path_factory.mktemp("right")
    return write_page(folder, write_samples(folder, INFO.splits))


@pytest.fixture(scope="module")
def wrong(tmp_path_factory):
    """Names that are hard to lay out, and much that is wrong."""
    folder = tmp_path_factory.mktemp("wrong")
    samples = write_samples(folder, {"train": 20, "val": 8})
    for number in range(7):
        samples["train"][number].image.unlink()
        copy = smooth(TRAIN + 8 + number) if number else smooth(TRAIN + 8)[1:, 1:]
        Image.fromarray(copy).save(samples["val"][number].image)
        Image.fromarray(blocks(number, copy.shape[:2])).save(samples["val"][number].mask)
    samples["train"][19] = replace(samples["train"][19], image_id="no_blanks_in_it" * 12)
    names = (HOSTILE, "w" * 70, "a class of several words " * 4)
    info = replace(INFO, name="d" * 60, class_names=names)
    source = replace(DATASET_SOURCE, home_page="https://example.org/" + "x" * 200)
    return write_page(folder, samples, info, source, unlisted={"test": HOSTILE})


def test_a_right_data_set_is_said_to_be_right(right):
    assert "Nothing is wrong." in right.text
    assert "No image of a split was found in another one." in right.text
    assert "streets: nothing wrong" in right.source


def test_splits_classes_sizes_and_colors(right):
    rows = [row for row in right.rows if row[0] == "train"]
    masks = [blocks(TRAIN + number) for number in range(4)]
    images = np.concatenate([smooth(TRAIN + number) for number in range(4)]).reshape(-1, 3)
    assert rows[0][1:] == ["right", "4", "4", "4", f"{4 * 48 * 64:,}"]
    assert rows[1][1:] == ["48 / 48 / 48", "64 / 64 / 64", "48 x 64: 4"]
    spread = zip(images.mean(axis=0), images.std(axis=0), strict=True)
    assert rows[2][1:] == [f"{mean:.2f} ± {deviation:.2f}" for mean, deviation in spread]
    assert right.row("taken off by the models") == ["123.68", "116.78", "103.94"]
    for label, name in {0: "road", 1: "[car]", 2: "tree", 255: "ignored"}.items():
        share = np.mean([mask == label for mask in masks])
        assert right.row(name)[:2] == [f"{share:.2%}", str(sum((m == label).any() for m in masks))]


def test_the_source_is_named(right, tmp_path):
    assert right.row("license") == ["CC BY 4.0"]
    assert right.row("citation") == [DATASET_SOURCE.citation]
    page = write_page(tmp_path, write_samples(tmp_path, INFO.splits), dataset_source=None)
    assert "license" not in page.text and "#source" not in page.source


def test_findings_come_first_and_all_of_them_are_there(wrong):
    text = wrong.text
    assert text.index("error unlisted: 1 split") < text.index("error missing: 7 samples")
    assert text.index("error near-duplicates: 1 image") < text.index("Classes Share of")
    assert text.count(": missing") == 7
    assert re.search(r"<title>d+: \d errors</title>", wrong.source)
    (row,) = (row for row in wrong.rows if row[:2] == ["train", "differs"])
    assert row[2:5] == ["20", "4", "13"]


def test_pairs_are_shown_side_by_side(wrong):
    titles = re.findall(r"<h3>(equal pixels|\d+ of 64 bits differ)</h3>", wrong.source)
    assert titles[:6] == ["equal pixels"] * 6 and len(titles) == 7
    assert "7 images are in two splits" in wrong.text
    captions = re.findall(r"<figcaption>(\w+: \w+)</figcaption>", wrong.source)
    assert captions[:2] == ["train: train9", "val: val1"]


def test_names_are_text_and_the_page_needs_nothing_else(right, wrong):
    assert "script" not in wrong.tags and "b" not in wrong.tags
    assert {name for _, name, _ in wrong.attributes} == {name for _, name, _ in right.attributes}
    assert f"test: {HOSTILE}" in wrong.text
    for page in (right, wrong):
        pictures = page.values("img", "src")
        assert len(pictures) >= 8
        assert all(re.match("data:image/jpeg;base64,", each) for each in pictures)
        ids = {value for _, name, value in page.attributes if name == "id"}
        assert {link[1:] for link in page.values("a", "href")} <= ids
        assert not {"script", "link", "iframe", "object", "base", "form"} & set(page.tags)
        assert "url(" not in page.source and "@import" not in page.source
        assert "default-src 'none'; img-src data:" in page.values("meta", "content")[1]


def test_nothing_that_can_be_read(tmp_path):
    samples = write_samples(tmp_path, {"train": 1})
    samples["train"][0].image.unlink()
    page = write_page(tmp_path, samples)
    assert "error missing: 1 sample" in page.text
    assert page.row("road") == ["0.00%", "0"]


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_sticks_out_and_every_picture_is_there(wrong, width, tmp_path):
    found = browse(wrong.source.replace("<details>", "<details open>"), width, tmp_path)
    assert found["width"] == found["scrollWidth"] == width
    assert found["sticking_out"] == []
    assert len(found["decoded"]) == len(wrong.values("img", "src")) == 20
    assert found["decoded"] == found["sizes"]
    assert all(name.startswith("data:") for name in found["loaded"])
