"""A notebook's parameters as papermill sees them, checked before anything runs.

papermill only warns of a parameter that no notebook has; here it is an error, and so is a value of another
type than the cell's.

A parameter called `data`, or whose name ends in `_file` or `_dir`, is a path: what a person gives is seen from the
folder where the command was typed. A value in the cell is seen from the notebook's own folder, and the words that
`data` knows beside folders (WORDS) are no paths.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import papermill
import yaml
from papermill.exceptions import PapermillException

from batchkit import mappings
from batchkit.errors import ParameterError

Declared = dict[str, dict[str, str]]

PATHS = ("_file", "_dir")
WORDS = ("synthetic", "real")

_TYPES: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "float": (int, float), "bool": bool}


def declared(notebooks: Iterable[Path]) -> Declared:
    """For each notebook's file name, its parameters: name to the type in its parameters cell."""
    return {path.name: _types(path) for path in notebooks}


def assign(known: Declared, given: Iterable[tuple[str, str]], defaults: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give each notebook the values that are its own: `defaults` first, then what a person gave, as YAML.

    Raises ParameterError for a name that no notebook has, or a value of the wrong type.
    """
    values: dict[str, dict[str, Any]] = {
        notebook: {name: value for name, value in defaults.items() if name in types}
        for notebook, types in known.items()
    }
    for name, text in given:
        homes = [notebook for notebook, types in known.items() if name in types]
        if not homes:
            raise ParameterError(_unknown(name, {n for types in known.values() for n in types}))
        for notebook in homes:
            values[notebook][name] = _located(name, _read(name, text, known[notebook][name]))
    return values


def is_path(name: str, value: Any) -> bool:
    """Whether a parameter's value names a file or folder."""
    if not value:
        return False
    if name == "mapping":
        return mappings.NAME.fullmatch(value) is None
    return name.endswith(PATHS) or (name == "data" and value not in WORDS)


def _located(name: str, value: Any) -> Any:
    return str(Path.cwd() / Path(value).expanduser()) if is_path(name, value) else value


def _types(path: Path) -> dict[str, str]:
    try:
        found = papermill.inspect_notebook(str(path).replace("{", "{{").replace("}", "}}"))
    except (PapermillException, OSError, ValueError) as error:
        raise ParameterError(f"{path} is no notebook that can be run: {error}. Mend it, or move it away.") from error
    return {name: parameter["inferred_type_name"] for name, parameter in found.items()}


def _read(name: str, text: str, type_name: str) -> Any:
    try:
        value = yaml.safe_load(text) if text else text
    except yaml.YAMLError:
        value = text if type_name == "str" else None
    if type_name == "str" and isinstance(value, str) and not text.lstrip().startswith(("'", '"')):
        value = text  # as it is: YAML would end "a #1" at the #
    wanted = _TYPES.get(type_name, object)
    right = isinstance(value, wanted) and not (isinstance(value, bool) and type_name in ("int", "float"))
    if not right:
        hint = f" To give it as text, quote it twice: '\"{text}\"'." if type_name == "str" else ""
        raise ParameterError(f"Parameter {name} takes {type_name}, not {text!r}.{hint}")
    return value


def _unknown(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(sorted(known))}."
    return f"No notebook has a parameter {name}. {hint}"
