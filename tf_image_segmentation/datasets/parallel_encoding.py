"""Encodes samples in worker processes, in order and with bounded memory.

Workers import this module and what it imports, so that there must be no TensorFlow in it.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from tf_image_segmentation.datasets.dataset import Sample
from tf_image_segmentation.datasets.encoding import EncodedSample
from tf_image_segmentation.errors import DataError

Encode = Callable[[Sample], EncodedSample]
_PENDING_PER_WORKER = 4


def encode_in_order(
    samples: Iterable[Sample], encode: Encode, workers: int
) -> Generator[EncodedSample | DataError, None, None]:
    """Yields ``encode(sample)``, or the `DataError` that it raised, for each sample in order.

    Close the generator to stop early: it waits for the workers to end.

    Args:
        samples: what to encode.
        encode: a picklable function.
        workers: number of processes; 1 works in this process.
    """
    if workers == 1:
        for sample in samples:
            yield _result_of(lambda sample=sample: encode(sample))  # type: ignore[misc]
        return
    # "spawn": a forked child of a process that has loaded TensorFlow may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)
    try:
        yield from (_result_of(future.result) for future in _window(pool, samples, encode, workers))
    except BrokenProcessPool as error:
        raise DataError(
            "a worker process died, most likely for want of memory; use fewer workers (--workers 1 "
            "works in this process). A script of your own must call this below "
            "`if __name__ == '__main__':`"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _window(
    pool: ProcessPoolExecutor, samples: Iterable[Sample], encode: Encode, workers: int
) -> Iterator[Future[EncodedSample]]:
    # At most this many results exist at once, however slowly they are written.
    remaining = iter(samples)
    # Ctrl-C goes to every process of the terminal. Workers inherit the blocked signal, so that only
    # this process acts on it; here it is delivered as soon as the workers have started.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        head = islice(remaining, _PENDING_PER_WORKER * workers)
        pending = deque(pool.submit(encode, sample) for sample in head)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    while pending:
        yield pending.popleft()
        pending.extend(pool.submit(encode, sample) for sample in islice(remaining, 1))


def _result_of(function: Callable[[], EncodedSample]) -> EncodedSample | DataError:
    try:
        return function()
    except DataError as error:
        return error


def _end_with_parent() -> None:
    """Ends this worker when its parent is killed; otherwise it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
