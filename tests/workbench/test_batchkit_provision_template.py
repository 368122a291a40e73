"""The ARM template against the models of Azure's own packages, and what it must hold whatever is asked of it."""

import json
from importlib.resources import files
from typing import Any

import pytest
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01 import models as authorization
from azure.mgmt.batch import BatchManagementClient
from azure.mgmt.batch import models as batch
from azure.mgmt.consumption import ConsumptionManagementClient
from azure.mgmt.consumption import models as consumption
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistry import models as registry
from azure.mgmt.loganalytics import LogAnalyticsManagementClient
from azure.mgmt.loganalytics import models as logs
from azure.mgmt.monitor import models as monitor
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.v2024_11_30 import models as msi
from azure.mgmt.network import models as network
from azure.mgmt.privatedns import PrivateDnsManagementClient
from azure.mgmt.privatedns import models as dns
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.deployments import models as deployments
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources import models as resources
from azure.mgmt.storage import StorageManagementClient
from azure.mgmt.storage import models as storage
from azure_models import problems

from batchkit.local.resources.deployments import Deployment, flatten
from batchkit.local.resources.expressions import TemplateError
from batchkit.pools import PoolSpec
from batchkit.pools import body as pool_body

TEMPLATE = json.loads(files("batchkit.provision").joinpath("template.json").read_text())
INNER = TEMPLATE["resources"][1]["properties"]["template"]
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
PERSON = [{"principalId": "aaaaaaaa-0000-0000-0000-000000000001", "principalType": "User"}]
WHOLE = {
    "privateNetwork": True,
    "natGateway": True,
    "publicAccess": "Disabled",
    "deployers": PERSON,
    "operators": PERSON,
    "analysts": PERSON,
    "alertEmails": ["one@example.org", "two@example.org"],
    "budget": 100,
    "budgetStart": "2026-11-01",
    "federation": [{"name": "main", "issuer": "https://token.example.org", "subject": "repo:us/it:environment:azure"}],
}
OTHERS_LOGS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/x/providers/Microsoft.OperationalInsights/workspaces/logs"
N = "Microsoft.Network/"
S = "Microsoft.Storage/storageAccounts"
MODELS = {
    "Microsoft.Resources/resourceGroups": resources.ResourceGroup,
    "Microsoft.ManagedIdentity/userAssignedIdentities": msi.Identity,
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": msi.FederatedIdentityCredential,
    "Microsoft.OperationalInsights/workspaces": logs.Workspace,
    "Microsoft.Insights/actionGroups": monitor.ActionGroupResource,
    "Microsoft.Insights/metricAlerts": monitor.MetricAlertResource,
    "Microsoft.Consumption/budgets": consumption.Budget,
    S: storage.StorageAccountCreateParameters,
    f"{S}/blobServices": storage.BlobServiceProperties,
    f"{S}/blobServices/containers": storage.BlobContainer,
    f"{S}/managementPolicies": storage.ManagementPolicy,
    "Microsoft.ContainerRegistry/registries": registry.Registry,
    "Microsoft.Batch/batchAccounts": batch.BatchAccountCreateParameters,
    "Microsoft.Authorization/roleAssignments": authorization.RoleAssignmentCreateParameters,
    f"{N}publicIPAddresses": network.PublicIPAddress,
    f"{N}natGateways": network.NatGateway,
    f"{N}networkSecurityGroups": network.NetworkSecurityGroup,
    f"{N}virtualNetworks": network.VirtualNetwork,
    f"{N}privateEndpoints": network.PrivateEndpoint,
    f"{N}privateEndpoints/privateDnsZoneGroups": network.PrivateDnsZoneGroup,
    f"{N}privateDnsZones": dns.PrivateZone,
    f"{N}privateDnsZones/virtualNetworkLinks": dns.VirtualNetworkLink,
}
# What no pinned package describes, each with its reason.
EXCEPTIONS = {"Microsoft.Insights/diagnosticSettings": "azure-mgmt-monitor 7 has no diagnostic settings any more"}


class Nothing:
    """A subscription with nothing in it."""

    def get(self, resource_id):
        return None


def planned(**values):
    values = {"resourceGroupName": "group", "prefix": "bk1", "location": "swedencentral", **values}
    name = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Resources/deployments/batchkit-bk1"
    nothing: Any = Nothing()
    return flatten(nothing, Deployment(name, "swedencentral", TEMPLATE, values, SUBSCRIPTION, ""))


