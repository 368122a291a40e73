"""A small stand-in for the Azure SDK's internal test tools, so that azure-batch's own tests run on the local Azure.

Everything is live: the clients, the credential and the requests are the real ones. Only what a live
run would get from a subscription is given here: the account is the local Azure's one account, emptied
after each test, and the resource group exists already.
"""

from __future__ import annotations

import functools
import inspect
import os
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.identity import DefaultAzureCredential
from azure.mgmt.batch import BatchManagementClient

from devtools_testutils.resource_testcase import RESOURCE_GROUP_PARAM

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
CA_FILE = os.environ["BATCHKIT_CA_FILE"]
EMPTY_SECONDS = 60


class AzureTestError(Exception):
    """What the preparers raise when a resource can't be made."""


class FakeResource(SimpleNamespace):
    """A resource of a recorded run: never used live."""


class AzureRecordedTestCase:
    """A test that talks to the service itself."""

    is_live = True

    def get_credential(self, client_class: type, **kwargs: Any) -> DefaultAzureCredential | AzureNamedKeyCredential:
        """Return the credential that users have: the local Azure's managed identity, or the account's key."""
        if os.environ["SDK_TESTS_LOGIN"] == "key":
            return AzureNamedKeyCredential(os.environ["AZURE_BATCH_ACCOUNT"], os.environ["AZURE_BATCH_ACCESS_KEY"])
        return DefaultAzureCredential()


class AzureMgmtRecordedTestCase(AzureRecordedTestCase):
    """A test that makes resources as well."""


class _Preparer:
    """A decorator that makes a resource before a test and removes it after."""

    is_live = True

    def __init__(self, name_prefix: str = "", *_: Any, **__: Any) -> None:
        self.name_prefix = name_prefix
        self.moniker = name_prefix

    def __call__(self, test: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(test)
        async def prepared(*args: Any, **kwargs: Any) -> Any:
            name = f"{self.name_prefix or 'batch'}{int(time.time() * 1000) % 10**9}"
            made = self.create_resource(name, **kwargs)
            try:
                return await test(*args, **{**kwargs, **(made or {})})
            finally:
                self.remove_resource(name, **{**kwargs, **(made or {})})

        return prepared

    def create_resource(self, name: str, **kwargs: Any) -> dict[str, Any]:
        """Make nothing."""
        return {}

    def remove_resource(self, name: str, **kwargs: Any) -> None:
        """Remove nothing."""


class AzureMgmtPreparer(_Preparer):
    """A preparer that works through Resource Manager."""

    def create_mgmt_client(self, client_class: type, **kwargs: Any) -> _Management:
        """Return the real client, on the local Resource Manager."""
        return _Management()


class ResourceGroupPreparer(_Preparer):
    """The resource group is there."""

    def create_resource(self, name: str, **kwargs: Any) -> dict[str, Any]:
        """Name the group."""
        return {RESOURCE_GROUP_PARAM: SimpleNamespace(name="batch-rg")}


CachedResourceGroupPreparer = ResourceGroupPreparer


class StorageAccountPreparer(_Preparer):
    """Without a storage account of the test's own: application packages are no part of these tests."""


class EnvironmentVariableLoader(_Preparer):
    """Gives the test the variables that it names, with the values that it names for them."""

    def __init__(self, _directory: str, **variables: str) -> None:
        super().__init__()
        self._variables = variables

    def create_resource(self, name: str, **kwargs: Any) -> dict[str, Any]:
        """Return each variable: from the environment, else the named value."""
        return {key: os.environ.get(key.upper(), value) for key, value in self._variables.items()}


class _Management:
    """The real management client, with the account's own making and removal as the local Azure has it."""

    def __init__(self) -> None:
        client = BatchManagementClient(
            DefaultAzureCredential(),
            SUBSCRIPTION,
            base_url=os.environ["BATCHKIT_ARM_URL"],
            credential_scopes=["https://management.azure.com/.default"],
            connection_verify=CA_FILE,
        )
        self.pool = client.pool
        self.batch_account = _Accounts(client)


class _Accounts:
    def __init__(self, client: BatchManagementClient) -> None:
        self.get = client.batch_account.get

    def begin_create(self, group: str, name: str, _parameters: Any) -> SimpleNamespace:
        account = self.get(group, name)
        return SimpleNamespace(result=lambda: account)

    def get_keys(self, _group: str, _name: str) -> SimpleNamespace:
        account, key = os.environ["AZURE_BATCH_ACCOUNT"], os.environ["AZURE_BATCH_ACCESS_KEY"]
        return SimpleNamespace(account_name=account, primary=key)

    def begin_delete(self, _group: str, _name: str) -> SimpleNamespace:
        return SimpleNamespace(wait=_empty_the_account)


def _empty_the_account() -> None:
    """Delete all jobs, schedules and pools, so that the next test finds an account as new."""
    endpoint = os.environ["BATCHKIT_BATCH_URL"]
    with BatchClient(endpoint, DefaultAzureCredential(), connection_verify=CA_FILE) as client:
        deadline = time.monotonic() + EMPTY_SECONDS
        while time.monotonic() < deadline:
            left = [
                *[(client.begin_delete_job_schedule, each.id) for each in client.list_job_schedules()],
                *[(client.begin_delete_job, each.id) for each in client.list_jobs()],
                *[(client.begin_delete_pool, each.id) for each in client.list_pools()],
            ]
            if not left:
                return
            for delete, identifier in left:
                _try(delete, identifier)
            time.sleep(0.3)


def _try(delete: Callable[..., Any], identifier: str) -> None:
    """Ask for a deletion; one that is under way already is fine."""
    try:
        delete(identifier)
    except Exception as error:
        if getattr(error, "status_code", None) not in (404, 409):
            raise


def trim_kwargs_from_test_function(function: Callable[..., Any], kwargs: dict[str, Any]) -> None:
    """Drop the arguments that the test does not take."""
    parameters = inspect.signature(function).parameters
    if not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        for name in [name for name in kwargs if name not in parameters]:
            del kwargs[name]


def recorded_by_proxy(test: Callable[..., Any]) -> Callable[..., Any]:
    """Return the test as it is: nothing is recorded."""
    return test


def _nothing(*_: Any, **__: Any) -> None:
    """Stand for what only a recording needs."""


add_general_regex_sanitizer = remove_batch_sanitizers = set_custom_default_matcher = _nothing


@pytest.fixture(scope="session")
def test_proxy() -> None:
    """No proxy: the tests are live."""
