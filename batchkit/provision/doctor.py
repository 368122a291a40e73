"""`batchkit doctor`: the checks behind the table of failures in docs/troubleshooting.md, a line each.

It only looks. Each line says `pass`, or what is wrong and what to do; a failure that a network makes is told
apart from one that a missing role makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from azure.core.exceptions import ServiceRequestError

from batchkit import health
from batchkit import session as sessions
from batchkit.errors import BatchkitError, ServiceError, code_of, explain
from batchkit.provision import machines, planning, quota
from batchkit.provision.applying import CLOSED, OUTSIDE
from batchkit.provision.targets import ARM_SCOPE, target
from batchkit.session import Session

PASS = "pass"  # noqa: S105
STUCK = timedelta(minutes=30)


def examine() -> pd.DataFrame:
    """Run every check; a row each: check, result. A check that cannot be made says why, and the others go on."""
    try:
        session = sessions.connect()
    except BatchkitError as error:
        return _table([("settings", str(error))])
    lines = [("settings", PASS)]
    for name, check in CHECKS:
        try:
            with explain(f"check {name}"):
                found = list(check(session))
        except BatchkitError as error:
            found = [str(error)]
        lines += [(name, result) for result in found or [PASS]]
        if name == "login" and found:
            break  # nothing else can be asked
    return _table(lines)


def _table(lines: list[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(lines, columns=["check", "result"])


def why(error: Exception, role: str) -> str:
    """What an error of the wire means: no way there, a closed door, a missing role, or what the service says."""
    cause = error.__cause__ or error
    if isinstance(cause, ServiceRequestError):
        return f"no way to the service: check the address and the network, or {OUTSIDE}"
    if getattr(cause, "status_code", 0) != 403:
        return str(error)
    if code_of(cause) in CLOSED:
        return f"{code_of(cause)}: {OUTSIDE}"
    return f"no role: give whoever runs this {role}; a new role takes up to ten minutes"


def _login(session: Session) -> Iterator[str]:
    with explain("sign in: run `az login`, or check the identity that this runs as"):
        session.credential.get_token(ARM_SCOPE)
    yield from ()


def _permission(session: Session) -> Iterator[str]:
    azure = session.settings.azure
    probes: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("Azure Batch Data Contributor on the Batch account", lambda: next(
            iter(session.arm.pool.list_by_batch_account(azure.resource_group, azure.batch.account_name)), None)),
        ("Azure Batch Job Submitter on the Batch account", lambda: next(iter(session.batch.list_jobs()), None)),
        ("Storage Blob Data Contributor on the storage account", lambda: next(iter(session.inputs.list_blobs()), None)),
    )  # fmt: skip
    for role, probe in probes:
        try:
            with explain("look"):
                probe()
        except ServiceError as error:
            yield why(error, role)


def _quota(_session: Session) -> Iterator[str]:
    wanted = target()
    found = planning.sizes(wanted)
    if found is None:
        yield "there is no Batch account yet: run `batchkit provision plan`, then apply"
    elif not ((best := quota.best(found)).nodes and best.pools):
        yield from best.wants(str(wanted.parameters["location"]))


def _names(_session: Session) -> Iterator[str]:
    wanted = target()
    if any(planning.unregistered(wanted)):
        return  # nothing was ever deployed to this subscription: there is nothing to check names against
    calls = wanted.deployments.deployments
    with explain("have the template checked, names included"):
        calls.begin_validate_at_scope(wanted.scope, wanted.name, wanted.body(), polling_interval=wanted.pause).result()
    yield from ()


def _of_others(check: Callable[[Session], Iterator[str]]) -> Callable[[Session], Iterator[str]]:
    """A check that is not for everybody: to one who may not make it, as an analyst, it says nothing.

    What is missing of one's own roles, or a door that is closed, is told by the line of permissions.
    """

    def made(session: Session) -> Iterator[str]:
        try:
            with explain("look"):
                yield from list(check(session))
        except ServiceError as error:
            if getattr(error.__cause__, "status_code", 0) != 403:
                raise

    return made


def _support(session: Session) -> Iterator[str]:
    known = {_image(entry.image_reference): entry for entry in machines.supported(session)}
    for pool in _pools(session):
        machine = pool.virtual_machine_configuration
        entry = known.get(_image(machine.image_reference))
        if entry is None or not (machines.fits(entry) or machines.fits(entry, arm=True)):
            name = " ".join(_image(machine.image_reference))
            yield (
                f"{pool.id} is made of {name}, whose support ends: take azure.batch.machine out of the settings, "
                "and run notebook 01 again, which makes a new pool"
            )


def _image(reference: Any) -> tuple[str, str, str]:
    return reference.publisher, reference.offer, reference.sku


def _nodes(session: Session) -> Iterator[str]:
    for pool in _pools(session):
        yield from health.stuck(pool, datetime.now(UTC), session.settings.speed)
        for error in pool.resize_errors or []:
            yield f"{pool.id} could not grow: {error.code}: {error.message}"
        for node in session.batch.list_nodes(pool.id):
            state = sessions.word(node.state)
            yield from (f"{node.id[:14]} is {state}: {_node_advice(e.code)}" for e in node.errors or [])
            if state == "starttaskfailed":
                yield f"{node.id[:14]}: the start task failed: read its stderr.txt, mend the command, make a new pool"
            elif state == "unusable" and not node.errors:
                yield f"{node.id[:14]} is unusable: reimage it, or let the pool go to zero"


def _node_advice(code: str | None) -> str:
    known = {
        "ContainerInvalidImage": "it cannot pull the image: give the nodes' identity AcrPull, and build the image",
        "DiskFull": "its disk is full: take a larger OS disk in a new pool, or shorter retention",
    }
    return f"{code}: {known.get(code or '', 'look the code up, then reimage the node or make a new pool')}"


def _tasks(session: Session) -> Iterator[str]:
    late = datetime.now(UTC) - STUCK / session.settings.speed
    for job in session.batch.list_jobs(filter="state eq 'active'"):
        tasks: list[Any] = list(session.batch.list_tasks(job.id, filter="state eq 'active'"))
        old = [task for task in tasks if task.creation_time < late]
        if old:
            yield f"{len(old)} tasks of {job.id} wait for more than {STUCK}: see quota and nodes above"
        for task in session.batch.list_tasks(job.id, filter="state eq 'completed'"):
            failure: Any = task.execution_info.failure_info if task.execution_info else None
            if failure is not None and failure.code == "DiskFull":
                yield f"task {task.id} of {job.id}: {_node_advice('DiskFull')}"


def _pools(session: Session) -> list[Any]:
    prefix = session.settings.azure.batch.pool_id
    with explain("list the pools"):
        return list(session.batch.list_pools(filter=f"startswith(id,'{prefix}')"))


CHECKS: tuple[tuple[str, Callable[[Session], Iterator[str]]], ...] = (
    ("login", _login),
    ("permission and network", _permission),
    ("names and template", _of_others(_names)),
    ("quota", _of_others(_quota)),
    ("image support", _of_others(_support)),
    ("nodes", _nodes),
    ("tasks", _tasks),
)
