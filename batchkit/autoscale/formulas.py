"""Ready-made formulas, right under every reading of the language that the documents leave open."""

from __future__ import annotations

from datetime import UTC, datetime


def pending_tasks(
    max_nodes: int = 10,
    tasks_per_node: int = 3,
    keep_warm_until: datetime | None = None,
    dedicated_nodes: int | None = None,
) -> str:
    """Return a formula: one node for so many pending tasks, up to a limit, none when there is no task.

    The first `dedicated_nodes` of them are dedicated (all of them when None) and the others Spot nodes; at
    least one is dedicated, so that a job can end when no Spot node is to be had.

    `n > 0 ? min(max, max(1, n / per)) : 0` neither starves the last tasks when the service cuts
    fractions off nor keeps a node for ever when it rounds them. With `keep_warm_until` (UTC when it
    has no zone) one node stays until that moment and leaves by itself, with no client alive.

    Raises:
        ValueError: a limit or a share below one.
    """
    dedicated = max_nodes if dedicated_nodes is None else min(dedicated_nodes, max_nodes)
    if min(max_nodes, tasks_per_node, dedicated) < 1:
        raise ValueError(
            f"max_nodes, tasks_per_node and dedicated_nodes must be at least 1, not {max_nodes}, "
            f"{tasks_per_node} and {dedicated}."
        )
    target = "$target"
    if keep_warm_until is not None:
        target = f'time() < time("{_moment(keep_warm_until)}") ? max(1, $target) : $target'
    split = _ALL_DEDICATED if dedicated == max_nodes else _REST_SPOT
    targets = split.format(target=target, dedicated=dedicated)
    return _PENDING.format(max_nodes=max_nodes, tasks_per_node=tasks_per_node, targets=targets)


_PENDING = """\
$samples = $PendingTasks.GetSamplePercent(5 * TimeInterval_Minute);
$last = max(0, $PendingTasks.GetSample(1));
$tasks = $samples < 70 ? $last : max($last, avg($PendingTasks.GetSample(5 * TimeInterval_Minute)));
$target = $tasks > 0 ? min({max_nodes}, max(1, $tasks / {tasks_per_node})) : 0;
{targets}
$NodeDeallocationOption = taskcompletion;
"""
_ALL_DEDICATED = "$TargetDedicatedNodes = {target};"
_REST_SPOT = """\
$nodes = {target};
$TargetDedicatedNodes = min({dedicated}, $nodes);
$TargetLowPriorityNodes = max(0, $nodes - {dedicated});"""


def _moment(moment: datetime) -> str:
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%SZ")
