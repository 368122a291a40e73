"""The name under which a preparer hands a resource group to a test."""

RESOURCE_GROUP_PARAM = "resource_group"
