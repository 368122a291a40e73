"""A chart as SVG for a page: text in the reader's own fonts, colours that follow the page's, words for screen readers.

One form for every width: drawn some 450 pixels wide, so that its smallest text is still read on a telephone, and
scaled. Every colour of the chart is a name that the page's style gives a value, by day and by night (see `PALETTE`).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from html import escape
from io import StringIO
from typing import Any, cast
from xml.etree import ElementTree

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes

WIDTH = 400  # pixels, as drawn
# What is drawn -> the page's name for it. Colours that are not here, as those of a heat map's cells, stay.
PALETTE = {
    "#22303c": "ink", "#5f6b76": "muted", "#c3ccd5": "pale", "#f5f7f9": "faint", "#e6eaee": "grid", "#aab4be": "axis",
    "#3c4854": "label", "#ffffff": "paper", "#0072b2": "c0", "#e69f00": "c1", "#009e73": "c2", "#d55e00": "c3",
    "#56b4e9": "c4", "#cc79a7": "c5", "#646e78": "c6",
}  # fmt: skip
STYLE: dict[str, Any] = {
    "figure.figsize": (WIDTH / 72, 3.4),
    "figure.constrained_layout.w_pad": 0.08,
    "font.family": ["DejaVu Sans"],
    "font.size": 15.8,
    "axes.labelsize": 14,
    "axes.titlesize": 15,
    "xtick.labelsize": 14,
    "ytick.labelsize": 14,
    "legend.fontsize": 14,
    "legend.frameon": False,
    "axes.titlelocation": "left",
    "text.color": "#22303c",
    "axes.labelcolor": "#5f6b76",
    "axes.edgecolor": "#aab4be",
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.prop_cycle": cycler(color=["#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#646e78"]),
    "grid.color": "#e6eaee",
    "grid.linewidth": 0.8,
    "xtick.color": "#aab4be",
    "ytick.color": "#aab4be",
    "xtick.labelcolor": "#3c4854",
    "ytick.labelcolor": "#3c4854",
    "patch.linewidth": 0,
    "svg.fonttype": "none",
    "figure.max_open_warning": 0,
}
_SPACE = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"


def svg(name: str, title: str, description: str, draw: Callable[[], Axes]) -> str:
    """Draw a chart in the page's form and return it as an `<svg>` element.

    `name` tells it from the others of the page (letters, digits and hyphens), `title` and `description` are what a
    screen reader says of it. The figure that `draw` makes is closed.
    """
    with plt.rc_context(cast(Any, {**STYLE, "svg.hashsalt": name})), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the reader's fonts have it, or a box
        figure = draw().get_figure(root=True)
        assert figure is not None
        written = StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        plt.close(figure)
    return _for_page(written.getvalue(), name, title, description)


def _for_page(text: str, name: str, title: str, description: str) -> str:
    ElementTree.register_namespace("", _SPACE)
    root = ElementTree.fromstring(text)  # noqa: S314  # matplotlib's own output
    for junk in root.findall(f"{{{_SPACE}}}metadata"):
        root.remove(junk)
    for parent in list(root.iter()):  # its own style is of the whole page in HTML, and the page has one
        for child in [c for c in parent if c.tag == f"{{{_SPACE}}}style"]:
            parent.remove(child)
    _own_ids(root, name)
    for element in root.iter():
        if "style" in element.attrib:
            element.set("style", _themed(element.attrib["style"]))
    inner = "".join(ElementTree.tostring(child, encoding="unicode") for child in root)
    inner = inner.replace(f' xmlns="{_SPACE}"', "").replace('xmlns:ns0="http://www.w3.org/1999/xlink" ', "")
    inner = re.sub(r'(xmlns:)?ns\d+:?(href)?="http://www.w3.org/1999/xlink" ?', "", inner)
    head = (
        f'<svg viewBox="{root.attrib["viewBox"]}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    )
    return f"{head}{inner}</svg>"


def _own_ids(root: ElementTree.Element, name: str) -> None:
    """Keep the names that something refers to, made the chart's own; drop all others."""
    used = set(re.findall(r"url\(#([^)]+)\)", ElementTree.tostring(root, encoding="unicode")))
    used |= {element.attrib[_LINK][1:] for element in root.iter() if _LINK in element.attrib}
    for element in root.iter():
        mine = element.attrib.pop("id", None)
        if mine in used:
            element.set("id", f"{name}-{mine}")
        for key, value in list(element.attrib.items()):
            if key == _LINK:
                del element.attrib[key]
                element.set("href", f"#{name}-{value[1:]}")
            elif "url(#" in value:
                element.set(key, re.sub(r"url\(#", f"url(#{name}-", value))


def _themed(style: str) -> str:
    """A style with the page's fonts and the page's names of colours."""
    style = re.sub(r"font:\s*(?:(\w+)\s+)?([\d.]+px)[^;]*", _font, style)
    style = re.sub(r"font-family:[^;]*;?", "", style)
    return re.sub(r"#[0-9a-fA-F]{6}", _named, style)


def _font(found: re.Match[str]) -> str:
    weight = "; font-weight: 600" if found[1] in ("bold", "600", "700") else ""
    return f"font-size: {found[2]}{weight}"


def _named(found: re.Match[str]) -> str:
    color = found[0].lower()
    return f"var(--{PALETTE[color]})" if color in PALETTE else color
