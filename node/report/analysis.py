"""What an analyst expects beyond sums: classes, repeat rate, baskets, discounts, order values, and what stands out.

All of it comes from a part's exact tables, so any split of the same transactions gives the same figures. Order values
are exact to a class of 2.5%. Definitions: the contract's page on figures.
"""

from collections import Counter
from fractions import Fraction
from typing import Any

from node.contract import BASKET_EDGES, MAX_OUTLIERS
from node.report.amounts import Amounts
from node.sums.partial import Part, Table

Json = dict[str, Any]
CLASS_STEP = 1.025  # order values: the next class begins so many times higher
A_SHARE, B_SHARE = 80, 95  # percent of the revenue
SEGMENTS = ("champions", "loyal", "new", "at_risk", "lost", "regular")
SCORE, SCALE, FEWEST = 6, (14826, 10000), 20


def analysis(part: Part, amounts: Amounts, buyers: Table) -> Json:
    """The figures by their names in `analytics`."""
    tables, counts = part.tables, part.counts
    return {
        "revenue_by_month": by_month(tables.get("days", {}), amounts),
        "order_value": order_value(tables.get("order_classes", {}), amounts),
        "product_classes": classes(tables.get("products", {}), amounts),
        "customer_classes": classes(buyers, amounts),
        "segments": segments(part.visits, buyers, amounts),
        "repeat": repeat(buyers),
        "cohorts": cohorts(part.visits),
        "baskets": baskets(tables, counts.get("completed", 0)),
        "discounts": discounts(tables, counts.get("discount", 0), amounts),
    }


def by_month(days: Table, amounts: Amounts) -> Json:
    """Revenue by month, as written, of the months that have orders."""
    cents: dict[str, int] = {}
    for day, row in sorted(days.items()):
        if row[1]:
            cents[day[:7]] = cents.get(day[:7], 0) + row[0]
    return {month: amounts.money(value) for month, value in cents.items()}


def order_value(table: Table, amounts: Amounts) -> Json:
    """The median and the 95th percentile, each the geometric middle of the class that holds that order."""
    found = sorted((int(key), row[0]) for key, row in table.items())
    orders = sum(count for _, count in found)
    return {name: quantile(found, orders, percent, amounts) for name, percent in (("median", 50), ("p95", 95))}


