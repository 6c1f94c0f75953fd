"""Lays pages out in a browser and measures them there."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
PHONE, DESK = 390, 1280

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
    cells_out: [...page.querySelectorAll("td, tbody th")]
      .filter(cell => {{
        const box = cell.getBoundingClientRect();
        return box.left < -0.5 || box.right > width + 0.5 || !box.width;
      }}).map(cell => cell.outerHTML.slice(0, 80)),
    untitled: [...page.querySelectorAll(".stacked td")]
      .filter(cell => cell.getBoundingClientRect().width
        && ["none", "", '""'].includes(
          frame.contentWindow.getComputedStyle(cell, "::before").content))
      .map(cell => cell.outerHTML.slice(0, 80)),
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
