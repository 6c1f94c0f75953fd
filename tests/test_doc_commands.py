"""Every command in the README and the documentation is one that its program would take."""

from __future__ import annotations

import argparse
import re
import shlex
import sys

import pytest
from doc_pages import REPOSITORY, blocks, commands

sys.path.insert(0, str(REPOSITORY / "docs" / "generate"))

from parsers import parser_of

from tf_image_segmentation.cli.main import ALIASES
from tf_image_segmentation.cli.splitting import check_split_options
from tf_image_segmentation.datasets import dataset_names
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.training.recipe import built_in_recipes, load_recipe

PASSED_ON = {"study": "train", "train_my_data": "convert_dataset"}
"""Commands that hand options which they do not know to another one."""
NAMES_A_DATASET = ("convert_dataset", "download_dataset", "inspect_dataset")


def words_of(command):
    """Returns program and arguments: without variables before them, and comments behind them."""
    words = shlex.split(command, comments=True)
    while words and (re.fullmatch(r"\w+=.*", words[0], re.DOTALL) or words[0] in ("srun", "exec")):
        del words[0]
    return words


def check_arguments(command, arguments):
    """Raises an AssertionError unless a parser takes the arguments; "..." stands for others."""
    parser = parser_of(command)
    if "..." in arguments:
        for action in parser._actions:
            action.required = False
    given = [word for word in arguments if word != "..."]
    try:
        values, unknown = argparse.ArgumentParser.parse_known_args(parser, given)
    except SystemExit as end:
        raise AssertionError(f"{command} does not take {given}") from end
    if unknown and command in PASSED_ON:
        check_arguments(PASSED_ON[command], [*unknown, "..."])
    else:
        assert not unknown, f"{command} does not know {unknown}"
        check_values(command, values)


def check_values(command, values):
    """Raises an error where names or options do not fit, as the command would."""
    if command == "convert_dataset":
        check_split_options(values)
    recipe = getattr(values, "recipe", None)
    if recipe and not recipe.endswith(".toml") and recipe != "auto":
        assert recipe in built_in_recipes()
        load_recipe(recipe, None, getattr(values, "set", None) or [])
    named = "name" if command in NAMES_A_DATASET else "dataset"
    dataset = getattr(values, named, None)
    if dataset not in (None, "auto") and not values.plugins:
        assert dataset in dataset_names()


def check(command):
    """Raises an AssertionError for a command that could not run."""
    program, *arguments = words_of(command)
    if program == "python" and arguments[0].startswith("scripts/"):
        name = arguments[0].removeprefix("scripts/").removesuffix(".py")
        assert (REPOSITORY / arguments[0]).is_file(), arguments[0]
        check_arguments(name, arguments[1:])
    elif program == "python":
        source = (REPOSITORY / arguments[0]).read_text()
        options = [word for word in arguments if word.startswith("--")]
        assert all(f'"{option}"' in source for option in options), options
    elif program == "tf-image-segmentation":
        name = arguments[0].replace("-", "_")
        check_arguments(ALIASES.get(name, name), arguments[1:])
    elif program == "make":
        assert f"\n{arguments[0]}:" in (REPOSITORY / "Makefile").read_text()
    elif program == "bash":
        assert (REPOSITORY / arguments[0]).is_file()
    else:
        assert program in ("pip", "tensorboard", "jupyter", "source", "tf-image-segmentation")


def test_commands_are_found():
    assert len(commands()) > 60


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.place)
def test_its_program_takes_the_command(command):
    check(command.text)


@pytest.mark.parametrize(
    "wrong",
    [
        "python scripts/no_script.py",
        "python scripts/predict.py photo.jpg --no-such-option",
        "python scripts/train.py --model fcn_8s --tfrecords",
        "python scripts/evaluate.py --checkpoint runs/x",
        "python benchmarks/evaluation.py --no-such-option",
        "python scripts/convert_dataset.py folder --root a --output-dir b --group x",
        "python scripts/convert_dataset.py no_dataset --root a --output-dir b",
        "python scripts/train_fcn8s.py --tfrecords a --recipe no_recipe",
        "python scripts/train_fcn8s.py --tfrecords a --recipe camvid --set stepps=1",
        "tf-image-segmentation no-command",
        "make nothing",
        "unheard of",
    ],
)
def test_a_wrong_command_is_found(wrong):
    with pytest.raises((AssertionError, ValueError, DataError)):
        check(wrong)


def test_extras_that_pages_name_are_there():
    declared = (REPOSITORY / "setup.py").read_text() + (REPOSITORY / "requirements.txt").read_text()
    for command in commands():
        for extra in re.findall(r"\.\[([\w,]+)\]", command.text):
            for name in extra.split(","):
                assert f"# extra: {name}\n" in declared or f'REQUIREMENTS["{name}"]' in declared


def test_blocks_without_a_test_say_why():
    for block in blocks():
        if block.marker.startswith("<!-- tested by"):
            test = re.search(r": (\S+) -->", block.marker)[1]
            assert (REPOSITORY / test).is_file(), f"{block.page}:{block.line}"
