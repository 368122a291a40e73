"""The worker's report, written down the slow and obvious way: one transaction after the other, Decimal throughout.

It shares no code with the worker but the names of its contract. Files are (name, list of decoded records).
"""

import datetime
import json
import re
from collections import Counter, defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

CENT, THOUSANDTH = Decimal("0.01"), Decimal("0.001")
TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?"
)
NUMBERS = ("subtotal", "tax", "shipping_cost", "total")
LINE_NUMBERS = ("quantity", "unit_price", "discount", "subtotal")
TEXTS = ("timestamp", "payment_method", "shipping_method", "status")
FIELDS = {"transaction_id", "customer", "line_items", *NUMBERS, *TEXTS}
CUSTOMER = {"customer_id", "name", "email", "country", "state"}
LINE = {"product_id", "product_name", "category", *LINE_NUMBERS}
EDGES = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000]
DEFAULTS: dict[str, Any] = {
    "max_unit_price": 10000, "max_quantity": 100, "max_total": 100000, "high_value": 5000, "high_quantity": 20,
    "frequent_customer": 10, "total_mismatch": 0.01, "extra": [], "off": [],
}  # fmt: skip


def rounded(value: Any, step: Any) -> Any:
    return Decimal(repr(value)).quantize(step, ROUND_HALF_EVEN)


def is_number(value: Any) -> Any:
    return type(value) in (int, float) and abs(value) <= 10**12  # NaN is not


def is_text(value: Any) -> Any:
    return type(value) is str and not any("\ud800" <= letter <= "\udfff" for letter in value)


def is_id(value: Any) -> Any:
    return type(value) is int or (is_text(value) and value != "")


def timestamp_parts(text: Any) -> Any:
    match = TIME.fullmatch(text)
    if not match or (match[4] == "60" and match[3] != "59"):
        return None
    try:
        datetime.date.fromisoformat(match[1])
    except ValueError:
        return None
    return match[1], match[2]


def at(value: Any, path: Any) -> Any:
    """True when a dotted path is there, in every element of lists on its way."""
    if isinstance(value, list):
        return all(at(item, path) for item in value)
    if not path or value is None:
        return value is not None
    return isinstance(value, dict) and at(value.get(path[0]), path[1:])


def type_errors(record: Any) -> Any:
    if not isinstance(record, dict):
        return {"transaction"}
    wrong: set[str] = set()

    def check(owner: Any, names: Any, test: Any, prefix: Any = "") -> None:
        wrong.update(prefix + name for name in names if owner.get(name) is not None and not test(owner[name]))

    check(record, ["transaction_id"], is_id)
    check(record, NUMBERS, is_number)
    check(record, TEXTS, is_text)
    customer = record.get("customer")
    if isinstance(customer, dict):
        check(customer, ["customer_id"], is_id, "customer.")
        check(customer, ["name", "email", "country", "state"], is_text, "customer.")
    elif customer is not None:
        wrong.add("customer")
    lines = record.get("line_items")
    if lines is not None and not isinstance(lines, list):
        wrong.add("line_items")
    for line in lines if isinstance(lines, list) else []:
        if not isinstance(line, dict):
            wrong.add("line_items")
            continue
        check(line, ["product_id"], is_id, "line_items.")
        check(line, ["product_name", "category"], is_text, "line_items.")
        check(line, LINE_NUMBERS, is_number, "line_items.")
    return wrong


def missing(record: Any, extra: Any, wrong: Any) -> Any:
    required = [
        "transaction_id", "timestamp", "customer.customer_id", "customer.email", "line_items", "line_items.quantity",
        "line_items.unit_price", "subtotal", "tax", "total", "payment_method", "status", *extra,
    ]  # fmt: skip
    excused = {name for name in required for bad in wrong if name == bad or name.startswith(bad + ".")}
    if "transaction" in wrong:
        return set()
    absent = set()
    for name in required:
        lines = record.get("line_items")
        if name.startswith("line_items."):
            there = not isinstance(lines, list) or at(lines, name.split(".")[1:])
        else:
            there = at(record, name.split("."))
        if not there and name not in excused:
            absent.add(name)
    return absent


def lines_of(record: Any) -> Any:
    lines = record.get("line_items") if isinstance(record, dict) else None
    return [line if isinstance(line, dict) else {} for line in lines] if isinstance(lines, list) else None


def errors_of(record: Any, rules: Any) -> Any:
    wrong = type_errors(record)
    errors = {("type", name) for name in wrong} | {
        ("required", name) for name in missing(record, rules["extra"], wrong)
    }
    if "transaction" not in wrong:
        lines = lines_of(record)
        if lines == []:
            errors.add(("line_items", "line_items"))
        text = record.get("timestamp")
        if is_text(text) and timestamp_parts(text) is None:
            errors.add(("timestamp", "timestamp"))
        price = [line["unit_price"] for line in lines or [] if is_number(line.get("unit_price"))]
        if any(not 0 <= value <= rules["max_unit_price"] for value in price):
            errors.add(("unit_price", "line_items.unit_price"))
        quantity = [line["quantity"] for line in lines or [] if is_number(line.get("quantity"))]
        if any(not 0 < value <= rules["max_quantity"] for value in quantity):
            errors.add(("quantity", "line_items.quantity"))
        total = record.get("total")
        if is_number(total) and not 0 < total <= rules["max_total"]:
            errors.add(("total", "total"))
        for name in ("subtotal", "tax"):
            if is_number(record.get(name)) and record[name] < 0:
                errors.add((name, name))
    return {error for error in errors if error[0] not in rules["off"]}


