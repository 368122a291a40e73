"""Recorded requests of the real Azure Batch, sent to the local one, and where its answers differ: see run.py."""
