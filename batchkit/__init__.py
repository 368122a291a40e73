"""A thin layer over Azure's own clients for running JSON transaction files through Azure Batch.

    session = batchkit.connect()        the clients, from the settings, with an identity and never a key
    pools, storage, jobs, results       what a notebook does, each a module of plain functions
    charts                              draws any tidy DataFrame
    autoscale                           the formula language, ready-made formulas, the simulator

Nothing is imported until it is used, so `import batchkit.autoscale` brings in no Azure client.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["BatchkitError", "Session", "connect"]

_HOMES = {"BatchkitError": "batchkit.errors", "Session": "batchkit.session", "connect": "batchkit.session"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
