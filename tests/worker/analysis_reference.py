"""What an analyst expects, the slow and obvious way: exact fractions over lists of records, nothing of the worker's."""

import datetime
import math
from collections import Counter, defaultdict
from fractions import Fraction
from statistics import median
from typing import Any

STEP = Fraction(41, 40)  # 1.025
BASKETS = [(1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 11), (11, 21), (21, 51), (51, 101), (101, None)]


def figures(done: Any, customers: Any, products: Any, days: Any, cents: Any, thousandths: Any) -> Any:
    """The figures of the transactions that count; `customers` and `products` are [revenue, ...] by name."""
    months: Any = defaultdict(Fraction)
    for day, value in days.items():
        months[day[:7]] += Fraction(value)
    again = [row for row in customers.values() if row[1] >= 2]
    return {
        "revenue_by_month": {month: float(value) for month, value in sorted(months.items())},
        "order_value": order_value([int(cents(record, "total") * 100) for record in done]),
        "product_classes": classes([row[0] for row in products.values()]),
        "customer_classes": classes([row[0] for row in customers.values()]),
        "segments": segments(done, customers),
        "cohorts": cohorts(done),
        "repeat": {
            "customers": len(customers),
            "repeat_customers": len(again),
            "rate": round(len(again) / len(customers), 6) if customers else 0.0,
        },
        "baskets": baskets(done, thousandths),
        "discounts": discounts(done, cents),
    }


def order_value(values: Any) -> Any:
    """Each order is worth the geometric middle of its class; then the order in the middle, and that at 95%."""
    ordered = sorted(values)
    found = {}
    for name, percent in (("median", 50), ("p95", 95)):
        at = math.ceil(Fraction(len(ordered) * percent, 100)) - 1
        found[name] = middle(ordered[at]) if ordered else None
    return found


def middle(cents: int) -> float:
    if cents < 1:
        return 0.0
    k = int(math.log(cents) / math.log(1.025))
    while STEP**k > cents:
        k -= 1
    while STEP ** (k + 1) <= cents:
        k += 1
    return round(math.sqrt(STEP**k * STEP ** (k + 1)) / 100, 2) if k < 300 else round(1.025 ** (k + 0.5) / 100, 2)


def classes(revenues: Any) -> Any:
    """A holds those that begin below 80% of the sum, B those below 95%, C the rest."""
    total, before = sum(revenues), 0
    rows: Any = {name: [] for name in "ABC"}
    for value in sorted(revenues, reverse=True):
        share = Fraction(before) / Fraction(total) if total > 0 else 1
        rows["A" if share < Fraction(4, 5) else "B" if share < Fraction(19, 20) else "C"].append(value)
        before += value
    return {name: {"count": len(found), "revenue": float(sum(found))} for name, found in rows.items()}


def visits(done: Any) -> Any:
    """The days of each customer's orders."""
    found: Any = defaultdict(list)
    for record in done:
        buyer = (record.get("customer") or {}).get("customer_id")
        if buyer not in (None, ""):
            found[str(buyer)].append(datetime.date.fromisoformat(record["timestamp"][:10]))
    return found


def segments(done: Any, customers: Any) -> Any:
    seen = visits(done)
    everyone = list(seen)
    if not everyone:
        return []
    last = max(max(days) for days in seen.values())
    recency = {name: (last - max(seen[name])).days for name in everyone}
    orders = {name: customers[name][1] for name in everyone}
    rows: Any = defaultdict(list)
    for name in everyone:
        r = 1 + 5 * sum(recency[other] > recency[name] for other in everyone) // len(everyone)
        f = 1 + 5 * sum(orders[other] < orders[name] for other in everyone) // len(everyone)
        if r >= 4 and f >= 4:
            kind = "champions"
        elif f >= 4:
            kind = "loyal"
        elif r >= 4 and f <= 2:
            kind = "new"
        elif r <= 2 and f >= 3:
            kind = "at_risk"
        else:
            kind = "lost" if r <= 2 and f <= 2 else "regular"
        rows[kind].append(customers[name][0])
    order = ["champions", "loyal", "new", "at_risk", "lost", "regular"]
    return [{"segment": k, "customers": len(rows[k]), "revenue": float(sum(rows[k]))} for k in order if k in rows]


def cohorts(done: Any) -> Any:
    firsts: Any = defaultdict(list)
    for days in visits(done).values():
        months = {(day.year, day.month) for day in days}
        firsts[min(months)].append(months)
    found = []
    for (year, month), members in sorted(firsts.items()):
        later = Counter((y - year) * 12 + m - month for months in members for y, m in months)
        del later[0]
        returning = {str(after): later[after] for after in sorted(later)}
        found.append({"month": f"{year:04}-{month:02}", "customers": len(members), "returning": returning})
    return found


def baskets(done: Any, thousandths: Any) -> Any:
    sizes = [len(record.get("line_items") or []) for record in done]
    units = sum(
        (Fraction(thousandths(line["quantity"])) for r in done for line in r.get("line_items") or []), Fraction(0)
    )
    count = Counter(sizes)
    return {
        "lines_per_order": float(round(Fraction(sum(sizes), len(done)), 2)) if done else 0.0,
        "units_per_order": float(round(units / len(done), 2)) if done else 0.0,
        "histogram": [
            {"from": low, "to": high, "orders": sum(n for size, n in count.items() if low <= size < (high or math.inf))}
            for low, high in BASKETS
        ],
    }


def discounts(done: Any, cents: Any) -> Any:
    lines = [line for record in done for line in record.get("line_items") or []]
    given, paid = (
        sum((Fraction(cents(line, name)) for line in lines), Fraction(0)) for name in ("discount", "subtotal")
    )
    whole = given + paid
    return {"amount": float(given), "rate": round(float(given / whole), 6) if whole > 0 else 0.0}


def outliers(customers: Any, days: Any) -> Any:
    """Numbers of orders and days' revenues whose distance from the median is over six scaled median distances."""
    orders = {name: Fraction(row[1]) for name, row in customers.items()}
    return [*far("customer", orders), *far("day", {name: Fraction(value) for name, value in days.items()})]


def far(kind: str, values: Any) -> Any:
    if len(values) < 20:
        return []
    usual = median(values.values())
    spread = median(abs(value - usual) for value in values.values())
    if spread == 0:
        return []
    scores = {name: abs(value - usual) / (Fraction(7413, 5000) * spread) for name, value in values.items()}
    rows = sorted((-score, name) for name, score in scores.items() if score > 6)[:20]
    return [
        {"kind": kind, "id": name, "value": int(values[name]) if kind == "customer" else float(values[name]),
         "median": float(usual), "score": float(round(-score, 2))}
        for score, name in rows
    ]  # fmt: skip


def without_money(found: Any) -> None:
    """What is left of the figures where there are several currencies."""
    found["revenue_by_month"] = dict.fromkeys(found["revenue_by_month"])
    found["segments"] = [{**row, "revenue": None} for row in found["segments"]]
    found["order_value"] = {"median": None, "p95": None}
    for name in ("product_classes", "customer_classes"):
        found[name] = {letter: {"count": None, "revenue": None} for letter in "ABC"}
    found["discounts"] = {"amount": None, "rate": None}
