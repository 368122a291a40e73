"""Application packages by the real clients: made, uploaded by their link, activated, unpacked on a node, deleted."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import azure.batch.models as m
import azure.mgmt.batch.models as am
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobClient
from batch_clients import Azure, wait_for


def account(azure: Azure) -> tuple[str, str]:
    """The group and the account that are there before any is made."""
    return "local", azure.storage_account


def archive(text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as zipped:
        zipped.writestr("bin/greet.sh", f"#!/bin/sh\necho {text}\n")
        zipped.writestr("../outside.txt", "never beside its folder")
    return content.getvalue()


def install(azure: Azure, name: str, version: str, content: bytes) -> None:
    packages = azure.arm.application_package
    made = packages.create(*account(azure), name, version)
    assert made.properties.state == "Pending"
    blob = BlobClient.from_blob_url(made.properties.storage_url, connection_verify=azure.env["BATCHKIT_CA_FILE"])
    blob.upload_blob(content)
    done = packages.activate(*account(azure), name, version, am.ActivateApplicationPackageParameters(format="zip"))
    assert (done.properties.state, done.properties.format) == ("Active", "zip")


@pytest.fixture
def application(azure: Azure) -> Any:
    """An application with two packages, 1.0 by default."""
    body = am.Application(properties=am.ApplicationProperties(display_name="Greeter", allow_updates=True))
    azure.arm.application.create(*account(azure), "Greet-er", body)
    for version in ("1.0", "2.0-rc"):
        install(azure, "Greet-er", version, archive(f"hello {version}"))
    change = am.Application(properties=am.ApplicationProperties(default_version="1.0"))
    azure.arm.application.update(*account(azure), "Greet-er", change)
    yield
    for version in ("1.0", "2.0-rc", "broken"):
        azure.arm.application_package.delete(*account(azure), "Greet-er", version)
    azure.arm.application.delete(*account(azure), "Greet-er")
    with pytest.raises(ResourceNotFoundError):
        azure.arm.application.get(*account(azure), "Greet-er")
    assert list(azure.batch.list_applications()) == []


def reference(version: str | None = None) -> m.BatchApplicationPackageReference:
    return m.BatchApplicationPackageReference(application_id="greet-ER", version=version)


def test_a_task_finds_the_packages_of_its_pool_and_its_own(azure: Azure, application: None) -> None:
    assert [(a.id, sorted(a.versions)) for a in azure.batch.list_applications()] == [("Greet-er", ["1.0", "2.0-rc"])]
    assert azure.batch.get_application("greet-er").display_name == "Greeter"
    azure.pool("packed", application_package_references=[reference()])
    azure.job("packed", "packed")
    names = ("AZ_BATCH_APP_PACKAGE_Greet_er", "AZ_BATCH_APP_PACKAGE_Greet_er_2_0_rc")
    line = f"/bin/sh -c '{' && '.join(f'/bin/sh ${name}/bin/greet.sh' for name in names)}; ls $AZ_BATCH_NODE_ROOT_DIR'"
    both = m.BatchTaskCreateOptions(id="both", command_line=line, application_package_references=[reference("2.0-rc")])
    install(azure, "Greet-er", "broken", b"this is no archive")
    bad = m.BatchTaskCreateOptions(id="bad", command_line=line, application_package_references=[reference("broken")])
    for task in (both, bad):
        azure.batch.create_task("packed", task)
    wait_for(lambda: {t.state for t in azure.batch.list_tasks("packed")} == {"completed"})
    said = azure.text("packed", "both").splitlines()
    assert not azure.text("packed", "both", "stderr.txt")
    assert said[:2] == ["hello 1.0", "hello 2.0-rc"]
    assert "outside.txt" not in said
    failed = azure.batch.get_task("packed", "bad").execution_info.failure_info
    assert failed.code == "ApplicationPackageError"
    azure.batch.begin_delete_job("packed", polling_interval=0.1).result()
    azure.batch.begin_delete_pool("packed", polling_interval=0.1).result()


def test_what_is_not_there_is_refused_by_name(azure: Azure, application: None) -> None:
    unknown = m.BatchApplicationPackageReference(application_id="unknown")
    with pytest.raises(HttpResponseError) as refused:
        azure.pool("refused", application_package_references=[unknown, reference("9")])
    assert (refused.value.status_code, refused.value.error.code) == (409, "InvalidApplicationPackageReferences")
    assert [each.key for each in refused.value.model["values"]] == ["unknown", "greet-ER"]
    packages = azure.arm.application_package
    packages.create(*account(azure), "Greet-er", "empty")
    with pytest.raises(HttpResponseError, match="has not been uploaded"):
        packages.activate(*account(azure), "Greet-er", "empty", am.ActivateApplicationPackageParameters(format="zip"))
    with pytest.raises(HttpResponseError, match="delete them first"):
        azure.arm.application.delete(*account(azure), "Greet-er")
    packages.delete(*account(azure), "Greet-er", "empty")
    with pytest.raises(ResourceNotFoundError):
        packages.get(*account(azure), "Greet-er", "empty")
