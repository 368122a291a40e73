"""Synthetic transactions, whose planted anomalies are counted."""

from node.samples.shop import Shop, generate

__all__ = ["Shop", "generate"]
