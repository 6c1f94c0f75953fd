"""One device or many: which strategy, who is the chief, and what workers tell each other.

A worker is one process. It drives one or more replicas, each on a device of its own. Without a
cluster there is one worker, and it is the chief.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tf_image_segmentation.errors import DataError

# Jobs that share a machine get different ports; below the range that systems give out themselves.
_FIRST_PORT, _PORTS = 12_000, 20_000


def _set_tf_config_from_slurm() -> None:
    """Writes the cluster of this Slurm step into TF_CONFIG, the form that TensorFlow prefers."""
    # Which GPUs a task sees is left to Slurm, and how many that are to TensorFlow: one "GPU" a task
    # is only what the resolver needs to lay the tasks out.
    resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=_FIRST_PORT + int(os.environ.get("SLURM_JOB_ID", 0)) % _PORTS,
        gpus_per_node=int(os.environ["SLURM_STEP_NUM_TASKS"]),
        gpus_per_task=1,
        auto_set_gpu=False,
    )
    cluster = resolver.cluster_spec().as_dict()
    job, index = resolver.get_task_info()
    task = {"type": job, "index": index}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})


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
        workers = resolver.cluster_spec().as_dict()
        known = resolver.task_type in workers
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"TF_CONFIG: not readable ({error}): {os.environ['TF_CONFIG']}") from error
    if not known or resolver.task_id is None:
        raise DataError(
            'TF_CONFIG: needs "cluster" with a list of host:port for "worker", and "task" with the '
            f'"type" and "index" of this process, got {os.environ["TF_CONFIG"]}'
        )
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def _mirrored() -> tf.distribute.Strategy:
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return tf.distribute.MirroredStrategy(
        [device.name for device in tf.config.list_logical_devices(kind)]
    )


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
        # In a cluster, a "chief" comes before the workers, and without one worker 0 is the chief.
        tasks = [(job, i) for job in ("chief", "worker") for i in range(len(spec.get(job, [])))]
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

    def any(self, flag: bool) -> bool:
        """Returns whether ``flag`` is set on any worker."""
        return bool(self.sum(np.array(flag, np.int64)))


# What an operation over several workers raises when one of them is gone.
_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)


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
            f"another worker is gone ({error.message.splitlines()[0]}); its own output says why; "
            "start all workers again with --resume"
        ) from error
