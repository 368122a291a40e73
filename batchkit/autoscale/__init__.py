"""The autoscale formula language of Azure Batch: parser, evaluation, ready-made formulas, simulator.

Pure: no network, no Azure client. What the documents leave open is a switch of `Dialect`.
"""

from batchkit.autoscale.dialect import Dialect
from batchkit.autoscale.errors import FormulaError
from batchkit.autoscale.formula import Formula
from batchkit.autoscale.formulas import pending_tasks
from batchkit.autoscale.results import Evaluation, Targets, results
from batchkit.autoscale.samples import Metrics, Series
from batchkit.autoscale.simulate import Point, Setup, Simulation, simulate

__all__ = [
    "Dialect",
    "Evaluation",
    "Formula",
    "FormulaError",
    "Metrics",
    "Point",
    "Series",
    "Setup",
    "Simulation",
    "Targets",
    "pending_tasks",
    "results",
    "simulate",
]
