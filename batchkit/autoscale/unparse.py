"""Statements back to text: one plain layout, with only the parentheses that precedence needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from batchkit.autoscale import nodes
from batchkit.autoscale.nodes import Expression, Statement
from batchkit.autoscale.syntax import level

_CONDITIONAL, _UNARY, _POSTFIX = -1, 6, 7


def unparse(statements: Iterable[Statement]) -> str:
    """Return the statements as a formula's text, a line each, every one ended by `;`."""
    return "\n".join(f"{_statement(statement)};" for statement in statements)


def _statement(statement: Statement) -> str:
    if isinstance(statement, nodes.Assign):
        return f"{statement.name} = {_text(statement.value)}"
    return _text(statement)


def _tightness(node: Expression) -> int:
    if isinstance(node, nodes.Conditional):
        return _CONDITIONAL
    if isinstance(node, nodes.Chain):
        return level(node.rest[0][0])
    return _UNARY if isinstance(node, nodes.Unary) else _POSTFIX


def _text(node: Expression, at_least: int = _CONDITIONAL) -> str:
    text = _bare(node)
    return text if _tightness(node) >= at_least else f"({text})"


def _bare(node: Expression) -> str:
    if isinstance(node, nodes.Number):
        return repr(node.value) if node.value != float("inf") else "1e999"
    if isinstance(node, nodes.String):
        return f'"{node.value}"'
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Unary):
        return node.operator + _text(node.operand, _UNARY)
    return _compound(node)


def _compound(node: Expression) -> str:
    if isinstance(node, nodes.Chain):
        tight = level(node.rest[0][0]) + 1
        rest = "".join(f" {operator} {_text(operand, tight)}" for operator, operand in node.rest)
        return _text(node.first, tight) + rest
    if isinstance(node, nodes.Conditional):
        return f"{_text(node.condition, 0)} ? {_text(node.yes)} : {_text(node.no)}"
    if isinstance(node, nodes.Call):
        return f"{node.name}({_arguments(node.arguments)})"
    if isinstance(node, nodes.Method):
        return f"{_text(node.target, _POSTFIX)}.{node.name}({_arguments(node.arguments)})"
    return f"{_text(node.target, _POSTFIX)}.{node.name}" if isinstance(node, nodes.Member) else ""


def _arguments(arguments: Sequence[Expression]) -> str:
    return ", ".join(_text(argument) for argument in arguments)
