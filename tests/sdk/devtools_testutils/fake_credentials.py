"""A password for users of nodes that are only folders."""

BATCH_TEST_PASSWORD = "no-secret"
