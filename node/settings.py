"""The rules file: thresholds, rules switched off, and extra required fields.

A user owns this file (TOML). Every key has a default, an unknown one is an error that names the nearest.
`DEFAULT_RULES_TOML` is what `python -m node rules` prints.
"""

import difflib
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from node.contract import UsageError

Number = int | float  # as the user writes it


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
    """Dotted names of fields that every transaction needs beside the contract's."""

    extra: tuple[str, ...] = ()


class Switches(msgspec.Struct, frozen=True):
    """Names of the validation rules that are not applied."""

    off: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True):
    """All that a rules file can set."""

    limits: Limits = Limits()
    anomalies: Anomalies = Anomalies()
    required: Required = Required()
    rules: Switches = Switches()

    def as_dict(self) -> dict[str, Any]:
        """The rules as they stand in a report."""
        rules: dict[str, Any] = msgspec.to_builtins(self)
        return rules


SECTIONS: dict[str, Any] = {"limits": Limits, "anomalies": Anomalies, "required": Required, "rules": Switches}


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
    document = tomllib.loads(text)
    check_names(document, list(SECTIONS), "section")
    sections = {name: read_section(name, document.get(name, {})) for name in SECTIONS}
    if sections["rules"].off:
        check_names(sections["rules"].off, list(rule_names()), "rule")
    return Settings(**sections)


def read_section(name: str, table: Any) -> Any:
    """One section's values over its defaults."""
    if not isinstance(table, dict):
        raise UsageError(f"{name} must be a section, written [{name}].")
    cls = SECTIONS[name]
    check_names(table, list(cls.__struct_fields__), f"key in [{name}]")
    return cls(**{key: read_value(f"{name}.{key}", value, cls) for key, value in table.items()})


def read_value(name: str, value: Any, section: type) -> Any:
    """A list of names for [required] and [rules], a number that is not negative for the others."""
    if section in (Required, Switches):
        if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
            return tuple(dict.fromkeys(value))
        raise UsageError(f'{name} must be a list of names, like ["customer.country"].')
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_size(value):
        raise UsageError(f"{name} must be a number from 0 to 10^12, but is {value!r}.")
    return value


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

[anomalies]               # a valid transaction beyond any of these is reported, and still counts
high_value = 5000         # total above this
high_quantity = 20        # a line's quantity above this
frequent_customer = 10    # a customer with more transactions than this
total_mismatch = 0.01     # |total - subtotal - tax - shipping_cost| above this, in whole cents

[required]
extra = []                # fields that must be there too, like ["customer.country", "line_items.category"]

[rules]
off = []                  # rules that are not applied, by name: {names}
"""


def default_rules_text(rule_names: tuple[str, ...]) -> str:
    """The default rules file, with a comment behind each key."""
    return DEFAULT_RULES_TOML.replace("{names}", ", ".join(rule_names))
