"""Which path is which of our fields: by its name, by what its values are, and by sums that agree."""

import re
from itertools import product
from typing import Any

from msgspec import Struct

from node.drafting.columns import Column, best, columns_of, is_id, is_number, is_text, lists_of
from node.drafting.moments import WITHOUT_ZONE, kinds_of
from node.drafting.names import DONE, FIELDS, LINE_LISTS, LINES, NO_LINES, rank, words
from node.drafting.sample import Sample
from node.drafting.totals import Sums, check
from node.mapping.file import Units
from node.mapping.numbers import DIGITS, USUAL_DIGITS, Numbers
from node.mapping.paths import Steps, written

CODE = re.compile("[A-Za-z]{3}")
AMOUNTS = ("total", "subtotal", "tax", "shipping_cost")
MANY = 5  # candidates
MAX_STATUSES = 15
NEARLY_ALL = 0.98  # of the records
GROUP = re.compile(r"invoice|order|receipt|basket|transaction|ticket|sale|bill")


class Guess(Struct):
    """A mapping in the making.

    Attributes:
        fields, lines: our name -> their column.
        notes: our name -> what to say beside it.
        line_list: the path of the lines.
    """

    sample: Sample
    fields: dict[str, Column] = {}
    lines: dict[str, Column] = {}
    notes: dict[str, str] = {}
    line_list: Steps | None = None
    grouped: bool = False
    units: dict[str, str] = {}
    statuses: dict[str, str] = {}
    other_statuses: list[str] = []
    guests: list[Any] = []
    sums: Sums | None = None

    @property
    def score(self) -> float:
        """How much was found."""
        weights = {
            "total": 3,
            "transaction_id": 2,
            "timestamp": 3,
            "currency": 1,
            "status": 1,
            "customer.customer_id": 1,
        }
        found = sum(weights.get(name, 0) for name in self.fields) + 2 * ("quantity" in self.lines) + (
            "unit_price" in self.lines)  # fmt: skip
        return found + min(len(self.sample.values), 10) / 10 + (0.5 if self.sample.format == "object" else 0)


def guess(sample: Sample) -> Guess:
    """The best guess for one way to take a file."""
    found = Guess(sample)
    records = [one for one in sample.values if isinstance(one, dict)]
    if not records:
        return found
    columns = columns_of(records)
    plain = [column for column in columns if not through_list(column.steps)]
    guess_times(found, plain)
    guess_marks(found, columns)
    guess_lines(found, records)
    guess_texts(found, plain, columns)
    guess_amounts(found, records, plain)
    guess_id(found, plain)
    guess_status(found, plain)
    guess_customer(found, columns)
    return found


def through_list(steps: Steps) -> bool:
    """True for a path that goes on behind a place in a list."""
    return any(isinstance(step, int) for step in steps[:-1])


def guess_times(found: Guess, columns: list[Column]) -> None:
    """The time, and how it is written."""
    kinds: dict[str, list[str]] = {}

    def is_time(column: Column) -> bool:
        kinds[column.name] = kinds_of(column.there[:50])
        return bool(kinds[column.name])

    for column in best(columns, FIELDS["timestamp"], is_time)[:1]:
        possible = kinds[column.name]
        found.fields["timestamp"] = column
        if possible[0] != "rfc3339":
            found.units["time"] = possible[0]
        if len(possible) > 1 and possible[0] not in ("rfc3339", "epoch_s"):
            found.notes["time"] = f"TODO it can be {possible[1]} as well"
        texts = [one for one in column.there if isinstance(one, str)]
        if texts and all(map(WITHOUT_ZONE.fullmatch, texts)):
            if re.search(r"\b(?:gmt|utc)\b", column.name):
                found.units["zone"] = "UTC"
            else:
                found.notes["timestamp"] = "it has no zone: see zone in [units]"


