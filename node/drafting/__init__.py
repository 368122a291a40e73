"""A first mapping for a sample: `sample` reads, `names` and `guesses` find our fields, `totals` checks, `text` writes."""
