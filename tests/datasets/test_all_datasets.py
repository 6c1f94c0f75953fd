"""What every registered dataset keeps to, whoever adds it."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pytest

from tf_image_segmentation.datasets import DatasetInfo, dataset_names, get_dataset
from tf_image_segmentation.datasets.decode.mask_encodings import MASK_ENCODINGS
from tf_image_segmentation.datasets.lists import missing_files
from tf_image_segmentation.errors import DataError

ALL = dataset_names()
# The classes of the others are those of the folder that they are given.
FIXED = [name for name in ALL if get_dataset(name).fixed_info is not None]
OPEN = [name for name in ALL if name not in FIXED]
ARCHIVES = [(name, archive) for name in ALL for archive in get_dataset(name).source.archives]
EMBEDDED = "shapes"  # drawn by the package, so that nobody else is to be cited
# Classes whose published colors are also another's: ADE20K's road and skyscraper.
SHARED_COLORS = {"ade20k": 1}
CHECKSUM = re.compile(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}")


@pytest.mark.parametrize("name", ALL)
def test_name_can_be_typed(name):
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert get_dataset(name).name == name


@pytest.mark.parametrize("name", FIXED)
def test_classes(name):
    info = get_dataset(name).info
    assert info.name == name
    assert 2 <= info.num_classes <= 256
    assert len(set(info.class_names)) == info.num_classes
    for class_name in info.class_names:
        assert class_name == class_name.lower().strip() and class_name


@pytest.mark.parametrize("name", FIXED)
def test_palette_tells_the_classes_apart(name):
    info = get_dataset(name).info
    assert len(set(info.palette)) == info.num_classes - SHARED_COLORS.get(name, 0)
    assert name not in SHARED_COLORS or info.mask_encoding != "rgb"
    for color in info.palette:
        assert len(color) == 3 and all(type(c) is int and 0 <= c <= 255 for c in color)


@pytest.mark.parametrize("name", FIXED)
def test_ignore_label_is_no_class(name):
    info = get_dataset(name).info
    assert info.ignore_label is None or info.num_classes <= info.ignore_label <= 255


@pytest.mark.parametrize("name", FIXED)
def test_splits(name):
    info = get_dataset(name).info
    assert "train" in info.splits and len(info.splits) > 1
    assert all(type(size) is int and size > 0 for size in info.splits.values())


@pytest.mark.parametrize("name", FIXED)
def test_masks_reach_every_class(name):
    info = get_dataset(name).info
    assert info.mask_encoding in MASK_ENCODINGS
    assert bool(info.label_map) == (info.mask_encoding == "label_map")
    if info.label_map:
        assert set(info.label_map.values()) - {info.ignore_label} == set(range(info.num_classes))
    if info.mask_encoding in ("binary_255", "threshold_128"):
        assert info.num_classes == 2


@pytest.mark.parametrize("name", FIXED)
def test_description_survives_a_manifest(name):
    info = get_dataset(name).info
    assert DatasetInfo.from_json(info.to_json()) == info


@pytest.mark.parametrize("name", [name for name in FIXED if name != EMBEDDED])
def test_source_says_who_made_it_and_how_to_get_it(name):
    source = get_dataset(name).source
    home = urlsplit(source.home_page)
    assert home.scheme in ("http", "https") and "." in home.netloc
    assert source.license and "\n" not in source.license and "|" not in source.license
    assert re.search(r"\b(19|20)\d\d\b", source.citation)
    assert len(source.layout.splitlines()) > 1
    assert source.archives or len(source.how_to_get) > 20


@pytest.mark.parametrize("name", [*OPEN, EMBEDDED])
def test_source_of_sets_that_nobody_published(name):
    source = get_dataset(name).source
    assert source.license and source.layout and source.how_to_get and not source.archives


@pytest.mark.parametrize(("name", "archive"), ARCHIVES, ids=[f"{n}-{a.name}" for n, a in ARCHIVES])
def test_archives_can_be_fetched(name, archive):
    url = urlsplit(archive.url)
    assert url.scheme in ("http", "https") and "." in url.netloc
    assert re.fullmatch(r"[\w.-]+", archive.name) and Path(archive.name).suffix
    assert archive.checksum is None or CHECKSUM.fullmatch(archive.checksum)
    for path in (archive.product, archive.folder, *archive.required):
        assert not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts
    if archive.unpack:
        # What tells whether it is there already.
        assert archive.product != "." or archive.required
    else:
        assert archive.product == "." and not archive.required


@pytest.mark.parametrize("name", ALL)
def test_archives_of_one_set_do_not_collide(name):
    names = [archive.name for archive in get_dataset(name).source.archives]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", FIXED)
def test_unknown_split_is_refused_with_the_choices(name, tmp_path):
    dataset = get_dataset(name)
    with pytest.raises(DataError) as caught:
        list(dataset.open(tmp_path).splits["no such split"])
    assert "unknown split 'no such split'" in str(caught.value)
    for split in dataset.info.splits:
        assert repr(split) in str(caught.value)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("below", ["", "no such folder"])
def test_an_empty_folder_is_never_an_empty_data_set(name, below, tmp_path):
    dataset = get_dataset(name)
    try:
        found = dict(dataset.open(tmp_path / below).splits)
    except DataError as error:
        assert str(tmp_path) in str(error)
        return
    for samples in found.values():
        assert samples and len(missing_files(samples)) == len(samples)
