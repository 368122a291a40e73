"""The one error of the formula language: a code of the service, a message, and the place in the text."""

from __future__ import annotations

from typing import Final

SYNTAX: Final = "AutoScalingFormulaSyntaxError"
TOO_LONG: Final = "AutoScalingFormulaTooLong"
EVALUATION: Final = "AutoScalingFormulaEvaluationError"
INSUFFICIENT: Final = "InsufficientSampleData"


_SUMMARIES = {
    SYNTAX: "The specified auto-scaling formula has a syntax error",
    TOO_LONG: "The specified auto-scaling formula exceeds lengths limit",
    EVALUATION: "Autoscale evaluation failed",
    INSUFFICIENT: "Autoscale evaluation failed due to insufficient sample data",
}


class FormulaError(Exception):
    """A formula that cannot be parsed or evaluated.

    Attributes:
        code: SYNTAX or TOO_LONG when the text is refused; EVALUATION or INSUFFICIENT when its run fails.
        message: what happened, without the place.
        line: of the place in the formula's text, from 1.
        column: of the place in that line, from 1.
    """

    def __init__(self, code: str, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(code, message, line, column)
        self.code = code
        self.message = message
        self.line = line
        self.column = column

    @property
    def summary(self) -> str:
        """The service's general sentence for the code; the place and the reason stand beside it."""
        return _SUMMARIES.get(self.code, _SUMMARIES[EVALUATION])

    def __str__(self) -> str:
        """Return the message as the service words it: `Line 9, Col 43: Insufficient data …`."""
        return f"Line {self.line}, Col {self.column}: {self.message}"

    def _render_traceback_(self) -> list[str]:
        """Show IPython the message alone."""
        return [f"{type(self).__name__}: {self}"]
