"""The Python, TOML and JSON on the pages of the documentation works as it is shown.

The snippets of a page run in their order, with small data under the names that they use. Those of
the README are run by test_readme.py, those that define parts by test_own_parts.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import tomlkit
from doc_pages import Block, blocks
from PIL import Image
from small_records import example
from thin_networks import thin_network

from tf_image_segmentation.datasets import DatasetInfo, Sample
from tf_image_segmentation.export import export_onnx, export_saved_model
from tf_image_segmentation.tfrecords import convert
from tf_image_segmentation.training import Callback
from tf_image_segmentation.training.recipe import check_keys, load_recipe
from tf_image_segmentation.zoo.shipped import shipped_models

CLASSES = {
    "rooms": ("wall", "window", "door"),
    "camvid": (
        *("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car"),
        *("pedestrian", "bicyclist"),
    ),
}
PARTS = [path.read_text() for path in (Path(__file__).parent / "plugins").glob("my_*.py")]
ON_PAGES = [block for block in blocks() if not block.page.startswith("README")]
RUN = [
    block
    for block in ON_PAGES
    if block.language == "python" and not block.marker and block.text not in PARTS
]


def of_language(name: str) -> list[Block]:
    return [block for block in ON_PAGES if block.language == name]


def place_of(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    """A folder with small data under the names that the pages use."""
    folder = tmp_path_factory.mktemp("pages")
    image, mask = example(40, 50, 0)
    Image.fromarray(image).save(folder / "photo.jpg")
    for split in ("train", "val"):
        for kind, pixels, name in (("images", image, "a.jpg"), ("masks", mask, "a.png")):
            (folder / "rooms" / kind / split).mkdir(parents=True)
            path = folder / "rooms" / kind / split / f"{split}_{name}"
            Image.fromarray(pixels).save(path)
    for name, class_names in CLASSES.items():
        samples = {
            split: [Sample(split, *sorted((folder / "rooms").glob(f"*/{split}/*")))]
            for split in ("train", "val")
        }
        info = DatasetInfo(name, class_names, tuple((n, n, n) for n in range(len(class_names))))
        convert(info, samples, folder / "data" / name, num_shards=1, workers=1, progress=False)
    (class_map,) = [block for block in of_language("json") if "class_map" in block.page]
    (folder / "places.json").write_text(class_map.text)
    network = thin_network()
    for run in ("fcn_8s", "rooms"):
        network.save(folder / "runs" / run / "model" / "best" / "model")
    (folder / "exported").mkdir()
    export_saved_model(network, folder / "exported" / "saved_model")
    export_onnx(network, folder / "exported" / "model.onnx")
    return folder


def interpreter_module() -> SimpleNamespace:
    """Stands for ai_edge_litert, whose interpreter TensorFlow 2.21 has, too."""
    import tensorflow as tf

    return SimpleNamespace(Interpreter=tf.lite.Interpreter)


@pytest.mark.parametrize("page", sorted({block.page for block in RUN}))
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_snippets_of_a_page_run(page, workspace, monkeypatch):
    if page.endswith("model_zoo.md") and not shipped_models():
        pytest.skip("no model ships with this version")
    monkeypatch.chdir(workspace)
    monkeypatch.setitem(sys.modules, "ai_edge_litert", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", interpreter_module())
    names = {"__name__": "__main__", "image": np.zeros((40, 50, 3), np.uint8)}
    for block in RUN:
        if block.page == page:
            exec(compile(block.text, place_of(block), "exec"), names)  # text of this repository


def stood_in() -> list[Block]:
    return [block for block in ON_PAGES if "tested with a stand-in" in block.marker]


@pytest.mark.parametrize("block", stood_in(), ids=place_of)
def test_callbacks_of_other_tools(block):
    tool, names = mock.MagicMock(), {}
    with mock.patch.dict(sys.modules, {"mlflow": tool, "wandb": tool}):
        exec(compile(block.text, place_of(block), "exec"), names)
    kinds = [kind for kind in names.values() if isinstance(kind, type) and kind is not Callback]
    (callback,) = [kind for kind in kinds if issubclass(kind, Callback)]
    told = [name for name in vars(callback) if name.startswith("on_")]
    assert told and set(told) <= set(vars(Callback))
    recipe = load_recipe("shapes", "fcn_8s")
    told = callback()
    told.on_start(SimpleNamespace(run_dir=Path("runs/a"), model="fcn_8s", recipe=recipe), 0)
    told.on_step(1, {"loss": 1.0})
    told.on_validation(1, SimpleNamespace(values={"val_loss": 1.0}))
    told.on_end(None)
    assert len(tool.mock_calls) >= 4


@pytest.mark.parametrize("block", of_language("toml"), ids=place_of)
def test_toml_is_a_part_of_a_recipe(block):
    check_keys(set(tomlkit.parse(block.text)) - {"stages", "models"}, block.page)


@pytest.mark.parametrize("block", of_language("json"), ids=place_of)
def test_json_is_valid(block):
    assert json.loads(block.text)
