"""The report as a browser lays it out, on a phone and on a desk."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from report_examples import FACTS, predictions, write_report
from small_records import INFO

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
PHONE, DESK = 390, 1280

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")

# A window has a least width; a frame has not. The page's own policy lets no script into the frame,
# which is why it is measured from outside.
FRAME = """<!DOCTYPE html>
<meta charset="utf-8">
<body style="margin: 0"><iframe width="{width}" height="800" style="border: 0" srcdoc="{page}">
</iframe><pre id="found"></pre>
<script>
const frame = document.querySelector("iframe");
frame.onload = () => {{
  const page = frame.contentDocument, images = [...page.images];
  const width = page.documentElement.clientWidth;
  const inside = element => !element.closest(".scroll");
  document.getElementById("found").textContent = JSON.stringify({{
    width,
    scrollWidth: page.documentElement.scrollWidth,
    decoded: images.map(image => image.complete && image.naturalWidth),
    sizes: images.map(image => Number(image.getAttribute("width"))),
    sticking_out: [...page.body.querySelectorAll("*")].filter(inside)
      .filter(element => element.getBoundingClientRect().right > width + 0.5)
      .map(element => element.outerHTML.slice(0, 80)),
    loaded: frame.contentWindow.performance.getEntriesByType("resource").map(each => each.name),
    dark: getComputedStyle(page.body).backgroundColor,
  }});
}};
</script>
"""


def browse(source: str, width: int, folder: Path, *options: str) -> dict:
    """Lays a page out in a frame of a width and returns what was measured there."""
    frame = folder / "frame.html"
    frame.write_text(FRAME.format(width=width, page=html.escape(source)), encoding="utf-8")
    command = [
        *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
        *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
        *("--disable-sync", "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}", *options),
        *(f"--window-size={max(width, 600)},1000", "--virtual-time-budget=30000"),
        *("--dump-dom", frame.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    found = re.search(r'<pre id="found">(.+?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[-500:] + done.stderr[-500:]
    return json.loads(html.unescape(found[1]))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report with a CRF, all the figures, and names that are hard to lay out."""
    info = replace(
        INFO, name="d" * 60, class_names=('<b>&"', "w" * 70, "a class of several words " * 4)
    )
    config = {"data": ["0123456789abcdef" * 4] * 8, "recipe": {"steps": 1200}}
    facts = replace(
        FACTS, checkpoint="/a/long/path" * 20, tables={"Evaluation": {"x" * 60: 1}, "Run": config}
    )
    found = predictions(5, crf=True, prefix="an_image_id_without_any_blanks_" * 4)
    path = tmp_path_factory.mktemp("browser") / "report.html"
    return write_report(path, found, info, facts)


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


def test_a_dark_scheme_is_followed(page, tmp_path):
    (tmp_path / "light").mkdir()
    light = browse(page.source, PHONE, tmp_path / "light")["dark"]
    dark = browse(page.source, PHONE, tmp_path, "--blink-settings=preferredColorScheme=0")["dark"]
    brightness = [sum(map(int, re.findall(r"\d+", colour))) for colour in (light, dark)]
    assert brightness[0] > 600 > 150 > brightness[1]


def test_the_measurement_sees_what_sticks_out_and_what_is_missing(page, tmp_path):
    wide = '<div style="width: 500px">wide</div><img src="data:image/png;base64,AAAA"></body>'
    found = browse(page.source.replace("</body>", wide), PHONE, tmp_path)
    assert found["scrollWidth"] > PHONE
    assert "wide" in found["sticking_out"][-1]
    assert found["decoded"][-1] == 0