def bodies(**values):
    return [(p.kind, p, p.body(strict=False)) for p in planned(**values)]


@pytest.mark.parametrize("values", [{}, WHOLE], ids=["least", "most"])
def test_every_body_goes_through_the_models_of_its_package(values):
    found: list[str] = []
    for kind, resource, body in bodies(**values):
        if kind not in EXCEPTIONS:
            sent = {key: value for key, value in body.items() if key not in ("id", "name", "type")}
            found += problems(MODELS[kind], sent, resource.name)
    assert not found


def test_the_models_would_notice():
    account = {"location": "x", "kind": "StorageV2", "sku": {"name": "None_such"}, "properties": {"httpsOnly": True}}
    found = list(problems(storage.StorageAccountCreateParameters, account))
    assert any("httpsOnly is unknown" in line for line in found)
    assert any("None_such is not one of" in line for line in found)
    assert any(
        "kind is missing" in line for line in problems(storage.StorageAccountCreateParameters, {"location": "x"})
    )
    assert any(
        "principalId is missing" in line for line in problems(MODELS["Microsoft.Authorization/roleAssignments"], {})
    )


def test_every_type_is_exercised_and_names_the_pinned_packages_version():
    version = {kind: p.api_version for kind, p, _ in bodies(**WHOLE)}
    assert set(version) == set(MODELS) | set(EXCEPTIONS)
    used = {entry["type"]: entry["apiVersion"] for entry in [*TEMPLATE["resources"], *INNER["resources"]]}
    for kind, pinned in pinned_versions().items():
        assert used[kind] == pinned, kind


def pinned_versions():
    class Credential:
        def get_token(self, *scopes, **options): ...

    def made(client):
        return client(Credential(), SUBSCRIPTION)._config.api_version

    return {
        "Microsoft.Resources/resourceGroups": made(ResourceManagementClient),
        "Microsoft.Resources/deployments": made(DeploymentsMgmtClient),
        S: made(StorageManagementClient),
        "Microsoft.ContainerRegistry/registries": made(ContainerRegistryManagementClient),
        "Microsoft.Batch/batchAccounts": made(BatchManagementClient),
        f"{N}privateDnsZones": made(PrivateDnsManagementClient),
        "Microsoft.ManagedIdentity/userAssignedIdentities": ManagedServiceIdentityClient.DEFAULT_API_VERSION,
        "Microsoft.OperationalInsights/workspaces": made(LogAnalyticsManagementClient),
        "Microsoft.Consumption/budgets": made(ConsumptionManagementClient),
        "Microsoft.Authorization/roleAssignments": (AuthorizationManagementClient.DEFAULT_API_VERSION),
    }


def test_the_deployment_itself_goes_through_the_models():
    body = {"location": "x", "properties": {"mode": "Incremental", "template": {}, "parameters": {"a": {"value": 1}}}}
    assert not list(problems(deployments.Deployment, body))


@pytest.mark.parametrize("shape", [{}, {"os_disk_gb": 64}, {"spot": True}])
def test_the_pools_body_goes_through_the_models(shape):
    known = {key: value for key, value in shape.items() if key in PoolSpec.__dataclass_fields__}
    spec = PoolSpec("Standard_D2s_v5", "x.azurecr.io/worker@sha256:0", "/subscriptions/x", "x.azurecr.io", **known)
    assert not list(problems(batch.Pool, pool_body(spec)))


def test_no_key_opens_anything():
    of = {kind: body["properties"] for kind, _, body in bodies() if "properties" in body}
    assert of[S]["allowSharedKeyAccess"] is False
    assert of[S]["minimumTlsVersion"] == "TLS1_2"
    assert of[S]["supportsHttpsTrafficOnly"] is True
    assert of["Microsoft.ContainerRegistry/registries"]["adminUserEnabled"] is False
    account = of["Microsoft.Batch/batchAccounts"]
    assert account["allowedAuthenticationModes"] == ["AAD"]
    assert account["autoStorage"]["authenticationMode"] == "BatchAccountManagedIdentity"
    literal = json.dumps(INNER)
    assert '"allowSharedKeyAccess": false' in literal
    assert "listKeys" not in json.dumps(TEMPLATE)


