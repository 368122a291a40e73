"""A template, expanded: its parameters checked, its loops unrolled, its resources in the order of their needs.

Names, ids, conditions and dependencies follow from parameters alone and are evaluated at once; bodies may
refer to what is not there yet and are evaluated when their turn comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from batchkit.local.resources import catalogue
from batchkit.local.resources.expressions import TemplateError, Unresolved
from batchkit.local.resources.functions import Json, Scope, extension_id

_GROUP = "Microsoft.Resources/resourceGroups"
DEPLOYMENT = "Microsoft.Resources/deployments"
_PART = ("type", "apiVersion", "name", "scope", "condition", "copy", "dependsOn", "comments", "resourceGroup")
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "securestring": (str,),
    "int": (int,),
    "bool": (bool,),
    "array": (list,),
    "object": (dict,),
}


@dataclass
class Planned:
    """One resource of a template: its id, what it needs, and its body still unevaluated."""

    id: str
    kind: str
    api_version: str
    name: str
    source: Json
    scope: Scope
    loop: str = ""
    needs: set[str] = field(default_factory=set)
    group: str = ""

    def body(self, strict: bool = True) -> Json:
        """Return the body as it is sent; without `strict`, what cannot be known yet stays an expression.

        Raises:
            TemplateError: an expression that is wrong.
            Unresolved: `strict`, and it refers to what is not there.
        """
        rest = {key: value for key, value in self.source.items() if key not in _PART}
        found = _evaluated(rest, self.scope, strict)
        return {"id": self.id, "name": self.name.rsplit("/", 1)[-1], "type": self.kind, **found}


def _evaluated(value: Any, scope: Scope, strict: bool) -> Any:
    """Return a body's part evaluated, its property loops (`copy` as a list) unrolled."""
    if isinstance(value, dict):
        loops = value["copy"] if isinstance(value.get("copy"), list) else []
        kept = {k: item for k, item in value.items() if not (loops and k == "copy")}
        found = {_evaluated(k, scope, strict): _evaluated(item, scope, strict) for k, item in kept.items()}
        return found | {loop["name"]: _turns(loop, scope, strict) for loop in loops}
    if isinstance(value, list):
        return [_evaluated(item, scope, strict) for item in value]
    try:
        return scope.evaluate(value)
    except Unresolved:
        if strict:
            raise
        return value


def _turns(loop: Json, scope: Scope, strict: bool) -> list[Any]:
    turns = range(scope.evaluate(loop["count"]))
    return [_evaluated(loop["input"], scope.at(index, loop["name"]), strict) for index in turns]


def parameters(template: Json, given: Json, scope: Scope) -> Json:
    """Return every parameter's value, given or default, checked against its declaration.

    Raises:
        TemplateError: unknown, missing, of the wrong type or outside of what is allowed.
    """
    declared = template.get("parameters", {})
    if unknown := sorted(given.keys() - declared.keys()):
        raise TemplateError(f"The template parameters '{', '.join(unknown)}' are not valid.")
    return {name: _parameter(name, entry, given, scope) for name, entry in declared.items()}


def _parameter(name: str, entry: Json, given: Json, scope: Scope) -> Any:
    if name not in given and "defaultValue" not in entry:
        raise TemplateError(f"The value for the template parameter '{name}' is not provided.")
    value = given[name] if name in given else scope.evaluate(entry["defaultValue"])
    right = isinstance(value, _TYPES[entry["type"].lower()]) and isinstance(value, bool) == (entry["type"] == "bool")
    size = value if isinstance(value, int) else len(value)
    bounds = ("minValue", "maxValue") if isinstance(value, int) else ("minLength", "maxLength")
    low, high = (entry.get(bound) for bound in bounds)
    if not right or (low is not None and size < low) or (high is not None and size > high):
        raise TemplateError(f"The provided value for the template parameter '{name}' is not valid: {value!r}.")
    if "allowedValues" in entry and value not in entry["allowedValues"]:
        raise TemplateError(f"The value '{value}' of '{name}' is not one of {', '.join(entry['allowedValues'])}.")
    return value


def expand(template: Json, scope: Scope) -> list[Planned]:
    """Return the template's resources, those whose condition is false left out, each after what it needs.

    Raises:
        TemplateError: names, api-versions or dependencies that do not hold.
    """
    everything = [planned for source in template["resources"] for planned in _unrolled(source, scope)]
    ids = [planned.id.lower() for planned in everything]
    if twice := {i for i in ids if ids.count(i) > 1}:
        raise TemplateError(f"The resource '{sorted(twice)[0]}' is defined more than once.")
    for planned in everything:
        planned.needs = _needs(planned, everything)
    wanted = [p for p in everything if p.scope.evaluate(p.source.get("condition", True))]
    for planned in wanted:
        catalogue.check(planned.kind, planned.api_version, planned.name)
    return _ordered(wanted)


def _unrolled(source: Json, scope: Scope) -> Iterator[Planned]:
    copy = source.get("copy")
    if copy is None:
        yield _planned(source, scope)
        return
    for index in range(scope.evaluate(copy["count"])):
        planned = _planned(source, scope.at(index))
        planned.loop = copy["name"]
        yield planned


def _planned(source: Json, scope: Scope) -> Planned:
    kind, name = source["type"], str(scope.evaluate(source["name"]))
    group = str(scope.evaluate(source.get("resourceGroup", scope.group)))
    base = scope.root
    if "scope" in source:
        base = _extension_base(str(scope.evaluate(source["scope"])), scope)
    elif group and group != scope.group:
        base = f"/subscriptions/{scope.subscription}/resourceGroups/{group}"
    where = f"{base}/resourceGroups/{name}" if kind == _GROUP else extension_id(base, kind, *name.split("/"))
    return Planned(where, kind, source["apiVersion"], name, source, scope, group=group)


def _extension_base(text: str, scope: Scope) -> str:
    if text.startswith("/"):
        return text
    parts = text.split("/")
    if len(parts) < 3 or len(parts) % 2 == 0:
        raise TemplateError(f"The scope '{text}' is not a resource's type and name.")
    # Provider/typeA/nameA/typeB/nameB, as a template's format() builds it.
    return f"{scope.root}/providers/{text}"


def _needs(planned: Planned, everything: list[Planned]) -> set[str]:
    needs: set[str] = set()
    for text in planned.source.get("dependsOn", []):
        wanted = str(planned.scope.evaluate(text))
        found = [p for p in everything if wanted.lower() in (p.id.lower(), p.loop.lower(), p.name.lower())]
        if not found:
            raise TemplateError(f"The resource '{wanted}' is not defined in the template, but '{planned.id}' needs it.")
        needs |= {p.id.lower() for p in found}
    return needs


def _ordered(wanted: list[Planned]) -> list[Planned]:
    left, done, order = list(wanted), set[str](), list[Planned]()
    present = {p.id.lower() for p in wanted}
    while left:
        ready = [p for p in left if not (p.needs & present) - done]
        if not ready:
            raise TemplateError(f"Circular dependency detected: {', '.join(p.id for p in left)}.")
        order += ready
        done |= {p.id.lower() for p in ready}
        left = [p for p in left if p.id.lower() not in done]
    return order


def scope_of(template: Json, given: Json, scope: Scope) -> Scope:
    """Return the scope with the template's parameters and variables in it.

    Raises:
        TemplateError: a parameter does not hold.
    """
    return replace(scope, parameters=parameters(template, given, scope), variables=template.get("variables", {}))
