"""What others call our fields: patterns of names, the most certain first.

A path is compared as words in lower case with "/" between its parts: `totalPriceSet.shopMoney.amount` is "total price
set", for `amount`, `value` and the like say nothing beside the name above them.
"""

import re

from node.mapping.paths import Steps

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
WRAPPERS = {
    "$oid", "$date", "$numberDecimal", "$numberDouble", "$numberInt", "$numberLong", "shopMoney", "shop_money",
    "amount", "Amount", "value", "Value", "cents",
}  # fmt: skip
OFTEN_NOT = r"refund|cancel|update|modif|seller|merchant|delete|parent|previous|expire|presentment|due|ship(?:ped|ment)"

FIELDS: dict[str, tuple[str, ...]] = {
    "transaction_id": (
        r"id",
        r"(?:.*/)?(?:transaction|order|invoice|receipt|sale|charge|increment|amazon order|txn|basket|ticket)"
        r"(?: (?:id|number|no|nr|code|num|ref))?",
        r"(?:node|source|attributes)/id",
        r"(?:number|no|code|reference|ref|uuid|key|name)",
        r"(?:.*/)?[a-z ]*(?:order|transaction|invoice|receipt|sale)[a-z ]* (?:id|number|no)",
        r"(?:entity|document|record|payment|doc) (?:id|number|no)",
    ),
    "timestamp": (
        r"(?:.*/)?(?:created(?: at| on| time| date)?|date created|creation date|create date|create time)",
        r"(?:.*/)?(?:transaction|order|purchase|invoice|sale|sold|placed|receipt|booking|posting|processed)"
        r"(?: initiation)?(?: at| on)?(?: date)?(?: time)?(?: utc| gmt)?",
        r"(?:.*/)?date order",
        r"(?:.*/)?(?:timestamp|date time|datetime|date|time|day|ts|when)",
        r"(?:.*/)?[a-z ]*(?:date|time|timestamp| at)",
    ),
    "customer.customer_id": (
        r"(?:.*/)?(?:customer|client|buyer|user|member|household|shopper|payer)(?: (?:id|number|no|key|ref))",
        r"(?:.*/)?(?:customer|client|buyer|user|member|shopper|payer|payer info|buyer info)"
        r"/(?:id|uuid|account id|payer id|customer id|number|code)",
        r"(?:.*/)?(?:partner id|partner|customer|client|buyer|user)",
        r"(?:.*/)?account(?: id| number)",
    ),
    "customer.email": (
        r"(?:customer |buyer |contact |receipt )?e ?mail(?: address)?",
        r"(?:.*/)?[a-z ]*e ?mail(?: address)?",
    ),
    "customer.country": (r"(?:.*/)?(?:country|country code|country id|country iso2|country code v2)",),
    "customer.state": (r".*/(?:state|province|region|state or region|province code|region code|state code)",),
    "total": (
        r"(?:.*/)?(?:grand|order|invoice|final) total(?: price| amount| money| set)*",
        r"(?:.*/)?total(?: price| amount| money| set| inc tax| incl tax| value| sum)*",
        r"(?:.*/)?amount total",
        r"(?:.*/)?(?:transaction|payment|order|sale|charge|invoice|gross)? ?amount",
        r"(?:.*/)?(?:total|amount) paid|(?:.*/)?paid amount|(?:.*/)?sum|(?:.*/)?gross",
        r"(?:.*/)?(?:order|cart|basket|sale|invoice) (?:value|price|sum)",
        r"(?:price|value)",
    ),
    "subtotal": (
        r"(?:.*/)?sub ?total(?: price| amount| money| set| ex tax| excl tax)*",
        r"(?:.*/)?(?:amount untaxed|net total|net amount|total ex tax|total line items price|items total|net)",
        r"(?:.*/)?total",
    ),
    "tax": (
        r"(?:.*/)?(?:total |sales |order )?(?:tax|taxes|vat|gst|iva|mwst)(?: amount| total| money| set| value)*",
        r"(?:.*/)?(?:amount|total) (?:tax|taxes)(?: and charges| amount| money| set)*",
    ),
    "shipping_cost": (
        r"(?:.*/)?(?:total |order )?(?:shipping|freight|delivery|postage)"
        r"(?: cost| amount| total| price| charge| charges| fee| set| money| ex tax| value)*",
    ),
    "currency": (
        r"(?:.*/)?(?:order |transaction |shop )?currency(?: code| id)?(?:\[1\])?",
    ),
    "payment_method": (
        r"(?:.*/)?payment (?:method|type)(?: id| title| name)?",
        r"(?:.*/)?payment gateway names\[0\]|(?:.*/)?(?:payment )?gateway",
        r"(?:.*/)?payments?(?:\[0\])?/(?:method|type|payment method id|payment type|payment method)",
        r"(?:.*/)?(?:tenders?(?:\[0\])?|payment method details|payment)/type",
        r"(?:.*/)?(?:paid by|tender|tender type|payment)",
    ),
    "shipping_method": (
        r"(?:.*/)?(?:shipping|delivery) (?:method|type|option|description)",
        r"(?:.*/)?shipping lines?\[0\]/(?:title|method title|name)",
        r"(?:.*/)?ship service level|(?:.*/)?fulfillment channel",
    ),
    "status": (
        r"(?:.*/)?(?:display )?(?:financial|payment) status",
        r"(?:.*/)?(?:order |transaction |sale |invoice )?status(?: name)?",
        r"(?:node/|source/|attributes/)?state",
    ),
}  # fmt: skip

