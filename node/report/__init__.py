"""From exact sums to what people read: the report, and whole tables as CSV."""
