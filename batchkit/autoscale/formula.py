"""`Formula`: an autoscale formula, parsed once and evaluated as often as the pool needs."""

from __future__ import annotations

from datetime import UTC, datetime

from batchkit.autoscale.dialect import DEFAULT, Dialect
from batchkit.autoscale.evaluate import Evaluator
from batchkit.autoscale.results import Evaluation, Targets
from batchkit.autoscale.samples import Clock, Metrics
from batchkit.autoscale.scope import Scope
from batchkit.autoscale.syntax import parse
from batchkit.autoscale.unparse import unparse


class Formula:
    """A formula of the language that Azure Batch documents under automatic scaling.

    Raises:
        FormulaError: the text is no formula (its code, line and column say what and where).
    """

    def __init__(self, text: str, dialect: Dialect = DEFAULT) -> None:
        self.text = text
        self._dialect = dialect
        self._statements = parse(text, dialect)

    def __str__(self) -> str:
        """Return the formula in one plain layout: a line a statement, no comments."""
        return unparse(self._statements)

    def __eq__(self, other: object) -> bool:
        """Tell whether two formulas are the same statements, however laid out."""
        return isinstance(other, Formula) and self._statements == other._statements

    def __hash__(self) -> int:
        return hash(self._statements)

    def evaluate(
        self,
        metrics: Metrics,
        now: datetime,
        targets: Targets,
        clock_speed: float = 1.0,
    ) -> Evaluation:
        """Return where the pool should go.

        Args:
            metrics: a metric's name (with its `$`) to its samples; one that is missing has none and is 0.
            now: the moment of the evaluation (UTC when it has no zone).
            targets: the pool's present targets, which the formula may read and leave as they are.
            clock_speed: what the windows that the formula names are divided by.

        Raises:
            FormulaError: the evaluation fails; the pool keeps its size.
        """
        moment = now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC)
        scope = Scope(metrics, targets, self._dialect)
        Evaluator(scope, Clock(moment, clock_speed), self._dialect).run(self._statements)
        return scope.evaluation()
