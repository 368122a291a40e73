"""Text to statements: lark's LALR parser, the service's limits, and errors with line and column.

At most 8 KB and 100 statements (the service's limits). Nesting is limited too, far beyond any
formula that a person writes, so that no text can exhaust the interpreter's stack.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from batchkit.autoscale import nodes
from batchkit.autoscale.dialect import Dialect
from batchkit.autoscale.errors import SYNTAX, TOO_LONG, FormulaError
from batchkit.autoscale.nodes import Expression, Place, Statement

MAX_BYTES = 8 * 1024
MAX_STATEMENTS = 100
MAX_DEPTH = 100

_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/"))
_LEVEL = {operator: level for level, operators in enumerate(_LEVELS) for operator in operators}


def parse(text: str, dialect: Dialect) -> tuple[Statement, ...]:
    """Return the statements of a formula.

    Raises:
        FormulaError: TOO_LONG over the limits, SYNTAX at the first place that does not fit the grammar.
    """
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise FormulaError(TOO_LONG, f"The formula is longer than {MAX_BYTES} bytes.")
    statements: tuple[Statement, ...] = _run(text, dialect)
    if len(statements) > MAX_STATEMENTS:
        place = statements[MAX_STATEMENTS].place
        message = f"The formula has {len(statements)} statements, more than {MAX_STATEMENTS}."
        raise FormulaError(TOO_LONG, message, place.line, place.column)
    return statements


def level(operator: str) -> int:
    """Return the precedence of a binary operator, 0 the loosest."""
    return _LEVEL[operator]


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("formula.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_Builder())


def _run(text: str, dialect: Dialect) -> Any:
    overlook = _insert_semicolon if dialect.missing_semicolon == "accept" else None
    try:
        return _parser().parse(text, on_error=overlook)
    except UnexpectedToken as error:
        raise _unexpected(text, error) from None
    except UnexpectedCharacters as error:
        raise FormulaError(SYNTAX, f"Unexpected character {error.char!r}.", error.line, error.column) from None


def _unexpected(text: str, error: UnexpectedToken) -> FormulaError:
    if error.token.type == "$END":
        *before, last = text.split("\n")
        return FormulaError(SYNTAX, "The formula ends too early.", len(before) + 1, len(last) + 1)
    hint = " Is a ';' missing before it?" if "SEMICOLON" in error.expected else ""
    return FormulaError(SYNTAX, f"Unexpected '{error.token}'.{hint}", error.line, error.column)


def _insert_semicolon(error: Any) -> bool:
    if not isinstance(error, UnexpectedToken) or "SEMICOLON" not in error.expected:
        return False
    error.interactive_parser.feed_token(Token("SEMICOLON", ";"))
    error.interactive_parser.feed_token(error.token)
    return True


def _place(token: Token) -> Place:
    return Place(token.line or 1, token.column or 1)


def _above(place: Place, *below: Expression) -> tuple[Place, int]:
    """Return the place and the depth of a node above others; refuse what is nested too deeply."""
    depth = 1 + max((node.depth for node in below), default=0)
    if depth > MAX_DEPTH:
        message = f"The formula is nested more than {MAX_DEPTH} levels deep."
        raise FormulaError(SYNTAX, message, place.line, place.column)
    return place, depth


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Makes the nodes while lark parses, so that no deep tree is ever walked."""

    def start(self, *statements: Statement) -> tuple[Statement, ...]:
        return statements

    def assign(self, name: Token, value: Expression) -> Statement:
        return nodes.Assign(*_above(_place(name), value), str(name), value)

    def conditional(self, condition: Expression, yes: Expression, no: Expression) -> Expression:
        return nodes.Conditional(*_above(condition.place, condition, yes, no), condition, yes, no)

    def binary(self, left: Expression, operator: Token, right: Expression) -> Expression:
        step = (str(operator), right)
        if isinstance(left, nodes.Chain) and _LEVEL[left.rest[0][0]] == _LEVEL[str(operator)]:
            depth = max(left.depth, _above(left.place, right)[1])
            return nodes.Chain(left.place, depth, left.first, (*left.rest, step))
        return nodes.Chain(*_above(left.place, left, right), left, (step,))

    def unary(self, operator: Token, operand: Expression) -> Expression:
        return nodes.Unary(*_above(_place(operator), operand), str(operator), operand)

    def member(self, target: Expression, name: Token) -> Expression:
        return nodes.Member(*_above(target.place, target), target, str(name))

    def method(self, target: Expression, name: Token, arguments: tuple[Expression, ...]) -> Expression:
        return nodes.Method(*_above(target.place, target, *arguments), target, str(name), arguments)

    def call(self, name: Token, arguments: tuple[Expression, ...]) -> Expression:
        return nodes.Call(*_above(_place(name), *arguments), str(name), arguments)

    def arguments(self, *arguments: Expression) -> tuple[Expression, ...]:
        return arguments

    def number(self, token: Token) -> Expression:
        return nodes.Number(*_above(_place(token)), float(token))

    def string(self, token: Token) -> Expression:
        return nodes.String(*_above(_place(token)), str(token)[1:-1])

    def name(self, token: Token) -> Expression:
        return nodes.Name(*_above(_place(token)), str(token))
