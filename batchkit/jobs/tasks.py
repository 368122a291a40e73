"""A plan as the Batch tasks that carry it out: files in, one command, files out, all by the pool's identity.

The worker moves no blobs: Batch itself brings a task's inputs and takes its outputs. So the command is the
same string in a container on Azure and in a process on this machine, and it holds no blob's name.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from azure.batch import models

from batchkit import mappings
from batchkit.jobs.places import Places
from batchkit.jobs.planning import Plan, Task

WORK = "python -m node process in --output out --rules rules.toml"
MAPPING = "mapping.toml"
RUN_OPTIONS = "--rm --read-only --network none --tmpfs /tmp"
RETRIES = 2
RETENTION = timedelta(days=1)  # of a task's folder on its node; the service's seven days fill a busy disk


def all_tasks(plan: Plan, places: Places) -> list[models.BatchTaskCreateOptions]:
    """Every task of the plan: the work, then one merge, or a tree of them when there are many groups.

    A work task satisfies its dependants whatever becomes of it, so a failed one never blocks the merge.
    """
    work = [work_task(plan, task, places) for task in plan.tasks]
    if len(plan.groups) == 1:
        return [*work, last_merge(plan, places, f"{plan.job_id}/partials", after=(1, len(work)), number=len(work) + 1)]
    merges = [group_merge(plan, group, places, len(work) + n) for n, group in enumerate(plan.groups, 1)]
    span = (len(work) + 1, len(work) + len(merges))
    return [*work, *merges, last_merge(plan, places, f"{plan.job_id}/merged", after=span, number=span[1] + 1)]


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
    return _task(plan, task.id, WORK + option, files, outputs, places)


def group_merge(plan: Plan, group: str, places: Places, number: int) -> models.BatchTaskCreateOptions:
    """Merge the partials of one group into one partial."""
    job, ids = plan.job_id, [int(task.id) for task in plan.tasks if task.group == group]
    folder = f"{job}/partials/{group}"
    outputs = [_output("merged.partial", places.outputs, f"{job}/merged/{group}.partial", places)]
    command = f"python -m node merge {folder} --output merged.partial"
    task = _task(plan, str(number), command, [_below(folder, places)], outputs, places)
    task.depends_on = _after(min(ids), max(ids))
    return task


def last_merge(
    plan: Plan, places: Places, folder: str, after: tuple[int, int], number: int
) -> models.BatchTaskCreateOptions:
    """Merge all partials below `folder`, check them against the plan, and write the job's summary."""
    job = plan.job_id
    files = [_below(folder, places), _file(f"{places.outputs}/{job}/plan.json", "plan.json", places)]
    outputs = [_output("summary.json", places.outputs, f"{job}/summary.json", places)]
    command = f"python -m node merge {folder} --output summary.json --plan plan.json"
    task = _task(plan, str(number), command, files, outputs, places)
    task.depends_on = _after(*after)
    return task


def _task(
    plan: Plan,
    task_id: str,
    command: str,
    files: list[models.ResourceFile],
    outputs: list[models.OutputFile],
    places: Places,
) -> models.BatchTaskCreateOptions:
    logs = _output("../std*.txt", places.logs, f"{plan.job_id}/{task_id}", places, always=True)
    return models.BatchTaskCreateOptions(
        id=task_id,
        command_line=command,
        container_settings=_container(places.image),
        resource_files=files,
        output_files=[*outputs, logs],
        exit_conditions=_satisfy_always(),
        constraints=models.BatchTaskConstraints(max_task_retry_count=RETRIES, retention_time=RETENTION),
    )


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
