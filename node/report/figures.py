"""The figures of a report's `analytics`: sums, averages, top lists and shares of the transactions that count."""

import math
from itertools import accumulate
from typing import Any

from node.contract import HISTOGRAM_EDGES, MAX_CUSTOMERS, MAX_PRODUCTS, PARETO_STEPS, WEEKDAYS
from node.report.amounts import Amounts
from node.report.analysis import analysis
from node.sums.partial import Part, Table
from node.sums.times import weekday_of

Json = dict[str, Any]


def analytics(part: Part, amounts: Amounts) -> Json:
    """Everything about the valid transactions."""
    tables = {name: part.tables.get(name, {}) for name in part.tables}
    days = dict(sorted(tables.get("days", {}).items()))
    products = tables.get("products", {})
    buyers = buyers_of(part)
    return {
        "summary": summary(part.counts, amounts),
        "top_customers": [customer(*item, amounts) for item in ranked(buyers, amounts.rank, MAX_CUSTOMERS)],
        "top_products": [product(*item, amounts) for item in ranked(products, amounts.rank, MAX_PRODUCTS)],
        "top_products_by_quantity": [product(*item, amounts) for item in ranked(products, 1, MAX_PRODUCTS)],
        "revenue_by_category": {
            key: amounts.money(row[0]) for key, row in ranked(tables.get("categories", {}), amounts.rank)
        },
        "revenue_by_day": revenue(days, amounts),
        "revenue_by_hour": revenue(dict(sorted(tables.get("hours", {}).items())), amounts),
        "revenue_by_weekday": by_weekday(days, amounts),
        "revenue_by_currency": {key: row[0] / 100 for key, row in ranked(amounts.by_currency, 0) if row[1]},
        "order_value_histogram": histogram(tables.get("order_values", {}), amounts),
        "customer_pareto": pareto(buyers, amounts),
        "refunds": refunds(part.counts, amounts),
        **analysis(part, amounts, buyers),
        "status_breakdown": ranked_column(tables.get("statuses", {}), 0),
        "payment_methods": ranked_column(tables.get("payment_methods", {}), 0),
        "shipping_methods": ranked_column(tables.get("shipping_methods", {}), 0),
    }


def buyers_of(part: Part) -> Table:
    """The customers who have an order that counts."""
    return {key: row for key, row in part.tables.get("customers", {}).items() if row[1]}


def ranked(table: Table, column: int, count: int | None = None) -> list[tuple[str, list[int]]]:
    """A table's rows, the largest first, then by key."""
    return sorted(table.items(), key=lambda item: (-item[1][column], item[0]))[:count]


def ranked_column(table: Table, column: int) -> dict[str, int]:
    """One column of a table, the largest first."""
    return {key: row[column] for key, row in ranked(table, column)}


def revenue(table: Table, amounts: Amounts) -> Json:
    """The revenue of each row that has orders, in the table's order."""
    return {key: amounts.money(row[0]) for key, row in table.items() if row[1]}


def valid_transactions(counts: dict[str, int]) -> int:
    """All that are valid, refunds too."""
    return counts.get("valid_transactions", 0) + counts.get("refunds", 0)


def summary(counts: dict[str, int], amounts: Amounts) -> Json:
    """Sums and averages of the transactions that count."""
    orders = counts.get("completed", 0)
    taken, tax, shipping = (counts.get(name, 0) for name in ("revenue", "tax", "shipping"))
    return {
        "total_transactions": valid_transactions(counts),
        "completed_transactions": orders,
        "total_revenue": amounts.money(taken),
        "total_tax": amounts.money(tax),
        "total_shipping": amounts.money(shipping),
        "average_order_value": amounts.average(taken, orders),
        "average_tax": amounts.average(tax, orders),
        "average_shipping": amounts.average(shipping, orders),
    }


def refunds(counts: dict[str, int], amounts: Amounts) -> Json:
    """What was given back: how often, how much (above 0), and how often for each transaction that counts."""
    count, orders = counts.get("refunds", 0), counts.get("completed", 0)
    amount = amounts.money(counts.get("refund_cents", 0))
    return {"transactions": count, "amount": amount, "rate": round(count / orders, 6) if orders else 0.0}


def customer(name: str, row: list[int], amounts: Amounts) -> Json:
    """One customer of the top list."""
    return {"customer_id": name, "total_revenue": amounts.money(row[0]), "order_count": row[1]}


def product(name: str, row: list[int], amounts: Amounts) -> Json:
    """One product of a top list."""
    return {"product": name, "revenue": amounts.money(row[0]), "quantity_sold": pieces(row[1])}


def pieces(thousandths: int) -> float:
    """Pieces of whole thousandths."""
    return thousandths / 1000


def by_weekday(days: Table, amounts: Amounts) -> Json:
    """Revenue by the day of the week, Monday first, of the weekdays that have orders."""
    cents: dict[int, int] = {}
    for day, row in days.items():
        if row[1]:
            weekday = weekday_of(day)
            cents[weekday] = cents.get(weekday, 0) + row[0]
    return {WEEKDAYS[at]: amounts.money(value) for at, value in sorted(cents.items())}


def histogram(table: Table, amounts: Amounts) -> list[Json]:
    """Orders and revenue by order value; `from` is in the class, `to` is not, and the last class is open.

    Amounts of several currencies have no common classes, so then both are None.
    """
    edges = [*HISTOGRAM_EDGES, None]
    rows = [table.get(f"{at:02d}", [0, 0]) for at in range(len(HISTOGRAM_EDGES))]
    return [
        {
            "from": edges[at],
            "to": edges[at + 1],
            "orders": None if amounts.mixed else row[1],
            "revenue": amounts.money(row[0]),
        }
        for at, row in enumerate(rows)
    ]


def pareto(customers: Table, amounts: Amounts) -> list[Json]:
    """The share of revenue that the best 10%, 20% … of the customers bring."""
    revenues = sorted((row[0] for row in customers.values()), reverse=True)
    sums = [0, *accumulate(revenues)]
    steps = []
    for step in range(1, PARETO_STEPS + 1) if revenues else ():
        count = math.ceil(len(revenues) * step / PARETO_STEPS)
        step_share = None if amounts.mixed else share(sums[count], sums[-1])
        steps.append(
            {
                "customers_percent": 100 * step // PARETO_STEPS,
                "customers": count,
                "revenue": amounts.money(sums[count]),
                "revenue_percent": step_share,
            }
        )
    return steps


def share(cents: int, total: int) -> float:
    """A part of the revenue in percent."""
    return round(100 * cents / total, 2) if total else 0.0
