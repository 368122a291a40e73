"""Walks a formula's statements and computes; every failure carries the place it happened at."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ParamSpec, TypeVar

from batchkit.autoscale import functions, nodes
from batchkit.autoscale.dialect import Dialect
from batchkit.autoscale.errors import EVALUATION, FormulaError
from batchkit.autoscale.methods import InsufficientData, call_method, member
from batchkit.autoscale.nodes import Expression, Statement
from batchkit.autoscale.operators import TypeMismatch, binary, truth, unary
from batchkit.autoscale.samples import Clock
from batchkit.autoscale.scope import Scope
from batchkit.autoscale.values import Value, type_name

_SHORT = re.compile(r"^(\d{4}-\d{2})$")  # W3C's year and month; its first day
_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Stop(Exception):  # noqa: N818 - stop() of the language, no error
    """The formula called stop()."""


class Evaluator:
    """Runs statements in a scope at a moment."""

    def __init__(self, scope: Scope, clock: Clock, dialect: Dialect) -> None:
        self._scope = scope
        self._clock = clock
        self._dialect = dialect

    def run(self, statements: Sequence[Statement]) -> None:
        """Run all statements, up to stop() if there is one.

        Raises:
            FormulaError: EVALUATION for wrong types and unknown names, INSUFFICIENT for missing samples.
        """
        try:
            for statement in statements:
                self._statement(statement)
        except _Stop:
            return

    def _statement(self, statement: Statement) -> None:
        if isinstance(statement, nodes.Assign):
            value = self._value(statement.value)
            self._placed(statement, self._scope.assign, statement.name, value)
        else:
            self._value(statement)

    def _placed(self, node: Statement, compute: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
        """Call `compute`; give its failure the node's place."""
        try:
            return compute(*arguments, **named)
        except InsufficientData as error:
            raise FormulaError(error.code, str(error), node.place.line, node.place.column) from None
        except TypeMismatch as error:
            raise FormulaError(EVALUATION, str(error), node.place.line, node.place.column) from None

    def _value(self, node: Expression) -> Value:
        return _COMPUTE[type(node)](self, node)

    def _literal(self, node: nodes.Number | nodes.String) -> Value:
        return node.value

    def _name(self, node: nodes.Name) -> Value:
        return self._placed(node, self._scope.read, node.name)

    def _unary(self, node: nodes.Unary) -> Value:
        return self._placed(node, unary, node.operator, self._value(node.operand))

    def _chain(self, node: nodes.Chain) -> Value:
        value = self._value(node.first)
        for operator, operand in node.rest:
            if self._decided(node, operator, value):
                value = float(operator == "||")
                continue
            value = self._placed(operand, binary, operator, value, self._value(operand))
        return value

    def _decided(self, node: nodes.Chain, operator: str, left: Value) -> bool:
        if operator not in ("&&", "||") or not self._dialect.short_circuit:
            return False
        holds = self._placed(node, truth, left)
        return bool(holds) if operator == "||" else not holds

    def _conditional(self, node: nodes.Conditional) -> Value:
        holds = self._placed(node.condition, truth, self._value(node.condition))
        return self._value(node.yes if holds else node.no)

    def _call(self, node: nodes.Call) -> Value:
        name = self._scope.names.find(node.name, (*functions.names(self._dialect), "time", "stop"))
        arguments = [self._value(argument) for argument in node.arguments]
        if name == "stop" and not arguments:
            raise _Stop
        if name == "time":
            return self._placed(node, self._time, arguments)
        return self._placed(node, functions.call, name or node.name, arguments, self._dialect)

    def _time(self, arguments: list[Value]) -> datetime:
        return parse_time(*arguments) if arguments else self._clock.now

    def _member(self, node: nodes.Member) -> Value:
        target = self._value(node.target)
        return self._placed(node, member, target, node.name, self._scope.names, self._dialect)

    def _method(self, node: nodes.Method) -> Value:
        arguments = [self._value(argument) for argument in node.arguments]
        return self._placed(node, self._sampled, node, arguments)

    def _sampled(self, node: nodes.Method, arguments: list[Value]) -> Value:
        series = self._scope.metric(node.target.name) if isinstance(node.target, nodes.Name) else None
        if series is None or not isinstance(node.target, nodes.Name):
            raise TypeMismatch(f"'{node.name}' works on the service's metrics only.")
        metric = self._scope.names.service(node.target.name) or node.target.name
        return call_method(series, metric, node.name, arguments, self._clock, self._scope.names, self._dialect)


_COMPUTE: dict[type, Callable[[Evaluator, Any], Value]] = {
    nodes.Number: Evaluator._literal,
    nodes.String: Evaluator._literal,
    nodes.Name: Evaluator._name,
    nodes.Unary: Evaluator._unary,
    nodes.Chain: Evaluator._chain,
    nodes.Conditional: Evaluator._conditional,
    nodes.Call: Evaluator._call,
    nodes.Member: Evaluator._member,
    nodes.Method: Evaluator._method,
}


def parse_time(*arguments: Value) -> datetime:
    """Return the moment that a W3C or RFC 1123 date names, in UTC (which it is without an offset).

    Raises:
        TypeMismatch: not one text, or no date.
    """
    if len(arguments) != 1 or not isinstance(arguments[0], str):
        given = ", ".join(map(type_name, arguments))
        raise TypeMismatch(f"'time' takes nothing or one string, not ({given}).")
    text = _SHORT.sub(r"\1-01", arguments[0].strip())
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
    raise TypeMismatch(f"'{text}' is neither a W3C nor an RFC 1123 date.")
