"""The language of templates: "[format('{0}-nodes', parameters('prefix'))]" and what such strings come to.

A string in brackets is an expression of literals, function calls, property access and indexing; the
functions are those of functions.py, and one that is not there is refused by its name. `if`, and `or` and
`and` evaluate only what they need, as Resource Manager does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z_]\w*)|(?P<mark>[()\[\].,]))")
Tree = tuple[Any, ...]


class TemplateError(Exception):
    """A template that Resource Manager refuses: `code` and the message."""

    def __init__(self, message: str, code: str = "InvalidTemplate") -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Unresolved(Exception):  # noqa: N818 - no error: a what-if shows the expression instead
    """A reference to a resource that is not there yet."""


def evaluate(value: Any, call: Callable[[str, list[Callable[[], Any]]], Any]) -> Any:
    """Return a template's value with every expression in it, keys included, evaluated.

    Args:
        value: any JSON value.
        call: calls a function by name; its arguments are thunks, so that it may leave some alone.

    Raises:
        TemplateError: an expression that cannot be parsed or evaluated.
        Unresolved: a reference to what is not there yet.
    """
    if isinstance(value, dict):
        return {evaluate(key, call): evaluate(item, call) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, call) for item in value]
    if not is_expression(value):
        return value[1:] if isinstance(value, str) and value.startswith("[[") else value
    return _value(parse(value), call)


def is_expression(value: object) -> bool:
    """Return whether a value is a string in brackets that is to be evaluated."""
    return isinstance(value, str) and value.startswith("[") and value.endswith("]") and not value.startswith("[[")


def parse(text: str) -> Tree:
    """Parse an expression with its brackets.

    Raises:
        TemplateError: it does not follow the language.
    """
    tokens, at, body = [], 0, text[1:-1].strip()
    while at < len(body):
        match = _TOKEN.match(body, at)
        if match is None:
            raise TemplateError(f"Unable to parse language expression '{body}': unexpected '{body[at]}'.")
        tokens.append((str(match.lastgroup), match[match.lastgroup or 0]))
        at = match.end()
    parser = _Parser(tokens, body)
    tree = parser.value()
    parser.end()
    return tree


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], body: str) -> None:
        self.tokens, self.body, self.at = tokens, body, 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self, wanted: str = "") -> tuple[str, str]:
        kind, text = self.peek()
        if wanted and text != wanted:
            raise TemplateError(f"Unable to parse language expression '{self.body}': expected '{wanted}'.")
        self.at += 1
        return kind, text

    def end(self) -> None:
        if self.peek()[0] != "end":
            raise TemplateError(f"Unable to parse language expression '{self.body}': text after its end.")

    def value(self) -> Tree:
        kind, text = self.take()
        if kind == "text":
            return ("literal", text[1:-1].replace("''", "'"))
        if kind == "number":
            return ("literal", int(text))
        if kind != "name":
            raise TemplateError(f"Unable to parse language expression '{self.body}': a value is missing.")
        return self.tail(self.call(text))

    def call(self, name: str) -> Tree:
        self.take("(")
        arguments: list[Tree] = []
        while self.peek()[1] != ")":
            if arguments:
                self.take(",")
            arguments.append(self.value())
        self.take(")")
        return ("call", name, arguments)

    def tail(self, tree: Tree) -> Tree:
        while self.peek()[1] in (".", "["):
            if self.take()[1] == ".":
                tree = ("get", tree, ("literal", self.take()[1]))
            else:
                tree = ("get", tree, self.value())
                self.take("]")
        return tree


def _value(tree: Tree, call: Callable[[str, list[Callable[[], Any]]], Any]) -> Any:
    if tree[0] == "literal":
        return tree[1]
    if tree[0] == "call":
        return call(tree[1], [lambda each=each: _value(each, call) for each in tree[2]])  # type: ignore[misc]
    holder, key = _value(tree[1], call), _value(tree[2], call)
    if isinstance(holder, dict):
        found = {name.lower(): item for name, item in holder.items()}
        if str(key).lower() in found:
            return found[str(key).lower()]
        raise TemplateError(f"The language expression property '{key}' doesn't exist.")
    try:
        return holder[key]
    except (TypeError, IndexError):
        raise TemplateError(f"The language expression index '{key}' is out of bounds.") from None
