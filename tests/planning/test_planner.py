"""Plans of records on a machine, and what train.py makes of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_records import INFO, examples, write_records

from tf_image_segmentation.cli import plan as plan_command
from tf_image_segmentation.cli import train as train_command
from tf_image_segmentation.datasets import get_dataset
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.models import Network, fcn_8s, fcn_32s
from tf_image_segmentation.planning import machine_fingerprint, planner
from tf_image_segmentation.planning.fingerprint import MachineFingerprint
from tf_image_segmentation.planning.planner import plan_recipe, starting_point
from tf_image_segmentation.tfrecords import open_records
from tf_image_segmentation.training.recipe import load_recipe
from tf_image_segmentation.zoo import shipped

OPTIONS = {"width_multiplier": 0.05, "fc_channels": 16, "fc6_kernel": 1}
MODEL = "fcn_32s"
MACHINE = MachineFingerprint("CPU, 2 cores", False, 8 * 2**30, False, 1.2, 2**30, 10.0)


@pytest.fixture
def records(tmp_path):
    return write_records(tmp_path, {"train": examples(6), "val": examples(2)}, 2)


@pytest.fixture
def measured(monkeypatch, thin_zoo):
    """The thin model ships, and the machine is a known one."""
    monkeypatch.setattr(shipped, "FOLDER", thin_zoo)
    monkeypatch.setattr(planner, "measure_machine", lambda *_: MACHINE)


def run(monkeypatch, command, *arguments):
    monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
    return command()


def test_the_shipped_model_is_the_start_and_its_options_those_of_the_plan(measured):
    start = starting_point(MODEL, None)
    assert start.init == "voc_mobilenet_v2" and start.options["fc_channels"] == 16
    assert starting_point(MODEL, "none").init == ""
    assert starting_point("fcn_8s", None).init == ""  # the shipped model is another one
    with pytest.raises(DataError, match="unknown model 'fcn_9s'"):
        starting_point("fcn_9s", None)


def test_a_plan_trains_from_the_shipped_model(measured, monkeypatch, records, tmp_path, capsys):
    run_dir = tmp_path / "run"
    options = ["--model", MODEL, "--tfrecords", records, "--run-dir", run_dir, "--minutes", 1]
    options += ["--set", "steps=2", "--batch-size", 2]
    # The name of a model that ships is looked up where the run starts.
    options += ["--init-checkpoint", shipped.shipped_model("voc_mobilenet_v2").path]
    assert run(monkeypatch, train_command.main, *options) == 0
    shown = capsys.readouterr()
    assert f"{run_dir / 'recipe.toml'}: the plan of this run" in shown.out
    assert "left as initialized: fcn_32s/vgg_16/fc8/weights" in shown.out
    recipe = load_recipe(run_dir / "recipe.toml", MODEL)
    assert (recipe.steps, recipe.batch_size) == (2, 2)
    # A resumed run keeps its plan, whatever the machine is measured to be now.
    monkeypatch.setattr(planner, "measure_machine", lambda *_: 1 / 0)
    assert run(monkeypatch, train_command.main, *options, "--resume") == 0
    with pytest.raises(DataError, match="holds a run already"):
        run(monkeypatch, train_command.main, *options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--init-checkpoint", "missing"], "missing"),
        (["--init-checkpoint", "other"], "holds fcn_8s, not fcn_32s"),
        (["--init-checkpoint", "thinner.npz"], "thinner.npz does not fit fcn_32s"),
        (["--set", "models.fcn_32s.width=2"], "'fcn_32s' takes no option 'width'"),
        (["--set", "models.fcn_32s.width_multiplier=0.1"], "does not fit fcn_32s"),
        (["--set", "init=other"], "the recipe starts from other; another start is named"),
        (["--new-layers", "fc9"], "unknown new layers ..fc9"),
        (["--batch-size", "0"], "batch_size=0: .*>= 1"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_measured(
    measured, monkeypatch, records, tmp_path, options, message
):
    monkeypatch.setattr(planner, "measure_machine", lambda *_: 1 / 0)
    monkeypatch.setattr(planner, "fingerprint_of", lambda *_: 1 / 0)
    monkeypatch.chdir(tmp_path)
    Network(fcn_8s, 3, **OPTIONS).save("other")
    thinner = Network(fcn_32s, 3, **{**OPTIONS, "width_multiplier": 0.04}).variables_by_name
    np.savez("thinner.npz", **{name: variable.numpy() for name, variable in thinner.items()})
    given = ["--tfrecords", records, "--recipe", "auto", "--run-dir", "run"]
    for name, value in OPTIONS.items():
        given += ["--set", f"models.fcn_32s.{name}={value}"]
    with pytest.raises(DataError, match=f"(?s){message}"):
        run(monkeypatch, lambda: train_command.main(MODEL), *given, *options)
    assert not Path("run").exists()


def test_plan_writes_a_file_once(measured, monkeypatch, records, tmp_path, capsys):
    file = tmp_path / "new" / "mine.toml"
    options = ["--tfrecords", records, "--model", MODEL, "--output", file]
    run(monkeypatch, plan_command.main, *options, "--set", "crop_size=64")
    assert file.read_text() in capsys.readouterr().out
    recipe = load_recipe(file, MODEL)
    assert recipe.new_layers == ("vgg_16/fc8",)
    assert (recipe.init, recipe.crop_size) == ("voc_mobilenet_v2", (64, 64))
    assert "2 validation images" in file.read_text()
    with pytest.raises(DataError, match="is there already; replace it with --overwrite"):
        run(monkeypatch, plan_command.main, *options)


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf"])
def test_minutes_out_of_bounds(measured, records, minutes):
    with pytest.raises(DataError, match="--minutes must be above 0"):
        plan_recipe(open_records(records, "train"), MODEL, float(minutes))


def test_a_machine_is_measured():
    machine = machine_fingerprint.measure_machine(Network(fcn_32s, 3, **OPTIONS))
    assert machine.seconds_per_megapixel > 0 and machine.memory > 2**26
    assert machine.device and machine.bytes_per_megapixel >= 0
    assert machine_fingerprint.usual_dtype() in ("float32", "bfloat16")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak alone is known")
def test_memory_that_is_free_again_is_not_in_use():
    block = np.ones(2**26)
    del block
    peak, used = machine_fingerprint._peak_memory(None), machine_fingerprint._used_memory(None)
    assert peak - used > 2**28


def chosen(monkeypatch, *arguments, model="fcn_8s"):
    """The recipe that the command line means."""
    seen = []
    monkeypatch.setattr(
        train_command, "read_config", lambda args, _: seen.append(args.recipe) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        monkeypatch.setattr(sys, "argv", ["train", *map(str, arguments)])
        train_command.main(model)
    return seen[0]


def test_a_plan_is_the_default_for_records_of_no_registered_dataset(monkeypatch, records, tmp_path):
    assert chosen(monkeypatch, "--tfrecords", records) == "auto"
    assert chosen(monkeypatch, "--tfrecords", records, "--recipe", "camvid") == "camvid"
    voc = get_dataset("pascal_voc").info
    known = write_records(tmp_path / "voc", {"train": examples(2)}, 1, voc)
    assert chosen(monkeypatch, "--tfrecords", known) == "pascal_voc"
    assert chosen(monkeypatch, "--tfrecords", known, records) == "auto"
    renamed = replace(voc, class_names=(*voc.class_names[:-1], "screen"))
    other = write_records(tmp_path / "other", {"train": examples(2)}, 1, renamed)
    assert chosen(monkeypatch, "--tfrecords", other) == "auto"
    with pytest.raises(DataError, match="are of the registered dataset 'pascal_voc'; name a"):
        chosen(monkeypatch, "--tfrecords", known, "--model", "fcn_8s", model=None)


def test_minutes_need_a_plan(monkeypatch, records):
    with pytest.raises(DataError, match="--minutes goes with --recipe auto"):
        chosen(monkeypatch, "--tfrecords", records, "--recipe", "camvid", "--minutes", 3)


def test_workers_need_a_written_plan(monkeypatch, records, tmp_path):
    options = ["--tfrecords", records, "--run-dir", tmp_path / "run"]
    with pytest.raises(DataError, match=r"measures one machine; write a recipe with plan\.py"):
        run(
            monkeypatch,
            lambda: train_command.main("fcn_8s"),
            *options,
            "--strategy",
            "multi_worker",
        )


def test_info_of_the_tests_is_of_no_registered_dataset():
    assert INFO.name == "small"
