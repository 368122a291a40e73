"""Resource Manager's accounts by the real client; parts need their parents; roles and doors of whoever calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import azure.mgmt.batch.models as am
import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from batch_clients import SUBSCRIPTION, Azure, arm_pool, wait_for
from conftest import running_local_azure

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/made"
ACCOUNT = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/acct"
STORE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/store"
BLOB_AUDIENCE, ARM_AUDIENCE = "https://storage.azure.com", "https://management.azure.com"


@pytest.fixture(scope="module")
def place() -> Iterator[Azure]:
    """The clients on a local Azure of their own, with account keys allowed."""
    with running_local_azure("--speed", "1200", "--allow-shared-key") as environment, pytest.MonkeyPatch.context() as p:
        for name, value in environment.items():
            p.setenv(name, value)
        clients = Azure(environment)
        yield clients
        clients.close()


def ask(place: Azure, method: str, path: str, body: Any = None, version: str = "2025-06-01") -> requests.Response:
    return requests.request(
        method,
        place.env["BATCHKIT_ARM_URL"] + path,
        params={"api-version": version},
        json=body,
        headers={"Authorization": f"Bearer {place.token(ARM_AUDIENCE)}"},
        verify=place.env["BATCHKIT_CA_FILE"],
        timeout=20,
    )


def blobs(place: Azure) -> tuple[int, str | None]:
    """What a list of the containers is answered: the status and the error's code."""
    headers = {"Authorization": f"Bearer {place.token(BLOB_AUDIENCE)}", "x-ms-version": "2021-12-02"}
    url = f"{place.env['BATCHKIT_BLOB_URL']}?comp=list"
    found = requests.get(url, headers=headers, verify=place.env["BATCHKIT_CA_FILE"], timeout=20)
    return found.status_code, found.headers.get("x-ms-error-code")


def caller(place: Azure, **knobs: Any) -> None:
    """Say who calls and from where."""
    answer = ask(place, "PUT", "/local/provisioning", {"roles": None, "network": "outside"} | knobs)
    assert answer.status_code == 200, answer.text


def refused(call: Any) -> str:
    with pytest.raises(HttpResponseError) as problem:
        call()
    assert problem.value.status_code == 403
    return str(problem.value.error.code if problem.value.error else "")


def test_an_account_is_made_changed_keyed_and_deleted(place: Azure) -> None:
    accounts, where = place.arm.batch_account, ("life", "lived")
    storage = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/life/providers/Microsoft.Storage/storageAccounts/s"
    made = accounts.begin_create(*where, am.BatchAccountCreateParameters(location="westus")).result()
    assert (made.location, made.properties.provisioning_state) == ("westus", "Succeeded")
    assert made.properties.auto_storage is None
    linked = am.BatchAccountUpdateParameters(
        properties=am.BatchAccountUpdateProperties(
            auto_storage=am.AutoStorageBaseProperties(storage_account_id=storage)
        )
    )
    assert accounts.update(*where, linked).properties.auto_storage.storage_account_id == storage
    accounts.synchronize_auto_storage_keys(*where)
    before = accounts.get_keys(*where)
    after = accounts.regenerate_key(*where, am.BatchAccountRegenerateKeyParameters(key_name="Primary"))
    assert after.primary != before.primary
    assert after.secondary == before.secondary
    assert [a.name for a in accounts.list_by_resource_group("life")] == ["lived"]
    aad = am.BatchAccountUpdateProperties(allowed_authentication_modes=["AAD"])
    accounts.update(*where, am.BatchAccountUpdateParameters(properties=aad))
    with pytest.raises(HttpResponseError, match="valid for the current state"):
        accounts.get_keys(*where)
    accounts.begin_delete(*where).wait()
    assert list(accounts.list_by_resource_group("life")) == []
    with pytest.raises(ResourceNotFoundError):
        accounts.get(*where)


def test_names_quotas_sizes_and_operations_are_told(place: Azure) -> None:
    def available(name: str) -> Any:
        wanted = am.CheckNameAvailabilityParameters(name=name, type="Microsoft.Batch/batchAccounts")
        return place.arm.location.check_name_availability("westus", wanted)

    assert available("unheardof").name_available
    assert available("no").reason == available("No-such").reason == "Invalid"
    assert place.arm.location.get_quotas("westus").account_quota > 0
    assert len(list(place.arm.location.list_supported_virtual_machine_skus("westus")))
    assert {"Microsoft.Batch/batchAccounts/read"} <= {each.name for each in place.arm.operations.list()}


