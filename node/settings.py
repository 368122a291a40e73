"""The rules file: thresholds, what counts as money, rules switched off, and required fields.

A user owns this file (TOML). Every key has a default, an unknown one is an error that names the nearest.
`DEFAULT_RULES_TOML` is what `python -m node rules` prints.
"""

import difflib
import math
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from node.contract import COMPLETED, REQUIRED_FIELDS, UsageError

Number = int | float  # as the user writes it
CURRENCY = re.compile("[A-Z]{3}")


class Limits(msgspec.Struct, frozen=True):
    """The largest values that are still valid, in currency units and pieces."""

    max_unit_price: Number = 10000
    max_quantity: Number = 100
    max_total: Number = 100000


class Anomalies(msgspec.Struct, frozen=True):
    """Values above these are valid but worth a look."""

    high_value: Number = 5000
    high_quantity: Number = 20
    frequent_customer: Number = 10
    total_mismatch: Number = 0.01


class Required(msgspec.Struct, frozen=True):
    """Dotted names of fields that every transaction needs beside the contract's, and of those it may lack."""

    extra: tuple[str, ...] = ()
    waive: tuple[str, ...] = ()

    def fields(self) -> tuple[str, ...]:
        """Every field that must be there; waiving `customer` waives all of its own."""
        kept = [name for name in REQUIRED_FIELDS if name not in self.waive]
        if "customer" in self.waive:
            kept = [name for name in kept if not name.startswith("customer.")]
        return tuple(dict.fromkeys((*kept, *self.extra)))


class Switches(msgspec.Struct, frozen=True):
    """Names of the validation rules that are not applied."""

    off: tuple[str, ...] = ()


class Money(msgspec.Struct, frozen=True):
    """What counts as money.

    Attributes:
        statuses: transactions with one of these count.
        currency: of all transactions; empty: whatever comes, but only one.
        refunds: a negative total is a refund, and valid.
        zero: a total of nothing is valid.
    """

    statuses: tuple[str, ...] = (COMPLETED,)
    currency: str = ""
    refunds: bool = False
    zero: bool = False


class Settings(msgspec.Struct, frozen=True):
    """All that a rules file can set.

    Attributes:
        currency_limits: currency -> its own limits.
    """

    limits: Limits = Limits()
    anomalies: Anomalies = Anomalies()
    required: Required = Required()
    rules: Switches = Switches()
    money: Money = Money()
    currency_limits: dict[str, Limits] = {}

    def as_dict(self) -> dict[str, Any]:
        """The rules as they stand in a report, in the layout of the rules file."""
        rules: dict[str, Any] = msgspec.to_builtins(self)
        rules["limits"] |= rules.pop("currency_limits")
        return rules


SECTIONS: dict[str, Any] = {
    "limits": Limits,
    "anomalies": Anomalies,
    "required": Required,
    "rules": Switches,
    "money": Money,
}


