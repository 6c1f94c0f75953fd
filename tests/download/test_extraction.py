"""Archives that must not be unpacked, and those that may."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile

import pytest

from tf_image_segmentation.download.archive_members import opened_members
from tf_image_segmentation.download.extraction import ExtractionLimits, extract_archive
from tf_image_segmentation.errors import DataError


def write_tar(path, *members, mode="w:gz"):
    """Writes a tar of (name, content) pairs and TarInfo objects."""
    with tarfile.open(path, mode) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return path


def special(name, kind, linkname=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, linkname
    return info


def assert_refused(archive, match, **options):
    """The archive is refused with these words and its name, and nothing is written."""
    folder = archive.parent / "out"
    before = set(archive.parent.rglob("*"))
    with pytest.raises(DataError, match=match) as caught:
        extract_archive(archive, folder, **options)
    assert str(archive) in str(caught.value)
    assert set(archive.parent.rglob("*")) == before


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_tar(tmp_path, mode):
    members = [
        special("top", tarfile.DIRTYPE),
        ("./top/a b ü.txt", b"one"),
        ("top/deep/empty", b""),
        ("other/big", bytes(2**21)),
    ]
    extract_archive(write_tar(tmp_path / "x", *members, mode=mode), tmp_path / "out")
    assert (tmp_path / "out/top/a b ü.txt").read_bytes() == b"one"
    assert (tmp_path / "out/top/deep/empty").read_bytes() == b""
    assert (tmp_path / "out/other/big").stat().st_size == 2**21


def test_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", "")
        archive.writestr("folder/file", "two")
    extract_archive(tmp_path / "x.zip", tmp_path / "out")
    assert (tmp_path / "out/folder/file").read_text() == "two"


def test_only_a_part_is_unpacked(tmp_path):
    archive = write_tar(tmp_path / "x", ("a/b/one", b"1"), ("a/bc/two", b"2"), ("three", b"3"))
    extract_archive(archive, tmp_path / "out", only="a/b")
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert files == [tmp_path / "out/a/b/one"]


GOOD = ("good", b"comes first and must not be written")


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (("../evil", b"x"), r"'\.\./evil' has '\.\.' in its name"),
        (("a/../../evil", b"x"), r"has '\.\.' in its name"),
        (("..\\evil", b"x"), r"has '\.\.' in its name"),
        (("/tmp/evil", b"x"), "'/tmp/evil' has an absolute name"),
        (("C:\\evil", b"x"), "has an absolute name"),
        (special("l", tarfile.SYMTYPE, "../../etc/passwd"), "is a link to '../../etc/passwd'"),
        (special("l", tarfile.SYMTYPE, "/etc"), "is a link to '/etc'"),
        (special("l", tarfile.SYMTYPE, "good"), "is a link to 'good'"),
        (special("l", tarfile.LNKTYPE, "/etc/passwd"), "is a link to '/etc/passwd'"),
        (special("d", tarfile.CHRTYPE), "is a device"),
        (special("d", tarfile.BLKTYPE), "is a device"),
        (special("p", tarfile.FIFOTYPE), "is a device, a pipe"),
        (GOOD, "names 'good' twice"),
        (("good/inside", b"x"), "'good' is a file and yet the folder of 'good/inside'"),
    ],
)
def test_fault_30_tar_member_is_refused(tmp_path, member, words):
    assert_refused(write_tar(tmp_path / "x.tgz", GOOD, member), words)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:/evil"])
def test_fault_30_zip_name_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(*GOOD)
        archive.writestr(name, "x")
    assert_refused(tmp_path / "x.zip", "refused, because its member")


def test_fault_30_zip_link_is_refused(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(*GOOD)
        archive.writestr(info, "/etc/passwd")
    assert_refused(tmp_path / "x.zip", "'link' is a link")


# fault 30: tarfile takes each of these for the end of the archive
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_members_behind_a_damaged_header_are_not_dropped(tmp_path, mode):
    whole = write_tar(tmp_path / "whole", GOOD, ("b", b"2"), ("c", b"3"), mode="w").read_bytes()
    damaged = bytearray(whole)
    damaged[1024 + 150] ^= 1  # in the checksum of the second header
    zeroed = whole[:1024] + bytes(512) + whole[1536:]
    for data in (damaged, zeroed):
        packed = gzip.compress(data) if mode == "w:gz" else data
        (tmp_path / "x").write_bytes(packed)
        assert_refused(tmp_path / "x", "is a damaged archive .*a damaged header")
    for length in (1024, 2048):  # between two members
        packed = gzip.compress(whole[:length]) if mode == "w:gz" else whole[:length]
        (tmp_path / "x").write_bytes(packed)
        assert_refused(tmp_path / "x", "is a damaged archive .*it ends too early")


def test_fault_30_gzip_without_its_end_is_refused(tmp_path):
    archive = write_tar(tmp_path / "x", GOOD)
    archive.write_bytes(archive.read_bytes()[:-6])
    assert_refused(archive, "is a damaged archive")


def test_fault_30_archives_without_files_are_refused(tmp_path):
    assert_refused(write_tar(tmp_path / "x", special("top", tarfile.DIRTYPE)), "holds no files")
    with zipfile.ZipFile(tmp_path / "y", "w") as archive:
        archive.writestr("file", "x")
    data = bytearray((tmp_path / "y").read_bytes())
    data[-10:-6] = bytes(4)  # the length of the list of members
    (tmp_path / "y").write_bytes(data)
    assert_refused(tmp_path / "y", "lists 0 members and says that there are 1")


# fault 30
def test_zip_members_hidden_in_the_comment_of_another_are_not_dropped(tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        for name in "abc":
            archive.writestr(name, name)
    data = bytearray((tmp_path / "x").read_bytes())
    first = data.index(b"PK\x01\x02")
    data[first + 32] = 47  # the length of its comment: the whole entry of "b"
    (tmp_path / "x").write_bytes(data)
    assert_refused(tmp_path / "x", "lists 2 members and says that there are 3")


# fault 30
def test_files_that_a_damaged_name_makes_a_folder_are_not_dropped(tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("good", "good")
        archive.writestr("top/two", "two")
    data = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(data.replace(b"top/two", b"top/\0\0\0"))
    assert_refused(tmp_path / "x", "'top/' is a folder with content")
    with tarfile.open(tmp_path / "y", "w") as archive:
        folder = tarfile.TarInfo("top")
        folder.type, folder.size = tarfile.DIRTYPE, 3
        archive.addfile(folder, io.BytesIO(b"two"))
    assert_refused(tmp_path / "y", "'top' is a folder with content")


def test_a_zip_may_tell_the_number_of_many_members_modulo_65536(tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("a", "")
    data = (tmp_path / "x").read_bytes()
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entries = data[start:end] * (65536 + 1)
    last = bytearray(data[end:])
    last[12:16] = struct.pack("<I", len(entries))
    assert struct.unpack("<H", last[10:12]) == (1,)
    (tmp_path / "x").write_bytes(data[:start] + entries + last)
    with opened_members(tmp_path / "x") as members:
        assert sum(1 for _ in members) == 65537


@pytest.mark.parametrize(
    ("name", "words"),
    [("x" * 256, "more than 255 bytes in a part of its name"), (".", "has no name")],
)
def test_fault_30_names_that_no_file_can_have(tmp_path, name, words):
    assert_refused(write_tar(tmp_path / "x", GOOD, (name, b"x")), words)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_fault_30_uncommon_compression_is_refused(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "x", "w", method) as archive:
        archive.writestr("file", "x")
    assert_refused(tmp_path / "x", "compressed by the uncommon method")


def test_fault_30_bomb_is_refused(tmp_path):
    archive = write_tar(tmp_path / "x.tgz", GOOD, ("big", bytes(10**7)))
    assert archive.stat().st_size < 20_000
    assert_refused(archive, "limit of 9000000 bytes", limits=ExtractionLimits(bytes=9 * 10**6))


def test_fault_30_zip_bomb_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(*GOOD)
        archive.writestr("big", bytes(10**7))
    assert_refused(
        tmp_path / "x.zip", "limit of 9000000 bytes", limits=ExtractionLimits(bytes=9 * 10**6)
    )


def test_fault_30_too_many_files_are_refused(tmp_path):
    archive = write_tar(tmp_path / "x.tgz", *((f"file{i}", b"") for i in range(11)))
    assert_refused(archive, "or 10 files", limits=ExtractionLimits(members=10))


def test_fault_30_zip_that_lies_about_its_size_unpacks_no_more_than_it_says(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big", bytes(10**6))
    data = path.read_bytes().replace(struct.pack("<L", 10**6), struct.pack("<L", 1000))
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        extract_archive(path, tmp_path / "out", limits=ExtractionLimits(bytes=2000))
    assert sum(p.stat().st_size for p in (tmp_path / "out").rglob("*")) <= 2000


def test_fault_30_huge_extended_header_is_not_read(tmp_path):
    # tarfile would read all of it into memory before it gives the member.
    header = special("pax", tarfile.XHDTYPE)
    header.size = 10**9
    with gzip.open(tmp_path / "x.tgz", "wb") as file:
        file.write(header.tobuf(tarfile.USTAR_FORMAT))
        file.write(bytes(10**6))
    assert_refused(tmp_path / "x.tgz", "a header of 1000000000 bytes")


@pytest.mark.parametrize("content", [b"", b"<html>not here</html>" * 100, b"\x1f\x8b" + b"x" * 99])
def test_what_is_no_archive_is_damaged(tmp_path, content):
    path = tmp_path / "x.tgz"
    path.write_bytes(content)
    assert_refused(path, "is a damaged archive .* download it again")


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_truncated_archive_is_damaged(tmp_path, mode):
    noise = bytes((i * i * 7919 >> 5) & 255 for i in range(100_000))
    path = write_tar(tmp_path / "x", ("file", noise), mode=mode)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert_refused(path, "is a damaged archive")
