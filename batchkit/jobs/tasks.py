"""A plan as the Batch tasks that carry it out: files in, one command, files out, all by the pool's identity.

The worker moves no blobs: Batch itself brings a task's inputs and takes its outputs. So the command is the
same string in a container on Azure and in a process on this machine, and it holds no blob's name.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from azure.batch import models

from batchkit import mappings
from batchkit.errors import PlanError
from batchkit.jobs.places import Places
from batchkit.jobs.planning import Plan, Task

WORK = "python -m node process in --output out --rules rules.toml"
MAPPING = "mapping.toml"
RUN_OPTIONS = "--rm --read-only --network none --tmpfs /tmp"
RETRIES = 2
# A task that runs away must not bill for a day: half an hour, and a second for each 100 kB, some 400 times what the
# worker takes. Of a merge no bytes are known beforehand.
SHORTEST, BYTES_A_SECOND, MERGE_TIME = timedelta(minutes=30), 100_000, timedelta(hours=2)
USER = models.UserIdentity(  # nobody's: without rights on its node, said so that no default decides it
    auto_user=models.AutoUserSpecification(scope="pool", elevation_level="nonadmin")
)
# A task's folder stays on its node for a day, to be looked at; of a job that is larger than half a node's disk, for
# some minutes. The service's seven days fill a busy disk, and then every task fails.
RETENTION, SHORT_RETENTION = timedelta(days=1), timedelta(minutes=10)


def all_tasks(plan: Plan, places: Places) -> list[models.BatchTaskCreateOptions]:
    """Every task of the plan: the work, then one merge, or a tree of them when there are many groups.

    A work task satisfies its dependants whatever becomes of it, so a failed one never blocks the merge.
    """
    work = [work_task(plan, task, places) for task in plan.tasks]
    return [*work, *merges(plan, places, (1, len(work)), len(work) + 1)]


def check_room(plan: Plan, places: Places) -> None:
    """Raise PlanError when the files of one task, which a node holds at once, do not fit on half of its disk."""
    largest = max(plan.tasks, key=lambda task: sum(one.bytes for one in task.inputs))
    size = sum(one.bytes for one in largest.inputs)
    if size > places.disk // 2:
        names = f"{largest.inputs[0].name} and {len(largest.inputs) - 1} more"
        raise PlanError(
            f"Task {largest.id} brings {size / 1e9:.1f} GB ({names}), "
            f"but a node's disk has {places.disk / 1e9:.0f} GB: split the file, or take a vm_size with a larger disk."
        )


def merges(
    plan: Plan, places: Places, after: tuple[int, int] | None, number: int
) -> list[models.BatchTaskCreateOptions]:
    """The merges of a plan, numbered from `number`; `after` is the span of tasks that come before all of them.

    With the plan's own tasks before them (None is for no task at all), each group waits for its own tasks alone.
    """
    job, own = plan.job_id, after == (1, len(plan.tasks))
    if len(plan.groups) == 1:
        return [last_merge(plan, places, f"{job}/partials", after, number)]
    groups = [group_merge(plan, g, places, number + n, None if own else after) for n, g in enumerate(plan.groups)]
    if not own and after is None:
        for task in groups:
            task.depends_on = None
    span = (number, number + len(groups) - 1)
    return [*groups, last_merge(plan, places, f"{job}/merged", span, span[1] + 1)]


def work_task(plan: Plan, task: Task, places: Places) -> models.BatchTaskCreateOptions:
    """Process one pack of files; a report for each and one partial for all."""
    job = plan.job_id
    files = [_file(f"{places.inputs}/{quote(one.blob)}", f"in/{one.name}", places) for one in task.inputs]
    outputs = [
        _output("out/**/*.report.json", places.outputs, f"{job}/reports", places),
        _output("out/task.partial", places.outputs, f"{job}/partials/{task.group}/{task.id}.partial", places),
    ]
    files.append(_file(f"{places.outputs}/{job}/rules.toml", "rules.toml", places))
    option = mappings.option(plan.mapping)
    if option.endswith(MAPPING):
        files.append(_file(f"{places.outputs}/{job}/{MAPPING}", MAPPING, places))
    longest = SHORTEST + timedelta(seconds=sum(one.bytes for one in task.inputs) // BYTES_A_SECOND)
    return _task(plan, task.id, WORK + option, files, outputs, places, longest)


def group_merge(
    plan: Plan, group: str, places: Places, number: int, after: tuple[int, int] | None = None
) -> models.BatchTaskCreateOptions:
    """Merge the partials of one group into one partial, after the group's own tasks or those of a span."""
    job, ids = plan.job_id, [int(task.id) for task in plan.tasks if task.group == group]
    folder = f"{job}/partials/{group}"
    outputs = [_output("merged.partial", places.outputs, f"{job}/merged/{group}.partial", places)]
    command = f"python -m node merge {folder} --output merged.partial"
    task = _task(plan, str(number), command, [_below(folder, places)], outputs, places)
    task.depends_on = _after(*(after or (min(ids), max(ids))))
    return task


