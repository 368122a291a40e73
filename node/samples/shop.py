"""Synthetic transactions: seeded, shaped like a real shop's day, week and year, with planted anomalies.

One transaction in a hundred is planted, turn by turn over six kinds; `Planted` counts them, so that a report can be
held against what is known to be in the data. The same arguments write the same bytes.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from node.files import write_whole
from node.samples.catalogue import CITIES, CUSTOMERS_PER_TRANSACTION, DOMAINS, FIRST_NAMES, LAST_NAMES, PRODUCTS

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365
HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 8, 14, 20, 24, 27, 30, 27, 24, 23, 25, 31, 38, 42, 38, 27, 14, 6], float)
WEEKDAYS = np.array([0.9, 0.85, 0.9, 1.0, 1.25, 1.5, 1.2])  # Monday first
PAYMENTS = {"credit_card": 0.52, "debit_card": 0.2, "paypal": 0.16, "bank_transfer": 0.07, "gift_card": 0.05}
SHIPPINGS = {"standard": 0.62, "express": 0.2, "pickup": 0.13, "overnight": 0.05}
STATUSES = {"completed": 0.93, "pending": 0.03, "refunded": 0.025, "cancelled": 0.015}
SHIPPING_COSTS = {"standard": 4.99, "express": 12.99, "pickup": 0.0, "overnight": 24.99}
TAX_RATE = 0.08
MAX_PLAIN = 4000.0
PLANTED_SHARE = 100  # one in so many


@dataclass
class Planted:
    """How many of each kind were planted; invalid ones break one rule each."""

    transactions: int = 0
    high_value: int = 0
    duplicate_transaction_id: int = 0
    high_quantity: int = 0
    total_mismatch: int = 0
    missing_email: int = 0
    negative_price: int = 0


KINDS = tuple(name for name in asdict(Planted()) if name != "transactions")


class Shop:
    """Draws transactions from one seeded source of chance."""

    def __init__(self, transactions: int, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        self.customers = [self.customer(at) for at in range(max(10, int(transactions * CUSTOMERS_PER_TRANSACTION)))]
        weights = self.chance.pareto(1.6, len(self.customers)) + 0.2
        self.shares = np.cumsum(np.minimum(weights, 40) / np.minimum(weights, 40).sum())
        popularity = np.array([product[3] for product in PRODUCTS], float)
        self.products = np.cumsum(popularity / popularity.sum())
        season = 1 + 0.25 * np.sin((np.arange(DAYS) - 80) / DAYS * 2 * np.pi) + 0.9 * (np.arange(DAYS) >= 328)
        week = np.array([WEEKDAYS[(START + timedelta(days=day)).weekday()] for day in range(DAYS)])
        self.days = np.cumsum(season * week / (season * week).sum())
        self.hours = np.cumsum(HOURS / HOURS.sum())

    def pick(self, cumulated: Any) -> int:
        """An index, drawn by its share."""
        return min(int(np.searchsorted(cumulated, self.chance.random())), len(cumulated) - 1)

    def one_of(self, shares: dict[str, float]) -> str:
        """A key, drawn by its share."""
        return list(shares)[self.pick(np.cumsum(list(shares.values())))]

    def customer(self, at: int) -> dict[str, Any]:
        """A person with an address to write to."""
        first = FIRST_NAMES[int(self.chance.integers(len(FIRST_NAMES)))]
        last = LAST_NAMES[int(self.chance.integers(len(LAST_NAMES)))]
        country, state = CITIES[int(self.chance.integers(len(CITIES)))]
        email = f"{first}.{last}{at}@{DOMAINS[at % len(DOMAINS)]}".lower()
        identity = f"C{at + 1:06d}"
        return {"customer_id": identity, "name": f"{first} {last}", "email": email, "country": country, "state": state}

    def moment(self) -> str:
        """A time in the year, busy in the evening, at the weekend and before Christmas."""
        seconds = int(self.chance.integers(3600))
        time = START + timedelta(days=self.pick(self.days), hours=self.pick(self.hours), seconds=seconds)
        return time.strftime("%Y-%m-%dT%H:%M:%SZ")

    def line(self) -> dict[str, Any]:
        """A line item at a log-normal price around the product's own."""
        identity, name, category, _, price = PRODUCTS[self.pick(self.products)]
        cents = max(1, round(price * 100 * float(self.chance.lognormal(0, 0.15))))
        quantity = min(int(self.chance.geometric(0.55)), 12)
        discount = round(cents * quantity * 0.1) if self.chance.random() < 0.15 else 0
        return line_item(identity, name, category, quantity, cents, discount)

    def lines(self) -> list[dict[str, Any]]:
        """Up to twelve line items that together are no high value by chance."""
        while True:
            lines = [self.line() for _ in range(min(int(self.chance.geometric(0.42)), 12))]
            if sum(line["subtotal"] for line in lines) < MAX_PLAIN:
                return lines

    def transaction(self) -> dict[str, Any]:
        """A transaction in which everything adds up."""
        lines = self.lines()
        shipping = self.one_of(SHIPPINGS)
        bits = self.chance.integers(0, 256, 16, dtype=np.uint8).tobytes().hex()
        record = {
            "transaction_id": f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:]}",
            "timestamp": self.moment(),
            "customer": self.customers[self.pick(self.shares)],
            "line_items": lines,
            "shipping_cost": SHIPPING_COSTS[shipping],
            "payment_method": self.one_of(PAYMENTS),
            "shipping_method": shipping,
            "status": self.one_of(STATUSES),
        }
        return add_up(record)


