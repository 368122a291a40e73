"""A wrong value in words: what it is and what was expected; of a person, its kind and its length only."""

from typing import Any

MAX_SHOWN = 40
PRIVATE = "customer"
EXPECTED = {
    "transaction": "an object", "customer": "an object", "line_items": "a list of objects",
    **dict.fromkeys(("transaction_id", "customer.customer_id", "line_items.product_id"), "a text or a whole number"),
    **dict.fromkeys(("subtotal", "tax", "shipping_cost", "total"), "a number"),
    **dict.fromkeys(
        (f"line_items.{name}" for name in ("quantity", "unit_price", "discount", "subtotal")), "a number"
    ),
}  # fmt: skip


def wrong_type(name: str, value: Any) -> str:
    """What stands in a field instead of what was expected."""
    expected = EXPECTED.get(name, "a text")
    if expected == "a number" and isinstance(value, int | float) and not isinstance(value, bool):
        expected = "a number of at most 10^12"
    return f"{described(name, value)}, expected {expected}"


def described(name: str, value: Any) -> str:
    """A value, cut; a person's is not shown."""
    private = name.split(".")[0] == PRIVATE
    if isinstance(value, str):
        return f"a text of {len(value)} characters" if private else f"text {shown(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    if isinstance(value, int | float):
        return "a number" if private else plain_number(value)
    return "an object"


def shown(text: str) -> str:
    """A text in quotes, cut; control characters and what UTF-8 cannot hold are spelled out."""
    cut = text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
    safe = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in cut)
    return f'"{safe}"'


def plain_number(value: float) -> str:
    """A number as short as it can be written; a long one is cut."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        value = int(value)
    if isinstance(value, int) and value.bit_length() > 1000:
        return f"a whole number of {value.bit_length()} bits"
    text = repr(value)
    text = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(text, text)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
