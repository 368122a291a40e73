"""Resource Manager's calls of the local Azure: the Batch account and its pools."""
