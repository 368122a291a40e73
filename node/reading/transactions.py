"""One transaction, typed: the strict schema of a valid record, and the lenient reading of one that breaks it.

msgspec decodes good records straight into these structs; null and missing are both None. A record that does not
fit is decoded loosely, and `repair` gives the same struct with every wrong part left out and named.
"""

import json
from typing import Annotated, Any

import msgspec

from node.contract import CUSTOMER_FIELDS, LINE_FIELDS, MAX_NUMBER, TRANSACTION_FIELDS
from node.mapping.words import wrong_type

Id = Annotated[str, msgspec.Meta(min_length=1)] | int | None
Number = Annotated[float, msgspec.Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)] | None


class Customer(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Who bought."""

    customer_id: Id = None
    name: str | None = None
    email: str | None = None
    country: str | None = None
    state: str | None = None


class Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One line item; money in currency units."""

    product_id: Id = None
    product_name: str | None = None
    category: str | None = None
    quantity: Number = None
    unit_price: Number = None
    discount: Number = None
    subtotal: Number = None


class Transaction(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One record of a file; money in currency units."""

    transaction_id: Id = None
    timestamp: str | None = None
    customer: Customer | None = None
    line_items: list[Line] | None = None
    subtotal: Number = None
    tax: Number = None
    shipping_cost: Number = None
    total: Number = None
    payment_method: str | None = None
    shipping_method: str | None = None
    status: str | None = None
    currency: str | None = None


class Document(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A whole small file."""

    transactions: list[Transaction]
    batch_id: Id = None
    generated_at: str | None = None
    transaction_count: int | None = None


IDS = {"transaction_id", "customer_id", "product_id"}
REQUIRED_IDS = {"transaction_id", "customer_id"}
PARTS = {"customer", "line_items"}
NUMBERS = {"quantity", "unit_price", "discount", "subtotal", "tax", "shipping_cost", "total"}


class Repaired(msgspec.Struct):
    """A bad record made to fit.

    Attributes:
        transaction: what could be read; wrong parts are None.
        wrong: dotted names of the parts of a wrong type, and what is wrong with them.
        unknown: dotted names of keys that the contract does not know, one for each object that has it.
        present: dotted names of the extra required fields that it has in every place.
    """

    transaction: Transaction
    wrong: dict[str, str] = {}
    unknown: list[str] = []
    present: set[str] = set()


class Digits(str):
    """A whole number too long for Python's int, kept as it is written."""


def loose_json(text: str) -> Any:
    """Any JSON value; NaN, infinities and numbers out of range become NaN or infinity.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:  # it refuses what is out of range, and NaN
        return json.loads(text, parse_int=whole_number)


def whole_number(text: str) -> int | Digits:
    """An int, or its digits when there are more than Python converts."""
    return int(text) if len(text) <= 4000 else Digits(text)


def repair(value: Any, extra: tuple[str, ...] = ()) -> Repaired:
    """Fit any decoded JSON value into a Transaction; `extra` are the rules file's required fields."""
    result = Repaired(Transaction(), present={name for name in extra if has(value, name.split("."))})
    if not isinstance(value, dict):
        result.wrong["transaction"] = wrong_type("transaction", value)
        return result
    read_parts(value, result)
    result.unknown = [name for name in result.unknown if name not in extra]
    return result


def read_parts(value: dict[str, Any], result: Repaired) -> None:
    """Fill the transaction, its customer and its lines."""
    transaction = result.transaction
    fill(transaction, value, TRANSACTION_FIELDS, "", result)
    if value.get("customer") is not None:
        transaction.customer = fitted(Customer(), value["customer"], CUSTOMER_FIELDS, "customer", result)
    if isinstance(value.get("line_items"), list):
        lines = value["line_items"]
        transaction.line_items = [fitted(Line(), line, LINE_FIELDS, "line_items", result) for line in lines]
    elif value.get("line_items") is not None:
        result.wrong["line_items"] = wrong_type("line_items", value["line_items"])


def has(value: Any, path: list[str]) -> bool:
    """True when a dotted path leads to a value, not null and no empty text, in every element of lists on its way."""
    if isinstance(value, list):
        return all(has(item, path) for item in value)
    if not path or value is None:
        return value is not None and value != ""
    return isinstance(value, dict) and has(value.get(path[0]), path[1:])


def fitted(target: Any, value: Any, names: tuple[str, ...], path: str, result: Repaired) -> Any:
    """`target` filled from an object, or left empty and named when the value is none."""
    if isinstance(value, dict):
        fill(target, value, names, f"{path}.", result)
    else:
        result.wrong.setdefault(path, wrong_type(path, value))
    return target


def fill(target: Any, value: dict[str, Any], names: tuple[str, ...], prefix: str, result: Repaired) -> None:
    """Set the scalar fields of a struct from an object, and note wrong and unknown ones."""
    for key, item in value.items():
        if key not in names:
            result.unknown.append(clean(prefix + key))
        elif item is not None and key not in PARTS and not (item == "" and key in REQUIRED_IDS):
            if readable(key, item):
                setattr(target, key, item)
            else:
                setattr(target, key, None)
                result.wrong.setdefault(prefix + key, wrong_type(prefix + key, item))


def readable(key: str, item: Any) -> bool:
    """True when a value is of its field's type."""
    kind = type(item)
    if kind is str:
        return key not in NUMBERS and (item.isascii() or clean(item) == item) and (item != "" or key not in IDS)
    if key in NUMBERS:
        return kind in (int, float) and abs(item) <= MAX_NUMBER
    return key in IDS and kind in (int, Digits)


def clean(text: str) -> str:
    """Text that UTF-8 can hold: half a surrogate pair, which JSON can spell but nothing can write, is replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def scrubbed(value: Any) -> Any:
    """A decoded value whose texts UTF-8 can hold; one that it cannot is a list of none, so no text at all."""
    if isinstance(value, str):
        return value if value.isascii() or clean(value) == value else []
    if isinstance(value, list):
        return [scrubbed(one) for one in value]
    return {clean(key): scrubbed(one) for key, one in value.items()} if isinstance(value, dict) else value
