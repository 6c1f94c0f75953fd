"""Notebooks as pages that need no network: formulas are MathML, and no script is loaded."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

_VERBATIM = re.compile(r"(<(pre|script|style|code|svg)\b.*?</\2>)", re.DOTALL)
_LOADERS = re.compile(
    r"<!-- Load mathjax -->.*?<!-- End of mathjax configuration -->"
    r'|<script type="module">.*?</script>',
    re.DOTALL,
)
_FORMULA = re.compile(r"\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+?)\$", re.DOTALL)


def without_network(page: str) -> str:
    """Returns a rendered notebook with its formulas written out and without foreign scripts.

    The renderer leaves formulas to MathJax, and diagrams to Mermaid, which it fetches when the page
    is read.
    """
    parts = _VERBATIM.split(_LOADERS.sub("", page))
    # Text, what is verbatim, and the name of its element in turn.
    texts = [_FORMULA.sub(_as_mathml, text) for text in parts[::3]]
    return "".join(
        text + verbatim for text, verbatim in zip(texts, [*parts[1::3], ""], strict=True)
    )


def _as_mathml(formula: re.Match[str]) -> str:
    latex = html.unescape(formula["block"] or formula["inline"]).strip()
    return convert(latex, display="block" if formula["block"] else "inline")
