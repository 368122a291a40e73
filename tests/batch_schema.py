"""Write batchkit/local/wire/schema.json from the client's models: what a body may hold, and of what type.

    python tests/batch_schema.py > batchkit/local/wire/schema.json

The local Batch itself imports no azure-batch; a test compares the file with the installed client.
"""

import contextlib
import enum
import json
import re
from typing import Any

import azure.batch.models as models

BASIC = {"str": "text", "int": "whole", "float": "number", "bool": "truth", "datetime.datetime": "time"}
BASIC["datetime.timedelta"] = "duration"
BASIC["Any"] = BASIC["bytes"] = "any"


def bodies() -> list[str]:
    """The models that operations take as bodies, by the table of operations."""
    from batchkit.local.batch.api.call import OPERATIONS

    named = {entry["body"] for entry in OPERATIONS.values() if "body" in entry}
    return sorted(named | {"BatchTaskCreateOptions"})


def kind(annotation: object) -> str:
    """A property's type in few words: text, whole, …, one of `a|b`, a model's name, or any of them + []."""
    text = re.sub(r"ForwardRef\('([^']+)'\)|<class '([^']+)'>", r"\1\2", str(annotation))
    text = re.sub(r"typing\.|azure\.batch\.models\._\w+\.|_models\.|_types\.|'", "", text)
    text = re.sub(r"^Optional\[(.*)\]$", r"\1", text).removesuffix(" | None")
    many = re.match(r"^(?:list|List)\[(.*)\]$", text)
    if many:
        return kind(many[1]) + "[]"
    union = re.match(r"^Union\[(?:str, )?(.*?)(?:, NoneType)?\]$", text)
    return name(union[1] if union else text)


def name(text: str) -> str:
    """The word for one type's name."""
    if text in BASIC:
        return BASIC[text]
    found = getattr(models, text, None)
    if isinstance(found, type) and issubclass(found, enum.Enum):
        return "|".join(str(member.value) for member in found)
    return text if found is not None else "any"


def properties(model: Any) -> dict[str, str]:
    """A model's properties by their names on the wire."""
    with contextlib.suppress(TypeError):
        model()  # a model's fields are known once it was made, or tried to be
    hints: dict[str, object] = {}
    for base in reversed(model.__mro__):
        hints.update(getattr(base, "__annotations__", {}))
    return {
        field._rest_name: kind(hints.get(attribute, "Any")) for attribute, field in model._attr_to_rest_field.items()
    }


def schema() -> str:
    """The whole file: every model that a body can reach."""
    found: dict[str, dict[str, str]] = {}
    waiting = bodies()
    while waiting:
        model = waiting.pop()
        if model not in found:
            found[model] = properties(getattr(models, model))
            waiting += [k for value in found[model].values() if hasattr(models, k := value.removesuffix("[]"))]
    rows = ",\n".join(f" {json.dumps(model)}: {json.dumps(found[model])}" for model in sorted(found))
    return "{\n" + rows + "\n}\n"


if __name__ == "__main__":
    print(schema(), end="")
