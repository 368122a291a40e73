"""What a code means and what to do about it: exit codes of commands, and failures that Batch names."""

from __future__ import annotations

from typing import Any

from batchkit.health import error_text

_EXITS = {
    1: "the worker could not do its work; its last line says why",
    2: "a bad argument or rules file; the worker's last line names it",
    125: "the container engine could not start the container",
    126: "the command cannot be run",
    127: "the command was not found in the image",
    134: "the worker aborted",
    137: "killed: the machine ran out of memory, or somebody stopped it",
    139: "the worker crashed (a bad memory access)",
    143: "asked to end before it was done",
}
_ACCESS = "give the pool's identity Storage Blob Data Contributor, then submit again with a new job_id"
_AGAIN = "submit again with a new job_id; when it stays, read the task's stderr in the logs container"
# By the codes that the service publishes for failures of tasks.
_NEXT = {
    "BlobNotFound": "upload the data again, then submit with a new job_id",
    "BlobAccessDenied": _ACCESS,
    "BlobDownloadTimedOut": _AGAIN,
    "BlobDownloadMiscError": _AGAIN,
    "ResourceDirectoryCreateFailed": "rename the files, or take machines with a larger disk",
    "ResourceFileCreateFailed": "rename the files, or take machines with a larger disk",
    "ResourceFileWriteFailed": "take machines with a larger disk, or fewer files a task (files_per_task)",
    "DiskFull": "take machines with a larger disk, or fewer files a task (files_per_task)",
    "CommandProgramNotFound": "build the worker's image again with notebook 01",
    "CommandLaunchFailed": "build the worker's image again with notebook 01",
    "ContainerInvalidImage": "build the worker's image again with notebook 01",
    "ContainerInvalidSettings": "build the worker's image again with notebook 01",
    "TaskEnded": "it was ended, or ran past its time limit: submit again with a new job_id and fewer files a task",
    "FileUploadAccessDenied": _ACCESS,
    "FileUploadMiscError": "submit again with a new job_id; its work was done, but could not be stored",
    "MaxInternalRetryCountReached": _AGAIN,
}
_OF_EXIT = {
    1: "read the task's stderr, in the logs container",
    2: "mend the rules file, and submit with a new job_id",
    137: "take a larger machine, or fewer files a task (files_per_task)",
}


def exit_meaning(code: int | None) -> str:
    """What an exit code means, as "exit code 137: killed, ..."; "" for success and for none."""
    if not code:
        return ""
    return f"exit code {code}: {_EXITS.get(code, 'the command failed')}"


def of_failure(failure: Any, exit_code: int | None) -> str:
    """Why a task failed, in one line: the service's code, message and details, and what the exit code means."""
    said = error_text(failure)
    return "; ".join(text for text in (said, exit_meaning(exit_code)) if text)


def next_step(code: str, exit_code: int | None) -> str:
    """What to do about a failure of this code and exit code."""
    return _NEXT.get(code) or _OF_EXIT.get(exit_code or 0, "read the task's stderr, in the logs container")
