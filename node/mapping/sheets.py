"""A mapping at work: many records of theirs become a sheet, the columns of our fields."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from node.contract import LINE_FIELDS, UsageError
from node.mapping.decoding import Getter, Tree
from node.mapping.fields import MONEY, NUMBERS, Field, Sheet, ids, kind_of_field, one_text
from node.mapping.file import FIELD_NAMES, LINE, Mapping
from node.mapping.lines import Group, LineList, is_object
from node.mapping.moments import PLAIN, moment_reader
from node.mapping.numbers import Numbers, is_number, major_units
from node.mapping.paths import EVERY, Steps, follow, parse_path
from node.mapping.sums import Factors, added, filled, line_subtotals

AMOUNTS = ("subtotal", "tax", "shipping_cost", "total")
NEGATED = (*AMOUNTS, LINE + "quantity", LINE + "subtotal", LINE + "discount")


class Sheets:
    """Compiled once from a mapping.

    Attributes:
        record: the type of a record, for typed decoding; None where each must be decoded whole, for a JMESPath.
        notes: what the report warns of.
    """

    def __init__(self, mapping: Mapping, wanted: Sequence[str], whole: bool = False) -> None:
        self.mapping = mapping
        self.wanted = [*wanted, "transaction_id", "timestamp", "customer.email"]
        self.prefix = prefix_of(mapping)
        self.lines = LineList((*self.prefix, *parse_path(mapping.line_list, "lines.from", True))) \
            if mapping.line_list is not None else None  # fmt: skip
        tree = Tree()
        steps = {name: self.steps_of(name) for name in (*FIELD_NAMES, *(LINE + name for name in LINE_FIELDS))}
        group = (*self.prefix, *parse_path(mapping.group_by, "group_by"))
        for path in (*(one for paths in steps.values() for one in paths), *([group] if mapping.group_by else [])):
            tree.add(path)
        if self.lines:
            tree.add(self.lines.base) if not mapping.lines else None
            self.lines.compile(tree)
        self.record: Any = None if whole or mapping.escape or tree.anything() or EVERY in tree else tree.struct()
        self.group = Getter(group, tree) if mapping.group_by else None
        self.fields = {name: self.field(name, paths, tree) for name, paths in steps.items()}
        self.expressions = {name: compiled(name, text) for name, text in mapping.escape.items()}
        self.numbers = Numbers(mapping.units)
        self.moment = moment_reader(mapping.units.time, mapping.units.zone)
        self.no_tax = not (self.is_mapped("tax") or "tax" in mapping.constants)
        self.notes = ["the mapping has no tax, which counts as 0"] if self.no_tax else []

    def steps_of(self, name: str) -> list[Steps]:
        """The paths of a field, from the record on."""
        if not name.startswith(LINE):
            found = self.mapping.fields.get(name, ())
            return [(*self.prefix, *parse_path(path, name)) for path in found]
        base = self.lines.base if self.lines else self.prefix
        return [(*base, *parse_path(path, name)) for path in self.mapping.lines.get(name.removeprefix(LINE), ())]

    def field(self, name: str, paths: list[Steps], tree: Tree) -> Field:
        """A field with its getters; a line's begin at the line."""
        if name.startswith(LINE) and self.lines:
            at = len(self.lines.head) + 1
            tail = subtree(tree, self.lines.base[:at])
            if EVERY in self.lines.tail:
                at, tail = len(self.lines.base), subtree(tree, self.lines.base)
            return Field(name, [Getter(path[at:], tail) for path in paths])
        nothing = self.mapping.guests if name == "customer.customer_id" else ()
        return Field(name, [Getter(path, tree) for path in paths], nothing)

    def is_mapped(self, name: str) -> bool:
        """True when a path or an expression gives a field."""
        return bool(self.fields[name].getters) or name in self.mapping.escape

    def keys(self, records: list[Any]) -> list[Any]:
        """What rows are grouped by."""
        assert self.group is not None
        return ids([value if isinstance(value, str | int | float) else None for value in self.group.column(records)])

    def sheet(self, records: list[Any]) -> Sheet:
        """The columns of some records, or of some groups of rows."""
        firsts = [record.rows[0] for record in records] if self.group else records
        sheet = Sheet(len(records))
        if not all(issubclass(kind, Struct | dict) for kind in set(map(type, firsts))):
            sheet.wrong = [("transaction", row, "no object") for row, one in enumerate(firsts) if not is_object(one)]
        self.add_texts(firsts, sheet)
        for name in AMOUNTS:
            self.add_numbers(name, firsts, sheet, sheet.columns["currency"])
        if self.no_tax:
            sheet.columns["tax"] = [0.0] * sheet.size
        self.add_lines(records, firsts, sheet)
        self.derive_amounts(sheet)
        self.turn_refunds(sheet)
        return sheet

    def raw(self, name: str, records: list[Any]) -> list[Any]:
        """A field's values as they are written: what its expression gives, else its paths."""
        values = self.fields[name].column(records)
        expression = self.expressions.get(name)
        if expression is None:
            return values
        return filled([expression(follow(record, self.prefix)) for record in records], values)

    def add_texts(self, records: list[Any], sheet: Sheet) -> None:
        """The fields that are no numbers."""
        wanted = ["currency", "status", *self.wanted]
        for name in dict.fromkeys(name for name in wanted if name in FIELD_NAMES and name not in NUMBERS):
            raw = self.raw(name, records)
            values = self.moments(raw) if name == "timestamp" else kind_of_field(name)(raw)
            if name == "status" and self.mapping.status:
                values = [self.mapping.status.get(one, one) if isinstance(one, str) else one for one in values]
            if name == "customer.customer_id" and self.mapping.guests:
                nobody = self.guests(records, values)
                sheet.excused = {"customer.customer_id": nobody, "customer.email": nobody}
            sheet.settle(name, values, raw, self.constant(name))

    def moments(self, raw: list[Any]) -> list[Any]:
        """Times as RFC 3339; what is none is left as it is, for the rule to say so."""
        if set(map(type, raw)) == {str} and self.mapping.units.time == "rfc3339" and all(map(PLAIN.fullmatch, raw)):
            return raw
        return [None if one is None else self.moment(one) or one_text(one) for one in raw]

    def guests(self, records: list[Any], values: list[Any]) -> list[int]:
        """Rows whose customer is nobody: an id that says so, or none at all where an empty one says so."""
        rows = [row for row, value in enumerate(values) if value is None]
        if "" in self.mapping.guests:
            return rows
        plain = Field("customer.customer_id", self.fields["customer.customer_id"].getters)
        found = plain.column([records[row] for row in rows])
        return [row for row, value in zip(rows, found, strict=True) if value is not None]

    def constant(self, name: str) -> Any:
        """What stands where the paths give nothing."""
        value = self.mapping.constants.get(name)
        return value if value is None or name in NUMBERS or isinstance(value, str) else str(value)

    def add_numbers(self, name: str, records: list[Any], sheet: Sheet, currencies: Sequence[str | None]) -> None:
        """A field of numbers."""
        raw = self.raw(name, records)
        values = self.numbers.column(raw)
        if name in MONEY and self.mapping.units.money == "minor":
            values = major_units(values, currencies)
        sheet.settle(name, values, raw, self.constant(name))

    def add_lines(self, records: list[Any], firsts: list[Any], sheet: Sheet) -> None:
        """The lines and their fields."""
        if self.group:
            lines = [row for record in records for row in record.rows]
            sheet.line_counts = [len(record.rows) for record in records]
        elif self.lines:
            lines = self.lines.take(firsts, sheet)
        else:
            lines, sheet.line_counts = firsts, [1] * sheet.size
        currencies = self.of_lines(sheet.columns["currency"], sheet)
        for name in (LINE + name for name in LINE_FIELDS):
            if name in NUMBERS:
                self.add_numbers(name, lines, sheet, currencies)
            elif name in self.wanted:
                raw = self.raw(name, lines)
                sheet.settle(name, kind_of_field(name)(raw), raw, self.constant(name))
        if not self.group and not self.lines:
            self.make_lines(sheet)
        self.derive_lines(sheet)

    def of_lines(self, values: list[Any], sheet: Sheet) -> list[Any]:
        """A value of each line's transaction."""
        if self.mapping.units.money != "minor":
            return []
        return values[:1] if len(set(values)) == 1 else [values[row] for row in sheet.owners()]

    def make_lines(self, sheet: Sheet) -> None:
        """One piece at what tax and shipping leave of the total, where the paths say nothing else.

        It has no unit price, whose limit is about goods, and needs none.
        """
        rows = zip(*(sheet.columns[name] for name in ("total", "tax", "shipping_cost")), strict=True)
        net = [None if total is None else added((total, -(tax or 0), -(cost or 0))) for total, tax, cost in rows]
        if not self.known(LINE + "quantity"):
            sheet.columns[LINE + "quantity"] = [1.0] * sheet.size
        if not self.known(LINE + "unit_price"):
            if not self.known(LINE + "subtotal"):
                sheet.columns[LINE + "subtotal"] = net
            sheet.excused[LINE + "unit_price"] = list(range(sheet.size))

    def derive_lines(self, sheet: Sheet) -> None:
        """A line's subtotal, or its unit price, when that one alone is not mapped."""
        columns = sheet.columns
        if not self.known(LINE + "subtotal"):
            derived = line_subtotals(*(columns[LINE + name] for name in ("quantity", "unit_price", "discount")))
            columns[LINE + "subtotal"] = filled(columns[LINE + "subtotal"], derived)
        elif not self.known(LINE + "unit_price"):
            rows = zip(*(columns[LINE + name] for name in ("subtotal", "discount", "quantity")), strict=True)
            prices = [None if net is None or not pieces else (net + (off or 0)) / pieces for net, off, pieces in rows]
            columns[LINE + "unit_price"] = filled(columns[LINE + "unit_price"], prices)

    def known(self, name: str) -> bool:
        """True when the mapping says what a field is."""
        return self.is_mapped(name) or name in self.mapping.constants

    def factors(self, sheet: Sheet) -> list[Factors | None]:
        """Quantity, price and discount of each line that has them."""
        rows = zip(*(sheet.columns[LINE + name] for name in ("quantity", "unit_price", "discount")), strict=True)
        return [None if count is None or price is None else (count, price, off or 0.0) for count, price, off in rows]

    def derive_amounts(self, sheet: Sheet) -> None:
        """The subtotal and the total, when they are not mapped."""
        columns = sheet.columns
        if not self.known("subtotal"):
            columns["subtotal"] = filled(columns["subtotal"], self.lines_sums(sheet))
        if not self.known("total"):
            rows = zip(*(columns[name] for name in ("subtotal", "tax", "shipping_cost")), strict=True)
            columns["total"] = [
                None if net is None or tax is None else added((net, tax, cost or 0)) for net, tax, cost in rows
            ]

    def lines_sums(self, sheet: Sheet) -> list[float | None]:
        """The sum of each transaction's lines; None where one has no amount."""
        subtotals = sheet.columns[LINE + "subtotal"]
        factors = [] if self.known(LINE + "subtotal") else self.factors(sheet)
        found: list[float | None] = []
        start = 0
        for count in sheet.line_counts:
            end = start + max(count, 0)
            amounts, lines = subtotals[start:end], factors[start:end]
            if count < 0 or None in amounts:
                found.append(None)
            else:
                found.append(added((), lines) if lines and None not in lines else added(amounts))  # type: ignore[arg-type]
            start = end
        return found

    def turn_refunds(self, sheet: Sheet) -> None:
        """The amounts of a refund, which a status tells, are negative here."""
        if not self.mapping.refunds:
            return
        refund = [status == self.mapping.refunds for status in sheet.columns["status"]]
        owners = sheet.owners()
        for name in NEGATED:
            values = sheet.columns[name]
            turned = [refund[row] for row in owners] if name.startswith(LINE) else refund
            sheet.columns[name] = [
                -abs(value) if turn and is_number(value) else value for value, turn in zip(values, turned, strict=True)
            ]


def prefix_of(mapping: Mapping) -> Steps:
    """The steps from an element of the list, or from a line's value, to the record in it."""
    steps = parse_path(mapping.records, "records", through_lists=True)
    if EVERY not in steps:
        return steps if mapping.format == "lines" else ()
    return steps[len(steps) - steps[::-1].index(EVERY) :]


def subtree(tree: Tree, steps: Steps) -> Tree:
    """What stands below some steps; nothing where a type says nothing."""
    for step in steps:
        if tree.leaf:
            return Tree()
        tree = tree.get(step if isinstance(step, str) else EVERY, Tree())
    return tree


def compiled(name: str, text: str) -> Any:
    """A JMESPath expression as a function of a record; None where it fails."""
    import jmespath  # only for those who use one: it takes its time, at each record too

    try:
        expression = jmespath.compile(text)
    except jmespath.exceptions.JMESPathError as error:
        raise UsageError(f"escape.{name}: {text!r} is no JMESPath: {' '.join(str(error).split())}") from None

    def found(record: Any) -> Any:
        try:
            return expression.search(record)
        except (jmespath.exceptions.JMESPathError, TypeError, ValueError, AttributeError):
            return None

    return found


__all__ = ["Group", "Sheet", "Sheets"]
