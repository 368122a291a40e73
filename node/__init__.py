"""The worker: transaction files in, reports out. See node/README.md."""

__version__ = "0.1.0"
