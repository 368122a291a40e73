"""Image builds of the local registry: the context is taken and recorded, the image gets a digest; none is made.

A node here runs a task as a process, so what counts is that the calls, the links and the log are those of
a registry. The two links carry a secret of their own, as a SAS does, and die with this process.
"""

from __future__ import annotations

import hashlib
import secrets
import tarfile
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from batchkit.local.wire.formats import stamp

Json = dict[str, Any]


@dataclass
class Build:
    """One run: what was asked, what it made, and the log that it left."""

    run_id: str
    registry: str
    images: list[str]
    digest: str
    log: str
    succeeded: bool
    started: str = field(default_factory=stamp)

    def shown(self, resource_id: str) -> Json:
        """Return the run as its registry shows it."""
        described = [self._image(image) for image in self.images] if self.succeeded else []
        status = "Succeeded" if self.succeeded else "Failed"
        properties = {"runId": self.run_id, "status": status, "runType": "QuickBuild", "outputImages": described,
                      "createTime": self.started, "provisioningState": "Succeeded"}  # fmt: skip
        kind = "Microsoft.ContainerRegistry/registries/runs"
        return {"id": f"{resource_id}/runs/{self.run_id}", "name": self.run_id, "type": kind, "properties": properties}

    def _image(self, image: str) -> Json:
        repository, _, tag = image.partition(":")
        return {"registry": f"{self.registry}.azurecr.io", "repository": repository, "tag": tag, "digest": self.digest}


class Builds:
    """The uploaded contexts and the runs of one local Azure."""

    def __init__(self) -> None:
        self.uploads: dict[str, bytes] = {}
        self.secrets: dict[str, str] = {}
        self.runs: dict[str, Build] = {}
        self.copies: dict[str, set[str]] = {}

    def link(self, what: str) -> str:
        """Return a path with its own secret, under which `what` may be put or read."""
        key = secrets.token_urlsafe(24)
        self.secrets[key] = what
        return f"/transient/links/{what}?sig={key}"

    def opens(self, what: str, key: str) -> bool:
        """Return whether a link's secret is for `what`."""
        return self.secrets.get(key) == what

    def begins_from_hub(self, registry: str, request: Json) -> bool:
        """Return whether a build takes its base from Docker Hub, and not from a copy in the registry."""
        given = {str(entry["name"]): str(entry["value"]) for entry in request.get("arguments") or []}
        server, _, name = given.get("BASE", "").partition("/")
        return server != f"{registry}.azurecr.io".lower() or name not in self.copies.get(registry.lower(), ())

    def run(self, registry: str, request: Json, refused: str = "") -> Build:
        """Build, which here means: look at the context, and give the image a digest that follows from it.

        Args:
            registry: its name.
            request: what is to be built.
            refused: what Docker Hub says to the build, if it refuses its base.
        """
        context = self.uploads.get(str(request.get("sourceLocation", "")), b"")
        dockerfile = str(request.get("dockerFilePath") or "Dockerfile")
        files = _names(context)
        good = dockerfile in files
        digest = f"sha256:{hashlib.sha256(context).hexdigest()}"
        images = [str(name) for name in request.get("imageNames") or []]
        steps = [f"Downloading source code: {len(files)} files, {len(context)} bytes", f"Step 1: {dockerfile}"]
        end = f"Run recorded; {', '.join(images)} is {digest}" if good else f"{dockerfile} is not in the context"
        good, end = good and not refused, refused or end
        run_id = f"cx{len(self.runs) + 1}"
        self.runs[run_id] = Build(run_id, registry, images, digest, "\n".join([*steps, end]) + "\n", good)
        return self.runs[run_id]


def _names(context: bytes) -> set[str]:
    try:
        with tarfile.open(fileobj=BytesIO(context)) as archive:
            return {name.removeprefix("./") for name in archive.getnames()}
    except (tarfile.TarError, EOFError, OSError):
        return set()
