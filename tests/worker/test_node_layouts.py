"""Other systems' layouts by a shipped mapping: the revenue to the cent, whatever the split; guests are no customer.

Each shape is that of the system's public documentation, with values of our own. What it is worth is added up here in
whole cents, from the cents that the records were made of.
"""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Order = dict[str, Any]


def text(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def shopify(number: int, line: int, units: int, tax: int, shipping: int) -> Order:
    return {
        "id": 4_216_043_012_249 + number,
        "created_at": "2024-03-05T18:46:02-05:00",
        "currency": "USD",
        "email": "a@example.com",
        "financial_status": "paid",
        "total_price": text(line * units + tax + shipping),
        "subtotal_price": text(line * units),
        "total_tax": text(tax),
        "total_shipping_price_set": {"shop_money": {"amount": text(shipping), "currency_code": "USD"}},
        "payment_gateway_names": ["visa"],
        "customer": {"id": 7, "email": "a@example.com", "default_address": {"country_code": "US"}},
        "line_items": [{"product_id": 5, "title": "Mug", "quantity": units, "price": text(line), "vendor": "V"}],
    }


def woocommerce(number: int, line: int, units: int, tax: int, shipping: int) -> Order:
    return {
        "id": number,
        "status": "completed",
        "currency": "USD",
        "date_created_gmt": "2024-03-05T18:05:09",
        "date_created": "2024-03-05T13:05:09",
        "shipping_total": text(shipping),
        "total": text(line * units + tax + shipping),
        "total_tax": text(tax),
        "customer_id": 0,
        "billing": {"country": "US", "state": "TX", "email": "a@example.com"},
        "payment_method": "stripe",
        "line_items": [
            {"name": "Book", "product_id": 753, "quantity": units, "subtotal": text(line * units),
             "total": text(line * units), "price": line / 100}
        ],
    }  # fmt: skip


def square(number: int, line: int, units: int, tax: int, shipping: int) -> Order:
    def money(amount: int) -> dict[str, Any]:
        return {"amount": amount, "currency": "USD"}

    return {
        "id": f"LB{number}",
        "customer_id": "C1",
        "created_at": "2024-03-05T20:34:11.792Z",
        "state": "COMPLETED",
        "line_items": [
            {"name": "Tea", "quantity": str(units), "base_price_money": money(line),
             "total_money": money(line * units), "total_discount_money": money(0)}
        ],
        "total_tax_money": money(tax),
        "total_service_charge_money": money(shipping),
        "total_money": money(line * units + tax + shipping),
        "tenders": [{"type": "CARD"}],
    }  # fmt: skip


def stripe(number: int, line: int, units: int, tax: int, shipping: int) -> Order:
    return {
        "id": f"ch_{number}",
        "object": "charge",
        "amount": line * units + tax + shipping,
        "amount_refunded": 0,
        "created": 1_709_664_362,
        "currency": "eur",
        "customer": None,
        "receipt_email": "a@example.com",
        "status": "succeeded",
        "payment_method_details": {"type": "card"},
    }


def bigcommerce(number: int, line: int, units: int, tax: int, shipping: int) -> Order:
    return {
        "id": number,
        "customer_id": 11,
        "date_created": "Tue, 05 Mar 2024 19:24:05 +0000",
        "status": "Completed",
        "subtotal_ex_tax": text(line * units) + "00",
        "total_tax": text(tax) + "00",
        "shipping_cost_ex_tax": text(shipping) + "00",
        "total_inc_tax": text(line * units + tax + shipping) + "00",
        "payment_method": "Visa",
        "currency_code": "USD",
        "billing_address": {"email": "a@example.com", "country_iso2": "US", "state": "TX"},
    }


def magento(number: int, line: int, units: int, tax: int, shipping: int) -> Order:
    return {
        "increment_id": f"{number:09d}",
        "created_at": "2024-03-05 19:24:05",
        "customer_email": "a@example.com",
        "customer_id": None,
        "grand_total": (line * units + tax + shipping) / 100,
        "subtotal": line * units / 100,
        "tax_amount": tax / 100,
        "shipping_amount": shipping / 100,
        "order_currency_code": "USD",
        "state": "complete",
        "status": "complete",
        "items": [
            {"sku": "M", "name": "Mug", "qty_ordered": units, "price": line / 100, "row_total": line * units / 100}
        ],
        "payment": {"method": "checkmo"},
    }


SHAPES: dict[Callable[..., Order], Callable[[list[Order]], Any]] = {
    shopify: lambda orders: {"orders": orders},
    woocommerce: lambda orders: orders,
    square: lambda orders: {"orders": orders, "cursor": "abc"},
    stripe: lambda orders: {"object": "list", "data": orders, "has_more": False},
    bigcommerce: lambda orders: orders,
    magento: lambda orders: {"items": orders, "search_criteria": {}, "total_count": len(orders)},
}
CUSTOMERS = {shopify: 1, woocommerce: 0, square: 1, stripe: 0, bigcommerce: 1, magento: 0}  # the others are guests


def summary_of(folder: Path, mapping: str) -> Any:
    for words in (["process", "in", "--output", "out", "--mapping", mapping], ["merge", "out", "--output", "sum.json"]):
        done = subprocess.run(
            [sys.executable, "-m", "node", *words], cwd=folder, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
    return json.loads((folder / "sum.json").read_text())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_a_shipped_mapping_gives_the_revenue_to_the_cent_in_any_split(shape: Callable[..., Order], tmp_path: Path):
    chance = random.Random(shape.__name__)
    orders, cents = [], 0
    for number in range(1, 61):
        line, units = chance.randint(1, 99_999), chance.randint(1, 9)
        tax, shipping = chance.randint(0, 5_000), chance.choice([0, 495, 1_345])
        orders.append(shape(number, line, units, tax, shipping))
        cents += line * units + tax + shipping
    (tmp_path / "in").mkdir()
    for first, last in ((0, 1), (1, 40), (40, 60)):
        page = SHAPES[shape](orders[first:last])
        (tmp_path / "in" / f"page-{first}.json").write_text(json.dumps(page))
    summary = summary_of(tmp_path, shape.__name__)
    assert summary["validation"]["error_counts"] == {}
    assert summary["analytics"]["summary"]["completed_transactions"] == 60
    assert round(summary["analytics"]["summary"]["total_revenue"] * 100) == cents
    assert len(summary["analytics"]["top_customers"]) == CUSTOMERS[shape]


MINE = """records = "rows"
group_by = "Invoice"
[fields]
transaction_id = "Invoice"
timestamp = "When"
customer.customer_id = "Who"
[lines]
product_name = "What"
quantity = "Count"
unit_price = "Price"
[units]
thousands = "."
decimal = ","
time = "%d.%m.%Y %H:%M"
zone = "Europe/Berlin"
[constants]
customer.email = "none"
payment_method = "cash"
status = "completed"
currency = "EUR"
"""


def test_rows_of_a_till_are_grouped_into_transactions_with_decimal_commas(tmp_path: Path):
    rows = [
        {"Invoice": 1, "When": "05.03.2024 10:15", "Who": 9.0, "What": "Käse", "Count": "2", "Price": "1.234,50"},
        {"Invoice": 2, "When": "05.03.2024 10:16", "Who": 8.0, "What": "Brot", "Count": "1", "Price": "3,10"},
        {"Invoice": 1, "When": "05.03.2024 10:15", "Who": 9.0, "What": "Brot", "Count": "3", "Price": "3,10"},
    ]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "till.json").write_text(json.dumps({"rows": rows}))
    (tmp_path / "mine.toml").write_text(MINE)
    summary = summary_of(tmp_path, "mine.toml")
    assert summary["validation"]["error_counts"] == {}
    figures = summary["analytics"]["summary"]
    assert (figures["completed_transactions"], figures["total_revenue"]) == (2, 2481.4)
    assert [row["customer_id"] for row in summary["analytics"]["top_customers"]] == ["9", "8"]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ('recordz = "orders"', "records"),
        ('[fields]\ntransaction_id = "orders["', "transaction_id"),
        ('[units]\nmoney = "pounds"', "money"),
        ("not toml", "toml"),
    ],
)
def test_a_wrong_mapping_is_one_line_that_names_the_key(wrong: str, named: str, tmp_path: Path):
    (tmp_path / "in.json").write_text('{"orders": []}')
    (tmp_path / "wrong.toml").write_text(wrong)
    words = ["process", "in.json", "--output", "out", "--mapping", "wrong.toml"]
    done = subprocess.run([sys.executable, "-m", "node", *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert named in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
    assert not (tmp_path / "out").exists()


def test_the_mapping_in_the_readme_is_read(tmp_path: Path):
    readme = (Path(__file__).parents[2] / "node" / "README.md").read_text()
    mine = readme.split("## Files of another layout")[1].split("```toml\n")[1].split("```")[0]
    (tmp_path / "mine.toml").write_text(mine)
    position = {"title": "Käse", "count": 2, "price": "1.234,50"}
    order = {
        "number": 7,
        "paid_at": "05.03.2024 10:15",
        "buyer": {"id": 1, "mail": "a@example.com"},
        "amounts": {"gross": "2.469,00", "currency": "eur"},
        "state": "paid",
        "positions": [position],
    }
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "shop.json").write_text(json.dumps({"data": [order]}))
    summary = summary_of(tmp_path, "mine.toml")
    assert summary["analytics"]["revenue_by_currency"] == {"EUR": 2469.0}
    assert list(summary["analytics"]["revenue_by_day"]) == ["2024-03-05"]
