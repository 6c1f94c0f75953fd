"""A small HTTP server on localhost that can misbehave, for the tests of downloads."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class LocalServer(ThreadingHTTPServer):
    """Serves ``files`` by path; what it is asked for is kept in ``requests``."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.etag: str | None = '"version-1"'
        self.last_modified: str | None = None
        self.cuts: list[int] = []  # close the next connections after so many bytes of the body
        self.range_limit: int | None = None  # longest answer to a request for a range
        self.range_shift = 0  # answer another range than the one asked for
        self.missing_status = 404  # of files that are not there
        self.requests: list[tuple[str, dict[str, str]]] = []

    def handle_error(self, request, client_address):
        """A client that hangs up is what some tests are about."""

    def url(self, name: str = "") -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: LocalServer

    def log_message(self, *args):
        pass

    def do_GET(self):
        name = self.path.lstrip("/")
        self.server.requests.append((name, dict(self.headers)))
        if name not in self.server.files:
            return self.send_error(self.server.missing_status)
        content = self.server.files[name]
        start = self._wanted_start()
        if start is not None and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        body = content[start or 0 :]
        if start is not None:
            body = body[: self.server.range_limit]
        self._send_head(len(content), start, len(body))
        cut = self.server.cuts.pop(0) if self.server.cuts else len(body)
        self.wfile.write(body[:cut])
        self.close_connection = True
        return None

    def _wanted_start(self) -> int | None:
        match = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        etag = self.server.etag
        strong = etag is not None and not etag.startswith("W/")
        validator = etag if strong else self.server.last_modified
        if not match or not self.server.ranges or self.headers["If-Range"] != validator:
            return None
        return int(match[1]) + self.server.range_shift

    def _send_head(self, total: int, start: int | None, length: int) -> None:
        self.send_response(200 if start is None else 206)
        if start is not None:
            last = start + length - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{total}")
        self.send_header("Content-Length", str(length))
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        if self.server.last_modified:
            self.send_header("Last-Modified", self.server.last_modified)
        self.end_headers()


@contextmanager
def local_server() -> Iterator[LocalServer]:
    server = LocalServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
