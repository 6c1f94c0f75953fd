"""Maps a function over items in worker processes, in order and with bounded memory.

Workers import the module of the function and what that imports: where there is no TensorFlow in it,
they start at once and stay small.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import TypeVar

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.plugins import loaded_plugins, make_importable

Item = TypeVar("Item")
Result = TypeVar("Result")

_PENDING_PER_WORKER = 4


def map_in_order(
    items: Iterable[Item], function: Callable[[Item], Result], workers: int
) -> Generator[Result | DataError, None, None]:
    """Yields ``function(item)``, or the `DataError` that it raised, for each item in order.

    Close the generator to stop early: it waits for the workers to end.

    Args:
        items: taken one by one, in this process, a few ahead of what was yielded.
        function: picklable, and so is what it takes and returns.
        workers: number of processes; 1 works in this process.

    Raises:
        DataError: a worker process died.
    """
    if workers == 1:
        for item in items:
            yield _result_of(lambda item=item: function(item))  # type: ignore[misc]
        return
    # "spawn": a forked child of a process that has loaded TensorFlow may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start, initargs=(loaded_plugins(),)
    )
    try:
        yield from (_result_of(future.result) for future in _window(pool, items, function, workers))
    except BrokenProcessPool as error:
        raise DataError(
            "a worker process died, most likely for want of memory; use fewer workers (--workers 1 "
            "works in this process). A script of your own must call this below "
            "`if __name__ == '__main__':`"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _window(
    pool: ProcessPoolExecutor,
    items: Iterable[Item],
    function: Callable[[Item], Result],
    workers: int,
) -> Iterator[Future[Result]]:
    # At most this many results exist at once, however slowly they are used.
    remaining = iter(items)
    head = islice(remaining, _PENDING_PER_WORKER * workers)
    pending = deque(_submit(pool, function, item) for item in head)
    while pending:
        yield pending.popleft()
        pending.extend(_submit(pool, function, item) for item in islice(remaining, 1))


def _submit(
    pool: ProcessPoolExecutor, function: Callable[[Item], Result], item: Item
) -> Future[Result]:
    # Ctrl-C goes to every process of the terminal. A worker that this starts inherits the blocked
    # signal, so that only this process acts on it; here it is delivered right after.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(function, item)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _result_of(function: Callable[[], Result]) -> Result | DataError:
    try:
        return function()
    except DataError as error:
        return error


def _start(plugins: Mapping[str, Path]) -> None:
    make_importable(plugins)
    _end_with_parent()


def _end_with_parent() -> None:
    """Ends this worker when its parent is killed; otherwise it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
