"""Where a job's blobs are, and by which identity Batch moves them."""

from __future__ import annotations

from dataclasses import dataclass

from batchkit.session import Session
from batchkit.storage import container


@dataclass(frozen=True)
class Places:
    """Where a job's blobs are, and the identity by which Batch reads and writes them."""

    inputs: str
    outputs: str
    logs: str
    identity: str
    image: str
    disk: int = 75 * 10**9  # bytes of the disk that a node's tasks are on

    @classmethod
    def of(cls, session: Session, inputs: str, image: str = "") -> Places:
        """The containers' URLs, `inputs` being the data's container, the pool's identity and the worker's image."""
        azure = session.settings.azure
        urls = (container(session, inputs).url, session.outputs.url, session.logs.url)
        disk = int(azure.batch.machine.get("disk_gb") or 75) * 10**9
        return cls(*urls, azure.batch.managed_identity_id, image or azure.acr.image, disk)

    @property
    def entry_size(self) -> int:
        """How many characters one entry of a task's list of files takes beside the file's name."""
        return len(self.inputs) + len(self.identity) + 100
