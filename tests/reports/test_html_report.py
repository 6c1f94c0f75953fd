"""The report as a page."""

from __future__ import annotations

import platform
import re
from dataclasses import replace

import numpy as np
import pytest
from html_page import Page
from report_examples import FACTS, evaluation_of, predictions, write_report
from small_records import INFO

from tf_image_segmentation.datasets.info import DatasetInfo
from tf_image_segmentation.errors import DataError
from tf_image_segmentation.evaluation.evaluate import Prediction
from tf_image_segmentation.evaluation.metrics import compute_metrics
from tf_image_segmentation.registry import Part
from tf_image_segmentation.reports.evaluation_page import HtmlReport
from tf_image_segmentation.reports.evaluation_sections import environment

HOSTILE = '<b>&"'
HOSTILE_ID = "\"'><script>alert(1)</script>"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return write_report(tmp_path_factory.mktemp("plain") / "report.html", predictions(5))


@pytest.fixture(scope="module")
def refined(tmp_path_factory):
    found = predictions(5, crf=True)
    return write_report(tmp_path_factory.mktemp("refined") / "report.html", found)


def slow_counts(found, which, width=None):
    """Counts every labeled pixel; with a width, those less than so far from a boundary."""
    counts = np.zeros((3, 3), int)
    for each in found:
        mask, labels = each.mask, getattr(each, which)
        rows, columns = np.indices(mask.shape)
        padded = np.pad(mask.astype(int), 1, constant_values=-1)
        neighbors = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
        edge = np.any([(n != -1) & (n != mask) for n in neighbors], axis=0)
        for y, x in zip(*np.nonzero(mask != 255), strict=True):
            away = np.hypot(rows - y, columns - x)[edge].min()
            if width is None or away < width:
                counts[mask[y, x], labels[y, x]] += 1
    return counts


def percents(counts):
    """Mean IoU, mean pixel accuracy, pixel accuracy, frequency weighted IoU."""
    right, true = np.diag(counts), counts.sum(axis=1)
    iou = right / (true + counts.sum(axis=0) - right)
    values = iou.mean(), (right / true).mean(), right.sum() / true.sum(), true @ iou / true.sum()
    return [f"{100 * value:.2f}" for value in values]


def test_the_summary_equals_an_independent_computation(plain):
    counts = slow_counts(predictions(5), "labels")
    assert plain.row("fcn_32s") == [*percents(counts), "this evaluation"]
    ignored = sum(np.sum(p.mask == 255) for p in predictions(5))
    assert "The mean IoU is over 3 of 3 classes." in plain.text
    assert f"{counts.sum():,} pixels are labeled; {ignored:,} (" in plain.text
    assert "No published results are known for dataset small." in plain.text


def test_with_a_crf_both_rows_and_the_change_are_shown(refined):
    found = predictions(5, crf=True)
    before, after = (percents(slow_counts(found, which)) for which in ("labels", "refined"))
    assert refined.row("fcn_32s")[:4] == before
    assert refined.row("fcn_32s + CRF")[:4] == after
    for old, new in zip(before, after, strict=True):
        change = re.search(rf"{new} ([+-][\d.]+) by the CRF", refined.text)
        assert float(change[1]) == pytest.approx(float(new) - float(old), abs=0.011)
    assert "The CRF raised the IoU of 5 images and lowered that of 0." in refined.text


def test_classes_with_their_share_of_the_pixels(plain, refined):
    counts = slow_counts(predictions(5), "labels")
    right, true = np.diag(counts), counts.sum(axis=1)
    iou = right / (true + counts.sum(axis=0) - right)
    shown = (true / true.sum(), iou, right / true)
    for label, name in enumerate(INFO.class_names):
        assert plain.row(name) == [f"{100 * values[label]:.2f}" for values in shown]
    share, before, after, change, accuracy = map(float, refined.row("cat"))
    assert change == pytest.approx(after - before, abs=0.011)
    assert 0 < share < accuracy < 100


def test_results_case_by_case(tmp_path):
    page = write_report(tmp_path / "report.html", predictions(5), by_case=True)
    scores = []
    for each in predictions(5):
        counts = slow_counts([each], "labels")
        scores.append(200 * counts[1, 1] / (counts[1].sum() + counts[:, 1].sum()))
    (cells,) = (row for row in page.rows if row[0] == "cat" and len(row) == 7)
    assert cells[1:4] == [f"{np.mean(scores):.2f}", f"{np.std(scores, ddof=1):.2f}", "5"]
    assert "Each of 5 cases counts the same" in page.text and "1.0 x 0.5" in page.text


