"""Pools and nodes of the local Batch, through azure-batch and azure-mgmt-batch as they are."""

import datetime
import re

import azure.batch.models as m
import azure.mgmt.batch.models as am
import pytest
import requests
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from batch_clients import ARM, IDENTITY, Azure, arm_pool, wait_for


def test_arm_pool_is_created_read_changed_listed_and_deleted(azure: Azure) -> None:
    pool = azure.arm.pool.create(*ARM, "armpool", arm_pool(targets=1))
    assert pool.identity is not None
    assert pool.identity.user_assigned_identities is not None
    assert pool.identity.user_assigned_identities[IDENTITY].client_id
    assert pool.properties is not None
    assert pool.properties.provisioning_state == "Succeeded"
    assert pool.properties.scale_settings.fixed_scale.target_dedicated_nodes == 1
    seen = azure.batch.get_pool("armpool")
    assert seen.identity is not None
    assert seen.identity.user_assigned_identities[0].resource_id == IDENTITY
    registry = pool.properties.deployment_configuration.virtual_machine_configuration.container_configuration
    assert registry.container_registries[0].identity_reference.resource_id == IDENTITY
    wait_for(lambda: azure.arm.pool.get(*ARM, "armpool").properties.allocation_state == "Steady")
    formula = am.AutoScaleSettings(
        formula="$TargetDedicatedNodes=0;", evaluation_interval=datetime.timedelta(minutes=5)
    )
    change = am.Pool(properties=am.PoolProperties(scale_settings=am.ScaleSettings(auto_scale=formula)))
    changed = azure.arm.pool.update(*ARM, "armpool", change)
    assert changed.properties.scale_settings.auto_scale.evaluation_interval == datetime.timedelta(minutes=5)
    wait_for(lambda: azure.arm.pool.get(*ARM, "armpool").properties.auto_scale_run is not None)
    run = azure.arm.pool.get(*ARM, "armpool").properties.auto_scale_run
    assert run.results.startswith("$TargetDedicatedNodes=0;$TargetLowPriorityNodes=0;")
    assert "armpool" in [p.name for p in azure.arm.pool.list_by_batch_account(*ARM)]
    azure.arm.pool.begin_delete(*ARM, "armpool").result()
    with pytest.raises(ResourceNotFoundError):
        azure.arm.pool.get(*ARM, "armpool")


def test_account_shows_quotas_and_storage(azure: Azure) -> None:
    account = azure.arm.batch_account.get(*ARM)
    assert account.properties.dedicated_core_quota > 0
    assert account.properties.auto_storage.storage_account_id.endswith("/storageAccounts/" + azure.storage_account)
    assert account.properties.account_endpoint == azure.env["BATCHKIT_BATCH_URL"].removeprefix("https://")


@pytest.mark.parametrize("which", ["BATCHKIT_BATCH_URL", "BATCHKIT_ARM_URL"])
def test_tokens_are_wanted_for_the_right_audience(azure: Azure, which: str) -> None:
    paths = {"BATCHKIT_BATCH_URL": "/pools", "BATCHKIT_ARM_URL": azure.account_path + "/pools"}
    wrong = {
        "BATCHKIT_BATCH_URL": "https://management.azure.com/",
        "BATCHKIT_ARM_URL": "https://batch.core.windows.net/",
    }
    url = f"{azure.env[which]}{paths[which]}?api-version=2025-06-01"
    tokens = [None, "Bearer x.y.z", f"Bearer {azure.token(wrong[which])}"]
    for token in tokens:
        headers = {"Authorization": token} if token else {}
        answer = requests.get(url, headers=headers, verify=azure.env["BATCHKIT_CA_FILE"], timeout=10)
        assert answer.status_code in (401, 403)
        assert "WWW-Authenticate" in answer.headers
    right = (
        f"Bearer {azure.token(wrong['BATCHKIT_ARM_URL' if which == 'BATCHKIT_BATCH_URL' else 'BATCHKIT_BATCH_URL'])}"
    )
    answer = requests.get(url, headers={"Authorization": right}, verify=azure.env["BATCHKIT_CA_FILE"], timeout=10)
    assert answer.status_code == 200
    host = {"Authorization": right, "Host": "evil.example"}
    assert requests.get(url, headers=host, verify=azure.env["BATCHKIT_CA_FILE"], timeout=10).status_code == 400


def test_client_sees_the_service_error_shape(azure: Azure) -> None:
    with pytest.raises(ResourceNotFoundError) as caught:
        azure.batch.get_pool("nosuchpool")
    error = caught.value.error
    assert error is not None
    assert error.code == "PoolNotFound"
    message = azure.get("/pools/nosuchpool?api-version=2025-06-01").json()["message"]
    assert re.match(r"The specified pool does not exist\.\nRequestId:[0-9a-f-]{36}\nTime:", message["value"])
    with pytest.raises(ResourceNotFoundError):
        azure.batch.pool_exists("nosuchpool")


