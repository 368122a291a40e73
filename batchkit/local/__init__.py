"""The local Azure: Batch, Resource Manager, managed identity and Azurite, on loopback, for the real clients."""