def test_everything_that_can_be_tagged_is():
    untagged = {"Microsoft.Authorization/roleAssignments", "Microsoft.Insights/diagnosticSettings"}
    untagged |= {"Microsoft.Consumption/budgets"}
    for kind, _, body in bodies(**WHOLE, tags={"team": "x"}):
        if kind not in untagged and kind.count("/") == 1:
            assert body["tags"] == {"team": "x", "batchkit": "bk1"}, kind


def test_each_role_is_the_least_that_works_and_says_whose_it_is():
    given = [(p.id, body["properties"]) for kind, p, body in bodies(**WHOLE) if "roleAssignments" in kind]
    assert len(given) == 17
    assert all(properties["principalType"] in ("ServicePrincipal", "User") for _, properties in given)
    whole_group = [i for i, _ in given if i.count("/") == 8]
    assert len(whole_group) == 4  # a deployer's two roles, a pipeline's two; everything else is on one resource
    for entry in INNER["resources"]:
        if "roleAssignments" in entry["type"]:
            assert "reference(" not in entry["name"]


def test_logs_go_to_a_workspace_of_our_own_or_of_theirs_or_nowhere():
    def workspaces(**values):
        found = bodies(**values)
        sent = {b["properties"]["workspaceId"] for kind, _, b in found if kind.endswith("/diagnosticSettings")}
        return [p.name for kind, p, _ in found if kind.endswith("/workspaces")], sent

    (own,), sent = workspaces()
    assert [one.rsplit("/", 1)[-1] for one in sent] == [own]
    assert workspaces(logAnalyticsWorkspaceId=OTHERS_LOGS) == ([], {OTHERS_LOGS})
    assert workspaces(diagnostics=False) == ([], set())


def test_alerts_a_budget_and_a_pipelines_identity_are_there_when_asked_for():
    of: dict[str, list[Any]] = {}
    for kind, _, body in bodies(**WHOLE):
        of.setdefault(kind.rsplit("/", 1)[-1], []).append(body)
    mails = [receiver["emailAddress"] for receiver in of["actionGroups"][0]["properties"]["emailReceivers"]]
    assert mails == WHOLE["alertEmails"]
    watched = {alert["properties"]["criteria"]["allOf"][0]["metricName"] for alert in of["metricAlerts"]}
    assert watched == {"UnusableNodeCount", "StartTaskFailedNodeCount", "TaskFailEvent", "PreemptedNodeCount"}
    assert of["budgets"][0]["properties"]["amount"] == 100
    assert of["federatedIdentityCredentials"][0]["properties"]["subject"] == "repo:us/it:environment:azure"
    least = {kind.rsplit("/", 1)[-1] for kind, _, _ in bodies()}
    assert not least & {"actionGroups", "metricAlerts", "budgets", "federatedIdentityCredentials"}


def test_names_are_deterministic_unique_and_valid():
    first, again = ([p.id for p in planned()] for _ in range(2))
    assert first == again
    other = [p.id for p in planned(resourceGroupName="other")]
    assert not set(first) & set(other)


@pytest.mark.parametrize("prefix", ["Upper", "has-dash", "under_score"])
def test_a_prefix_that_makes_no_name_is_refused(prefix):
    with pytest.raises(TemplateError, match="lower-case letters and digits"):
        planned(prefix=prefix)


@pytest.mark.parametrize("values", [{"prefix": "ab"}, {"prefix": "a" * 12}, {"storageSku": "None"}, {"typo": 1}])
def test_parameters_are_checked(values):
    with pytest.raises(TemplateError):
        planned(**values)


def test_a_private_network_is_whole():
    kinds = [kind for kind, _, _ in bodies(privateNetwork=True)]
    assert kinds.count(f"{N}privateEndpoints") == 4
    assert kinds.count(f"{N}privateDnsZones") == 3
    assert f"{N}natGateways" not in kinds
    of = {kind: body for kind, _, body in bodies(**WHOLE)}
    assert of["Microsoft.ContainerRegistry/registries"]["sku"]["name"] == "Premium"
    for kind in (S, "Microsoft.ContainerRegistry/registries", "Microsoft.Batch/batchAccounts"):
        assert of[kind]["properties"]["publicNetworkAccess"] == "Disabled"
    assert of[S]["properties"]["networkAcls"]["defaultAction"] == "Deny"


def test_the_parameters_file_names_parameters_of_the_template():
    given = json.loads(files("batchkit.provision").joinpath("parameters.json").read_text())["parameters"]
    assert set(given) <= set(TEMPLATE["parameters"])
    planned(**{name: entry["value"] for name, entry in given.items()})