def unknown_of(record: Any, extra: Any) -> Any:
    if not isinstance(record, dict):
        return []
    found = [key for key in record if key not in FIELDS]
    if isinstance(record.get("customer"), dict):
        found += [f"customer.{key}" for key in record["customer"] if key not in CUSTOMER]
    for line in lines_of(record) or []:
        found += [f"line_items.{key}" for key in line if key not in LINE]
    return [name.encode("utf-8", "replace").decode() for name in found if name not in extra]


def top(table: Any, key: Any, count: Any, make: Any) -> Any:
    return [make(name, row) for name, row in sorted(table.items(), key=lambda item: (-key(item[1]), item[0]))[:count]]


def ranked(table: Any) -> Any:
    return dict(sorted(table.items(), key=lambda item: (-item[1], item[0])))


def reference(files: Any, settings: Any = None, merged: Any = False) -> Any:
    """validation, analytics and anomalies of the records of files."""
    rules = {**DEFAULTS, **(settings or {})}
    validation, valid = check_all(files, rules, merged)
    return {
        "validation": validation,
        "analytics": analyse(valid),
        "anomalies": look_for_anomalies(valid, rules),
    }


def check_all(files: Any, rules: Any, merged: Any) -> Any:
    valid: list[Any] = []
    bad: list[Any] = []
    counts: Any = Counter()
    amounts: Any = defaultdict(Decimal)
    unknown: Any = Counter()
    invalid_amount, line_count, total = Decimal(0), 0, 0
    for name, records in files:
        for index, record in enumerate(records):
            total += 1
            line_count += len(lines_of(record) or [])
            unknown.update(unknown_of(record, rules["extra"]))
            errors = errors_of(record, rules)
            if not errors:
                valid.append(record)
                continue
            known = isinstance(record, dict)
            amount = rounded(record["total"], CENT) if known and is_number(record.get("total")) else Decimal(0)
            invalid_amount += amount
            for rule in {rule for rule, _ in errors}:
                counts[rule] += 1
                amounts[rule] += amount
            identity = str(record["transaction_id"]) if known and is_id(record.get("transaction_id")) else None
            bad.append((identity or "", sorted(f"{rule}: {field}" for rule, field in errors), name, index, identity))
    rows = [
        {**({"file": name} if merged else {}), "index": index, "transaction_id": identity, "errors": errors}
        for _, errors, name, index, identity in sorted(bad, key=lambda row: row[:4])[:50]
    ]
    return {
        "total_transactions": total,
        "valid_transactions": len(valid),
        "invalid_transactions": total - len(valid),
        "total_line_items": line_count,
        "invalid_amount": float(invalid_amount),
        "unknown_fields": ranked(unknown),
        "error_counts": ranked(counts),
        "error_amounts": {rule: float(amounts[rule]) for rule in ranked(counts)},
        "errors": rows,
    }, valid


def cents(record: Any, name: Any) -> Any:
    value = record.get(name)
    return rounded(value, CENT) if value is not None else Decimal(0)


def average(total: Any, count: Any) -> Any:
    return float((total / count).quantize(CENT, ROUND_HALF_EVEN)) if count else 0.0


