"""The parts that a parsed formula is made of: small frozen records, each with its place in the text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Place:
    """A position in the formula's text: line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class _Node:
    place: Place = field(compare=False, repr=False)
    depth: int = field(compare=False, repr=False)


@dataclass(frozen=True)
class Number(_Node):
    """A number as written."""

    value: float


@dataclass(frozen=True)
class String(_Node):
    """A text in double quotes."""

    value: str


@dataclass(frozen=True)
class Name(_Node):
    """A variable, a metric, a constant or a bare word."""

    name: str


@dataclass(frozen=True)
class Unary(_Node):
    """`-operand` or `!operand`."""

    operator: str
    operand: Expression


@dataclass(frozen=True)
class Chain(_Node):
    """`first op operand op operand …`: operators of one precedence, applied from the left."""

    first: Expression
    rest: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True)
class Conditional(_Node):
    """`condition ? yes : no`."""

    condition: Expression
    yes: Expression
    no: Expression


@dataclass(frozen=True)
class Call(_Node):
    """`name(arguments)`."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Member(_Node):
    """`target.name`, such as `time().hour`."""

    target: Expression
    name: str


@dataclass(frozen=True)
class Method(_Node):
    """`target.name(arguments)`, such as `$PendingTasks.GetSample(1)`."""

    target: Expression
    name: str
    arguments: tuple[Expression, ...]


Expression: TypeAlias = Number | String | Name | Unary | Chain | Conditional | Call | Member | Method


@dataclass(frozen=True)
class Assign(_Node):
    """`name = value`."""

    name: str
    value: Expression


Statement: TypeAlias = Assign | Expression
