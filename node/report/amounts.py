"""Money in a report: whole cents as currency units, and nothing where it would be of several currencies."""

from dataclasses import dataclass
from functools import cached_property

from node.contract import UNKNOWN
from node.sums.money import average_cents
from node.sums.partial import Part, Table

Money = float | None


@dataclass(frozen=True)
class Amounts:
    """How the money of a part is laid out.

    Attributes:
        table: the part's `currencies`.
        chosen: the currency of the rules file, empty for none.
    """

    table: Table
    chosen: str

    @classmethod
    def of(cls, part: Part) -> "Amounts":
        """The amounts of a part."""
        chosen: str = part.rules.get("money", {}).get("currency", "")
        return cls(part.tables.get("currencies", {}), chosen)

    @cached_property
    def by_currency(self) -> Table:
        """The table with what names no currency added to the one that is chosen, or to the only one that is there."""
        found = {name: row for name, row in self.table.items() if name != UNKNOWN}
        nameless = self.table.get(UNKNOWN)
        if nameless:
            home = self.chosen or (next(iter(found)) if len(found) == 1 else UNKNOWN)
            found[home] = [a + b for a, b in zip(found.get(home, [0] * len(nameless)), nameless, strict=True)]
        return found

    @cached_property
    def mixed(self) -> bool:
        """True when the valid transactions are of several currencies: their sums would mean nothing."""
        return len(self.by_currency) > 1

    @property
    def rank(self) -> int:
        """The column by which tables are ranked: the revenue, or what stands behind it when there is none."""
        return 1 if self.mixed else 0

    def money(self, cents: int) -> Money:
        """Currency units of whole cents: the nearest float to the exact quotient; None when currencies are mixed."""
        return None if self.mixed else cents / 100

    def average(self, cents: int, count: int) -> Money:
        """The mean of so many amounts."""
        return self.money(average_cents(cents, count))