LINES: dict[str, tuple[str, ...]] = {
    "quantity": (
        r"(?:.*/)?(?:item |product uom |order )?(?:qty|quantity)(?: ordered| purchased| shipped)?",
        r"(?:count|units|pieces|number|amount ordered)",
    ),
    "unit_price": (
        r"(?:.*/)?(?:original |item |base )?(?:unit price|price unit|unit cost|price each|unit amount)"
        r"(?: set| money| amount)*",
        r"(?:.*/)?(?:base |item |sale |sales |selling )?(?:price|rate)(?: money| set| amount)*",
        r"(?:.*/)?(?:cost|value)",
    ),
    "discount": (r"(?:.*/)?(?:total )?discount(?: amount| money| set| value)*",),
    "subtotal": (
        r"(?:.*/)?(?:sub ?total|row total|line total|price subtotal|net amount|line amount|ext(?:ended)? price)"
        r"(?: price| amount| money| set)*",
        r"(?:.*/)?(?:total|amount|item amount|item price|total price|sum|net)(?: money| amount| set)*",
    ),
    "product_id": (
        r"(?:.*/)?(?:product|item|article)(?: id| code| number)",
        r"(?:.*/)?(?:sku|stock code|seller sku|asin|ean|upc|barcode|catalog object id|plu)",
        r"(?:.*/)?(?:product|item|variant)/(?:id|sku|code)",
        r"(?:variant id|code|id|product id\[0\])",
    ),
    "product_name": (
        r"(?:.*/)?(?:product|item|article)(?: name| title)",
        r"(?:title|name|description|desc|label|product|item|text)",
        r"(?:.*/)?(?:title|name|description|merchant name|product id\[1\])",
    ),
    "category": (
        r"(?:.*/)?(?:category|department|product type|item group|group|family)(?: name| id)?",
        r"(?:.*/)?(?:merchant category code|vendor|brand)",
    ),
}  # fmt: skip

LINE_LISTS = (
    r"(?:.*/)?(?:line items?|order items?|order lines?|item details|lines)(?:/.*)?",
    r"(?:.*/)?(?:items?|products?|articles|cart|basket|details|rows|positions|entries)(?:/.*)?",
)
NO_LINES = re.compile(
    r"refund|shipping|tax|payment|tender|fulfil|discount|coupon|fee|history|note|meta|link|address|option|return"
)
DONE = re.compile(
    r"paid|complete|completed|succeeded|success|successful|approved|captured|settled|booked|done|delivered|shipped|"
    r"closed|sale|sold|fulfilled|finished|processed|s|ok|true|posted|invoiced",
    re.IGNORECASE,
)


def words(steps: Steps) -> str:
    """A path as words."""
    kept = list(steps)
    while len(kept) > 1 and isinstance(kept[-1], str) and kept[-1] in WRAPPERS:
        kept.pop()
    parts: list[str] = []
    for step in kept:
        if isinstance(step, str):
            parts.append(" ".join(WORD.findall(step)).lower())
        elif step is not None and parts:
            parts[-1] += f"[{step}]"
    return "/".join(parts)


def rank(name: str, patterns: tuple[str, ...]) -> int | None:
    """Which pattern fits a path's words; None when none does."""
    return next((at for at, pattern in enumerate(patterns) if re.fullmatch(pattern, name)), None)
