"""The tables of models.toml fit the package."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tf_image_segmentation.datasets import dataset_names
from tf_image_segmentation.download.fetching import product_path
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import MODELS
from tf_image_segmentation.structs import convert
from tf_image_segmentation.zoo.published import (
    PublishedModel,
    downloaded,
    published_model,
    published_models,
)

PUBLISHED = published_models()
BACKBONES = dict.fromkeys(
    ("mobilenet_v2", "mobilenet_v2_tf"), "MobilenetV2"
)  # where the variables are not named as the file


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
    if entry.is_torch:
        # PyTorch puts the first digits of the SHA-256 into the name.
        assert entry.archive.name.endswith(f"-{entry.sha256}.pth")
        assert entry.checkpoint.endswith(".npz")
        return
    assert entry.archive.name.endswith((".tar.gz", ".tgz"))
    product = product_path(entry.archive, tmp_path)
    assert (tmp_path / entry.checkpoint).is_relative_to(product)
    assert entry.license and "%" in entry.accuracy
    if entry.product == ".":
        assert entry.required


def test_archives_do_not_share_a_place():
    places = [entry.checkpoint for entry in PUBLISHED.values()]
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
    digits = convert({**fields, "sha256": "0c6065bc"}, PublishedModel, "models.toml")
    assert digits.archive.checksum == "sha256:0c6065bc"
    for wrong in ("unknown", "0c6065b", "0" * 63):
        with pytest.raises(DataError, match=r"models\.toml: sha256"):
            convert({**fields, "sha256": wrong}, PublishedModel, "models.toml")
    with pytest.raises(DataError, match="licence"):
        convert({**fields, "licence": "MIT"}, PublishedModel, "models.toml")


def test_what_was_downloaded_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        DataError, match=r"data/vgg_16\.ckpt; python scripts/download_weights\.py vgg"
    ):
        downloaded("vgg_16")
    files = ("vgg_16.ckpt", "mobilenet_v2_1.0_224/mobilenet_v2_1.0_224.ckpt.index")
    for file in files:
        (tmp_path / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / file).write_text("")
    assert str(downloaded("vgg_16")) == "data/vgg_16.ckpt"
    assert str(downloaded("mobilenet_v2_tf")).endswith("mobilenet_v2_1.0_224.ckpt")
