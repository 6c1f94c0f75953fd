"""The tables of models.toml fit the package."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tf_image_segmentation.datasets import dataset_names
from tf_image_segmentation.download.fetching import product_path
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import MODELS
from tf_image_segmentation.structs import convert
from tf_image_segmentation.zoo.published import PublishedModel, published_model, published_models

PUBLISHED = published_models()
BACKBONES = {"mobilenet_v2": "MobilenetV2"}  # where the variables are not named as the file


@pytest.mark.parametrize("name", PUBLISHED)
def test_models_take_it(name):
    entry = PUBLISHED[name]
    assert entry.models
    for model in entry.models:
        if entry.use == "init":
            assert BACKBONES.get(name, name) in MODELS[model].starts_from
        else:
            assert MODELS[model].options_from_shapes is not None
            assert entry.dataset in dataset_names()


@pytest.mark.parametrize("name", PUBLISHED)
def test_it_can_be_fetched_and_found(name, tmp_path):
    entry = PUBLISHED[name]
    assert urlsplit(entry.url).scheme in ("http", "https") and urlsplit(entry.page).scheme
    assert entry.archive.name.endswith((".tar.gz", ".tgz"))
    product = product_path(entry.archive, tmp_path)
    assert (tmp_path / entry.checkpoint).is_relative_to(product)
    if entry.product == ".":
        assert entry.required
    assert entry.license and "%" in entry.accuracy


def test_archives_do_not_share_a_place():
    places = [(entry.folder, entry.product) for entry in PUBLISHED.values()]
    assert len(set(places)) == len(places)
    assert len({entry.url for entry in PUBLISHED.values()}) == len(PUBLISHED)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(DataError, match=r"no published model 'vgg'; choose from vgg_16, resnet"):
        published_model("vgg")


def test_a_checksum_is_compared_and_must_be_one():
    fields = {"models": ["fcn_8s"], "use": "init", "url": "http://x/a.tgz", "page": "http://x"}
    fields |= {"checkpoint": "a", "accuracy": "-", "license": "-"}
    entry = convert({**fields, "sha256": "0" * 64}, PublishedModel, "models.toml")
    assert entry.archive.checksum == "sha256:" + "0" * 64
    with pytest.raises(DataError, match=r"models\.toml: sha256"):
        convert({**fields, "sha256": "unknown"}, PublishedModel, "models.toml")
    with pytest.raises(DataError, match="licence"):
        convert({**fields, "licence": "MIT"}, PublishedModel, "models.toml")
