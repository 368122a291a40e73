"""From an empty subscription to a pool that runs jobs, keyless, and back: plan, apply, verify, destroy.

    target = provision.target()        what is to be provisioned, from the settings file and the parameters
    provision.plan(target)             a table of what would change; nothing is changed
    session = provision.apply(target)  makes it, builds the image, writes what was learnt to the settings file
    provision.verify(target)           a table of checks, each with pass or what to do
    provision.destroy(target, name)    takes away what apply made, and nothing else

The template, its parameters and why it is as it is: README.md in this folder. Nothing is imported until it is
used, so that the command line starts at once.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "WORKER": "image",
    "Target": "targets",
    "apply": "applying",
    "destroy": "destroying",
    "plan": "planning",
    "target": "targets",
    "verify": "checking",
}
__all__ = ["WORKER", "Target", "apply", "destroy", "plan", "target", "verify"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
