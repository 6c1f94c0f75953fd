"""Which images are predicted, and what is said of the rest."""

from __future__ import annotations

import numpy as np
import pytest
from fake_network import save_picture
from PIL import Image

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.inference.jobs import left_out, list_jobs

LABELS = np.zeros((8, 9), np.uint8)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "in"
    for name in ("b.tif", "a.webp", "c.GIF", "sub/a.bmp", "sub/deep/x.jpg"):
        save_picture(root / name, LABELS)
    (root / "notes.txt").write_text("x")
    (root / ".DS_Store").write_text("x")
    (root / "sub" / "b.heic").write_text("x")
    return root


def names(jobs, output):
    return [job.output.relative_to(output).as_posix() for job in jobs]


def test_folders_with_and_without_subfolders(folder, tmp_path):
    output = tmp_path / "out"
    assert names(list_jobs([folder], output), output) == ["a", "b", "c"]
    found = list_jobs([folder], output, recursive=True)
    assert names(found, output) == ["a", "b", "c", "sub/a", "sub/deep/x"]


def test_what_is_no_image_is_counted_and_named(folder):  # fault 78
    first, second = left_out([folder, folder / "b.tif"])
    assert "2 files are no images and were left out (1 .txt, 1 no ending)" in first
    assert first.endswith(": .DS_Store, notes.txt")
    assert "1 folders were not read (--recursive reads them): sub" in second
    (only,) = left_out([folder], recursive=True)
    assert "3 files" in only and "sub/b.heic" in only


def test_links_to_folders_are_not_followed(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    save_picture(tmp_path / "elsewhere" / "secret.png", LABELS)
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    found = names(list_jobs([folder], tmp_path / "out", recursive=True), tmp_path / "out")
    assert "link/secret" not in found
    assert "links are not followed): link" in left_out([folder], recursive=True)[-1]


def test_pages_of_a_stack(tmp_path):
    pages = [Image.fromarray(LABELS)] * 3
    pages[0].save(tmp_path / "scan.ome.tif", save_all=True, append_images=pages[1:])
    jobs = list_jobs([tmp_path / "scan.ome.tif"], tmp_path, all_pages=True)
    assert names(jobs, tmp_path) == ["scan_0000", "scan_0001", "scan_0002"]
    assert [(job.page, job.pages) for job in jobs] == [(0, 3), (1, 3), (2, 3)]
    assert jobs[2].stack_output.name == "scan"
    assert names(list_jobs([tmp_path / "scan.ome.tif"], tmp_path), tmp_path) == ["scan"]


def test_results_may_not_lie_among_images_that_are_read(folder):
    with pytest.raises(DataError, match="results would be taken for images"):
        list_jobs([folder], folder / "out", recursive=True)
    (folder / "empty" / "below").mkdir(parents=True)
    with pytest.raises(DataError, match=r"holds no images .*--recursive reads its subfolders"):
        list_jobs([folder / "empty"], folder / "out")


def test_two_files_of_one_name_are_refused(folder, tmp_path):
    save_picture(folder / "a.png", LABELS)
    with pytest.raises(DataError, match=r"one name for several images: .*a\.png and .*a\.webp"):
        list_jobs([folder], tmp_path / "out")