def test_unknown_parameters_and_versions_are_refused(azure: Azure) -> None:
    def code(query: str) -> str:
        return str(azure.get(f"/pools?{query}").json()["code"])

    assert code("api-version=2025-06-01&nonsense=1") == "UnsupportedQueryParameter"
    assert code("maxresults=5") == "MissingRequiredQueryParameter"
    assert code("api-version=2030-01-01") == "UnsupportedRequestVersion"
    assert code("api-version=yesterday") == "InvalidQueryParameterValue"
    assert code("api-version=2025-06-01&maxresults=1001") == "OutOfRangeQueryParameterValue"
    assert code("api-version=2025-06-01&$filter=id%20like%20'x'") == "InvalidQueryParameterValue"
    assert azure.get("/pools?api-version=2024-02-01.19.0").status_code == 200
    answer = azure.get("/pools?api-version=2025-06-01", {"client-request-id": "me", "return-client-request-id": "true"})
    assert answer.headers["client-request-id"] == "me"
    assert answer.headers["request-id"]


def test_pool_settings_that_conflict_are_refused(azure: Azure) -> None:
    machine = azure.machine()

    def refused(**settings: object) -> str:
        with pytest.raises(HttpResponseError) as caught:
            azure.batch.create_pool(m.BatchPoolCreateOptions(**{"id": "bad", "vm_size": "s", **machine, **settings}))
        return str(caught.value.error.code if caught.value.error else "")

    assert refused(id="has space") == "InvalidPropertyValue"
    assert refused(enable_auto_scale=True) == "MissingRequiredProperty"
    both = {"enable_auto_scale": True, "auto_scale_formula": "$TargetDedicatedNodes=1"}
    assert refused(**both, target_dedicated_nodes=1) == "InvalidPropertyValue"
    four = datetime.timedelta(minutes=4)
    assert refused(**both, auto_scale_evaluation_interval=four) == "InvalidPropertyValue"
    assert (
        refused(enable_auto_scale=True, auto_scale_formula="$TargetDedicatedNodes=") == "AutoScalingFormulaSyntaxError"
    )
    assert refused(task_slots_per_node=300) == "InvalidPropertyValue"


def test_pool_on_the_data_plane_resizes_and_scales(azure: Azure) -> None:
    azure.pool("resized", nodes=0)
    with pytest.raises(ResourceExistsError):
        azure.pool("resized", nodes=0)
    azure.batch.begin_resize_pool(
        "resized", m.BatchPoolResizeOptions(target_dedicated_nodes=2, target_low_priority_nodes=1), polling_interval=0.1
    ).result()
    wait_for(lambda: [n.state for n in azure.batch.list_nodes("resized")] == ["idle"] * 3)
    counts = next(c for c in azure.batch.list_pool_node_counts() if c.pool_id == "resized")
    assert counts.dedicated is not None
    assert counts.low_priority is not None
    assert (counts.dedicated.idle, counts.dedicated.total, counts.low_priority.idle) == (2, 2, 1)
    node = next(n for n in azure.batch.list_nodes("resized") if n.is_dedicated)
    assert re.fullmatch(r"tvmps_[0-9a-f]{64}_d", node.id)
    azure.batch.begin_remove_nodes(
        "resized", m.BatchNodeRemoveOptions(node_ids=[node.id]), polling_interval=0.1
    ).result()
    assert azure.batch.get_pool("resized").target_dedicated_nodes == 1
    with pytest.raises(HttpResponseError):
        azure.batch.evaluate_pool_auto_scale("resized", m.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="x=1"))
    azure.batch.enable_pool_auto_scale(
        "resized",
        m.BatchPoolEnableAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes=0;$TargetLowPriorityNodes=0"),
    )
    run = azure.batch.evaluate_pool_auto_scale(
        "resized", m.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes=3")
    )
    assert run.results == "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"
    wait_for(lambda: not list(azure.batch.list_nodes("resized")))
    azure.batch.disable_pool_auto_scale("resized")
    azure.batch.begin_delete_pool("resized", polling_interval=0.1).result()


def test_etags_guard_changes(azure: Azure) -> None:
    azure.pool("guarded", nodes=0)
    from azure.core import MatchConditions

    first = azure.batch.get_pool("guarded")
    change = m.BatchPoolUpdateOptions(metadata=[m.BatchMetadataItem(name="a", value="1")])
    azure.batch.update_pool("guarded", change, etag=first.etag, match_condition=MatchConditions.IfNotModified)
    with pytest.raises(ResourceModifiedError):
        azure.batch.update_pool("guarded", change, etag=first.etag, match_condition=MatchConditions.IfNotModified)
    assert azure.batch.get_pool("guarded").metadata[0].value == "1"


def test_lists_filter_select_and_page(azure: Azure) -> None:
    for index in range(5):
        azure.pool(f"listed-{index}", nodes=0)
    pages = azure.batch.list_pools(filter="startswith(id,'listed-')", max_results=2, select=["id", "state"]).by_page()
    found = [[pool.id for pool in page] for page in pages]
    assert found == [["listed-0", "listed-1"], ["listed-2", "listed-3"], ["listed-4"]]
    selected = next(iter(azure.batch.list_pools(filter="id eq 'listed-3'", select=["id"])))
    assert set(selected.as_dict()) == {"id"}
    assert list(azure.batch.list_supported_images(filter="osType eq 'windows'"))


def test_what_is_no_token_is_refused(azure: Azure) -> None:
    from azure.batch import BatchClient

    class Old:
        def get_token(self, *_scopes: str, **_options: object) -> object:
            from azure.core.credentials import AccessToken

            return AccessToken("a.b.c", 4_000_000_000)

    client = BatchClient(azure.env["BATCHKIT_BATCH_URL"], Old(), connection_verify=azure.env["BATCHKIT_CA_FILE"])  # type: ignore[arg-type]
    with pytest.raises(ClientAuthenticationError):
        list(client.list_pools())
