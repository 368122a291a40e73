"""The same report with polars: explicit schema, one lazy plan a table, all of them collected together."""

import json
import sys

import polars as pl

LINE = pl.Struct(
    {
        "product_id": pl.String, "product_name": pl.String, "category": pl.String, "quantity": pl.Float64,
        "unit_price": pl.Float64, "discount": pl.Float64, "subtotal": pl.Float64,
    }
)  # fmt: skip
CUSTOMER = pl.Struct(dict.fromkeys(("customer_id", "name", "email", "country", "state"), pl.String))
TRANSACTION = pl.Struct(
    {
        "transaction_id": pl.String, "timestamp": pl.String, "customer": CUSTOMER, "line_items": pl.List(LINE),
        "subtotal": pl.Float64, "tax": pl.Float64, "shipping_cost": pl.Float64, "total": pl.Float64,
        "payment_method": pl.String, "shipping_method": pl.String, "status": pl.String,
    }
)  # fmt: skip
EDGES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000]


def cents(name: str) -> pl.Expr:
    """Whole cents of an amount."""
    return (pl.col(name) * 100).round(mode="half_to_even").cast(pl.Int64).fill_null(0)


def main(source: str, output: str) -> None:
    """Read `source` and write the figures to `output`."""
    table = pl.read_json(source, schema={"transactions": pl.List(TRANSACTION)})
    table = table.explode("transactions").unnest("transactions").unnest("customer").with_row_index("row")
    lines = table.select("row", "line_items").explode("line_items").unnest("line_items")
    bad = lines.group_by("row").agg(
        bad=~(pl.col("unit_price").is_between(0, 10000) & (pl.col("quantity") > 0) & (pl.col("quantity") <= 100)).all()
    )
    required = ["transaction_id", "timestamp", "customer_id", "email", "subtotal", "tax", "total"]
    required += ["payment_method", "status"]
    table = table.drop("line_items").join(bad, on="row", how="left").with_columns(
        time=pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False),
        cents=cents("total"), tax_cents=cents("tax"), shipping_cents=cents("shipping_cost"),
    ).with_columns(
        valid=pl.all_horizontal(pl.col(name).is_not_null() for name in required)
        & ~pl.col("bad").fill_null(True) & pl.col("time").is_not_null()
        & (pl.col("total") > 0) & (pl.col("total") <= 100000) & (pl.col("subtotal") >= 0) & (pl.col("tax") >= 0),
    )  # fmt: skip
    valid = table.filter("valid")
    done = valid.filter(pl.col("status") == "completed").lazy()
    sold = lines.lazy().join(done.select("row"), on="row").with_columns(
        money=cents("subtotal"), pieces=(pl.col("quantity") * 1000).round().cast(pl.Int64)
    )  # fmt: skip
    money = pl.col("cents").sum()
    plans = {
        "summary": done.select(pl.len(), money, pl.col("tax_cents").sum(), pl.col("shipping_cents").sum()),
        "customers": done.group_by("customer_id").agg(money, orders=pl.len()).sort("cents", descending=True),
        "products": sold.group_by("product_name").agg(pl.col("money").sum(), pl.col("pieces").sum()),
        "categories": sold.group_by("category").agg(pl.col("money").sum()),
        "days": done.group_by(pl.col("time").dt.date().cast(pl.String).alias("day")).agg(money),
        "hours": done.group_by(pl.col("time").dt.hour().alias("hour")).agg(money),
        "weekdays": done.group_by(pl.col("time").dt.weekday().alias("weekday")).agg(money),
        "histogram": done.group_by(pl.col("total").cut(EDGES).cast(pl.String)).agg(pl.len(), money),
        **{
            name: valid.lazy().group_by(name).agg(pl.len())
            for name in ("status", "payment_method", "shipping_method")
        },
        "duplicates": valid.lazy().group_by("transaction_id").len().filter(pl.col("len") > 1),
        "frequent": valid.lazy().group_by("customer_id").len().filter(pl.col("len") > 10),
        "high": valid.lazy().filter(pl.col("total") > 5000)
        .select("transaction_id", "total", "timestamp", "customer_id"),
        "quantity": lines.lazy().join(valid.lazy().select("row", "transaction_id"), on="row")
        .filter(pl.col("quantity") > 20).select("transaction_id", "quantity"),
        "mismatch": valid.lazy().filter(
            (pl.col("cents") - cents("subtotal") - pl.col("tax_cents") - pl.col("shipping_cents")).abs() > 1
        ).select("transaction_id"),
    }  # fmt: skip
    results = dict(zip(plans, pl.collect_all(list(plans.values())), strict=True))
    revenue = results["customers"]["cents"].to_list()
    report = {name: result.head(400).to_dicts() for name, result in results.items()}
    report["pareto"] = [sum(revenue[: -(-len(revenue) * step // 10)]) for step in range(1, 11)]
    report["counts"] = {"total": table.height, "valid": valid.height, "lines": lines.height}
    with open(output, "w") as stream:
        json.dump(report, stream)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
