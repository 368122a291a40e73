"""Reads a request's body by the API's types: names, kinds of values, words of enumerations.

schema.json lists each model's properties, written from the client's own models. A body with a name
that its type does not have, or a value of another kind, is refused whole, as the service's OData reader
does; requests of older API versions may hold names that are gone since, so there names pass. What is
read is in the service's own words: enumerations as the newest client spells them, durations as .NET
writes them, names of older versions by the newest's. Secrets are left out: nothing here needs them, so
none can be kept, logged or shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from batchkit.local.wire.errors import BatchError, bad_value, error
from batchkit.local.wire.formats import Json, moment, normal_duration, seconds
from batchkit.local.wire.versions import in_new_words

LEAST_WHOLE, MOST_WHOLE = -(2**31), 2**31 - 1  # of a number that the API's type calls Int32
MODELS: dict[str, dict[str, str]] = json.loads(files(__package__).joinpath("schema.json").read_text("utf-8"))
SECRETS = frozenset({"password", "accountKey", "sasKey", "sshPrivateKey", "protectedSettings"})
_AS_WRITTEN = frozenset({"pauseTimeBetweenBatches"})  # the service gives this duration back as it came
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


def read(body: object, model: str, strict: bool) -> Json:
    """Return a body in the service's own words, without its secrets, when it holds against its model.

    Args:
        body: what the request's JSON says.
        model: the name of the operation's body type.
        strict: whether unknown names are refused (the newest API version).

    Raises:
        BatchError: InvalidRequestBody with the reason; InvalidPropertyValue for a word that no enumeration has.
    """
    if not isinstance(body, dict):
        raise error("InvalidRequestBody", Reason="The body must be a JSON object.")
    return _object(body, model, strict)


def _object(doc: Json, model: str, strict: bool) -> Json:
    known, found = MODELS[model], {}
    for name, value in (doc if strict else in_new_words(doc)).items():
        if name in SECRETS and (name in known or not strict):
            continue
        if name in known:
            found[name] = _value(name, value, known[name], strict)
        elif strict and not name.startswith("odata."):
            raise _unknown(name, model)
        else:
            found[name] = without_secrets(value)
    return found


def without_secrets(value: Any) -> Any:
    """Return a JSON value without what must never be shown or kept."""
    if isinstance(value, dict):
        return {name: without_secrets(each) for name, each in value.items() if name not in SECRETS}
    return [without_secrets(each) for each in value] if isinstance(value, list) else value


def _unknown(name: str, model: str) -> BatchError:
    reason = f"The property '{name}' does not exist on type '{model}'. Only use property names that the type defines."
    return error("InvalidRequestBody", Reason=reason)


def _value(name: str, value: Any, kind: str, strict: bool) -> Any:
    if value is None or kind == "any":
        return value
    if kind.endswith("[]"):
        if not isinstance(value, list):
            raise _wrong(name, "Collection")
        return [_value(name, each, kind[:-2], strict) for each in value]
    if kind in MODELS:
        if not isinstance(value, dict):
            raise _wrong(name, kind)
        return _object(value, kind, strict)
    if kind in _PRIMITIVES:
        return _primitive(name, value, kind)
    return _word(name, value, kind)


def _primitive(name: str, value: Any, kind: str) -> Any:
    type_name, holds = _PRIMITIVES[kind]
    if not holds(value):
        raise _wrong(name, type_name)
    return normal_duration(value) if kind == "duration" and name not in _AS_WRITTEN else value


def _wrong(name: str, kind: str) -> BatchError:
    reason = f"Cannot convert the value of property '{name}' to the expected type '{kind}'."
    return error("InvalidRequestBody", Reason=reason)


def _word(name: str, value: Any, kind: str) -> str:
    words = {word.lower(): word for word in kind.split("|")}
    if not isinstance(value, str) or value.lower() not in words:
        raise bad_value(name, value, f"The value must be one of {', '.join(words.values())}.")
    return words[value.lower()]
