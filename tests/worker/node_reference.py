"""The worker's report, written down the slow and obvious way: one transaction after the other, Decimal throughout.

It shares no code with the worker but the names of its contract. Files are (name, list of decoded records).
"""

import datetime
import json
import re
import unicodedata
from collections import Counter, defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import analysis_reference

CENT, THOUSANDTH = Decimal("0.01"), Decimal("0.001")
TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?"
)
NUMBERS = ("subtotal", "tax", "shipping_cost", "total")
LINE_NUMBERS = ("quantity", "unit_price", "discount", "subtotal")
TEXTS = ("timestamp", "payment_method", "shipping_method", "status", "currency")
FIELDS = {"transaction_id", "customer", "line_items", *NUMBERS, *TEXTS}
CUSTOMER = {"customer_id", "name", "email", "country", "state"}
LINE = {"product_id", "product_name", "category", *LINE_NUMBERS}
EDGES = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000]
DEFAULTS: dict[str, Any] = {
    "max_unit_price": 10000, "max_quantity": 100, "max_total": 100000, "high_value": 5000, "high_quantity": 20,
    "frequent_customer": 10, "total_mismatch": 0.01, "extra": [], "waive": [], "off": [],
    "statuses": ["completed"], "currency": "", "refunds": False, "zero": False, "by_currency": {},
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
    """True when a dotted path is there and no empty text, in every element of lists on its way."""
    if isinstance(value, list):
        return all(at(item, path) for item in value)
    if not path or value is None:
        return value is not None and value != ""
    return isinstance(value, dict) and at(value.get(path[0]), path[1:])


def type_errors(record: Any) -> Any:
    if not isinstance(record, dict):
        return {"transaction"}
    wrong: set[str] = set()

    def check(owner: Any, names: Any, test: Any, prefix: Any = "") -> None:
        wrong.update(prefix + name for name in names if owner.get(name) is not None and not test(owner[name]))

    def is_id_or_empty(value: Any) -> Any:
        return value == "" or is_id(value)

    check(record, ["transaction_id"], is_id_or_empty)
    check(record, NUMBERS, is_number)
    check(record, TEXTS, is_text)
    customer = record.get("customer")
    if isinstance(customer, dict):
        check(customer, ["customer_id"], is_id_or_empty, "customer.")
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


def missing(record: Any, rules: Any, wrong: Any) -> Any:
    required = [
        "transaction_id", "timestamp", "customer.customer_id", "customer.email", "line_items", "line_items.quantity",
        "line_items.unit_price", "subtotal", "tax", "total", "payment_method", "status",
    ]  # fmt: skip
    whole = [name + "." for name in rules["waive"] if name == "customer"]
    required = [name for name in required if name not in rules["waive"] and not name.startswith(tuple(whole))]
    required += rules["extra"]
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
    errors = {("type", name) for name in wrong} | {("required", name) for name in missing(record, rules, wrong)}
    if "transaction" not in wrong:
        lines = lines_of(record)
        if lines == [] and "line_items" not in rules["waive"]:
            errors.add(("line_items", "line_items"))
        text = record.get("timestamp")
        if is_text(text) and text and timestamp_parts(text) is None:
            errors.add(("timestamp", "timestamp"))
        own = {**rules, **rules["by_currency"].get(currency_of(record, rules), {})}
        total = record.get("total")
        size = abs if is_refund(record, rules) else float
        price = [size(line["unit_price"]) for line in lines or [] if is_number(line.get("unit_price"))]
        if any(not 0 <= value <= own["max_unit_price"] for value in price):
            errors.add(("unit_price", "line_items.unit_price"))
        quantity = [size(line["quantity"]) for line in lines or [] if is_number(line.get("quantity"))]
        if any(not 0 < value <= own["max_quantity"] for value in quantity):
            errors.add(("quantity", "line_items.quantity"))
        if is_number(total) and not 0 < size(total) <= own["max_total"] and not (rules["zero"] and total == 0):
            errors.add(("total", "total"))
        for name in ("subtotal", "tax"):
            if is_number(record.get(name)) and record[name] < 0 and not is_refund(record, rules):
                errors.add((name, name))
        if rules["currency"] and currency_of(record, rules) != rules["currency"]:
            errors.add(("currency", "currency"))
    return {error for error in errors if error[0] not in rules["off"]}


def is_refund(record: Any, rules: Any) -> Any:
    return rules["refunds"] and is_number(record.get("total")) and record["total"] < 0


def currency_of(record: Any, rules: Any) -> Any:
    found = record.get("currency")
    return found if is_text(found) and found else rules["currency"]


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
    """warnings, validation, analytics and anomalies of the records of files."""
    rules = {**DEFAULTS, **(settings or {})}
    validation, every = check_all(files, rules, merged)
    valid = [record for record in every if not is_refund(record, rules)]
    refunds = [record for record in every if is_refund(record, rules)]
    report = {
        "warnings": [*all_invalid(validation), *warnings(files if merged else [], every, valid, rules)],
        "validation": validation,
        "analytics": analyse(valid, refunds, rules),
        "anomalies": look_for_anomalies(valid, rules),
    }
    customers, _, _, moments = group(counted(valid, rules))
    report["anomalies"]["outliers"] = analysis_reference.outliers(customers, moments["days"])
    if len(currencies(every, rules)) > 1:
        take_money_out(report, valid, rules)
    report["anomalies"].pop("every_high", None)
    report["anomalies"].pop("every_mismatch", None)
    return report


def take_money_out(report: Any, valid: Any, rules: Any) -> None:
    """Amounts of several currencies: none is given, and what was ranked by them is ranked by what stands behind."""
    report["validation"]["invalid_amount"] = None
    report["validation"]["error_amounts"] = dict.fromkeys(report["validation"]["error_amounts"])
    found = report["analytics"]
    summary = found["summary"]
    summary.update({name: None for name in summary if name.startswith(("total_", "average_"))})
    summary["total_transactions"] = report["validation"]["valid_transactions"]
    customers, products, categories, _ = group(counted(valid, rules))
    found["top_customers"] = top(
        customers, lambda row: row[1], 10, lambda name, row: {**customer(name, row), "total_revenue": None}
    )
    for name in ("top_products", "top_products_by_quantity"):
        found[name] = top(products, lambda row: row[1], 10, lambda name, row: {**product(name, row), "revenue": None})
    found["revenue_by_category"] = dict.fromkeys(name for name, _ in sorted(
        categories.items(), key=lambda item: (-item[1][1], item[0])
    ))  # fmt: skip
    for name in ("revenue_by_day", "revenue_by_hour", "revenue_by_weekday"):
        found[name] = dict.fromkeys(found[name])
    for row in found["order_value_histogram"]:
        row.update(orders=None, revenue=None)
    for row in found["customer_pareto"]:
        row.update(revenue=None, revenue_percent=None)
    found["refunds"]["amount"] = None
    analysis_reference.without_money(found)
    outliers = report["anomalies"]["outliers"]
    report["anomalies"]["outliers"] = [row for row in outliers if row["kind"] != "day"]
    anomalies = report["anomalies"]
    high, mismatch = anomalies.pop("every_high"), anomalies.pop("every_mismatch")
    anomalies["high_value_transactions"] = [
        {"transaction_id": identity, "total": None, "timestamp": time, "customer_id": buyer}
        for _, identity, time, buyer in sorted(high, key=lambda row: row[1:])[:20]
    ]
    patterns = [row for row in anomalies["suspicious_patterns"] if row["type"] != "total_mismatch"]
    anomalies["suspicious_patterns"] = patterns + [
        {"type": "total_mismatch", "transaction_id": identity, "value": None, "limit": rules["total_mismatch"]}
        for _, identity in sorted(mismatch, key=lambda row: row[1:])[:20]
    ]


def counted(valid: Any, rules: Any) -> Any:
    return [record for record in valid if record.get("status") in rules["statuses"]]


def currencies(every: Any, rules: Any) -> Any:
    """Currency -> transactions; those that name none are of the chosen one, of the only one, or of none."""
    found = Counter(record.get("currency") or "" for record in every)
    nameless = found.pop("", 0)
    if nameless:
        found[rules["currency"] or (next(iter(found)) if len(found) == 1 else "Unknown")] += nameless
    return found


def alike(text: Any) -> Any:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(letter for letter in text if not letter.isspace())


def quoted(text: Any) -> Any:
    return json.dumps(text if len(text) <= 80 else text[:80] + "…", ensure_ascii=False).replace("\x7f", "\\u007f")


def first_ten(texts: Any) -> Any:
    return ", ".join(texts[:10]) + (f" and {len(texts) - 10} more" if len(texts) > 10 else "")


def seen(table: Any) -> Any:
    return first_ten([f"{'Unknown' if n == 'Unknown' else quoted(n)} ({c})" for n, c in ranked(table).items()])


def all_invalid(validation: Any) -> Any:
    count = validation["total_transactions"]
    if not count or validation["valid_transactions"]:
        return []
    return [f"none of the {count} transactions is valid; rules that they break: {seen(validation['error_counts'])}"]


def warnings(files: Any, every: Any, valid: Any, rules: Any) -> Any:
    """What the whole says of itself, the gravest first."""
    return [*of_money(every, valid, rules), *of_data(files, valid, rules)]


def of_money(every: Any, valid: Any, rules: Any) -> Any:
    found = []
    statuses = Counter(record["status"] for record in valid if record.get("status"))
    done = counted(valid, rules)
    if valid and not done:
        wanted = first_ten([quoted(name) for name in rules["statuses"]])
        line = ", ".join(quoted(name) for name in list(ranked(statuses))[:10])
        hint = f"; the rules file can count them: [money] statuses = [{line}]" if statuses else ""
        found.append(
            f"none of the {len(valid)} valid transactions counts: their status is {seen(statuses)}, not {wanted}{hint}"
        )
    money = currencies(every, rules)
    if len(money) > 1:
        codes = [code for code in ranked(money) if re.fullmatch("[A-Z]{3}", code)]
        hint = f'; the rules file can choose one: [money] currency = "{codes[0]}"' if codes else ""
        text = f"the valid transactions are of several currencies, {seen(money)}, so no money is added up{hint}"
        found.append(text)
    wanted = {alike(name) for name in rules["statuses"]}
    near = {name: n for name, n in statuses.items() if alike(name) in wanted and name not in rules["statuses"]}
    if near and done:
        worth = sum(cents(record, "total") for record in valid if record.get("status") in near)
        amount = f", worth {worth:.2f}," if len(money) < 2 else ""
        line = ", ".join(quoted(name) for name in [*rules["statuses"], *ranked(near)][:10])
        found.append(
            f"{sum(near.values())} valid transactions{amount} do not count, for their status is {seen(near)}; "
            f"the rules file can count them: [money] statuses = [{line}]"
        )
    return found


def of_data(files: Any, valid: Any, rules: Any) -> Any:
    found = []
    same: Any = defaultdict(list)
    for name, records in sorted(files):
        if records:
            same[content(records)].append(name)
    pairs = [f"{quoted(twin)} is {quoted(group[0])} again" for group in sorted(same.values()) for twin in group[1:]]
    if pairs:
        said = "an input is a copy, and counts" if len(pairs) == 1 else f"{len(pairs)} inputs are copies, and count"
        found.append(f"{said} twice: {first_ten(pairs)}")
    offsets = Counter((offset_of(r["timestamp"]), r["timestamp"][:7]) for r in valid if r.get("timestamp"))
    names = Counter(name for name, _ in offsets.elements())
    if len(names) > 1 and not one_place(offsets):
        found.append(f"the times are written with several UTC offsets, {seen(names)}; days and hours are as written")
    lines: Any = Counter()
    for record in counted(valid, rules):
        for line in record.get("line_items") or []:
            lines["Unknown" if line.get("category") is None else line["category"]] += 1
    groups: Any = defaultdict(list)
    for name in sorted(lines):
        groups[alike(name)].append(name)
    twins = sorted(group for group in groups.values() if len(group) > 1)
    if twins:
        texts = [" and ".join(f"{quoted(name)} ({lines[name]})" for name in group) for group in twins]
        count = sum(map(len, twins))
        text = f"{count} categories differ only in case, blanks or Unicode form, and count apart: {first_ten(texts)}"
        found.append(text)
    return found


def content(records: Any) -> Any:
    """What makes two files copies: their size, and their ids, times and totals in order."""
    rows = [record if isinstance(record, dict) else {} for record in records]
    ids = [str(row["transaction_id"]) if is_id(row.get("transaction_id")) else "" for row in rows]
    times = [row.get("timestamp") if is_text(row.get("timestamp")) else "" for row in rows]
    totals = [float(row["total"]) if is_number(row.get("total")) else None for row in rows]
    return len(json.dumps(records)), "".join(ids), "".join(map(str, times)), repr(totals)


def offset_of(text: Any) -> Any:
    tail = text[19:].lstrip(".0123456789")
    return "none" if not tail else "+00:00" if tail in ("Z", "z", "-00:00") else tail


def one_place(offsets: Any) -> Any:
    """Summer and winter of one place: two offsets an hour apart, together only in months when clocks change."""
    names = sorted({name for name, _ in offsets})
    if len(names) != 2 or "none" in names:
        return False
    first, second = (datetime.datetime.fromisoformat("2020-01-01T00:00:00" + name).utcoffset() for name in names)
    assert first is not None
    assert second is not None
    months = [{month for found, month in offsets if found == name} for name in names]
    both = {month[5:] for month in months[0] & months[1]}
    return abs(first - second) == datetime.timedelta(hours=1) and both <= {"03", "04", "09", "10", "11"}


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


def buyer_of(record: Any) -> Any:
    found = (record.get("customer") or {}).get("customer_id")
    return "" if found is None else str(found)


def group(done: Any) -> Any:
    """Revenue and more by customer, product, category and moment."""
    customers: Any = defaultdict(lambda: [0, 0])
    products: Any = defaultdict(lambda: [0, 0])
    categories: Any = defaultdict(lambda: [0, 0])
    moments: Any = {name: defaultdict(Decimal) for name in ("days", "hours", "weekdays")}
    for record in done:
        total = cents(record, "total")
        buyer = buyer_of(record)
        if buyer:
            row = customers[buyer]
            row[0] += total
            row[1] += 1
        day, hour = timestamp_parts(record["timestamp"])
        moments["days"][day] += total
        moments["hours"][hour] += total
        moments["weekdays"][datetime.date.fromisoformat(day).weekday()] += total
        for line in record.get("line_items") or []:
            for table, name in ((products, line.get("product_name")), (categories, line.get("category"))):
                row = table["Unknown" if name is None else name]
                row[0] += cents(line, "subtotal")
                row[1] += rounded(line["quantity"], THOUSANDTH)
    return customers, products, categories, moments


def product(name: Any, row: Any) -> Any:
    return {"product": name, "revenue": float(row[0]), "quantity_sold": float(row[1])}


def customer(name: Any, row: Any) -> Any:
    return {"customer_id": name, "total_revenue": float(row[0]), "order_count": row[1]}


def analyse(valid: Any, refunds: Any, rules: Any) -> Any:
    done = counted(valid, rules)
    customers, products, categories, moments = group(done)
    days, hours, weekdays = moments.values()
    bins: Any = defaultdict(list)
    for record in done:
        total = cents(record, "total")
        bins[max(edge for edge in EDGES if edge <= total)].append(total)
    money: Any = defaultdict(Decimal)
    known = currencies([*valid, *refunds], rules)
    for record in done:
        nameless = rules["currency"] or (next(iter(known)) if len(known) == 1 else "Unknown")
        money[record.get("currency") or nameless] += cents(record, "total")
    sums = {name: sum((cents(record, name) for record in done), Decimal(0)) for name in NUMBERS}
    names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

    def count(name: Any) -> Any:
        required = name != "shipping_method"
        found = Counter(
            "Unknown" if record.get(name) is None else record[name]
            for record in valid
            if not required or record.get(name)
        )
        return ranked(found)

    return {
        "summary": {
            "total_transactions": len(valid) + len(refunds),
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
        "revenue_by_category": {
            name: float(row[0]) for name, row in sorted(categories.items(), key=lambda item: (-item[1][0], item[0]))
        },
        "revenue_by_day": {name: float(value) for name, value in sorted(days.items())},
        "revenue_by_hour": {name: float(value) for name, value in sorted(hours.items())},
        "revenue_by_weekday": {names[at]: float(value) for at, value in sorted(weekdays.items())},
        "revenue_by_currency": {name: float(value) for name, value in ranked(money).items()},
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
        "refunds": {
            "transactions": len(refunds),
            "amount": float(-sum((cents(record, "total") for record in refunds), Decimal(0))),
            "rate": round(len(refunds) / len(done), 6) if done else 0.0,
        },
        **analysis_reference.figures(done, customers, products, days, cents, lambda value: rounded(value, THOUSANDTH)),
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
    occurrences: Any = defaultdict(list)
    buyers: Any = Counter()
    for record in valid:
        day, _ = timestamp_parts(record["timestamp"])
        identity = str(record["transaction_id"])
        buyer = buyer_of(record)
        occurrences[identity].append(day)
        if buyer:
            buyers[buyer] += 1
        total = cents(record, "total")
        if record["total"] > rules["high_value"]:
            high.append((-total, identity, record["timestamp"], buyer))
            days[day]["high_value"] += 1
        many = [line for line in record.get("line_items") or [] if line["quantity"] > rules["high_quantity"]]
        quantity += [(-rounded(line["quantity"], THOUSANDTH), identity) for line in many]
        days[day]["high_quantity"] += len(many)
        off = abs(total - cents(record, "subtotal") - cents(record, "tax") - cents(record, "shipping_cost"))
        if off > rounded(rules["total_mismatch"], CENT):
            mismatch.append((-off, identity))
            days[day]["total_mismatch"] += 1
    for found in occurrences.values():
        for day in sorted(found)[1:]:
            days[day]["duplicate_transaction_id"] += 1
    repeated = {name: len(found) for name, found in occurrences.items() if len(found) > 1}
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
        "by_day": {day: {name: row[name] for name in names} for day, row in sorted(days.items()) if any(row.values())},
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
        "every_high": high,
        "every_mismatch": mismatch,
    }
