"""The settings: a profile (`local` or `azure`), `config.json`, and environment variables over both.

The file has the layout of `config.sample.json`; a variable names the same place with double underscores,
so `BATCHKIT_AZURE__BATCH__ACCOUNT_URL` is `azure.batch.account_url`. In the local profile every name has a
value already, and the addresses come from the environment that `batchkit local` sets.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    JsonConfigSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from batchkit.errors import SettingsError

DEFAULT_FILE = Path("config.json")
Read = TypeVar("Read", bound="_Profile")
_LOCAL_GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
_LOCAL_IDENTITY = f"{_LOCAL_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/pool"


class _Section(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)  # the file may hold ids that we only pass on


class Storage(_Section):
    """The storage account and its three containers."""

    account_name: str
    input_container: str = "batch-input"
    output_container: str = "batch-output"
    logs_container: str = "batch-logs"


class Registry(_Section):
    """The private container registry and the worker's image in it."""

    login_server: str
    image_name: str = "batch-json-processor"
    image_tag: str = "latest"
    image_digest: str = ""

    @property
    def image(self) -> str:
        """The image's full name: by digest where one is known, since a warm node keeps an old tag."""
        version = f"@{self.image_digest}" if self.image_digest else f":{self.image_tag}"
        return f"{self.login_server}/{self.image_name}{version}"


class Batch(_Section):
    """The Batch account, the identity that its nodes run as, and what a node is."""

    account_name: str
    account_url: str
    managed_identity_id: str
    pool_id: str = "json-processor-pool"
    vm_size: str | tuple[str, ...] = ("Standard_D2ds_v5", "Standard_D2ads_v5")
    machine: dict[str, str] = {}  # what `provision apply` chose: size, host image and its version, the same for all

    @property
    def vm_sizes(self) -> tuple[str, ...]:
        """The sizes that nodes may have, the most wanted first; they have a disk of their own beside the system's."""
        return (self.vm_size,) if isinstance(self.vm_size, str) else self.vm_size


class Azure(_Section):
    """Everything that names a resource in Azure."""

    subscription_id: str
    resource_group: str
    storage: Storage
    acr: Registry
    batch: Batch
    location: str = "swedencentral"


class _Profile(BaseSettings):
    """Where settings come from, and which profile they are for."""

    model_config = SettingsConfigDict(env_prefix="BATCHKIT_", env_nested_delimiter="__", extra="ignore", frozen=True)

    profile: Literal["local", "azure"] = "local"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return init_settings, env_settings, JsonConfigSettingsSource(settings_cls, settings_file())


class Settings(_Profile):
    """All settings, checked. `speed` is how much faster than real time the service's waits run (1 on Azure)."""

    azure: Azure
    blob_url: str = ""
    arm_url: str = "https://management.azure.com"
    ca_file: str = ""
    speed: float = 1.0

    @model_validator(mode="before")
    @classmethod
    def _fill_local(cls, values: dict[str, Any]) -> dict[str, Any]:
        return values if values.get("profile", "local") == "azure" else values | {"azure": local_azure()}

    @property
    def storage_url(self) -> str:
        """The storage account's blob endpoint."""
        return self.blob_url or f"https://{self.azure.storage.account_name}.blob.core.windows.net"


def settings_file() -> Path:
    """The settings file: `BATCHKIT_CONFIG`, else `config.json` here or in the folder above (for notebooks)."""
    if named := os.environ.get("BATCHKIT_CONFIG"):
        return Path(named)
    above = Path("..") / DEFAULT_FILE
    return above if above.exists() and not DEFAULT_FILE.exists() else DEFAULT_FILE


def load() -> Settings:
    """Read and check the settings.

    Raises SettingsError, which names everything that is missing or wrong at once.
    """
    return _read(Settings)


def profile() -> str:
    """The profile in force, without checking anything else: `local` unless a setting says `azure`."""
    return _read(_Profile).profile


def _read(kind: type[Read]) -> Read:
    try:
        return kind()
    except ValidationError as error:
        raise SettingsError(_describe(error)) from None
    except ValueError as error:
        raise SettingsError(f"{settings_file()} is not readable as JSON: {error}. Mend or remove it.") from None


def local_azure() -> dict[str, Any]:
    """The names of the running local Azure, from the environment.

    Raises SettingsError when none runs.
    """
    blob_url = os.environ.get("BATCHKIT_BLOB_URL", "")
    batch_url = os.environ.get("BATCHKIT_BATCH_URL", "")
    if not (blob_url and batch_url):
        raise SettingsError(
            "No local Azure is running: BATCHKIT_BATCH_URL and BATCHKIT_BLOB_URL are not set. "
            "Start inside one with `batchkit local -- COMMAND` or `make lab`, or set the azure profile."
        )
    return {
        "subscription_id": _LOCAL_GROUP.split("/")[2],
        "resource_group": "local",
        "location": "local",
        "storage": {"account_name": blob_url.rsplit("/", 1)[-1]},
        "acr": {"login_server": "local.azurecr.io"},
        "batch": {"account_name": "local", "account_url": batch_url, "managed_identity_id": _LOCAL_IDENTITY},
    }


def _describe(error: ValidationError) -> str:
    problems = error.errors()
    missing = [_place(p["loc"]) for p in problems if p["type"] == "missing"]
    wrong = [f"{_place(p['loc'])} ({p['msg']})" for p in problems if p["type"] != "missing"]
    parts = [f"missing: {', '.join(missing)}"] if missing else []
    parts += [f"wrong: {', '.join(wrong)}"] if wrong else []
    return f"Settings {'; '.join(parts)}. Set them in {settings_file()} or as BATCHKIT_... variables."


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)