def test_accuracy_near_boundaries(plain, refined):
    found = predictions(5, crf=True)
    total = slow_counts(found, "labels").sum()
    for width in (1, 2, 8):
        before, after = (slow_counts(found, which, width) for which in ("labels", "refined"))
        share = f"{100 * before.sum() / total:.2f}"
        iou = percents(before)[0], percents(after)[0]
        accuracy = percents(before)[2], percents(after)[2]
        assert plain.row(str(width)) == [share, accuracy[0], iou[0]]
        assert refined.row(str(width)) == [share, *accuracy, *iou]
    assert refined.row("all")[1:] == [
        refined.row(name)[column] for column in (2, 0) for name in ("fcn_32s", "fcn_32s + CRF")
    ]


def test_the_largest_confusions_in_words(plain):
    counts = slow_counts(predictions(5), "labels")
    pairs = [(-counts[t, p], t, p) for t in range(3) for p in range(3) if t != p]
    words = []
    for negative, true, guess in sorted(pairs)[:5]:
        name = INFO.class_names[true]
        of_class, of_all = (-100 * negative / whole for whole in (counts[true].sum(), counts.sum()))
        words += [f"{name} taken for {INFO.class_names[guess]} : {of_class:.2f} % of the pixels of"]
        words += [f"{name}, {of_all:.2f} % of all"]
    assert " ".join(["Those of most pixels:", *words]) in plain.text


def test_the_iou_of_images(plain):
    found = predictions(5)
    ious = [float(percents(slow_counts([each], "labels"))[0]) for each in found]
    assert plain.row("median") == [f"{sorted(ious)[2]:.2f}"]
    assert plain.row("lowest") == [f"{min(ious):.2f}"]
    assert plain.row("upper quartile") == [f"{sorted(ious)[3]:.2f}"]
    assert "The mean IoU of the summary is not the mean of these" in plain.text
    order = [found[number].image_id for number in np.argsort(ious)[::-1]]
    shown = [re.fullmatch("image of (.*)", alt) for alt in plain.values("img", "alt")]
    assert [match[1] for match in shown if match] == [order[0], order[1], order[4], order[3]]
    assert f"{order[0]} IoU {max(ious):.2f}" in plain.text


def test_where_the_numbers_come_from(plain):
    for words in (
        "fcn_32s on small, split val",
        "5 images, checkpoint runs/fcn_32s/model/best , evaluated 20",
        f"python {platform.python_version()}, tf image segmentation ",
    ):
        assert words in plain.text
    assert (plain.row("fit"), plain.row("scales"), plain.row("crf")) == (
        ["pad"],
        ["[1.0]"],
        ["null"],
    )


def test_the_environment_is_a_line_without_what_is_not_known():
    known = {"python": "3.11", "keras": None, "git_commit": "abc", "git_changes": True}
    assert environment(known) == "python 3.11, git commit abc with changes"
    assert environment({**known, "git_changes": False}) == "python 3.11, git commit abc"
    assert environment({**known, "git_commit": None}) == "python 3.11"


def test_published_results_stand_beside_those_of_the_same_images(tmp_path):
    info = replace(INFO, name="pascal_voc_sbd")
    facts = {**FACTS, "images": 904}  # made up: five images are enough to lay a page out
    page = write_report(tmp_path / "report.html", predictions(5), info, facts)
    assert page.row("FCN-8s") == ["63.65", "-", "-", "-", "tf-image-segmentation"]
    assert "the same set, RV-VOC12 with 904 images" in page.text
    assert "cannot be compared" not in page.text
    facts = {**FACTS, "images": 905}
    page = write_report(tmp_path / "report.html", predictions(5), info, facts)
    assert not [row for row in page.rows if row[0] == "FCN-8s"]
    assert "RV-VOC12, 904 images; RV-VOC11, 736 images" in page.text


def test_names_are_text_whatever_they_hold(tmp_path, plain):  # markup in names
    names = (HOSTILE, "cat", "$x^")
    info = replace(INFO, name=HOSTILE, class_names=names)
    found = predictions(4, prefix=HOSTILE_ID)
    facts = {**FACTS, "checkpoint": HOSTILE_ID}
    tables = {HOSTILE: {HOSTILE: {"a": HOSTILE_ID}}}
    page = write_report(tmp_path / "report.html", found, info, facts, tables)
    assert "script" not in page.tags and page.tags["b"] == plain.tags["b"]
    assert f"{HOSTILE} taken for " in page.text
    assert page.row(f"{HOSTILE}.a") == [HOSTILE_ID]
    assert f"image of {HOSTILE_ID}0" in page.values("img", "alt")
    assert len(page.row(HOSTILE)) == len(plain.row("background"))
    assert {name for _, name, _ in page.attributes} == {name for _, name, _ in plain.attributes}


def test_the_page_needs_nothing_else(plain, refined):
    for page in (plain, refined):
        pictures = page.values("img", "src")
        assert len(pictures) > 10
        assert all(re.match("data:image/(png|jpeg|svg[+]xml);base64,", each) for each in pictures)
        assert all(link.startswith("#") for link in page.values("a", "href"))
        ids = [value for _, name, value in page.attributes if name == "id"]
        assert {link[1:] for link in page.values("a", "href")} == set(ids)
        assert not {"script", "link", "iframe", "object", "base", "form"} & set(page.tags)
        assert "url(" not in page.source and "@import" not in page.source
        assert "default-src 'none'; img-src data:" in page.values("meta", "content")[1]


