"""What is to be provisioned: the template, its parameters, and the clients that carry it out.

Parameters come from parameters.json in this folder, over them the section `provision` of the settings file,
over them the names that the file already holds, so that applying again means the same resources.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.resources import ResourceManagementClient

from batchkit import settings
from batchkit.errors import ServiceError, SettingsError, explain
from batchkit.files import write_whole
from batchkit.session import Session

ARM_SCOPE = "https://management.azure.com/.default"
TAG = "batchkit"


@dataclass(frozen=True)
class Target:
    """A template with its parameters, in a subscription; `config` is the settings file to write, if any."""

    session: Session
    parameters: dict[str, Any]
    config: Path | None = None

    @property
    def subscription(self) -> str:
        """The subscription's id."""
        return self.session.settings.azure.subscription_id

    @property
    def group(self) -> str:
        """The resource group that holds everything."""
        return str(self.parameters["resourceGroupName"])

    @property
    def prefix(self) -> str:
        """What every name begins with, and the value of the tag by which we know our own."""
        return str(self.parameters["prefix"])

    @property
    def name(self) -> str:
        """The deployment's name, in the subscription and in the group."""
        return f"batchkit-{self.prefix}"

    @property
    def private(self) -> bool:
        """Whether it has a network of its own, and closes its doors once the image is built."""
        return bool(self.parameters.get("privateNetwork"))

    @property
    def logs(self) -> bool:
        """Whether Batch, registry and storage send their logs to a workspace."""
        values = self.parameters
        return bool(values.get("diagnostics", True) or values.get("logAnalyticsWorkspaceId"))

    @property
    def pause(self) -> float:
        """Seconds between two looks at something that takes time."""
        return max(0.05, 5 / self.session.settings.speed)

    @cached_property
    def template(self) -> dict[str, Any]:
        """The template, as it stands in this folder."""
        return dict(json.loads(files(__package__).joinpath("template.json").read_text("utf-8")))

    @cached_property
    def resources(self) -> Any:
        """Resource Manager: groups, resources by id, providers."""
        return self._client(ResourceManagementClient)

    @cached_property
    def deployments(self) -> Any:
        """Resource Manager's deployments."""
        return self._client(DeploymentsMgmtClient)

    @cached_property
    def by_group(self) -> bool:
        """Whether whoever runs this may deploy to the group alone, as a Contributor of the group and of no more."""
        body = self._described(self.template, self._values())
        try:
            with explain("ask what may be deployed"):
                calls = self.deployments.deployments
                calls.begin_validate_at_subscription_scope(self.name, body, polling_interval=self.pause).result()
        except ServiceError as error:
            return getattr(error.__cause__, "status_code", 0) == 403
        return False

    @property
    def scope(self) -> str:
        """Where the deployment is: the subscription, or the group for one who may deploy there alone."""
        whole = f"subscriptions/{self.subscription}"
        return f"{whole}/resourceGroups/{self.group}" if self.by_group else whole

    @cached_property
    def builds(self) -> Any:
        """The registry's image builds."""
        return self._client(ContainerRegistryTasksMgmtClient)

    @cached_property
    def registries(self) -> Any:
        """Resource Manager's part of the registry: copies of images."""
        return self._client(ContainerRegistryManagementClient)

    def body(self, **changes: Any) -> dict[str, Any]:
        """The deployment as Resource Manager takes it; whoever runs this is an operator unless others are named."""
        values = self._values(**changes)
        if not self.by_group:
            return self._described(self.template, values)
        inner: dict[str, Any] = self.template["resources"][1]["properties"]["template"]
        usual = {
            name: entry["defaultValue"]
            for name, entry in self.template["parameters"].items()
            if "defaultValue" in entry
        }
        return self._described(inner, {name: (usual | values)[name] for name in inner["parameters"]})

    def _values(self, **changes: Any) -> dict[str, Any]:
        built = bool(self.session.settings.azure.acr.image_digest)  # by then the private form's doors are closed
        doors = {"publicAccess": "Disabled"} if self.private and built else {}
        values = {"createResourceGroup": self.owns_group, **doors, **self.parameters, **changes}
        if values.get("budget") and not values.get("budgetStart"):
            values["budgetStart"] = f"{datetime.now(UTC):%Y-%m-01}"  # the service takes the current month alone
        if not any(values.get(kind) for kind in ("deployers", "operators", "analysts")):
            values["operators"] = [self.caller]
        return values

    def _described(self, template: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        given = {name: {"value": value} for name, value in values.items()}
        properties = {"mode": "Incremental", "template": template, "parameters": given}
        in_group = template is not self.template
        return {"properties": properties} if in_group else {"location": values["location"], "properties": properties}

    @cached_property
    def owns_group(self) -> bool:
        """Whether the group is ours to make or already made by us; a stranger's group is left as it is."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            with explain(f"read the resource group {self.group}"):
                tags = self.resources.resource_groups.get(self.group).tags or {}
        except ServiceError as error:
            if isinstance(error.__cause__, ResourceNotFoundError):
                return True
            raise
        return bool(tags.get(TAG) == self.prefix)

    @cached_property
    def caller(self) -> dict[str, str]:
        """Who runs this, read from the token's claims: {principalId, principalType}."""
        with explain("sign in"):
            payload = self.session.credential.get_token(ARM_SCOPE).token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return {"principalId": claims["oid"], "principalType": "User" if "scp" in claims else "ServicePrincipal"}

    def versions(self) -> dict[str, str]:
        """The api-version that the template names for each resource type, in lower case."""
        outer = self.template["resources"]
        inner = outer[1]["properties"]["template"]["resources"]
        return {entry["type"].lower(): entry["apiVersion"] for entry in [*outer, *inner]}

    def with_learnt(self, azure: dict[str, Any]) -> Session:
        """A session on what was provisioned."""
        kept = self.session.settings
        acr = kept.azure.acr.model_dump() | azure["acr"]
        batch = kept.azure.batch.model_dump(include={"pool_id", "vm_size", "machine"}) | azure["batch"]
        return Session(kept.model_copy(update={"azure": settings.Azure(**azure | {"acr": acr, "batch": batch})}))

    def _client(self, kind: Any) -> Any:
        arm_url, trust = self.session.settings.arm_url, self.session.trust
        return kind(self.session.credential, self.subscription, arm_url, credential_scopes=[ARM_SCOPE], **trust)


def target(config: Path | None = None, **parameters: Any) -> Target:
    """What the settings file, the profile and these parameters of the template describe together.

    `config` is read where it exists, and what is learnt is written there; without it the settings in force
    are read, and written back only on Azure. Raises SettingsError when the file or the profile lacks something.
    """
    written = _read(config or settings.settings_file())
    local = settings.profile() == "local"
    azure = (written.get("azure") or {}) if config or not local else settings.local_azure()
    if not azure.get("subscription_id"):
        raise SettingsError(f"azure.subscription_id is missing: set it in {config or settings.settings_file()}.")
    values = json.loads(files(__package__).joinpath("parameters.json").read_text("utf-8"))["parameters"]
    merged = {name: entry["value"] for name, entry in values.items()} | _known(azure)
    merged |= written.get("provision") or {}
    session = Session(settings.Settings(profile="azure", azure=settings.Azure(**_filled(azure))))
    keep = config if config or local else settings.settings_file()
    return Target(session, merged | parameters, keep)


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text())) if path.exists() else {}
    except ValueError as error:
        raise SettingsError(f"{path} is not readable as JSON: {error}. Mend or remove it.") from None


