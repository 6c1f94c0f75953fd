"""Shows where the time of a training step goes, by operation.

    python benchmarks/training_profile.py --dtype bfloat16 --batch-size 4

Operations run side by side, two at a time on two cores, so that their sum is more than the step
takes by the clock, and what one of them takes depends on its neighbor.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from training_step_problem import Problem

from tf_image_segmentation.cli import command_line


def operations(action: Callable[[], object]) -> Iterator[tuple[str, str, float]]:
    """Yields name, type and milliseconds of each operation that ``action`` runs."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            action()
        space = xplane_pb2.XSpace()
        (trace,) = Path(folder).rglob("*.xplane.pb")
        space.ParseFromString(trace.read_bytes())
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name, _, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                # Operations are "name:type"; what Python and the executor do is not.
                if name and " " not in kind and not name.endswith(":"):
                    yield name, kind, event.duration_ps / 1e9


def main() -> None:
    """Parses the command line, profiles one step and prints both lists."""
    parser = command_line.parser(__doc__)
    add = parser.add_argument
    add("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the convolutions")
    add("--batch-size", type=int, default=1, help="images a step")
    add("--size", type=int, default=384, help="side of the images")
    add("--top", type=int, default=15, help="rows of each list")
    args = parser.parse_args()
    command_line.load_tensorflow()
    from training_step_ours import make_step

    step = make_step(Problem(args.batch_size, args.size), args.dtype)
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    print(f"a step takes {statistics.median(seconds[2:]):.2f} s")
    found = list(operations(step))
    by_type: dict[str, float] = defaultdict(float)
    for _, kind, milliseconds in found:
        by_type[kind] += milliseconds
    print("\n      ms  by type")
    for kind, milliseconds in sorted(by_type.items(), key=lambda row: -row[1])[: args.top]:
        print(f"{milliseconds:8.1f}  {kind}")
    print("\n      ms  single operations")
    for name, kind, milliseconds in sorted(found, key=lambda row: -row[2])[: args.top]:
        print(f"{milliseconds:8.1f}  {kind}  {name}")


if __name__ == "__main__":
    command_line.run(main)
