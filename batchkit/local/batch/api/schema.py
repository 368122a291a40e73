"""Holds a request's body against the API's types: names, kinds of values, words of enumerations.

schema.json lists each model's properties, written from the client's own models. A body with a name
that its type does not have, or a value of another kind, is refused whole, as the service's OData reader
does; requests of older API versions may hold names that are gone since, so there names pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from batchkit.local.wire.errors import BatchError, bad_value, error
from batchkit.local.wire.formats import Json, moment, seconds
from batchkit.local.wire.job_checks import LEAST_WHOLE, MOST_WHOLE

MODELS: dict[str, dict[str, str]] = json.loads(files(__package__).joinpath("schema.json").read_text("utf-8"))
_PRIMITIVES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("Edm.String", lambda value: isinstance(value, str)),
    "whole": ("Edm.Int32", lambda value: isinstance(value, int) and not isinstance(value, bool) and _fits(value)),
    "number": ("Edm.Double", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "truth": ("Edm.Boolean", lambda value: isinstance(value, bool)),
    "time": ("Edm.DateTime", lambda value: isinstance(value, str) and _reads(moment, value)),
    "duration": ("Edm.Time", lambda value: isinstance(value, str) and _reads(seconds, value)),
}


def _fits(value: int) -> bool:
    return LEAST_WHOLE <= value <= MOST_WHOLE


def _reads(reader: Callable[[str], object], text: str) -> bool:
    try:
        reader(text)
    except ValueError:
        return False
    return True


def check(body: object, model: str, strict: bool) -> None:
    """Hold a body against its model.

    Args:
        body: what the request's JSON says.
        model: the name of the operation's body type.
        strict: whether unknown names are refused (the newest API version).

    Raises:
        BatchError: InvalidRequestBody with the reason; InvalidPropertyValue for a word that no enumeration has.
    """
    if not isinstance(body, dict):
        raise error("InvalidRequestBody", Reason="The body must be a JSON object.")
    _object(body, model, strict)


def _object(doc: Json, model: str, strict: bool) -> None:
    known = MODELS[model]
    for name, value in doc.items():
        if name in known:
            _value(name, value, known[name], strict)
        elif strict and not name.startswith("odata."):
            raise _unknown(name, model)


def _unknown(name: str, model: str) -> BatchError:
    reason = f"The property '{name}' does not exist on type '{model}'. Only use property names that the type defines."
    return error("InvalidRequestBody", Reason=reason)


def _value(name: str, value: Any, kind: str, strict: bool) -> None:
    if value is None or kind == "any":
        return
    if kind.endswith("[]"):
        if not isinstance(value, list):
            raise _wrong(name, "Collection")
        for each in value:
            _value(name, each, kind[:-2], strict)
    elif kind in MODELS:
        if not isinstance(value, dict):
            raise _wrong(name, kind)
        _object(value, kind, strict)
    elif kind in _PRIMITIVES:
        if not _PRIMITIVES[kind][1](value):
            raise _wrong(name, _PRIMITIVES[kind][0])
    else:
        _word(name, value, kind)


def _wrong(name: str, kind: str) -> BatchError:
    reason = f"Cannot convert the value of property '{name}' to the expected type '{kind}'."
    return error("InvalidRequestBody", Reason=reason)


def _word(name: str, value: Any, kind: str) -> None:
    words = kind.split("|")
    if not isinstance(value, str) or value.lower() not in (word.lower() for word in words):
        raise bad_value(name, value, f"The value must be one of {', '.join(words)}.")