def _known(azure: dict[str, Any]) -> dict[str, Any]:
    """The parameters that the settings hold already."""
    part = {name: azure.get(name) or {} for name in ("storage", "acr", "batch")}
    found = {
        "resourceGroupName": azure.get("resource_group"),
        "location": azure.get("location"),
        "storageAccountName": part["storage"].get("account_name"),
        "registryName": part["acr"].get("login_server", "").split(".")[0],
        "batchAccountName": part["batch"].get("account_name"),
        "identityName": part["batch"].get("managed_identity_id", "").rsplit("/", 1)[-1],
        "budgetStart": (azure.get("budget") or {}).get("start"),
    }
    return {name: value for name, value in found.items() if value}


def _filled(azure: dict[str, Any]) -> dict[str, Any]:
    """The settings with empty places for what is only known once it is provisioned."""
    empty = {"storage": {"account_name": ""}, "acr": {"login_server": ""},
             "batch": {"account_name": "", "account_url": "", "managed_identity_id": ""}}  # fmt: skip
    parts = {part: holes | (azure.get(part) or {}) for part, holes in empty.items()}
    return {"resource_group": "batchkit"} | azure | parts


def write(target: Target, session: Session) -> None:
    """Write what was learnt to the settings file, all else in it kept; whole or not at all."""
    if target.config is None:
        return
    kept = _read(target.config)
    document = {"profile": kept.get("profile", os.environ.get("BATCHKIT_PROFILE", "azure"))} | kept
    document["azure"] = session.settings.azure.model_dump()
    write_whole(target.config, json.dumps(document, indent=2) + "\n")
