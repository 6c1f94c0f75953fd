"""The pages on recipes name every part that a recipe may name, and the recipe shown is one."""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatchcase

import pytest

from tf_image_segmentation.evaluation.metrics import METRICS
from tf_image_segmentation.input.operations import AUGMENTATIONS
from tf_image_segmentation.models import MODELS
from tf_image_segmentation.training.losses import LOSSES
from tf_image_segmentation.training.optimizers import OPTIMIZERS
from tf_image_segmentation.training.recipe import load_recipe
from tf_image_segmentation.training.schedules import SCHEDULES


@pytest.fixture(scope="module")
def page(repository):
    """What to look up."""
    return (repository / "docs" / "reference" / "recipe.md").read_text()


@pytest.fixture(scope="module")
def how_to(repository):
    return (repository / "docs" / "how_to" / "train.md").read_text()


@pytest.mark.parametrize(
    "registry", [LOSSES, OPTIMIZERS, SCHEDULES, AUGMENTATIONS, METRICS], ids=lambda r: r.kind
)
def test_every_built_in_part_is_listed(page, registry):
    names = [n for n in registry if registry.module_of(n).startswith("tf_image_segmentation.")]
    assert names
    assert [name for name in names if f"`{name}`" not in page] == []


def test_the_recipe_is_one(how_to, tmp_path):
    (tmp_path / "recipe.toml").write_text(re.search(r"```toml\n(.*?)```", how_to, re.S)[1])
    recipe = load_recipe(tmp_path / "recipe.toml", model="fcn_8s")
    assert (recipe.steps, recipe.model_options) == (8000, {"fc_channels": 1024})
    changes = shlex.split(re.search(r"```\n(--set .*?)```", how_to, re.S)[1])[1::2]
    changed = load_recipe(tmp_path / "recipe.toml", "fcn_8s", changes)
    assert changed.optimizer.arguments == {"beta_1": 0.8}
    assert changed.model_options == {"fc_channels": 512}


def test_every_model_is_listed_with_its_options(page):
    patterns = re.findall(r"`([a-z0-9_*]+)`", page)
    for name in MODELS:
        if MODELS.module_of(name).startswith("tf_image_segmentation."):
            assert any(fnmatchcase(name, pattern) for pattern in patterns)
