"""Kills conversions at random moments and looks at what is left; run by test_sigkill.

TensorFlow is imported once, and each conversion runs in a fork that was made before TensorFlow has
started any threads. It is not imported at the top, because workers import this module. Prints what
was found at ``out`` after each kill.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tiny_records import jpeg_bytes

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.datasets.sample import Sample

INFO = DatasetInfo("tiny", ("background", "cat"), ((0, 0, 0), (255, 0, 0)))
NUM_SAMPLES = 60


def make_samples(folder: Path) -> list[Sample]:
    folder.mkdir()
    samples = []
    for number in range(NUM_SAMPLES):
        sample = Sample(f"s{number}", folder / f"{number}.jpg", folder / f"{number}.png")
        sample.image.write_bytes(jpeg_bytes(120, 160, seed=number))
        Image.fromarray(np.full((120, 160), number % 2, np.uint8)).save(sample.mask)
        samples.append(sample)
    return samples


def start(samples: list[Sample], out: Path, workers: int, seed: int) -> int:
    """Starts a conversion in a process group of its own, and returns its id."""
    process = os.fork()
    if process:
        return process
    from tf_image_segmentation.tfrecords import convert

    code = 1
    try:
        os.setpgid(0, 0)
        options = {"workers": workers, "shuffle_seed": seed, "num_shards": 3}
        convert(INFO, {"train": samples}, out, overwrite=True, progress=False, **options)
        code = 0
    finally:
        os._exit(code)


def run(samples: list[Sample], out: Path, workers: int, seed: int) -> float:
    """Converts undisturbed and returns the seconds that it took."""
    began = time.monotonic()
    _, status = os.waitpid(start(samples, out, workers, seed), 0)
    assert status == 0, status
    return time.monotonic() - began


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def try_once(samples: list[Sample], work: Path, old: Path | None, workers: int, wait: float) -> str:
    """Kills one conversion after ``wait`` seconds; returns what was at its output then."""
    out = work / "out"
    if old is not None:
        shutil.copytree(old, out)
    process = start(samples, out, workers, seed=0)
    time.sleep(wait)
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:  # has not come so far as to make its group
        os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    left = "partial " if any(path.name != "out" for path in work.iterdir()) else ""
    if not out.exists() and old is None:
        return left + "nothing"
    found = contents(out)
    if old is not None and found == contents(old):
        return left + "old"
    assert found == contents(work.with_name("new")), "neither the older output nor the new one"
    return left + "new"


def main(folder: Path, tries: int) -> None:
    import tf_image_segmentation.tfrecords  # noqa: F401  # once, for all forks

    samples = make_samples(folder / "data")
    moments = random.Random(0)
    run(samples, folder / "old", 1, seed=1)
    seconds = {workers: run(samples, folder / "new", workers, seed=0) for workers in (2, 1)}
    new = contents(folder / "new")
    assert new != contents(folder / "old")
    number = 0
    # A kill that came too late, on a machine that had become faster, is not one of the tries.
    while number < tries:
        workers = 2 if number % 8 == 7 else 1
        old = None if number % 3 == 2 else folder / "old"
        work = folder / "work"
        work.mkdir()
        wait = moments.random() * seconds[workers]
        left = try_once(samples, work, old, workers, wait)
        number += left != "new"
        print(left, flush=True)
        seconds[workers] = run(samples, work / "out", workers, seed=0)
        assert contents(work / "out") == new, "a rerun gives other bytes"
        assert [path.name for path in work.iterdir()] == ["out"], "stray files"
        shutil.rmtree(work)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
