"""The states of nodes, jobs, tasks, pools and schedules, and the steps between them that the service documents."""

from __future__ import annotations

from collections.abc import Mapping

from batchkit.local.wire.formats import Json, stamp

Steps = Mapping[str, tuple[str, ...]]

_LOST = ("leavingpool", "preempted", "unusable")
_STARTED = ("waitingforstarttask", "starttaskfailed", "idle", *_LOST)
_UP = ("running", "idle", "rebooting", "reimaging", "deallocating", *_LOST)

NODE: Steps = {
    "creating": ("starting", *_LOST),
    "starting": _STARTED,
    "waitingforstarttask": _STARTED,
    "idle": _UP,
    "running": _UP,
    "starttaskfailed": ("rebooting", "reimaging", "deallocating", *_LOST),
    "unusable": ("rebooting", "reimaging", "deallocating", *_LOST),
    "rebooting": ("starting", *_STARTED),
    "reimaging": ("starting", *_STARTED),
    "preempted": ("starting", "leavingpool"),
    "deallocating": ("deallocated", "leavingpool"),
    "deallocated": ("starting", "leavingpool"),
    "leavingpool": (),
}
JOB: Steps = {
    "active": ("disabling", "terminating", "deleting"),
    "disabling": ("disabled", "terminating", "deleting"),
    "disabled": ("active", "terminating", "deleting"),
    "terminating": ("completed", "deleting"),
    "completed": ("deleting",),
    "deleting": (),
}
TASK: Steps = {
    "active": ("preparing", "completed"),
    "preparing": ("running", "active", "completed"),
    "running": ("active", "completed"),
    "completed": ("active",),
}
POOL: Steps = {"active": ("deleting",), "deleting": ()}
ALLOCATION: Steps = {
    "steady": ("resizing", "stopping"),
    "resizing": ("steady", "stopping"),
    "stopping": ("steady", "resizing"),
}
SCHEDULE: Steps = {
    "active": ("disabled", "terminating", "completed", "deleting"),
    "disabled": ("active", "terminating", "deleting"),
    "terminating": ("completed", "deleting"),
    "completed": ("deleting",),
    "deleting": (),
}


class WrongStep(Exception):  # noqa: N818 - says what was done, as an error's name would not
    """Something was to go from one state to another in a way that the service does not know."""


def step(doc: Json, steps: Steps, to: str, name: str = "state", previous: bool = True) -> bool:
    """Move a document to another state; return whether that is a change.

    Args:
        doc: what has the state; a new document gets its first.
        steps: where each state leads.
        to: the new state.
        name: the property that holds the state.
        previous: whether the state before and its time are kept, as they are for all but nodes and allocations.

    Raises:
        WrongStep: the service documents no such step.
    """
    present = doc.get(name)
    if present == to:
        return False
    if present is not None and to not in steps[present]:
        raise WrongStep(f"{doc.get('id')} cannot go from {present} to {to}")
    if present is not None and previous:
        doc["previousState"] = present
        doc["previousStateTransitionTime"] = doc["stateTransitionTime"]
    doc[name] = to
    doc[f"{name}TransitionTime"] = stamp()
    return True