def test_a_class_that_occurs_nowhere(tmp_path):
    info = DatasetInfo("more", (*INFO.class_names, "owl"), (*INFO.palette, (9, 9, 9)), 255)
    page = write_report(tmp_path / "report.html", predictions(3), info)
    assert page.row("owl") == ["-", "-", "-"]
    assert "The mean IoU is over 3 of 4 classes." in page.text


def test_a_class_that_is_predicted_and_never_true(tmp_path):
    mask = np.zeros((6, 6), np.uint8)
    labels = mask.copy()
    labels[0] = 1
    one = Prediction("one", np.zeros((6, 6, 3), np.uint8), mask, labels, labels)
    page = write_report(tmp_path / "report.html", [one])
    assert page.row("cat") == ["0.00", "0.00", "-"]
    assert page.row("dog [black]") == ["-", "-", "-"]
    assert "No image has a boundary between labels." in page.text
    assert "Worst" not in page.text


def test_a_perfect_prediction_without_an_ignore_label(tmp_path):
    mask = np.zeros((6, 6), np.uint8)
    mask[3:] = 2
    one = Prediction("one", np.zeros((6, 6, 3), np.uint8), mask, mask, mask)
    page = write_report(tmp_path / "r.html", [one], replace(INFO, ignore_label=None), num_shown=0)
    assert "36 pixels are labeled; every pixel is." in page.text
    assert "Every pixel is right." in page.text
    assert page.row("1") == ["33.33", "100.00", "100.00"]
    assert "Best" not in page.text


def test_images_without_labels_are_counted_and_have_no_score(tmp_path):
    void = np.full((5, 5), 255, np.uint8)
    nothing = np.zeros((5, 5), np.uint8)
    blank = Prediction("blank", np.zeros((5, 5, 3), np.uint8), void, nothing, nothing)
    page = write_report(tmp_path / "report.html", [blank, *predictions(2)])
    assert "IoU of 2 images, percent" in page.text
    assert "1 images without a labeled pixel have no IoU." in page.text


def test_the_folder_is_made_and_nothing_else_is_left(tmp_path):
    write_report(tmp_path / "a" / "b" / "report.html", predictions(2))
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["report.html"]


def test_a_folder_in_the_way_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"is not a file; name another file with --report"):
        HtmlReport(tmp_path, FACTS, INFO)


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(DataError, match=r"report.html: cannot be written \(File exists: .*file\)"):
        HtmlReport(tmp_path / "file" / "report.html", FACTS, INFO)
    with pytest.raises(DataError, match=r"cannot be written \(File name too long"):
        HtmlReport(tmp_path / ("x" * 254), FACTS, INFO)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_older_page_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("older")
    report = HtmlReport(path, FACTS, INFO)
    assert path.read_text() == "older"
    found = predictions(2)
    for prediction in found:
        report.observe(prediction)

    def full_disk(self, text, **options):
        self.write_bytes(text[:100].encode())
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_text", full_disk)
        with pytest.raises(OSError, match="No space left"):
            report.write(evaluation_of(found))
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "older"
    report.write(evaluation_of(found))
    assert "fcn_32s on small" in Page(path.read_text()).text


def test_names_that_no_encoding_can_write(tmp_path):
    facts = {**FACTS, "checkpoint": "caf\udce9"}  # a file name that is not UTF-8
    assert r"caf\udce9" in write_report(tmp_path / "report.html", predictions(2), facts=facts).text


def test_without_labeled_pixels_there_is_no_page(tmp_path):
    void, nothing = np.full((5, 5), 255, np.uint8), np.zeros((5, 5), np.uint8)
    blank = Prediction("blank", np.zeros((5, 5, 3), np.uint8), void, nothing, nothing)
    with pytest.raises(DataError, match=r"no labeled pixels were counted \(25 had the ignore"):
        write_report(tmp_path / "report.html", [blank])
    assert list(tmp_path.iterdir()) == []


def test_further_metrics_stand_in_summary_and_classes(tmp_path):
    found = predictions(3, crf=True)
    evaluation = evaluation_of(found)
    report = HtmlReport(tmp_path / "page.html", FACTS, INFO, 2, [Part("dice"), Part("precision")])
    for prediction in found:
        report.observe(prediction)
    report.write(evaluation)
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    before, after = (
        compute_metrics([Part("dice"), Part("precision")], matrix)
        for matrix in (evaluation.matrix, evaluation.refined)
    )
    for text in (f"{100 * np.mean(each['dice']):.2f}" for each in (before, after)):
        assert text in page.text
    assert "mean dice" in page.text
    for value in (*after["dice"], *after["precision"]):
        assert f"{100 * value:.2f}" in page.text
