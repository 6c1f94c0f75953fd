"""What the documentation site is built from: the drawing of the design, and what is generated.

`make docs` builds the site and refuses warnings and dead links. Where it was built, it is searched.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from browser import BROWSER
from doc_pages import REPOSITORY, pages

sys.path.insert(0, str(REPOSITORY / "docs" / "generate"))

import architecture
import commands
import recipe_fields
from package_imports import MODULES, PACKAGE

from tf_image_segmentation.cli.main import COMMANDS
from tf_image_segmentation.training.recipe import FIELDS, built_in_recipes

CONFIGURATION = (REPOSITORY / "mkdocs.yml").read_text()
FOLDERS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_the_drawing_is_that_of_the_imports():
    drawn = architecture.PICTURE.read_text()
    assert drawn == architecture.drawing(), "run python docs/generate/architecture.py"


def test_an_import_more_changes_the_drawing(monkeypatch, tmp_path):
    module = tmp_path / "new.py"
    module.write_text("from tf_image_segmentation.reports import page_file\n")
    monkeypatch.setitem(MODULES, "tf_image_segmentation.download.new", module)
    assert "reports" in architecture.imported_folders()["download"]


def test_detours_are_left_out():
    below = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert architecture.without_detours(below) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_every_folder_is_on_the_page_and_in_the_reference():
    page = (REPOSITORY / "docs" / "explanation" / "architecture.md").read_text()
    reference = REPOSITORY / "docs" / "reference" / "api"
    for folder in FOLDERS:
        assert f"| `{folder}/` |" in page
        assert folder == "cli" or (reference / f"{folder}.md").is_file()


def test_all_commands_and_fields_are_in_the_reference():
    text = commands.commands_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [n.replace("_", "-") for n in COMMANDS]
    assert "| `--init-checkpoint NAME|PATH|none` |" in text
    assert re.findall(r"^\| `(\w+)` \|", recipe_fields.fields_text(), re.M) == list(FIELDS)
    assert r'such as "\*/conv1/\*", that' in recipe_fields.fields_text()
    assert all(f"| `{name}` |" in recipe_fields.recipes_text() for name in built_in_recipes())


def test_every_page_is_in_the_navigation_and_says_what_it_gives():
    for path in pages():
        if path.is_relative_to(REPOSITORY / "docs"):
            name = str(path.relative_to(REPOSITORY / "docs"))
            assert name in CONFIGURATION, f"{name} is missing in mkdocs.yml"
            title, empty, first = path.read_text().splitlines()[:3]
            assert title.startswith("# ") and not empty and re.match(r"\w", first), name


def test_formulas_of_notebooks_are_written_out():
    pytest.importorskip("latex2mathml", reason="needs the extra docs")
    from notebook_page import without_network

    page = "<p>$f$ and $$ a &lt; \\frac{1}{2} $$</p><pre>cost = $5 + $6</pre><p>$g$</p>"
    loader = '<!-- Load mathjax --><script src=""></script><!-- End of mathjax configuration -->'
    written = without_network(loader + page + '<script type="module">import("x")</script>')
    assert written.count("<math") == 3 and "<mfrac>" in written and "&#x0003C;" in written
    assert "<pre>cost = $5 + $6</pre>" in written
    assert "<script" not in written


@pytest.mark.skipif(BROWSER is None, reason="needs a browser")
def test_the_search_works_without_a_network(tmp_path):
    page = REPOSITORY / "site" / "index.html"
    if not page.is_file():
        pytest.skip("needs the site that make docs builds")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += [f"--user-data-dir={tmp_path}", "--virtual-time-budget=30000", "--dump-dom"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", f"{page.as_uri()}?q=Slurm"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    assert re.search(r"[1-9]\d* matching documents", done.stdout)