def guess_marks(found: Guess, columns: list[Column]) -> None:
    """Marks of thousands and decimals in texts."""
    names = [pattern for name in AMOUNTS for pattern in FIELDS[name]] + [*LINES["unit_price"], *LINES["subtotal"]]
    money = [column for column in columns if column.all(is_number) and rank(last(column), tuple(names)) is not None]
    texts = [one.strip() for column in money for one in column.there if isinstance(one, str)]
    comma = [one for one in texts if re.search(r",[0-9]{1,2}$", one) or re.search(r"\.[0-9]{3},", one)]
    if comma:
        found.units["decimal"] = ","
        if any("." in one for one in texts):
            found.units["thousands"] = "."
    elif any("," in one for one in texts):
        found.units["thousands"] = ","
    spaces = [one for one in texts if re.search(r"[0-9][ \u00a0\u202f][0-9]{3}", one)]
    if spaces:
        found.units["thousands"] = " "


def last(column: Column) -> str:
    """The words of a column's last part."""
    return column.name.split("/")[-1]


def guess_lines(found: Guess, records: list[Any]) -> None:
    """The list of lines, and the fields of a line."""
    options = []
    for steps, items in lists_of(records).items():
        name = words(steps)
        at = rank(name, LINE_LISTS)
        columns = columns_of([item for row in items for item in row])
        fields = line_fields(columns)
        money = "unit_price" in fields or "subtotal" in fields
        if sum(map(bool, items)) < NEARLY_ALL * len(items):
            found.notes["lines"] = f"TODO {written(steps)} is a list in {sum(map(bool, items))} of {len(items)} records"
            continue
        if NO_LINES.search(name) or not (money or at == 0) or (at is None and "quantity" not in fields):
            continue
        options.append(((9 if at is None else at, "quantity" not in fields, not money, len(steps)), steps, fields))
    if options:
        _, found.line_list, found.lines = min(options, key=lambda option: option[0])
        return
    rows = line_fields([one for one in columns_of(records) if not through_list(one.steps)])
    if {"quantity", "unit_price"} <= rows.keys():
        found.lines, found.grouped = rows, True


def line_fields(columns: list[Column]) -> dict[str, Column]:
    """The fields of a line."""
    found: dict[str, Column] = {}
    for name, patterns in LINES.items():
        number = name in ("quantity", "unit_price", "discount", "subtotal")
        options = best(columns, patterns, lambda one, number=number: one.all(is_number if number else is_id))  # type: ignore[misc]
        taken = [column.steps for column in found.values()]
        options = [one for one in options if one.steps not in taken and not through_list(one.steps)]
        if options:
            found[name] = options[0]
    return found


def guess_texts(found: Guess, plain: list[Column], columns: list[Column]) -> None:
    """Fields that their names and values tell."""

    def is_code(one: Column) -> bool:
        return one.all(lambda value: isinstance(value, str) and CODE.fullmatch(value) is not None)

    for column in best(plain, FIELDS["currency"], is_code)[:1]:
        found.fields["currency"] = column
    for name in ("payment_method", "shipping_method", "customer.country", "customer.state"):
        for column in best(columns, FIELDS[name], lambda one: one.all(is_text))[:1]:
            found.fields[name] = column
    for column in best(columns, FIELDS["customer.email"], lambda one: one.all(lambda value: "@" in str(value)))[:1]:
        found.fields["customer.email"] = column


def guess_amounts(found: Guess, records: list[Any], columns: list[Column]) -> None:
    """The total and what it is made of: of the likely ones those that add up."""
    if found.grouped and not any(rank(one.name, FIELDS["total"][:3]) is not None for one in columns):
        return
    options = {name: [*best(columns, FIELDS[name], lambda one: one.all(is_number))[:MANY], None] for name in AMOUNTS}
    numbers = Numbers(Units(**found.units))
    lines = lines_of(found, records)
    tried = []
    for order, total in enumerate(options["total"][:-1] or [None]):
        if total is None:
            return
        for subtotal, tax, shipping in product(*([*options[name][:3], None] for name in AMOUNTS[1:])):
            chosen = [total, subtotal, tax, shipping]
            steps = [one.steps for one in chosen if one]
            if len(set(steps)) < len(steps):
                continue
            sums = check(chosen, lines, numbers, found.lines)
            tried.append(((sums.agreed, -order, sum(one is not None for one in chosen)), chosen, sums))
    grouping = max(tried, key=lambda one: one[0])
    _, chosen, found.sums = grouping
    for name, column in zip(AMOUNTS, chosen, strict=True):
        if column is not None:
            found.fields[name] = column
    settle_sums(found)
    guess_minor(found)