def load_settings(path: Path | None, rule_names: Callable[[], tuple[str, ...]]) -> Settings:
    """Read a rules file; None gives the defaults.

    Raises:
        UsageError: the file is missing, is no TOML, or has an unknown key, rule or a value of the wrong kind.
    """
    if path is None:
        return Settings()
    try:
        return parse_settings(path.read_bytes().decode("utf-8-sig"), rule_names)
    except OSError as error:
        raise UsageError(f"The rules file {path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"The rules file {path} is not TOML: {error}.") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def parse_settings(text: str, rule_names: Callable[[], tuple[str, ...]]) -> Settings:
    """Settings from the text of a rules file, where `rule_names` may be switched off: asked for when one is."""
    settings = read_settings(tomllib.loads(text))
    if settings.rules.off:
        check_names(settings.rules.off, list(rule_names()), "rule")
    return settings


def read_settings(document: dict[str, Any]) -> Settings:
    """Settings from a rules file's sections, or from a report's `rules`.

    Raises:
        UsageError: an unknown key, or a value of the wrong kind.
    """
    check_names(document, list(SECTIONS), "section")
    tables = {name: document.get(name, {}) for name in SECTIONS}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(f"{name} must be a section, written [{name}].")
    general = {key: value for key, value in tables["limits"].items() if not isinstance(value, dict)}
    own = {key: value for key, value in tables["limits"].items() if isinstance(value, dict)}
    sections = {name: read_section(name, table) for name, table in (tables | {"limits": general}).items()}
    check_names(sections["required"].waive, [*REQUIRED_FIELDS, "customer"], "required field")
    return Settings(**sections, currency_limits={key: currency_limits(key, general | own[key]) for key in own})


def currency_limits(code: str, table: dict[str, Any]) -> Limits:
    """The limits of one currency, over the general ones."""
    if not CURRENCY.fullmatch(code):
        raise UsageError(f"limits.{code}: a section of limits is named by a currency's code, like [limits.EUR].")
    limits: Limits = read_section(f"limits.{code}", table, Limits)
    return limits


def read_section(name: str, table: dict[str, Any], cls: Any = None) -> Any:
    """One section's values over its defaults."""
    cls = cls or SECTIONS[name]
    check_names(table, list(cls.__struct_fields__), f"key in [{name}]")
    defaults = cls()
    return cls(**{key: read_value(f"{name}.{key}", value, getattr(defaults, key)) for key, value in table.items()})


def read_value(name: str, value: Any, default: Any) -> Any:
    """A value of the kind that its default has: a list of names, a switch, a currency's code or a size."""
    if isinstance(default, tuple):
        return read_names(name, value)
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise UsageError(f"{name} must be true or false, but is {value!r}.")
    if isinstance(default, str):
        if isinstance(value, str) and (value == "" or CURRENCY.fullmatch(value)):
            return value
        raise UsageError(f'{name} must be a currency\'s code, like "EUR", or "", but is {value!r}.')
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_size(value):
        raise UsageError(f"{name} must be a number from 0 to 10^12, but is {value!r}.")
    return value


def read_names(name: str, value: Any) -> tuple[str, ...]:
    """A list of names; the statuses that count must be some."""
    example = '["completed"]' if name == "money.statuses" else '["customer.country"]'
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
        raise UsageError(f"{name} must be a list of names, like {example}.")
    if name == "money.statuses" and not value:
        raise UsageError(f"{name} must name at least one status, like {example}.")
    return tuple(dict.fromkeys(value))


def is_size(value: float) -> bool:
    """True for a finite number from 0 to 10^12."""
    return math.isfinite(value) and 0 <= value <= 10**12


def check_names(names: Any, known: list[str], kind: str) -> None:
    """Refuse the first name that is not known, naming the nearest that is."""
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"Unknown {kind}: {name!r}.{hint}")


DEFAULT_RULES_TOML = """\
# The worker's rules. Every line is optional; what is left out keeps the value printed here.

[limits]                  # a transaction beyond any of these is invalid
max_unit_price = 10000    # the largest price of one piece: 0 <= unit_price <= max_unit_price
max_quantity = 100        # the largest quantity of a line: 0 < quantity <= max_quantity
max_total = 100000        # the largest total of a transaction: 0 < total <= max_total
# [limits.JPY]            # the limits for one currency; what is left out is as above
# max_total = 15000000

[anomalies]               # a valid transaction beyond any of these is reported, and still counts
high_value = 5000         # total above this
high_quantity = 20        # a line's quantity above this
frequent_customer = 10    # a customer with more transactions than this
total_mismatch = 0.01     # |total - subtotal - tax - shipping_cost| above this, in whole cents

[required]
extra = []                # fields that must be there too, like ["customer.country", "line_items.category"]
waive = []                # fields that need not be there, like ["customer.email"]; ["customer"]: none of its own

[money]
statuses = ["completed"]  # valid transactions with one of these statuses, spelled like this, count as money
currency = ""             # a code like "EUR": others are invalid; "": any, but of several nothing is added up
refunds = false           # true: a negative total is valid, counts in the figure of refunds and nowhere else
zero = false              # true: a total of 0 is valid

[rules]
off = []                  # rules that are not applied, by name: {names}
"""


def default_rules_text(rule_names: tuple[str, ...]) -> str:
    """The default rules file, with a comment behind each key."""
    return DEFAULT_RULES_TOML.replace("{names}", ", ".join(rule_names))