def analyse(valid: Any) -> Any:
    done = [record for record in valid if record["status"] == "completed"]
    customers: Any = defaultdict(lambda: [0, 0])
    products: Any = defaultdict(lambda: [0, 0])
    categories: Any = defaultdict(Decimal)
    days: Any = defaultdict(Decimal)
    hours: Any = defaultdict(Decimal)
    weekdays: Any = defaultdict(Decimal)
    bins: Any = defaultdict(list)
    for record in done:
        total = cents(record, "total")
        row = customers[str(record["customer"]["customer_id"])]
        row[0] += total
        row[1] += 1
        day, hour = timestamp_parts(record["timestamp"])
        days[day] += total
        hours[hour] += total
        weekdays[datetime.date.fromisoformat(day).weekday()] += total
        bins[max(edge for edge in EDGES if edge <= total)].append(total)
        for line in record["line_items"]:
            name, category = line.get("product_name"), line.get("category")
            row = products["Unknown" if name is None else name]
            row[0] += cents(line, "subtotal")
            row[1] += rounded(line["quantity"], THOUSANDTH)
            categories["Unknown" if category is None else category] += cents(line, "subtotal")
    sums = {name: sum((cents(record, name) for record in done), Decimal(0)) for name in NUMBERS}
    names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

    def product(name: Any, row: Any) -> Any:
        return {"product": name, "revenue": float(row[0]), "quantity_sold": float(row[1])}

    def customer(name: Any, row: Any) -> Any:
        return {"customer_id": name, "total_revenue": float(row[0]), "order_count": row[1]}

    def count(name: Any) -> Any:
        found = Counter("Unknown" if record.get(name) is None else record[name] for record in valid)
        return ranked(found)

    return {
        "summary": {
            "total_transactions": len(valid),
            "completed_transactions": len(done),
            "total_revenue": float(sums["total"]),
            "total_tax": float(sums["tax"]),
            "total_shipping": float(sums["shipping_cost"]),
            "average_order_value": average(sums["total"], len(done)),
            "average_tax": average(sums["tax"], len(done)),
            "average_shipping": average(sums["shipping_cost"], len(done)),
        },
        "top_customers": top(customers, lambda row: row[0], 10, customer),
        "top_products": top(products, lambda row: row[0], 10, product),
        "top_products_by_quantity": top(products, lambda row: row[1], 10, product),
        "revenue_by_category": {name: float(value) for name, value in ranked(categories).items()},
        "revenue_by_day": {name: float(value) for name, value in sorted(days.items())},
        "revenue_by_hour": {name: float(value) for name, value in sorted(hours.items())},
        "revenue_by_weekday": {names[at]: float(value) for at, value in sorted(weekdays.items())},
        "order_value_histogram": [
            {
                "from": edge,
                "to": EDGES[at + 1] if at + 1 < len(EDGES) else None,
                "orders": len(bins[edge]),
                "revenue": float(sum(bins[edge])),
            }
            for at, edge in enumerate(EDGES)
        ],
        "customer_pareto": pareto(customers),
        "status_breakdown": count("status"),
        "payment_methods": count("payment_method"),
        "shipping_methods": count("shipping_method"),
    }


def pareto(customers: Any) -> Any:
    revenue = sorted((row[0] for row in customers.values()), reverse=True)
    steps = []
    for percent in range(10, 101, 10) if revenue else ():
        count = -(-len(revenue) * percent // 100)
        share = sum(revenue[:count])
        steps.append(
            {
                "customers_percent": percent,
                "customers": count,
                "revenue": float(share),
                "revenue_percent": float(rounded(float(100 * share / sum(revenue)), CENT)) if sum(revenue) else 0.0,
            }
        )
    return steps


def look_for_anomalies(valid: Any, rules: Any) -> Any:
    days: Any = defaultdict(Counter)
    high: list[Any] = []
    quantity: list[Any] = []
    mismatch: list[Any] = []
    seen: Any = defaultdict(list)
    buyers: Any = Counter()
    for record in valid:
        day, _ = timestamp_parts(record["timestamp"])
        identity, buyer = str(record["transaction_id"]), str(record["customer"]["customer_id"])
        seen[identity].append(day)
        buyers[buyer] += 1
        total = cents(record, "total")
        if record["total"] > rules["high_value"]:
            high.append((-total, identity, record["timestamp"], buyer))
            days[day]["high_value"] += 1
        for line in record["line_items"]:
            if line["quantity"] > rules["high_quantity"]:
                quantity.append((-rounded(line["quantity"], THOUSANDTH), identity))
                days[day]["high_quantity"] += 1
        off = abs(total - cents(record, "subtotal") - cents(record, "tax") - cents(record, "shipping_cost"))
        if off > rounded(rules["total_mismatch"], CENT):
            mismatch.append((-off, identity))
            days[day]["total_mismatch"] += 1
    for found in seen.values():
        for day in sorted(found)[1:]:
            days[day]["duplicate_transaction_id"] += 1
    repeated = {name: len(found) for name, found in seen.items() if len(found) > 1}
    frequent = {name: count for name, count in buyers.items() if count > rules["frequent_customer"]}
    names = ["high_value", "duplicate_transaction_id", "high_quantity", "total_mismatch"]

    def plain(kind: Any, rows: Any) -> Any:
        return [
            {"type": kind, "transaction_id": identity, "value": float(-value), "limit": rules[kind]}
            for value, identity in sorted(rows)[:20]
        ]

    def counted(kind: Any, key: Any, table: Any, limit: Any) -> Any:
        return top(table, int, 20, lambda name, count: {"type": kind, key: name, "value": count, "limit": limit})

    return {
        "counts": {
            "high_value": len(high),
            "duplicate_transaction_id": sum(repeated.values()) - len(repeated),
            "high_quantity": len(quantity),
            "frequent_customer": len(frequent),
            "total_mismatch": len(mismatch),
        },
        "by_day": {day: {name: row[name] for name in names} for day, row in sorted(days.items())},
        "high_value_transactions": [
            {"transaction_id": identity, "total": float(-total), "timestamp": time, "customer_id": buyer}
            for total, identity, time, buyer in sorted(high)[:20]
        ],
        "suspicious_patterns": [
            *counted("duplicate_transaction_id", "transaction_id", repeated, 1),
            *plain("high_quantity", quantity),
            *counted("frequent_customer", "customer_id", frequent, rules["frequent_customer"]),
            *plain("total_mismatch", mismatch),
        ],
    }


def records_of(data: Any) -> Any:
    """The transactions of a file's bytes, as json reads them."""
    return json.loads(data)["transactions"]
