"""Errors as sentences: what happened, to what, why, and a next step that fits the case and not just the status."""

import pytest
from azure.core.exceptions import HttpResponseError
from batch_clients import Azure

import batchkit
from batchkit import pools
from batchkit.errors import ServiceError, explain, next_step


def said(call):
    with pytest.raises(ServiceError) as raised, explain("do this"):
        call()
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("code", "status", "step"),
    [
        ("JobExists", 409, "exists already"),
        ("PoolQuotaReached", 409, "ask for more"),
        ("ActiveJobAndScheduleQuotaReached", 409, "ask for more"),
        ("AccountCoreQuotaReached", 409, "ask for more"),
        ("PoolBeingDeleted", 409, "wait until it is gone"),
        ("JobCompleted", 409, "take a new job_id"),
        ("TooManyRequests", 429, "nothing is done twice"),
        ("AuthorizationFailure", 403, "closed to this network"),
        ("AuthorizationPermissionMismatch", 403, "role"),
        ("NobodyKnowsThis", 418, "see the service's message"),
    ],
)
def test_the_next_step_fits_the_code(code, status, step):
    assert step in next_step(code, status)


def test_the_values_of_an_error_arrive(azure: Azure):
    body = {"id": "x", "poolInfo": {"poolId": "p"}, "constraints": {"maxTaskRetryCount": -5}}
    text = said(lambda: azure.batch.create_job(body))
    assert "PropertyName: maxTaskRetryCount" in text
    assert "(400)" in text


def test_a_quota_is_not_said_to_exist_already(azure, session, faults):
    faults({"kind": "quota", "what": "pools", "times": -1})
    with pytest.raises(ServiceError) as raised:
        pools.ensure(session, pools.spec(session, slots_per_node=17))
    assert "Quota" in str(raised.value)
    assert "ask for more" in str(raised.value)


def test_a_refused_token_is_no_reason_to_run_az_login_alone(azure, session):
    error = HttpResponseError("The token is for somebody else.")
    error.status_code = 401

    def fail():
        raise error

    text = said(fail)
    assert "managed identity" in text
    assert "clock" in text


def test_a_local_azure_that_is_gone_says_so(monkeypatch, azure):
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9/nowhere")
    text = said(lambda: list(batchkit.connect().batch.list_jobs()))
    assert "local Azure that this environment names does not run" in text
