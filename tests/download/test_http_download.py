"""Downloads against a server on localhost that cuts, ignores and refuses."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest
from local_server import local_server

from tf_image_segmentation.download.http_download import (
    ConnectionCutError,
    DownloadError,
    ResumingDownloader,
)

CONTENT = bytes(range(256)) * 4000  # 1 MB


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with local_server() as running:
        running.files["file.tar"] = CONTENT
        yield running


@pytest.fixture
def part(tmp_path):
    return tmp_path / "file.tar.part"


def download(server, part, attempts=1, name="file.tar"):
    """Downloads and returns the bytes that arrived."""
    downloader = ResumingDownloader(part, attempts=attempts, wait_seconds=0, progress=False)
    output = part.with_name("output")
    downloader(server.url(name), str(output))
    return output.read_bytes()


def cut(server, part, after=300_000):
    """Starts a download that the server cuts."""
    server.cuts = [after]
    with pytest.raises(ConnectionCutError, match=f"{after} bytes are kept in .*part"):
        download(server, part)


def test_whole_file_leaves_no_part(server, part):
    assert download(server, part) == CONTENT
    assert [path.name for path in part.parent.iterdir()] == ["output"]
    # Decompression on the way would change a .tgz.
    assert server.requests[0][1]["Accept-Encoding"] == "identity"


def test_cut_download_is_resumed_by_the_next_call(server, part):
    cut(server, part)
    assert part.read_bytes() == CONTENT[:300_000]
    assert download(server, part) == CONTENT
    headers = server.requests[-1][1]
    assert headers["Range"] == "bytes=300000-"
    assert headers["If-Range"] == '"version-1"'


def test_cuts_are_resumed_within_one_call(server, part):
    server.cuts = [100_000, 200_000]
    assert download(server, part, attempts=3) == CONTENT
    ranges = [headers.get("Range") for _, headers in server.requests]
    assert ranges == [None, "bytes=100000-", "bytes=300000-"]


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_last_modified_serves_where_the_etag_is_missing_or_weak(server, part, etag):
    server.etag, server.last_modified = etag, "Fri, 11 May 2012 10:00:00 GMT"
    cut(server, part)
    assert download(server, part) == CONTENT
    assert server.requests[-1][1]["If-Range"] == server.last_modified


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_validator_it_starts_anew(server, part, etag):
    server.etag = etag
    cut(server, part)
    assert download(server, part) == CONTENT
    assert "Range" not in server.requests[-1][1]


def test_server_without_ranges_restarts_cleanly(server, part):
    server.ranges = False
    cut(server, part)
    assert download(server, part) == CONTENT
    assert server.requests[-1][1]["Range"] == "bytes=300000-"


def test_file_that_changed_on_the_server_is_fetched_anew(server, part):
    cut(server, part)
    server.files["file.tar"], server.etag = CONTENT[::-1], '"version-2"'
    assert download(server, part) == CONTENT[::-1]


def test_complete_part_needs_no_more_bytes(server, part):
    cut(server, part)
    part.write_bytes(CONTENT)
    assert download(server, part) == CONTENT


def test_part_longer_than_the_file_is_thrown_away(server, part):
    cut(server, part)
    part.write_bytes(CONTENT + b"more")
    assert download(server, part, attempts=2) == CONTENT


def test_another_range_than_asked_for_is_not_appended(server, part):
    cut(server, part)
    server.range_shift = 7
    with pytest.raises(ConnectionCutError, match="another range than the one asked for"):
        download(server, part)
    assert not part.exists()


def test_wrong_length_is_an_error(server, part):
    cut(server, part)
    server.range_limit = 100_000
    with pytest.raises(ConnectionCutError, match="got 400000 of 1024000 bytes, kept in"):
        download(server, part)
    assert download(server, part, attempts=7) == CONTENT


@pytest.mark.parametrize("status", [404, 204, 999])
def test_only_success_is_success(server, part, status):
    server.missing_status = status
    with pytest.raises(DownloadError, match=f"the server answered {status} "):
        download(server, part, name="gone.tar", attempts=3)
    assert len(server.requests) == 1  # no use in asking again


def test_no_connection_is_named(part):
    with local_server() as closed:
        pass
    with pytest.raises(DownloadError, match="no connection"):
        download(closed, part, attempts=1000)  # one is made: there is nothing to resume


def test_too_little_room_on_the_disk_is_found_before_writing(server, part, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**6, 10**6 - 1000, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DownloadError, match="needs 1024000 more bytes, but the disk has 1000 free"):
        download(server, part)
    assert not part.exists()
