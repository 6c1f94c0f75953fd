"""Measures one contestant in a process of its own; input_pipeline.py starts it and reads its line.

The line is JSON: seconds by the clock, and seconds of all cores, those of worker processes too.
"""

from __future__ import annotations

import importlib
import itertools
import json
import multiprocessing
import os
import time
from functools import partial
from pathlib import Path

from input_pipeline_task import Task

from tf_image_segmentation.cli import command_line


def cpu_seconds() -> float:
    """Returns the CPU seconds of this process and its children, from Linux's /proc."""
    seconds = time.process_time()
    for child in multiprocessing.active_children():
        # The name, in brackets, may hold spaces; user and system time are the 12th and 13th after.
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


def main() -> None:
    """Warms up, measures, and prints the line."""
    parser = command_line.parser(__doc__)
    add = partial(parser.add_argument, required=True)
    add("--variant", choices=("ours", "classic", "torch"))
    add("--data", type=Path)
    for option in ("--batch-size", "--images", "--warmup", "--cores"):
        add(option, type=int)
    parser.add_argument("--colors", action="store_true")
    args = parser.parse_args()
    if args.variant != "torch":
        command_line.load_tensorflow()
    task = Task(args.data, args.batch_size, colors=args.colors, cores=args.cores)
    # What a contestant needs is imported here and not before.
    batches = importlib.import_module(f"input_pipeline_{args.variant}").make_batches(task)
    for _ in itertools.islice(batches, args.warmup // args.batch_size):
        pass
    start, cpu_start = time.perf_counter(), cpu_seconds()
    for _ in itertools.islice(batches, args.images // args.batch_size):
        pass
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu_start
    print(json.dumps([seconds, cpu]), flush=True)
    # Workers, queues and their threads have nothing to lose, and would take seconds to stop.
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(0)


if __name__ == "__main__":
    command_line.run(main)
