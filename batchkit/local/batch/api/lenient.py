"""Numbers and truth values that a client sends as text ("targetDedicatedNodes": "1", as az does), taken as such.

The service's JSON reader does the same; it looks at the property's type, so here are the names of the
properties that are whole numbers or truth values in API 2025-06-01 and can be sent.
"""

from __future__ import annotations

import re
from typing import Any

_WHOLE_NAMES = """
backendPort code diskSizeGB end frontendPortRangeEnd frontendPortRangeStart gid lun maxBatchInstancePercent
maxParallelTasks maxTaskRetryCount maxUnhealthyInstancePercent maxUnhealthyUpgradedInstancePercent
numberOfInstances priority requiredSlots start targetDedicatedNodes targetLowPriorityNodes taskSlotsPerNode uid
"""
_TRUTH_NAMES = """
allowLowPriorityNode allowTaskPreemption autoUpgradeMinorVersion enableAcceleratedNetworking enableAutoScale
enableAutomaticUpdates enableAutomaticUpgrade enableInterNodeCommunication enabled encryptionAtHost isAdmin
keepAlive killJobOnCompletion rerunOnNodeRebootAfterSuccess runExclusive secureBootEnabled usesTaskDependencies
vTpmEnabled waitForSuccess writeAcceleratorEnabled
"""
_WHOLE, _TRUTH = frozenset(_WHOLE_NAMES.split()), frozenset(_TRUTH_NAMES.split())
_NAMES = _WHOLE | _TRUTH
_NUMBER = re.compile(r"-?\d{1,10}")


def read(doc: dict[str, Any]) -> dict[str, Any]:
    """Turn the texts in an object's number and truth properties into what they say; for json's object_hook."""
    for name in _NAMES & doc.keys():
        text = doc[name]
        if not isinstance(text, str):
            continue
        if name in _WHOLE and _NUMBER.fullmatch(text):
            doc[name] = int(text)
        elif name in _TRUTH and text.lower() in ("true", "false"):
            doc[name] = text.lower() == "true"
    return doc
