"""What programs ask before they know anything: the cloud's addresses without a token; tenants, subscriptions."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from batch_clients import Azure

ARM = "https://management.azure.com"
OLD = "https://management.core.windows.net/"  # az asks for this audience
HERE = "00000000-0000-0000-0000-000000000000"
ELSEWHERE = "99999999-2222-3333-4444-555555555555"


def ask(azure: Azure, path: str, audience: str | None = OLD, **headers: str) -> requests.Response:
    sent = headers | ({"Authorization": f"Bearer {azure.token(audience)}"} if audience else {})
    url = azure.env["BATCHKIT_ARM_URL"] + path
    return requests.get(url, headers=sent, verify=azure.env["BATCHKIT_CA_FILE"], timeout=20)


def names(azure: Azure, path: str, name: str) -> list[Any]:
    found = ask(azure, path)
    assert found.status_code == 200, found.text
    return [each[name] for each in found.json()["value"]]


def test_the_clouds_addresses_are_told_without_a_token_and_lead_nowhere_else(azure: Azure) -> None:
    url = azure.env["BATCHKIT_ARM_URL"]
    cloud = ask(azure, "/metadata/endpoints?api-version=2022-09-01", None).json()
    assert cloud["resourceManager"] == cloud["authentication"]["loginEndpoint"] == f"{url}/"
    assert [each.rstrip("/") for each in cloud["authentication"]["audiences"]] == [OLD.rstrip("/"), ARM]
    assert cloud["batch"] == "https://batch.core.windows.net/"
    older = ask(azure, "/metadata/endpoints?api-version=2019-05-01", None).json()
    assert older == [cloud]
    assert ask(azure, "/metadata/endpoints", None, Host="example.org").status_code == 400


@pytest.mark.parametrize("path", ["/tenants", "/subscriptions", f"/subscriptions/{HERE}", "/metadata"])
def test_nothing_else_is_told_without_a_token(azure: Azure, path: str) -> None:
    assert ask(azure, f"{path}?api-version=2022-12-01", None).status_code == 401


@pytest.mark.parametrize("audience", [ARM, OLD])
def test_both_audiences_of_resource_manager_are_taken(azure: Azure, audience: str) -> None:
    assert ask(azure, "/tenants?api-version=2022-12-01", audience).status_code == 200


def test_there_is_one_tenant_which_is_that_of_the_tokens(azure: Azure) -> None:
    [tenant] = names(azure, "/tenants?api-version=2022-12-01", "tenantId")
    one = ask(azure, f"/subscriptions/{HERE}?api-version=2022-12-01").json()
    assert (one["tenantId"], one["subscriptionId"], one["state"]) == (tenant, HERE, "Enabled")


def test_a_subscription_is_listed_once_something_is_in_it(azure: Azure) -> None:
    listed = "/subscriptions?api-version=2022-12-01"
    assert names(azure, listed, "subscriptionId")[0] == HERE  # what az takes as its default
    url = f"{azure.env['BATCHKIT_ARM_URL']}/subscriptions/{ELSEWHERE}/resourcegroups/g?api-version=2022-09-01"
    held = {"Authorization": f"Bearer {azure.token(ARM)}"}
    made = requests.put(url, json={"location": "local"}, headers=held, verify=azure.env["BATCHKIT_CA_FILE"], timeout=20)
    assert made.ok
    assert ELSEWHERE in names(azure, listed, "subscriptionId")


def test_there_is_one_region(azure: Azure) -> None:
    assert names(azure, f"/subscriptions/{HERE}/locations?api-version=2022-12-01", "name") == ["local"]
