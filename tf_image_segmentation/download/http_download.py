"""Downloads over HTTP that continue where they stopped."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
import urllib3
from tqdm import tqdm

from tf_image_segmentation.atomic import place

TIMEOUT_SECONDS = (10, 60)  # to connect, between two reads
CHUNK_BYTES = 2**18


class DownloadError(Exception):
    """A download that failed; the message says why and does not repeat the address."""


class ConnectionCutError(DownloadError):
    """The connection ended before the file did; what arrived is kept."""


class ResumingDownloader:
    """A downloader for `pooch.retrieve` that collects into a ``.part`` file and resumes it.

    Beside ``x.part`` lies ``x.part.json`` with the validator (ETag or Last-Modified) of the
    version that is being collected. It is sent as If-Range (RFC 9110, section 13.1.5), so that a
    file which changed on the server is fetched anew instead of being glued to its older half. A
    server that sends no validator or ignores ranges is asked for the whole file again.
    """

    def __init__(
        self, part: Path, *, attempts: int = 5, wait_seconds: float = 2.0, progress: bool = True
    ) -> None:
        """Prepares a download.

        Args:
            part: where to collect; kept when the download fails.
            attempts: connections to try after cuts in one call.
            wait_seconds: pause before each further connection.
            progress: show a progress bar with rate and time left.
        """
        self._part = part
        self._validator_file = part.with_name(part.name + ".json")
        self._attempts = attempts
        self._wait_seconds = wait_seconds
        self._progress = progress

    def __call__(self, url: str, output_file: str, pooch: Any = None) -> None:
        """Downloads ``url`` to ``output_file``; the signature is what pooch calls.

        Raises:
            DownloadError: an HTTP error status, no connection, too little room on the disk, or a
                length that differs from the announced one.
        """
        for attempt in range(1, self._attempts + 1):
            try:
                self._connect(url)
                break
            except ConnectionCutError:
                if attempt == self._attempts:
                    raise
                time.sleep(self._wait_seconds)
        place(self._part, Path(output_file))
        self._validator_file.unlink(missing_ok=True)

    def _connect(self, url: str) -> None:
        """Makes one request and collects what it gives."""
        offset, headers = self._resume_point()
        # Never decompress on the way: checksum and length are those of the file as stored.
        headers["Accept-Encoding"] = "identity"
        try:
            with requests.get(
                url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS
            ) as response:
                self._collect(response, offset)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> DownloadError:
        """Only what had begun is worth another try: a wrong address stays wrong."""
        size = self._part.stat().st_size if self._part.exists() else 0
        if not size:
            return DownloadError(f"no connection ({error})")
        return ConnectionCutError(
            f"the connection broke; {size} bytes are kept in {self._part} ({error})"
        )

    def _resume_point(self) -> tuple[int, dict[str, str]]:
        """Returns how many bytes are there already, and the headers that ask for the rest."""
        if not self._part.exists() or not self._part.stat().st_size:
            return 0, {}
        validator = self._read_validator()
        if validator is None:
            return 0, {}
        offset = self._part.stat().st_size
        return offset, {"Range": f"bytes={offset}-", "If-Range": validator}

    def _read_validator(self) -> str | None:
        try:
            validator = json.loads(self._validator_file.read_text())
        except (OSError, ValueError):
            return None
        return validator if isinstance(validator, str) else None

    def _collect(self, response: requests.Response, offset: int) -> None:
        """Writes the body of ``response`` to the part file and checks its length."""
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            if _total_bytes(response) != offset:
                self._discard()
                raise ConnectionCutError("the part file did not fit the file on the server")
            return  # everything had arrived before the cut
        if response.status_code not in (requests.codes.ok, requests.codes.partial_content):
            raise DownloadError(f"the server answered {response.status_code} {response.reason}")
        start = _start(response)
        if start not in (0, offset):
            self._discard()
            raise ConnectionCutError("the server sent another range than the one asked for")
        total = _total_bytes(response)
        self._check_room(total, start)
        if not start:
            # Before the new validator is kept: it must never stand beside bytes of another version.
            self._part.write_bytes(b"")
        self._validator_file.write_text(json.dumps(_validator(response)))
        self._copy(response, start, total)
        size = self._part.stat().st_size
        if total is not None and size != total:
            raise ConnectionCutError(f"got {size} of {total} bytes, kept in {self._part}")

    def _discard(self) -> None:
        self._part.unlink(missing_ok=True)
        self._validator_file.unlink(missing_ok=True)

    def _check_room(self, total: int | None, start: int) -> None:
        free = shutil.disk_usage(self._part.parent).free
        # A restart writes over the part file, whose room is free again.
        reused = self._part.stat().st_size if not start and self._part.exists() else 0
        if total is not None and total - start > free + reused:
            raise DownloadError(
                f"the file needs {total - start} more bytes, but the disk has {free} free"
            )

    def _copy(self, response: requests.Response, start: int, total: int | None) -> None:
        """Appends the body of ``response`` to the part file."""
        bar = tqdm(
            desc=self._part.stem,
            total=total,
            initial=start,
            unit="B",
            unit_scale=True,
            disable=not self._progress,
        )
        with bar, self._part.open("ab") as file:
            for chunk in _chunks(response):
                file.write(chunk)
                bar.update(len(chunk))


def _chunks(response: requests.Response) -> Iterator[bytes]:
    return response.raw.stream(CHUNK_BYTES, decode_content=False)


def _start(response: requests.Response) -> int:
    """Returns the offset of the body in the file, -1 where a partial answer does not say it."""
    if response.status_code != requests.codes.partial_content:
        return 0
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else -1


def _total_bytes(response: requests.Response) -> int | None:
    """Returns the length of the whole file where the server tells it."""
    match = re.search(r"/(\d+)$", response.headers.get("Content-Range", ""))
    if match:
        return int(match[1])
    length = response.headers.get("Content-Length", "")
    return int(length) if response.status_code == 200 and length.isdigit() else None


def _validator(response: requests.Response) -> str | None:
    # A weak ETag does not promise equal bytes, so that If-Range may not carry one.
    etag = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    return response.headers.get("Last-Modified")