def test_a_part_without_its_parent_is_refused_and_locks_nobody_out(place: Azure) -> None:
    lost = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lost/providers"
    for path in (
        f"{lost}/Microsoft.Batch/batchAccounts/none/applications/a",
        f"{lost}/Microsoft.Storage/storageAccounts/none/blobServices/default",
    ):
        answer = ask(place, "PUT", path, {})
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "ParentResourceNotFound"
    ask(place, "PUT", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lost", {"location": "westus"})
    assert list(place.arm.pool.list_by_batch_account("lost", "any")) == list(place.batch.list_pools()) == []


def test_what_each_version_shows_of_an_account(place: Azure) -> None:
    path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/any/providers/Microsoft.Batch/batchAccounts/any"
    old, middle, new = (ask(place, "GET", path, version=v).json() for v in ("2015-12-01", "2019-08-01", "2024-02-01"))
    assert "coreQuota" in old["properties"]
    assert "identity" not in middle
    assert "publicNetworkAccess" not in middle["properties"]
    assert {"publicNetworkAccess", "privateEndpointConnections", "encryption"} <= new["properties"].keys()


def test_a_pool_by_formula_shows_its_first_evaluation_and_no_resize_to_stop(place: Azure) -> None:
    pools, where = place.arm.pool, ("any", "any", "byformula")
    pools.create(*where, arm_pool())
    settings = am.ScaleSettings(auto_scale=am.AutoScaleSettings(formula="$TargetDedicatedNodes=0"))
    changed = pools.update(*where, am.Pool(properties=am.PoolProperties(scale_settings=settings)))
    assert changed.properties.auto_scale_run.results.startswith("$TargetDedicatedNodes=0;")
    with pytest.raises(HttpResponseError) as stopped:
        pools.stop_resize(*where)
    assert (stopped.value.status_code, stopped.value.error.code) == (409, "OperationInvalidForCurrentState")
    pools.begin_delete(*where).wait()


def test_doors(place: Azure) -> None:
    assert ask(place, "PUT", ACCOUNT, {"location": "x"}).status_code == 202
    assert ask(place, "PUT", STORE, {"location": "x", "properties": {}}).status_code == 200
    assert list(place.batch.list_pools()) == []
    ask(place, "PATCH", ACCOUNT, {"properties": {"publicNetworkAccess": "Disabled"}})
    ask(place, "PUT", STORE, {"location": "x", "properties": {"networkAcls": {"defaultAction": "Deny"}}})
    assert refused(lambda: list(place.batch.list_pools())) == "PublicNetworkAccessDisabled"
    wait_for(lambda: blobs(place) == (403, "AuthorizationFailure"), 5)
    caller(place, network="inside")  # which leads nowhere without private endpoints
    assert refused(lambda: list(place.batch.list_pools())) == "PublicNetworkAccessDisabled"
    for name, target, group in (("a", ACCOUNT, "batchAccount"), ("s", STORE, "blob")):
        link = {"properties": {"privateLinkServiceId": target, "groupIds": [group]}}
        path = f"{GROUP}/providers/Microsoft.Network/privateEndpoints/{name}"
        ask(place, "PUT", path, {"properties": {"privateLinkServiceConnections": [link]}})
    assert list(place.batch.list_pools()) == []
    wait_for(lambda: blobs(place)[0] == 200, 5)
    rule = {"defaultAction": "Deny", "ipRules": [{"action": "Allow", "value": "198.51.100.0/24"}]}
    network = {"publicNetworkAccess": "Enabled", "networkProfile": {"accountAccess": rule}}
    ask(place, "PATCH", ACCOUNT, {"properties": network})
    caller(place, network="198.51.100.9")
    assert list(place.batch.list_pools()) == []
    caller(place)
    assert refused(lambda: list(place.batch.list_pools())) == "AuthorizationFailure"
    ask(place, "DELETE", GROUP)


def test_roles_count_at_their_scope_and_below_on_every_plane(place: Azure) -> None:
    ask(place, "PUT", GROUP, {"location": "x"})
    ask(place, "PUT", ACCOUNT, {"location": "x"})
    ask(place, "PUT", STORE, {"location": "x"})
    caller(place, roles=[f"Reader@{GROUP}"])
    assert place.arm.batch_account.get("made", "acct").name == "acct"
    assert list(place.batch.list_pools()) == []
    assert refused(lambda: list(place.batch.list_jobs())) == "InsufficientAccountPermissions"
    assert refused(lambda: place.arm.batch_account.get("other", "acct")) == "AuthorizationFailed"
    assert ask(place, "PATCH", ACCOUNT, {"tags": {}}).json()["error"]["code"] == "AuthorizationFailed"
    wait_for(lambda: blobs(place) == (403, "AuthorizationPermissionMismatch"), 5)
    caller(place, roles=[f"Contributor@{GROUP}", f"Storage Blob Data Reader@{STORE}"])
    assert ask(place, "PATCH", ACCOUNT, {"tags": {"a": "b"}}).status_code == 200
    assignment = "/providers/Microsoft.Authorization/roleAssignments/00000000-0000-0000-0000-000000000001"
    assert ask(place, "PUT", GROUP + assignment, {}).json()["error"]["code"] == "AuthorizationFailed"
    wait_for(lambda: blobs(place)[0] == 200, 5)
    resource = {
        "type": "Microsoft.Resources/resourceGroups",
        "apiVersion": "2025-04-01",
        "name": "new",
        "location": "x",
    }
    deployment = {"location": "x", "properties": {"mode": "Incremental", "template": {"resources": [resource]}}}
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Resources/deployments/d"
    assert ask(place, "PUT", path, deployment).json()["error"]["code"] == "AuthorizationFailed"
    caller(place, roles=[f"Azure Batch Data Contributor@/subscriptions/{SUBSCRIPTION}"])
    assert ask(place, "PUT", path, deployment).json()["error"]["code"] == "InvalidTemplateDeployment"
    caller(place)
    assert list(place.batch.list_jobs()) == []
