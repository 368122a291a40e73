"""A first mapping for a sample: `sample` reads, `names` and `guesses` find fields, `totals` checks, `text` writes."""