def lines_of(found: Guess, records: list[Any]) -> list[list[Any]]:
    """The lines of each record."""
    if found.line_list is None:
        return [[] for _ in records]
    return lists_of(records).get(found.line_list, [[] for _ in records])


def settle_sums(found: Guess) -> None:
    """What the sums say about lines and subtotal."""
    sums = found.sums
    assert sums is not None
    found.notes["total"] = sums.said() if sums.agreed else "TODO no sum confirms it"
    if found.line_list is not None:
        for name in ("subtotal", "discount"):
            if name not in sums.of_lines:
                found.lines.pop(name, None)
    if "subtotal" in found.fields and not sums.subtotal:
        del found.fields["subtotal"]


def guess_minor(found: Guess) -> None:
    """Minor units: whole numbers only, called amount, money or cents."""
    columns = [*(found.fields[name] for name in AMOUNTS if name in found.fields)]
    columns += [found.lines[name] for name in ("unit_price", "subtotal") if name in found.lines]
    whole = all(column.all(lambda one: isinstance(one, int) and not isinstance(one, bool)) for column in columns)
    path = written(found.fields["total"].steps).lower()
    if whole and re.search(r"amount|cent|money|minor", path):
        codes = {str(one).upper() for one in found.fields["currency"].there} if "currency" in found.fields else set()
        if codes and all(DIGITS.get(code, USUAL_DIGITS) == 0 for code in codes):
            return
        found.units["money"] = "minor"
        if not re.search(r"cent|money|minor", path):
            found.notes["money"] = "TODO whole numbers: are they cents?"


def guess_id(found: Guess, columns: list[Column]) -> None:
    """What tells transactions apart, or, of rows, what they have in common."""
    options = best(columns, FIELDS["transaction_id"], lambda one: one.all(is_id) and one.share > 0.9)
    if found.grouped and "total" not in found.fields:
        for column in [one for one in options if GROUP.search(one.name)] or options:
            found.fields["transaction_id"] = column
            return
    found.grouped = False
    for column in options:
        if len(set(map(str, column.there))) >= 0.98 * len(column.there):
            found.fields["transaction_id"] = column
            return
    for column in options[:1]:
        found.fields["transaction_id"] = column
        found.notes["transaction_id"] = "TODO it is not different for each record"


def guess_status(found: Guess, columns: list[Column]) -> None:
    """The status, and which values mean that it is done."""
    for column in best(columns, FIELDS["status"], lambda one: one.all(is_id) or one.all(is_text)):
        seen = [one_status(value) for value in column.there]
        kinds = sorted(set(seen), key=lambda one: (-seen.count(one), one))
        if len(kinds) > MAX_STATUSES:
            continue
        found.fields["status"] = column
        done = [one for one in kinds if DONE.fullmatch(one)]
        if not done:
            done = kinds[:1]
            found.notes["status"] = "TODO does this one count?"
        found.statuses = {one: "completed" for one in done if one != "completed"}
        found.other_statuses = [one for one in kinds if one not in done]
        return


def one_status(value: Any) -> str:
    """A status as a mapping has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def guess_customer(found: Guess, columns: list[Column]) -> None:
    """Who bought, and ids that stand for nobody."""
    for column in best(columns, FIELDS["customer.customer_id"], lambda one: one.all(is_id))[:1]:
        found.fields["customer.customer_id"] = column
        zero = any(value in (0, "0") for value in column.there)
        found.guests = ([0] if zero else []) + [""]
        return
    found.guests = [""]
