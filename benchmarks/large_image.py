"""Predicts one large image in a process that may not have more memory than a limit.

The image is a JPEG of colored noise, the network FCN-8s at full size with random weights: neither
matters to memory and time. The process is `scripts/predict.py` itself, under a limit of its data
segment (RLIMIT_DATA, which counts all that it allocates), so that it fails where it needs more.

    python benchmarks/large_image.py
    python benchmarks/large_image.py --megapixels 20 --work-dir /tmp/large
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from tf_image_segmentation.cli import command_line

PREDICT = Path(__file__).parents[1] / "scripts" / "predict.py"


def make_image(path: Path, megapixels: float) -> tuple[int, int]:
    """Writes a JPEG of this size, four to three, and returns its height and width."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    tile = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    texture = Image.fromarray(tile).resize((1024, 1024), Image.Resampling.BICUBIC)
    image = Image.new("RGB", (width, height))
    for top in range(0, height, 1024):
        for left in range(0, width, 1024):
            image.paste(texture, (left, top))
    image.save(path, quality=90)
    return height, width


def make_checkpoint(path: Path, classes: int) -> None:
    """Writes FCN-8s at full size with random weights."""
    command_line.load_tensorflow()
    from tf_image_segmentation.models import Network, fcn_8s

    Network(fcn_8s, classes, compute_dtype="bfloat16").save(path)


def run_limited(command: list[str], limit: int) -> tuple[float, int]:
    """Runs a command that may allocate ``limit`` bytes.

    Returns:
        Seconds, and the peak resident memory in bytes.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        command, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"error: the prediction ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024


def main() -> None:
    """Parses the command line, makes the input, predicts and prints time and peak memory."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("--megapixels", type=float, default=100, help="size of the image")
    add("--classes", type=int, default=21, help="of the network")
    add("--limit", type=float, default=4, help="GiB that the process may allocate")
    add("--work-dir", type=Path, help="folder for input and output; None makes a temporary one")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as temporary:
        folder = args.work_dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        height, width = make_image(folder / "large.jpg", args.megapixels)
        # In a process of its own: what a process has used counts for those that it starts.
        maker = get_context("spawn").Process(
            target=make_checkpoint, args=(folder / "model", args.classes)
        )
        maker.start()
        maker.join()
        command = [sys.executable, str(PREDICT), str(folder / "large.jpg"), "--overwrite"]
        command += ["--checkpoint", str(folder / "model"), "--output-dir", str(folder / "out")]
        seconds, peak = run_limited(command, round(args.limit * 2**30))
        Image.MAX_IMAGE_PIXELS = None  # what follows opens what this program has made
        with Image.open(folder / "out" / "large_labels.png") as labels:
            assert labels.size == (width, height)
        print(f"{width} x {height}: {seconds:.0f} s, peak resident memory {peak / 2**30:.2f} GiB")


if __name__ == "__main__":
    command_line.run(main)
