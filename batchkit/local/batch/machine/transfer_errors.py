"""What a file that could not be moved is called: the service's code, and where the file is or was to go."""

from __future__ import annotations

import errno
from typing import NamedTuple

from batchkit.local.wire.errors import failure
from batchkit.local.wire.formats import Json


class Codes(NamedTuple):
    """What a failed transfer is called: its thing is missing, access to it is denied, or anything else."""

    missing: str
    denied: str
    other: str


BLOB = Codes("BlobNotFound", "BlobAccessDenied", "BlobDownloadMiscError")
RESOURCES = Codes("ResourceContainerListMiscError", "ResourceContainerAccessDenied", "ResourceContainerListMiscError")
UPLOAD = Codes("FileUploadContainerNotFound", "FileUploadAccessDenied", "FileUploadMiscError")


class TransferError(Exception):
    """A file that could not be moved: what the task's failureInfo says."""

    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.info = failure(code, **details)

    @classmethod
    def of(cls, info: Json) -> TransferError:
        """Return the error of a failureInfo that is known already."""
        made = cls(info["code"])
        made.info = info
        return made


class Cancelled(Exception):  # noqa: N818 - not an error: the task was told to stop
    """The task was stopped while its files were moved."""


def disk_full(problem: OSError) -> bool:
    """Return whether there was no room for a file."""
    return problem.errno in (errno.ENOSPC, errno.EDQUOT)


def unwritten(problem: OSError, name: str) -> TransferError:
    """Return the failure of a file that this machine could not write."""
    code = "DiskFull" if disk_full(problem) else "ResourceFileWriteFailed"
    return TransferError(code, FilePath=name, Reason=problem.strerror or problem)


def explained(problem: Exception, url: str, codes: Codes) -> TransferError:
    """Return the failure that a problem of the blob client stands for.

    Args:
        problem: what the client raised.
        url: of the blob or container; its query, which may be a signature, is left out.
        codes: what such a transfer's failures are called.
    """
    # Slow to import, and needed only once something failed.
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError

    where = url.partition("?")[0]
    status = getattr(problem, "status_code", "")
    denied = isinstance(problem, HttpResponseError) and status in (401, 403)
    if isinstance(problem, ResourceNotFoundError):
        return TransferError(codes.missing, FilePath=where, HttpStatus=status)
    if denied or isinstance(problem, ClientAuthenticationError):
        return TransferError(codes.denied, FilePath=where, HttpStatus=status)
    return TransferError(codes.other, FilePath=where, Reason=str(problem).splitlines()[0] if str(problem) else problem)
