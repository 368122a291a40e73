"""The template functions that the local Resource Manager knows, each as the documents describe it.

`Scope` is where a template is deployed to: it gives parameters, variables, names and ids, and looks up
what is there already for `reference`.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from batchkit.local.resources.expressions import TemplateError, Unresolved, evaluate

Json = dict[str, Any]
Thunks = list[Callable[[], Any]]
_NAMESPACE = uuid.UUID("3c1e2b40-76d7-4f52-9a57-0d4b0b7c3f55")


@dataclass(frozen=True)
class Scope:
    """Where a template is evaluated: a subscription, or a resource group in it."""

    subscription: str
    group: str
    location: str
    name: str
    parameters: Json
    look_up: Callable[[str], Json | None]
    variables: Json = field(default_factory=dict)
    index: int | None = None
    turns: dict[str, int] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """The scope's own resource id."""
        base = f"/subscriptions/{self.subscription}"
        return f"{base}/resourceGroups/{self.group}" if self.group else base

    def at(self, index: int, loop: str = "") -> Scope:
        """Return the same scope inside a turn of a copy loop, of a property's when that is named."""
        if loop:
            return replace(self, turns=self.turns | {loop: index})
        return replace(self, index=index)

    def evaluate(self, value: Any) -> Any:
        """Return a template's value evaluated here (see `expressions.evaluate`)."""
        return evaluate(value, self._call)

    def _call(self, name: str, thunks: Thunks) -> Any:
        if (lazy := _LAZY.get(name.lower())) is not None:
            return lazy(self, thunks)
        if (own := _SCOPED.get(name.lower())) is not None:
            return own(self, *[thunk() for thunk in thunks])
        if (plain := _PLAIN.get(name.lower())) is not None:
            return plain(*[thunk() for thunk in thunks])
        raise TemplateError(f"The template function '{name}' is not valid: the local Azure does not know it.")


def _parameter(scope: Scope, name: str) -> Any:
    if name not in scope.parameters:
        raise TemplateError(f"The template parameter '{name}' is not found.")
    return scope.parameters[name]


def _variable(scope: Scope, name: str) -> Any:
    if name not in scope.variables:
        raise TemplateError(f"The template variable '{name}' is not found.")
    return scope.evaluate(scope.variables[name])


def _copy_index(scope: Scope, *given: Any) -> int:
    if given and given[0] in scope.turns:
        return scope.turns[given[0]]
    if scope.index is None:
        raise TemplateError("The template function 'copyIndex' is not expected at this location.")
    return scope.index


def _resource_id(scope: Scope, *parts: Any) -> str:
    at = next(i for i, part in enumerate(parts) if "/" in str(part) and not str(part).startswith("/"))
    group = parts[at - 1] if at else scope.group
    subscription = parts[at - 2] if at > 1 else scope.subscription
    base = f"/subscriptions/{subscription}/resourceGroups/{group}" if group else f"/subscriptions/{subscription}"
    return extension_id(base, *parts[at:])


def _subscription_resource_id(scope: Scope, *parts: Any) -> str:
    kind, *names = parts
    if kind.lower() == "microsoft.resources/resourcegroups":
        return f"/subscriptions/{scope.subscription}/resourceGroups/{names[0]}"
    return extension_id(f"/subscriptions/{scope.subscription}", *parts)


def extension_id(base: str, kind: str, *names: str) -> str:
    """Return the id of a resource of that kind below another: types and names take turns."""
    provider, *types = kind.split("/")
    if len(types) != len(names):
        raise TemplateError(f"Unable to evaluate the resource id of '{kind}': it needs {len(types)} names.")
    return f"{base}/providers/{provider}/" + "/".join(f"{t}/{n}" for t, n in zip(types, names, strict=True))


def _reference(scope: Scope, resource: str, *_: Any) -> Any:
    found = scope.look_up(resource)
    if found is None:
        raise Unresolved(resource)
    return found.get("properties", {})


def _if(_scope: Scope, thunks: Thunks) -> Any:
    condition, yes, no = thunks
    return yes() if condition() else no()


def _union(*values: Any) -> Any:
    if isinstance(values[0], dict):
        return {key: item for value in values for key, item in value.items()}
    return list({str(item): item for value in values for item in value}.values())


def unique_string(*values: Any) -> str:
    """Return 13 letters and digits that follow from the values (not the ones that Azure would make)."""
    digest = hashlib.sha256("-".join(str(v) for v in values).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:13]


def _cidr_subnet(network: str, new: int, index: int) -> str:
    base = ipaddress.ip_network(network)
    return str(ipaddress.ip_network((int(base.network_address) + (index << (base.max_prefixlen - new)), new)))


def _format(pattern: str, *values: Any) -> str:
    return pattern.format(*values)


_LAZY: dict[str, Callable[[Scope, Thunks], Any]] = {
    "if": _if,
    "and": lambda _s, thunks: all(thunk() for thunk in thunks),
    "or": lambda _s, thunks: any(thunk() for thunk in thunks),
}
_SCOPED: dict[str, Callable[..., Any]] = {
    "parameters": _parameter,
    "variables": _variable,
    "copyindex": _copy_index,
    "resourceid": _resource_id,
    "subscriptionresourceid": _subscription_resource_id,
    "reference": _reference,
    "subscription": lambda s: {
        "id": f"/subscriptions/{s.subscription}",
        "subscriptionId": s.subscription,
        "displayName": "local",
    },
    "resourcegroup": lambda s: {"id": s.root, "name": s.group, "location": s.location},
    "deployment": lambda s: {"name": s.name, "location": s.location},
    "environment": lambda _s: {"name": "AzureCloud", "suffixes": {"storage": "core.windows.net"}},
}
_PLAIN: dict[str, Callable[..., Any]] = {
    "format": _format,
    "concat": lambda *v: "".join(map(str, v)) if not isinstance(v[0], list) else [i for each in v for i in each],
    "extensionresourceid": extension_id,
    "guid": lambda *v: str(uuid.uuid5(_NAMESPACE, "-".join(map(str, v)))),
    "uniquestring": unique_string,
    "tolower": lambda text: str(text).lower(),
    "take": lambda value, count: value[:count],
    "empty": lambda value: not value,
    "not": lambda value: not value,
    "greater": lambda one, other: one > other,
    "equals": lambda one, other: one == other,
    "length": len,
    "union": _union,
    "createobject": lambda *v: dict(zip(v[::2], v[1::2], strict=True)),
    "null": lambda: None,
    "cidrsubnet": _cidr_subnet,
}
