"""Small input files whose figures are known without the worker: each has one sale of a known value."""

import json
from pathlib import Path


def sale(number: int, cents: int, status: str = "completed") -> dict[str, object]:
    """A valid transaction of one line."""
    value = cents / 100
    line = {"product_name": "Mug", "category": "Home", "quantity": 1, "unit_price": value, "subtotal": value}
    return {
        "transaction_id": f"t{number}",
        "timestamp": "2026-03-02T10:00:00Z",
        "customer": {"customer_id": f"c{number}", "email": "someone@example.com"},
        "line_items": [line],
        "subtotal": value,
        "tax": 0,
        "total": value,
        "payment_method": "card",
        "status": status,
    }


def fill(folder: Path, count: int, first: int = 0) -> int:
    """Write `count` files of one sale each; returns their revenue in cents."""
    folder.mkdir(parents=True, exist_ok=True)
    cents = {number: 100 + number for number in range(first, first + count)}
    for number, value in cents.items():
        (folder / f"sale-{number:04}.json").write_text(json.dumps({"transactions": [sale(number, value)]}))
    return sum(cents.values())
