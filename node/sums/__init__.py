"""From columns to exact sums: validation, groups, transaction ids, and the part that can be merged."""
