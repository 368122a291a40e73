"""A thin layer over the Azure clients for running JSON transaction files through Azure Batch."""

__version__ = "0.1.0"
