"""The local Azure keeps roles and honours them: what fails without each, as a node, a person and a pool see it."""

import azure.batch.models as m
import pytest
from azure.core.exceptions import HttpResponseError
from batch_clients import wait_for
from provisioned import Heard, subscription

from batchkit import pools, provision
from batchkit.errors import ServiceError
from batchkit.provision.checking import journey
from batchkit.provision.planning import changes


@pytest.fixture
def session(place):
    """A session on a group in which every role is given."""
    return provision.apply(place.target(), worker=None, tell=Heard())


def take(place, role, on):
    """Take a role away from everyone on a kind of resource."""
    target = place.target()
    rows = [row for row in changes(target) if row["name"] == role and on in row["note"]]
    assert rows
    for row in rows:
        target.resources.resources.begin_delete_by_id(row["id"], api_version="2022-04-01").wait()


def test_before_anything_is_provisioned_nothing_is_refused(tmp_path):
    with subscription(tmp_path) as empty:
        session = empty.target().session
        assert list(session.arm.pool.list_by_batch_account("anything", "atall")) == []
        assert session.arm.batch_account.get("anything", "atall").properties.dedicated_core_quota


def test_with_every_role_a_blob_goes_round(session):
    assert [result for _, result in journey(session)] == ["pass"] * 4


@pytest.mark.parametrize(
    ("role", "code"),
    [("Storage Blob Data Contributor", "FileUploadAccessDenied"), ("Storage Blob Data Reader", "BlobAccessDenied")],
)
def test_without_a_role_on_a_container_a_task_has_no_access(place, session, role, code):
    take(place, role, "containers")
    *_, (_, result) = [line for line in journey(session) if "task" in line[0]]
    assert result.startswith(f"{code}: give the nodes' identity the role {role}")


def test_without_acr_pull_a_node_cannot_have_the_image(place, session):
    take(place, "AcrPull", "registries")
    pool_id = pools.ensure(session, pools.spec(session, slots_per_node=2), keep_warm_minutes=5)
    node = wait_for(lambda: next((n for n in session.batch.list_nodes(pool_id) if n.state == "unusable"), None))
    [error] = node.errors
    assert error.code == "ContainerInvalidImage"
    assert any("batch-json-processor" in detail.value for detail in error.error_details)


def test_without_batch_data_contributor_pools_and_jobs_are_403(place, session):
    azure = session.settings.azure
    take(place, "Azure Batch Data Contributor", "batchAccounts")
    for call in (
        lambda: list(session.arm.pool.list_by_batch_account(azure.resource_group, azure.batch.account_name)),
        lambda: list(session.batch.list_pools()),
        lambda: list(session.batch.list_jobs()),
        lambda: session.batch.create_job(m.BatchJobCreateOptions(id="x", pool_info=m.BatchPoolInfo(pool_id="x"))),
    ):
        with pytest.raises(HttpResponseError) as refused:
            call()
        assert refused.value.status_code == 403


def test_without_managed_identity_operator_a_pool_gets_no_identity(place, session):
    take(place, "Managed Identity Operator", "userAssignedIdentities")
    with pytest.raises(ServiceError, match="LinkedAuthorizationFailed"):
        pools.ensure(session, pools.spec(session, slots_per_node=3))


def test_an_analyst_submits_jobs_and_changes_no_pool(place):
    target = place.target("analysis")
    session = provision.apply(place.target("analysis", analysts=[target.caller], operators=[NOBODY]), None, quietly)
    azure = session.settings.azure
    session.batch.create_job(m.BatchJobCreateOptions(id="mine", pool_info=m.BatchPoolInfo(pool_id="none")))
    assert session.batch.get_job("mine").id == "mine"
    list(session.arm.pool.list_by_batch_account(azure.resource_group, azure.batch.account_name))
    with pytest.raises(ServiceError, match="403"):
        pools.ensure(session, pools.spec(session))


NOBODY = {"principalId": "aaaaaaaa-0000-0000-0000-000000000001", "principalType": "User"}


def quietly(_line):
    """Tell nobody."""
