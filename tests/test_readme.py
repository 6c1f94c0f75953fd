"""Every command and every piece of Python in the README, as typed, in a folder with small data.

So are the commands for classic files, which no other test types.

What makes them small is added at the end of a command line: a thin network and one step.
"""

from __future__ import annotations

import os
import re
import runpy
import shlex
import signal
import subprocess
import sys

import pytest
from PIL import Image
from small_records import example, write_classic_records

from tf_image_segmentation.datasets.toy.drawing import write_shapes
from tf_image_segmentation.models import Network, checkpoints, fcn_8s, fcn_32s
from tf_image_segmentation.training import load_recipe

README = "README.md"
CLASSIC = "docs/how_to/classic_checkpoints.md"
TRAIN = ["--recipe", "shapes", "--steps", "1"]
ADDED = {
    "train.py": [*TRAIN, "--batch-size", "1"],
    "train_fcn32s.py": TRAIN,
    "train_fcn16s.py": TRAIN,
    "train_fcn8s.py": TRAIN,
    "reproduce_camvid.py": ["--steps", "1"],
    "tune_crf.py": ["--trials", "3", "--images", "2", "--workers", "1"],
    "predict.py": ["--workers", "1"],
    # The data is not the one that it stands for.
    "inspect_dataset.py": ["--workers", "1", "--allow", "sizes"],
    "inspect_tfrecords.py": ["--allow", "sizes"],
}
# What these do is long, wants the network, or is what runs this test.
RUN_ELSEWHERE = {
    "pip install": None,
    "make demo": "scripts/test_demo.py",
    "make test": None,
    "scripts/train_my_data.py": "scripts/test_train_my_data.py",
    "tensorboard --logdir runs": "training/test_callbacks.py",
    "scripts/download_pascal_voc.py": "scripts/test_download.py",
}


def blocks(text, language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return [block for name, block in found if name == language]


@pytest.fixture(scope="module")
def readme(repository):
    return (repository / README).read_text()


def commands(text):
    lines = [line for block in blocks(text, "") for line in block.splitlines() if line]
    lines += re.findall(r"`(python scripts/[^`]+)`", text)
    return [line.split("    #")[0].strip() for line in lines]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, repository):
    """The folder that the README speaks of, with small data in it."""
    folder = tmp_path_factory.mktemp("readme")
    write_shapes(folder / "data", num_images=16, image_size=48)
    (folder / "scripts").symlink_to(repository / "scripts")
    options = load_recipe("shapes", "fcn_32s").model_options
    network = Network(fcn_32s, num_classes=21, **options)
    vgg = {name.split("/", 1)[1]: v for name, v in network.variables_by_name.items()}
    for path in (folder / "data" / "vgg_16.ckpt", folder / "vgg_16.ckpt"):
        checkpoints.write(path, vgg)
    old = Network(fcn_8s, num_classes=21, width_multiplier=0.05)
    checkpoints.write(folder / "model_fcn8s_final.ckpt", old.variables_by_name)
    pairs = [example(70, 64, seed) for seed in range(8)]  # a batch of the recipe
    for split in ("train", "val"):
        write_classic_records(folder / f"pascal_augmented_{split}.tfrecords", pairs)
    (folder / "holiday").mkdir()
    for name in ("photo.jpg", "holiday/beach.jpg"):
        Image.fromarray(example(60, 80, 7)[0]).save(folder / name)
    for number, split in enumerate(("train", "train", "val")):
        pair = zip(("images", "masks"), (".jpg", ".png"), example(40, 50, number), strict=True)
        for kind, suffix, pixels in pair:
            path = folder / "rooms" / kind / split / f"{number}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    (folder / "rooms" / "classes.csv").write_text("name,id\nwall,0\nwindow,1\ndoor,2\n")
    return folder


def run(command, workspace, monkeypatch):
    """Runs a script in this process, where TensorFlow is loaded already."""
    script, *arguments = shlex.split(command)[1:]
    monkeypatch.chdir(workspace)
    name = script.removeprefix("scripts/")
    monkeypatch.setattr(sys, "argv", [script, *arguments, *ADDED.get(name, [])])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str((workspace / script).resolve()), run_name="__main__")
    assert end.value.code in (None, 0), command


def test_commands_in_their_order(readme, repository, workspace, monkeypatch):
    handler = signal.getsignal(signal.SIGTERM)
    done = []
    for command in commands(readme + (repository / CLASSIC).read_text()):
        elsewhere = [key for key in RUN_ELSEWHERE if key in command]
        if elsewhere:
            continue
        if "pascal_augmented_train" in command:
            command += " --run-dir runs/classic"  # the default one is in use by now
        run(command, workspace, monkeypatch)
        done.append(command.split()[1])
    signal.signal(signal.SIGTERM, handler)
    assert len(done) >= 11
    # What the text says that they leave behind.
    for path in (
        "runs/fcn_8s/report.html",
        "data/pascal_voc_sbd.html",
        "data/pascal_voc_sbd.png",
        "predictions/photo_labels.png",
        "predictions/beach_overlay.jpg",
        "exported",
    ):
        assert (workspace / path).exists(), path


def test_what_runs_elsewhere_is_there(repository, readme):
    for command, test in RUN_ELSEWHERE.items():
        assert command in readme
        if test is not None:
            assert (repository / "tests" / test).is_file()
    makefile = (repository / "Makefile").read_text()
    for command in commands(readme):
        if command.startswith("make "):
            assert f"\n{command.split()[1]}:" in makefile


def test_python_as_typed(readme, workspace, monkeypatch, repository):
    (code,) = blocks(readme, "python")
    monkeypatch.chdir(workspace)
    # A program of its own: converting starts worker processes, which import the main program.
    program = workspace / "rooms.py"
    lines = code.replace("run_dir=", "steps=1, batch_size=1, run_dir=").splitlines()
    body = "".join(f"    {line}\n" for line in lines)
    program.write_text(f"if __name__ == '__main__':\n{body}    print(labels.shape)")
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    result = subprocess.run(
        [sys.executable, program], env=environment, check=True, capture_output=True, text=True
    )
    assert result.stdout.endswith("(60, 80)\n")


def test_links_lead_somewhere(readme, repository):
    links = re.findall(r"\]\(([^)]+)\)", readme)
    assert links
    assert not [link for link in links if not (repository / link).exists()]
