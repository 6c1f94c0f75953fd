"""scripts/download_dataset.py as a user runs it, against a server on localhost."""

from __future__ import annotations

import io
import zipfile

import pytest
from local_server import local_server
from PIL import Image

from tf_image_segmentation.datasets import dataset_names, get_dataset
from tf_image_segmentation.datasets.table import markdown_table

SCRIPT = "download_dataset.py"


def encoded(kind):
    file = io.BytesIO()
    Image.new("L", (9, 8)).save(file, kind)
    return file.getvalue()


def zip_bytes(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def server(monkeypatch):
    """Serves archives of the real layouts, of sets that have no published checksum."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    jpeg, png = encoded("JPEG"), encoded("PNG")
    eyes = [f"Image_{child:02}{eye}" for child in range(1, 15) for eye in "LR"]
    chase = {f"{eye}.jpg": jpeg for eye in eyes} | {f"{eye}_1stHO.png": png for eye in eyes}
    kvasir = {f"Kvasir-SEG/{part}/{i}.jpg": jpeg for part in ("images", "masks") for i in "abc"}
    with local_server() as running:
        running.files = {
            "mirror/CHASEDB1.zip": zip_bytes(chase),
            "mirror/kvasir-seg.zip": zip_bytes(kvasir),
            "mirror/train.txt": b"a\nc\n",
            "mirror/val.txt": b"b\n",
            "elsewhere?file=1": zip_bytes({"readme.txt": b"another archive"}),
        }
        yield running


def test_an_archive_from_a_mirror_and_what_to_run_next(run_script, tmp_path, monkeypatch, server):
    monkeypatch.chdir(tmp_path)
    result = run_script(SCRIPT, "chase_db1", "--url", server.url("mirror/CHASEDB1.zip"))
    assert result.returncode == 0, result.stderr
    source = get_dataset("chase_db1").source
    for text in (source.license, source.citation, source.home_page):
        assert text in result.stdout
    assert "train: 20 samples\ntest: 8 samples\n" in result.stdout
    lines = result.stdout.splitlines()
    assert "python scripts/inspect_dataset.py chase_db1 --root data/chase_db1" in lines
    assert lines[-1] == (
        "python scripts/convert_dataset.py chase_db1 --root data/chase_db1 "
        "--output-dir data/chase_db1_records"
    )
    assert (tmp_path / "data/chase_db1/CHASEDB1/Image_14R_1stHO.png").is_file()


def test_several_archives_and_a_second_run(run_script, tmp_path, server):
    root = tmp_path / "my data"
    for _ in range(2):
        result = run_script(
            SCRIPT, "kvasir_seg", "--output-dir", root, "--base-url", server.url("mirror")
        )
        assert result.returncode == 0, result.stderr
        assert "train: 2 samples\nval: 1 samples\n" in result.stdout
        assert f"--root '{root}'" in result.stdout
    assert [name for name, _ in server.requests] == [
        "mirror/kvasir-seg.zip",
        "mirror/train.txt",
        "mirror/val.txt",
    ]
    assert (root / "Kvasir-SEG/val.txt").read_text() == "b\n"


def test_what_cannot_be_downloaded_is_explained(run_script, tmp_path):
    root = tmp_path / "drive"
    result = run_script(SCRIPT, "drive", "--output-dir", root)
    assert result.returncode == 1
    source = get_dataset("drive").source
    for text in (source.license, source.citation, source.home_page, source.how_to_get):
        assert text in result.stdout
    for line in source.layout.splitlines():
        assert f"\n    {line}\n" in result.stdout
    assert "train: not there: " in result.stdout
    assert "scripts/convert_dataset.py" not in result.stdout


def test_splits_that_are_there_can_be_converted(run_script, tmp_path):
    for folder, name in (("train", "a.png"), ("trainannot", "a.png"), ("trainannot", "b.png")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).touch()
    result = run_script(SCRIPT, "camvid", "--output-dir", tmp_path)
    assert result.returncode == 0
    assert "train: 2 samples, 1 of them without a file\nval: not there: " in result.stdout
    assert f"convert_dataset.py camvid --root {tmp_path} --splits train --out" in result.stdout


@pytest.mark.parametrize("name", dataset_names())
def test_without_files_no_data_set_is_taken_as_there(run_script, tmp_path, name, server):
    result = run_script(SCRIPT, name, "--output-dir", tmp_path / "x", "--base-url", server.url())
    if get_dataset(name).source.archives:
        assert result.returncode == 1
        assert "the server answered 404" in result.stderr and "--base-url URL" in result.stderr
    else:
        assert result.returncode == 1
        assert "not there" in result.stdout
    assert f"license: {get_dataset(name).source.license}" in result.stdout


def test_bad_arguments(run_script, tmp_path, server):
    result = run_script(SCRIPT, "kvasir_seg", "--output-dir", tmp_path, "--url", server.url("a"))
    assert result.returncode == 1
    assert "has 3 (kvasir-seg.zip, train.txt, val.txt); use --base-url" in result.stderr
    url = server.url("elsewhere?file=1")
    result = run_script(SCRIPT, "chase_db1", "--output-dir", tmp_path, "--url", url)
    assert result.returncode == 1
    assert "lacks Image_01L.jpg, Image_01L_1stHO.png" in result.stderr
    assert "set aside as" in result.stderr
    # fault 28
    result = run_script(SCRIPT, "imagenet")
    assert result.returncode == 1 and "unknown dataset 'imagenet'; choose from" in result.stderr
    assert run_script(SCRIPT).returncode == 2


def test_the_list_is_the_table_of_the_documentation(run_script, repository):
    assert run_script(SCRIPT, "--list").stdout == f"{markdown_table()}\n"
    # Where this fails, put what --list prints into the page.
    assert markdown_table() in (repository / "docs" / "reference" / "datasets.md").read_text()
