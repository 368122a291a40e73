"""The page's templates: text is escaped wherever it stands, and a policy says which one script may run."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2


def render(name: str, **values: Any) -> str:
    """Fill a template; it has the page's style, its script and the script's hash besides what is given."""
    script = text("page.js")
    own = {"style": text("page.css"), "script": script,
           "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}  # fmt: skip
    html = _environment().get_template(name).render(**own, **values)
    return html.encode("utf-8", "replace").decode()


@cache
def text(name: str) -> str:
    """A file beside the templates."""
    return files("batchkit.page").joinpath(name).read_text("utf-8")


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(loader=jinja2.PackageLoader("batchkit.page", "."), autoescape=True, trim_blocks=True,
                              lstrip_blocks=True, undefined=jinja2.StrictUndefined)  # fmt: skip
