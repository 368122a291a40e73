"""What Batch, Resource Manager and the resources share: the clock, formats, errors, checks. Knows nothing of them."""