def last_merge(
    plan: Plan, places: Places, folder: str, after: tuple[int, int] | None, number: int
) -> models.BatchTaskCreateOptions:
    """Merge all partials below `folder`, check them against the plan, and write the job's summary."""
    job = plan.job_id
    files = [_below(folder, places), _file(f"{places.outputs}/{job}/plan.json", "plan.json", places)]
    outputs = [
        _output("summary.json", places.outputs, f"{job}/summary.json", places),
        _output("tables/*.csv", places.outputs, f"{job}/tables", places),
    ]
    command = f"python -m node merge {folder} --output summary.json --plan plan.json --tables tables"
    task = _task(plan, str(number), command, files, outputs, places)
    if after is not None:
        task.depends_on = _after(*after)
    return task


def _task(
    plan: Plan,
    task_id: str,
    command: str,
    files: list[models.ResourceFile],
    outputs: list[models.OutputFile],
    places: Places,
    longest: timedelta = MERGE_TIME,
) -> models.BatchTaskCreateOptions:
    logs = _output("../std*.txt", places.logs, f"{plan.job_id}/{task_id}", places, always=True)
    return models.BatchTaskCreateOptions(
        id=task_id,
        command_line=command,
        container_settings=_container(places.image),
        resource_files=files,
        output_files=[*outputs, logs],
        exit_conditions=_satisfy_always(),
        user_identity=USER,
        constraints=models.BatchTaskConstraints(
            max_task_retry_count=RETRIES, retention_time=_retention(plan, places), max_wall_clock_time=longest
        ),
    )


def _retention(plan: Plan, places: Places) -> timedelta:
    return RETENTION if plan.size <= places.disk // 2 else SHORT_RETENTION


def _container(image: str) -> models.BatchTaskContainerSettings:
    only_this_task = models.ContainerHostBatchBindMountEntry(source=models.ContainerHostDataPath.TASK)
    return models.BatchTaskContainerSettings(
        image_name=image,
        container_run_options=RUN_OPTIONS,
        working_directory=models.ContainerWorkingDirectory.TASK_WORKING_DIRECTORY,
        container_host_batch_bind_mounts=[only_this_task],
    )


def _satisfy_always() -> models.ExitConditions:
    satisfy = models.ExitOptions(dependency_action=models.DependencyAction.SATISFY)
    return models.ExitConditions(default=satisfy, pre_processing_error=satisfy, file_upload_error=satisfy)


def _after(first: int, last: int) -> models.BatchTaskDependencies:
    return models.BatchTaskDependencies(task_id_ranges=[models.BatchTaskIdRange(start=first, end=last)])


def _identity(places: Places) -> models.BatchNodeIdentityReference:
    return models.BatchNodeIdentityReference(resource_id=places.identity)


def _file(url: str, path: str, places: Places) -> models.ResourceFile:
    return models.ResourceFile(http_url=url, file_path=path, identity_reference=_identity(places))


def _below(folder: str, places: Places) -> models.ResourceFile:
    # A prefix is a plain string, so it ends with a slash: packs/1 would also bring packs/10.
    return models.ResourceFile(
        storage_container_url=places.outputs, blob_prefix=f"{folder}/", identity_reference=_identity(places)
    )


def _output(pattern: str, container: str, path: str, places: Places, always: bool = False) -> models.OutputFile:
    when = models.OutputFileUploadCondition.TASK_COMPLETION if always else models.OutputFileUploadCondition.TASK_SUCCESS
    target = models.OutputFileBlobContainerDestination(
        container_url=container, path=path, identity_reference=_identity(places)
    )
    return models.OutputFile(
        file_pattern=pattern,
        destination=models.OutputFileDestination(container=target),
        upload_options=models.OutputFileUploadConfiguration(upload_condition=when),
    )
