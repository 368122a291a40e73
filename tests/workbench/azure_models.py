"""Holds a JSON body against the models of an azure-mgmt package: unknown, missing and misspelt, each by its path."""

import enum
import types
import typing
from collections.abc import Iterator
from typing import Any


def problems(model: type, body: Any, path: str = "") -> Iterator[str]:
    """Yield what is wrong with a body: unknown properties, missing required ones, values that no enum has."""
    if not isinstance(body, dict):
        yield f"{path}: {body!r} is not an object"
    elif hasattr(model, "_attribute_map"):
        yield from _msrest(model, body, path)
    else:
        yield from _rest(model, body, path)


def _rest(model: Any, body: dict[str, Any], path: str) -> Iterator[str]:
    model.__new__(model)  # only then does the class know its fields
    fields = {field._rest_name: (name, field) for name, field in model._attr_to_rest_field.items()}
    hints = typing.get_type_hints(model, _names(model))
    for key, value in body.items():
        if key not in fields:
            yield f"{path}.{key} is unknown to {model.__name__}"
        elif value is not None:
            yield from _value(hints[fields[key][0]], value, f"{path}.{key}")
    for rest_name, (name, field) in fields.items():
        needed = not _optional(hints[name]) and not field._is_discriminator and field._visibility != ["read"]
        if needed and rest_name not in body:
            yield f"{path}.{rest_name} is missing: {model.__name__} needs it"


def _names(model: type) -> dict[str, Any]:
    import importlib

    package = model.__module__.rsplit(".models", 1)[0]
    return {"_models": importlib.import_module(f"{package}.models"), "_types": None, **vars(typing)}


def _optional(hint: Any) -> bool:
    return types.NoneType in typing.get_args(hint)


def _value(hint: Any, value: Any, path: str) -> Iterator[str]:
    kinds = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    for kind in kinds:
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin is list and isinstance(value, list):
            for index, item in enumerate(value):
                yield from _value(inner[0], item, f"{path}[{index}]")
        elif origin is dict and isinstance(value, dict):
            for key, item in value.items():
                yield from _value(inner[1], item, f"{path}.{key}")
        elif isinstance(kind, type) and issubclass(kind, enum.Enum) and isinstance(value, str):
            if value.lower() not in [str(member.value).lower() for member in kind]:
                yield f"{path}: {value} is not one of {[member.value for member in kind]}"
        elif isinstance(kind, type) and hasattr(kind, "_calculated"):
            yield from problems(kind, value, path)
        elif kind is bool and not isinstance(value, bool):
            yield f"{path}: {value!r} is not a bool"


def _msrest(model: Any, body: dict[str, Any], path: str) -> Iterator[str]:
    known = {entry["key"]: name for name, entry in model._attribute_map.items()}
    flat = dict(_flattened(body, {key.split(".")[0] for key in known if "." in key}))
    for key in flat:
        if key not in known:
            yield f"{path}.{key} is unknown to {model.__name__}"
    for key, name in known.items():
        rule = model._validation.get(name, {})
        if rule.get("required") and not rule.get("readonly") and key not in flat:
            yield f"{path}.{key} is missing: {model.__name__} needs it"


def _flattened(body: dict[str, Any], nested: set[str]) -> Iterator[tuple[str, Any]]:
    for key, value in body.items():
        if key in nested:
            yield from ((f"{key}.{inner}", item) for inner, item in value.items())
        else:
            yield key, value