def quantile(found: list[tuple[int, int]], orders: int, percent: int, amounts: Amounts) -> float | None:
    """The value below or at which so many percent of the orders are; None without orders, or without one currency."""
    if not orders or amounts.mixed:
        return None
    left = -(-orders * percent // 100)
    for key, count in found:
        left -= count
        if left <= 0:
            return 0.0 if key < 0 else round(CLASS_STEP ** (key + 0.5) / 100, 2)
    return None


def classes(table: Table, amounts: Amounts) -> Json:
    """How many make the first 80% of the revenue (A), the next 15% (B), and the rest (C)."""
    revenues = sorted((row[0] for row in table.values()), reverse=True)
    total, before = sum(revenues), 0
    found = {name: [0, 0] for name in "ABC"}
    for cents in revenues:
        row = found[class_of(before, total)]
        row[0] += 1
        row[1] += cents
        before += cents
    return {
        name: {"count": None if amounts.mixed else count, "revenue": amounts.money(cents)}
        for name, (count, cents) in found.items()
    }


def class_of(before: int, total: int) -> str:
    """The class of what comes after so many cents of the total."""
    if total > 0 and 100 * before < A_SHARE * total:
        return "A"
    return "B" if total > 0 and 100 * before < B_SHARE * total else "C"


def repeat(buyers: Table) -> Json:
    """Customers, and those of them with two orders or more."""
    again = sum(row[1] > 1 for row in buyers.values())
    rate = round(again / len(buyers), 6) if buyers else 0.0
    return {"customers": len(buyers), "repeat_customers": again, "rate": rate}


def segments(visits: dict[str, list[int]], buyers: Table, amounts: Amounts) -> list[Json]:
    """Customers by how lately and how often they ordered (RFM): how many are in each segment, and their revenue.

    The score of a value is 1 and one more for each fifth of the customers that have a worse one.
    """
    if not visits:
        return []
    lately = scores(Counter(row[0] for row in visits.values()))
    often = scores(Counter(buyers[name][1] for name in visits))
    found: dict[str, list[int]] = {name: [0, 0] for name in SEGMENTS}
    named = {(r, f): segment(r, f) for r in range(1, 6) for f in range(1, 6)}
    for name, (last, *_) in visits.items():
        revenue, orders, _ = buyers[name]
        row = found[named[lately[last], often[orders]]]
        row[0] += 1
        row[1] += revenue
    return [
        {"segment": name, "customers": count, "revenue": amounts.money(cents)}
        for name, (count, cents) in found.items()
        if count
    ]


def segment(lately: int, often: int) -> str:
    """The segment of two scores."""
    tests = (lately >= 4 and often >= 4, often >= 4, lately >= 4 and often <= 2, lately <= 2 and often >= 3,
             lately <= 2 and often <= 2)  # fmt: skip
    return next((name for name, holds in zip(SEGMENTS, tests, strict=False) if holds), SEGMENTS[-1])


def scores(values: Counter[int]) -> dict[int, int]:
    """The score of each value, of which there are so many: 1 and one more for each fifth of all that is worse."""
    total, worse, found = values.total(), 0, {}
    for value in sorted(values):
        found[value] = 1 + 5 * worse // total
        worse += values[value]
    return found


def cohorts(visits: dict[str, list[int]]) -> list[Json]:
    """Customers by the month of their first order, and how many of them ordered in each later month."""
    found: dict[int, Counter[int]] = {}
    for months, count in Counter(tuple(row[1:]) for row in visits.values()).items():
        later = found.setdefault(months[0], Counter())
        for month in months:
            later[months_between(months[0], month)] += count
    return [
        {
            "month": f"{first // 100:04d}-{first % 100:02d}",
            "customers": row[0],
            "returning": {str(later): row[later] for later in sorted(row) if later},
        }
        for first, row in sorted(found.items())
    ]


def months_between(first: int, second: int) -> int:
    """How many months lie between two, each YYYYMM."""
    return (second // 100 - first // 100) * 12 + second % 100 - first % 100


def baskets(tables: dict[str, Table], orders: int) -> Json:
    """Means of lines and of units of the orders that count, and orders by their number of lines."""
    rows = tables.get("categories", {}).values()
    edges = [*BASKET_EDGES, None]
    found = tables.get("basket_lines", {})
    histogram = [
        {"from": edges[at], "to": edges[at + 1], "orders": found.get(f"{at:02d}", [0])[0]}
        for at in range(len(BASKET_EDGES))
    ]
    return {
        "lines_per_order": mean(sum(row[2] for row in rows), orders),
        "units_per_order": mean(Fraction(sum(row[1] for row in rows), 1000), orders),
        "histogram": histogram,
    }


def mean(total: int | Fraction, count: int) -> float:
    """A mean to two decimals, ties to even; 0 of nothing."""
    return float(round(Fraction(total) / count, 2)) if count else 0.0


def discounts(tables: dict[str, Table], cents: int, amounts: Amounts) -> Json:
    """The sum of the lines' discounts, and their share of what the lines would have come to without."""
    whole = cents + sum(row[0] for row in tables.get("categories", {}).values())
    rate = round(cents / whole, 6) if whole > 0 and not amounts.mixed else 0.0
    return {"amount": amounts.money(cents), "rate": None if amounts.mixed else rate}


def outliers(part: Part, amounts: Amounts, buyers: Table) -> list[Json]:
    """Customers by their number of orders and days by their revenue that are far from the median, the farthest first.

    The score is the distance from the median by 1.4826 times the median distance; one above 6 is far.
    """
    orders = {key: row[1] for key, row in buyers.items()}
    days = {} if amounts.mixed else {key: row[0] for key, row in part.tables.get("days", {}).items() if row[1]}
    return [*far("customer", orders, 1), *far("day", days, 100)]


def far(kind: str, values: dict[str, int], units: int) -> list[Json]:
    """The values of a kind that are far from their median; none where there are few, or most are the same."""
    if len(values) < FEWEST:
        return []
    middle = twice_median(list(values.values()))  # twice and four times, so that all stays in whole numbers
    spread = twice_median([abs(2 * value - middle) for value in values.values()])
    if not spread:
        return []
    least = -(-SCORE * SCALE[0] * spread // (2 * SCALE[1]))
    found = [
        (name, value, abs(2 * value - middle)) for name, value in values.items() if abs(2 * value - middle) >= least
    ]
    scored = [(Fraction(2 * distance * SCALE[1], SCALE[0] * spread), name, value) for name, value, distance in found]
    ranked = sorted((row for row in scored if row[0] > SCORE), key=lambda row: (-row[0], row[1]))
    return [
        {"kind": kind, "id": name, "value": value / units if units > 1 else value,
         "median": float(Fraction(middle, 2 * units)), "score": float(round(score, 2))}
        for score, name, value in ranked[:MAX_OUTLIERS]
    ]  # fmt: skip


def twice_median(values: list[int]) -> int:
    """The sum of the two values in the middle; of an odd number of them, twice the one."""
    values.sort()
    half = len(values) // 2
    return values[half] + values[half - 1 + len(values) % 2]
