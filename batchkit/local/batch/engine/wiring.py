"""Which event leads to what: the arrows that would otherwise close circles between the engine's modules."""

from __future__ import annotations

from functools import partial

from batchkit.local.batch.engine import autopools, endings, faults, schedules
from batchkit.local.batch.engine.retention import Retention
from batchkit.local.batch.engine.scheduler import kick
from batchkit.local.batch.state.state import State


def connect(state: State) -> Retention:
    """Connect the events of a new service; return the retention that listens to them, to be run."""
    retention, events = Retention(state), state.events
    events.node_ready.connect(lambda pool: kick(state, pool.id))
    events.task_ran.connect(retention.task_ran)
    events.task_ran.connect(lambda pool, *_: faults.task_ran(state, pool))
    events.task_completed.connect(partial(endings.task_completed, state))
    events.task_left.connect(partial(endings.task_left, state))
    events.job_ended.connect(partial(autopools.job_ended, state))
    events.job_ended.connect(partial(schedules.job_ended, state))
    return retention
