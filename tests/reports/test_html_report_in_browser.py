"""The report as a browser lays it out, on a phone and on a desk."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from browser import BROWSER, DESK, PHONE, browse
from report_examples import FACTS, predictions, write_report
from small_records import INFO

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report with a CRF, all the figures, and names that are hard to lay out."""
    info = replace(
        INFO, name="d" * 60, class_names=('<b>&"', "w" * 70, "a class of several words " * 4)
    )
    config = {"data": ["0123456789abcdef" * 4] * 8, "recipe": {"steps": 1200}}
    facts = {**FACTS, "checkpoint": "/a/long/path" * 20, "x" * 60: 1}
    found = predictions(5, crf=True, prefix="an_image_id_without_any_blanks_" * 4)
    path = tmp_path_factory.mktemp("browser") / "report.html"
    return write_report(path, found, info, facts, {"Run": config}, by_case=True)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_sticks_out_and_every_picture_is_there(page, width, tmp_path):
    # The folded tables are opened, for they must fit as well.
    source = page.source.replace("<details>", "<details open>")
    found = browse(source, width, tmp_path)
    assert found["width"] == found["scrollWidth"] == width
    assert found["sticking_out"] == []
    assert len(found["decoded"]) == len(page.values("img", "src")) > 10
    assert found["decoded"][-16:] == found["sizes"][-16:]  # four pictures of each of four images
    assert all(found["decoded"])
    assert all(name.startswith("data:") for name in found["loaded"])


def test_no_column_of_a_table_is_out_of_sight_on_a_phone(page, tmp_path):
    source = page.source.replace("<details>", "<details open>")
    found = browse(source, PHONE, tmp_path)
    assert found["cells_out"] == []
    assert found["untitled"] == [], "heads are hidden there, so that each value needs its title"
    (tmp_path / "before").mkdir()
    found = browse(source.replace('"wide stacked"', '"wide"'), PHONE, tmp_path / "before")
    assert found["cells_out"], "the measurement sees what is out of sight"


def test_a_dark_scheme_is_followed(page, tmp_path):
    (tmp_path / "light").mkdir()
    light = browse(page.source, PHONE, tmp_path / "light")["dark"]
    dark = browse(page.source, PHONE, tmp_path, "--blink-settings=preferredColorScheme=0")["dark"]
    brightness = [sum(map(int, re.findall(r"\d+", color))) for color in (light, dark)]
    assert brightness[0] > 600 > 150 > brightness[1]


def test_the_measurement_sees_what_sticks_out_and_what_is_missing(page, tmp_path):
    wide = '<div style="width: 500px">wide</div><img src="data:image/png;base64,AAAA"></body>'
    found = browse(page.source.replace("</body>", wide), PHONE, tmp_path)
    assert found["scrollWidth"] > PHONE
    assert "wide" in found["sticking_out"][-1]
    assert found["decoded"][-1] == 0