def line_item(identity: str, name: str, category: str, quantity: int, cents: int, discount: int) -> dict[str, Any]:
    """A line item from whole cents."""
    return {
        "product_id": identity,
        "product_name": name,
        "category": category,
        "quantity": quantity,
        "unit_price": cents / 100,
        "discount": discount / 100,
        "subtotal": (cents * quantity - discount) / 100,
    }


def add_up(record: dict[str, Any]) -> dict[str, Any]:
    """Set subtotal, tax and total from the lines."""
    subtotal = sum(round(line["subtotal"] * 100) for line in record["line_items"])
    tax = round(subtotal * TAX_RATE)
    record |= {"subtotal": subtotal / 100, "tax": tax / 100}
    record["total"] = (subtotal + tax + round(record["shipping_cost"] * 100)) / 100
    return record


def plant(record: dict[str, Any], kind: str, earlier: str | None) -> dict[str, Any]:
    """Make a transaction unusual or invalid in one way and no other."""
    if kind == "high_value":
        record["line_items"] = [line_item("P9001", "Server Rack", "Electronics", 1, 640000, 0)]
        return add_up(record)
    if kind == "high_quantity":
        record["line_items"] = [line_item("P9002", "Paper Cups", "Home", 48, 25, 0)]
        return add_up(record)
    if kind == "duplicate_transaction_id":
        record["transaction_id"] = earlier or record["transaction_id"]
    elif kind == "total_mismatch":
        record["total"] = round(record["total"] + 7.5, 2)
    elif kind == "missing_email":
        record["customer"] = {key: value for key, value in record["customer"].items() if key != "email"}
    else:
        record["line_items"][0] = {**record["line_items"][0], "unit_price": -1.0}
    return record


def generate(transactions: int, files: int, seed: int, output: Path) -> str:
    """Write `files` files with `transactions` in all; returns what was planted, as one line of JSON."""
    shop, planted = Shop(transactions, seed), Planted(transactions)
    output.mkdir(parents=True, exist_ok=True)
    earlier: str | None = None
    done = 0
    for number in range(files):
        records = []
        for _ in range((transactions - done) // (files - number)):
            done += 1
            kind = KINDS[done // PLANTED_SHARE % len(KINDS)] if done % PLANTED_SHARE == 0 else None
            records.append(drawn(shop, kind, earlier, planted))
            if kind is None:
                earlier = records[-1]["transaction_id"]
        name = f"batch-{number + 1:0{max(4, len(str(files)))}d}"
        write_whole(output / f"{name}.json", encode_file(name, records))
    return json.dumps(asdict(planted))


def drawn(shop: Shop, kind: str | None, earlier: str | None, planted: Planted) -> dict[str, Any]:
    """The next transaction, planted or plain."""
    record = shop.transaction()
    if kind is None:
        return record
    setattr(planted, kind, getattr(planted, kind) + 1)
    return plant(record, kind, earlier)


def encode_file(name: str, records: list[dict[str, Any]]) -> bytes:
    """One file in the input format, indented for people to read."""
    document = {
        "batch_id": name,
        "generated_at": START.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "transaction_count": len(records),
        "transactions": records,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
