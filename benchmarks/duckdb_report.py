# ruff: noqa: S608 - no text of a user is in these queries
"""The same report with duckdb: explicit columns, the file read once into two tables, then one query a table."""

import json
import sys

import duckdb

LINE = (
    "product_id VARCHAR, product_name VARCHAR, category VARCHAR, quantity DOUBLE, unit_price DOUBLE, discount DOUBLE, "
    "subtotal DOUBLE"
)
CUSTOMER = "customer_id VARCHAR, name VARCHAR, email VARCHAR, country VARCHAR, state VARCHAR"
TRANSACTION = (
    f"transaction_id VARCHAR, timestamp VARCHAR, customer STRUCT({CUSTOMER}), line_items STRUCT({LINE})[], "
    "subtotal DOUBLE, tax DOUBLE, shipping_cost DOUBLE, total DOUBLE, payment_method VARCHAR, "
    "shipping_method VARCHAR, status VARCHAR"
)
PREPARE = f"""
CREATE TEMP TABLE sales AS
WITH raw AS (
    SELECT unnest(transactions) AS t FROM read_json(
        $source, maximum_object_size = 2000000000,
        columns = {{batch_id: 'VARCHAR', transaction_count: 'BIGINT', transactions: 'STRUCT({TRANSACTION})[]'}}))
SELECT row_number() OVER () AS row, t.* EXCLUDE (customer), t.customer.customer_id, t.customer.email,
    try_strptime(t.timestamp, '%Y-%m-%dT%H:%M:%SZ') AS time,
    round_even(t.total * 100, 0)::BIGINT AS cents, round_even(t.tax * 100, 0)::BIGINT AS tax_cents,
    round_even(coalesce(t.shipping_cost, 0) * 100, 0)::BIGINT AS shipping_cents,
    round_even(t.subtotal * 100, 0)::BIGINT AS subtotal_cents,
    coalesce(t.transaction_id IS NOT NULL AND t.customer.customer_id IS NOT NULL AND t.customer.email IS NOT NULL
        AND t.payment_method IS NOT NULL AND t.status IS NOT NULL AND time IS NOT NULL AND len(t.line_items) > 0
        AND t.total > 0 AND t.total <= 100000 AND t.subtotal >= 0 AND t.tax >= 0
        AND len(list_filter(t.line_items, lambda l: coalesce(l.unit_price BETWEEN 0 AND 10000
            AND l.quantity > 0 AND l.quantity <= 100, false))) = len(t.line_items), false) AS valid
FROM raw;
CREATE TEMP TABLE lines AS
SELECT transaction_id, status, l.product_name, l.category, l.quantity,
    round_even(coalesce(l.subtotal, 0) * 100, 0)::BIGINT AS cents, round_even(l.quantity * 1000, 0)::BIGINT AS pieces
FROM (SELECT transaction_id, status, unnest(line_items) AS l FROM sales WHERE valid);
"""
DONE = "FROM sales WHERE valid AND status = 'completed'"
QUERIES = {
    "counts": "SELECT count(*), count(*) FILTER (valid), sum(len(line_items)) FROM sales",
    "summary": f"SELECT count(*), sum(cents), sum(tax_cents), sum(shipping_cents) {DONE}",
    "customers": f"SELECT customer_id, sum(cents) AS c, count(*) {DONE} GROUP BY 1 ORDER BY c DESC LIMIT 10",
    "pareto": f"SELECT tile, sum(c) FROM (SELECT c, ntile(10) OVER (ORDER BY c DESC) AS tile FROM "
    f"(SELECT sum(cents) AS c {DONE} GROUP BY customer_id)) GROUP BY 1 ORDER BY 1",
    "products": "SELECT product_name, sum(cents), sum(pieces) FROM lines WHERE status = 'completed' GROUP BY 1",
    "categories": "SELECT category, sum(cents) FROM lines WHERE status = 'completed' GROUP BY 1",
    "days": f"SELECT time::DATE::VARCHAR AS day, sum(cents) {DONE} GROUP BY 1 ORDER BY 1",
    "hours": f"SELECT hour(time), sum(cents) {DONE} GROUP BY 1 ORDER BY 1",
    "weekdays": f"SELECT isodow(time), sum(cents) {DONE} GROUP BY 1 ORDER BY 1",
    "histogram": f"SELECT floor(log10(total) * 3), count(*), sum(cents) {DONE} GROUP BY 1 ORDER BY 1",
    "status": "SELECT status, count(*) FROM sales WHERE valid GROUP BY 1",
    "payment": "SELECT payment_method, count(*) FROM sales WHERE valid GROUP BY 1",
    "shipping": "SELECT shipping_method, count(*) FROM sales WHERE valid GROUP BY 1",
    "duplicates": "SELECT transaction_id, count(*) FROM sales WHERE valid GROUP BY 1 HAVING count(*) > 1",
    "frequent": "SELECT customer_id, count(*) AS n FROM sales WHERE valid GROUP BY 1 HAVING n > 10 ORDER BY n DESC",
    "high": "SELECT transaction_id, total, timestamp, customer_id FROM sales WHERE valid AND total > 5000",
    "quantity": "SELECT transaction_id, quantity FROM lines WHERE quantity > 20",
    "mismatch": "SELECT transaction_id FROM sales WHERE valid "
    "AND abs(cents - subtotal_cents - tax_cents - shipping_cents) > 1",
}


def main(source: str, output: str) -> None:
    """Read `source` and write the figures to `output`."""
    database = duckdb.connect()
    database.execute("SET preserve_insertion_order = false")
    database.execute(PREPARE.replace("$source", "'" + source.replace("'", "''") + "'"))
    report = {name: database.execute(query).fetchmany(400) for name, query in QUERIES.items()}
    with open(output, "w") as stream:
        json.dump(report, stream, default=str)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
