"""One device or many: which strategy, who is the chief, and what workers tell each other.

A worker is one process. It drives one or more replicas, each on a device of its own. Without a
cluster there is one worker, and it is the chief.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from tf_image_segmentation.errors import DataError

# Jobs that share a machine get ports of their own, for up to 20 tasks each, below the range that
# systems give out themselves.
_FIRST_PORT, _PORTS_OF_A_JOB, _JOBS = 12_000, 20, 1000


def _set_tf_config_from_slurm() -> None:
    """Writes the cluster of this Slurm step into TF_CONFIG, the form that TensorFlow prefers."""
    try:
        # Which GPUs a task sees is left to Slurm, and how many that are to TensorFlow: one "GPU" a
        # task is only what the resolver needs to lay the tasks out.
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            gpus_per_node=int(os.environ["SLURM_STEP_NUM_TASKS"]),
            gpus_per_task=1,
            auto_set_gpu=False,
        )
        rank = int(os.environ["SLURM_PROCID"])
    except (RuntimeError, ValueError, KeyError) as error:
        raise DataError(
            f"the variables of the Slurm step do not fit together ({error}); start the workers "
            "with srun, or set TF_CONFIG in each process"
        ) from error
    job = int(os.environ.get("SLURM_JOB_ID", 0)) % _JOBS
    first_port = _FIRST_PORT + job * _PORTS_OF_A_JOB
    # Slurm numbers tasks in the order of its list of nodes; the resolver's own cluster is in
    # alphabetical order, in which node10 comes before node9.
    tasks_of_nodes = resolver._task_configuration
    workers = [
        f"{node}:{first_port + task}"
        for node, tasks in tasks_of_nodes.items()
        for task in range(tasks)
    ]
    task = {"type": "worker", "index": rank}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})


def _multi_worker() -> tf.distribute.Strategy:
    if not os.environ.get("TF_CONFIG"):
        if "SLURM_STEP_NUM_TASKS" not in os.environ:
            raise DataError(
                "--strategy multi_worker: neither TF_CONFIG nor a Slurm step says which workers "
                "there are; set TF_CONFIG in each process, or start them with srun"
            )
        _set_tf_config_from_slurm()
    try:
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        cluster = resolver.cluster_spec().as_dict()
        number = _tasks(cluster).index((resolver.task_type, resolver.task_id))
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(
            'TF_CONFIG: needs "cluster" with a list of host:port for "worker", and "task" with the '
            f'"type" and "index" of this process, got {os.environ["TF_CONFIG"]}'
        ) from error
    print(f"worker {number}: waiting for all of {cluster}", flush=True)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except tf.errors.OpError as error:
        raise DataError(
            f"worker {number}: the workers did not find each other ({_first_line(error)}); see "
            f"that all of {cluster} are started and can be reached"
        ) from error


@functools.cache
def _mirrored() -> tf.distribute.Strategy:
    # One for the process: a second on the same devices would use the keys of the first for its
    # sums over replicas, which fails where their shapes differ, as in batch normalization.
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return tf.distribute.MirroredStrategy(
        [device.name for device in tf.config.list_logical_devices(kind)]
    )


def _tasks(cluster: dict[str, list[str]]) -> list[tuple[str, int]]:
    # A "chief" comes before the workers; without one, worker 0 is the chief.
    return [(job, i) for job in ("chief", "worker") for i in range(len(cluster.get(job, [])))]


def _first_line(error: tf.errors.OpError) -> str:
    return (error.message or type(error).__name__).split("\n")[0]


def make_strategy(name: str) -> tf.distribute.Strategy:
    """Returns the strategy for one of `config.STRATEGIES`; call it before anything else.

    Args:
        name: "default" for one device; "mirrored" for all GPUs of this machine (without a GPU, all
            its logical CPUs); "multi_worker" for several processes, which TF_CONFIG or else the
            variables of a Slurm step describe.

    Raises:
        DataError: there is no description of the workers, or it is not usable.
        ValueError: the name is unknown.
    """
    if name == "default":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        return _mirrored()
    if name == "multi_worker":
        return _multi_worker()
    raise ValueError(f"unknown strategy {name!r}")


class Workers:
    """The processes that train together; the methods with sums must be called by all of them.

    Attributes:
        strategy: the ``tf.distribute`` strategy.
        index: number of this worker.
        count: number of workers.
        is_chief: whether this worker writes what all of them have computed.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self.strategy = strategy
        resolver = strategy.cluster_resolver
        spec = resolver.cluster_spec().as_dict() if resolver is not None else {}
        tasks = _tasks(spec)
        self.count = max(1, len(tasks))
        self.index = tasks.index((resolver.task_type, resolver.task_id)) if tasks else 0
        self.is_chief = self.index == 0

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Returns the sum of every worker's ``values`` (same shape and dtype), on all of them."""
        if self.count == 1:
            return values
        local = self.strategy.num_replicas_in_sync // self.count

        def share(context: tf.distribute.ValueContext) -> tf.Tensor:
            # One replica speaks for its worker.
            speaks = context.replica_id_in_sync_group % local == 0
            return tf.constant(values if speaks else np.zeros_like(values))

        shares = self.strategy.experimental_distribute_values_from_function(share)
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, shares, axis=None).numpy()

    def from_chief(self, number: int) -> int:
        """Returns the chief's ``number``."""
        return int(self.sum(np.array(number if self.is_chief else 0, np.int64)))

    def agree(self, text: str) -> bool:
        """Returns whether all workers pass the same text."""
        digest = int(hashlib.sha256(text.encode()).hexdigest()[:15], 16)
        return not self.any(digest != self.from_chief(digest))

    def wait_for_all(self) -> None:
        """Returns when every worker has called it."""
        self.any(False)

    def any(self, flag: bool) -> bool:
        """Returns whether ``flag`` is set on any worker."""
        return self.any_of([flag])[0]

    def any_of(self, flags: Sequence[bool]) -> list[bool]:
        """Returns for each flag whether it is set on any worker."""
        return [bool(count) for count in self.sum(np.array(flags, np.int64))]


# What an operation over several workers raises when one of them is gone.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


@contextlib.contextmanager
def naming_lost_workers(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turns what TensorFlow raises when another worker is gone into an error that says so.

    Raises:
        DataError: the connection to another worker is lost.
    """
    try:
        yield
    except _LOST as error:
        if Workers(strategy).count == 1:
            raise
        raise DataError(
            f"another worker is gone ({_first_line(error)}); its own output says why; start all "
            "workers again with --resume"
        ) from error
