"""How Resource Manager spells what the data plane has in small letters: `NonAdmin` for `nonadmin`."""

from __future__ import annotations

from typing import Any

_WORDS = {
    "access": "Allow Deny",
    "caching": "None ReadOnly ReadWrite",
    "elevationLevel": "NonAdmin Admin",
    "jobDefaultOrder": "None CreationTime",
    "loginMode": "Batch Interactive",
    "nodeFillType": "Spread Pack",
    "placement": "CacheDisk",
    "policy": "Regional Zonal",
    "protocol": "TCP UDP",
    "provision": "BatchManaged UserManaged NoPublicIPAddresses",
    "scope": "Task Pool",
    "securityType": "trustedLaunch confidentialVM",
    "storageAccountType": "Standard_LRS Premium_LRS StandardSSD_LRS",
    "targets": "OsDisk TemporaryDisk",
    "type": "DockerCompatible CriCompatible",
    "workingDirectory": "TaskWorkingDirectory ContainerImageDefault",
}
_SPELT = {name: {word.lower(): word for word in words.split()} for name, words in _WORDS.items()}


def in_arm_words(value: Any, name: str = "") -> Any:
    """Return a JSON value of the data plane with its enumerations spelt as Resource Manager does."""
    if isinstance(value, dict):
        return {key: in_arm_words(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [in_arm_words(each, name) for each in value]
    return _SPELT[name].get(value.lower(), value) if name in _SPELT and isinstance(value, str) else value
