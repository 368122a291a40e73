"""Settings: everything that is missing is reported at once, and the environment wins over the file."""

import json

import pytest

from batchkit import settings
from batchkit.errors import SettingsError

AZURE = {
    "subscription_id": "s",
    "resource_group": "g",
    "storage": {"account_name": "store"},
    "acr": {"login_server": "r.azurecr.io", "image_digest": "sha256:1"},
    "batch": {"account_name": "b", "account_url": "https://b.batch.azure.com", "managed_identity_id": "/id"},
}


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("PROFILE", "BATCH_URL", "BLOB_URL", "ARM_URL", "CA_FILE", "SPEED", "CONFIG"):
        monkeypatch.delenv(f"BATCHKIT_{name}", raising=False)
    return tmp_path


def write(folder, document):
    (folder / "config.json").write_text(json.dumps(document))


def test_the_azure_profile_reads_the_file(clean):
    write(clean, {"profile": "azure", "azure": AZURE})
    loaded = settings.load()
    assert loaded.storage_url == "https://store.blob.core.windows.net"
    assert loaded.azure.acr.image == "r.azurecr.io/batch-json-processor@sha256:1"
    assert settings.profile() == "azure"


def test_everything_missing_is_named_together(clean):
    write(clean, {"profile": "azure", "azure": {"resource_group": "g", "storage": {}, "acr": {}, "batch": {}}})
    with pytest.raises(SettingsError) as caught:
        settings.load()
    for place in (
        "azure.subscription_id",
        "azure.storage.account_name",
        "azure.acr.login_server",
        "azure.batch.account_name",
        "azure.batch.account_url",
        "azure.batch.managed_identity_id",
    ):
        assert place in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_environment_wins_over_the_file(clean, monkeypatch):
    write(clean, {"profile": "azure", "azure": AZURE})
    monkeypatch.setenv("BATCHKIT_AZURE__BATCH__ACCOUNT_NAME", "other")
    assert settings.load().azure.batch.account_name == "other"
    assert settings.load().azure.batch.account_url == "https://b.batch.azure.com"


def test_without_a_local_azure_the_local_profile_says_how_to_start_one():
    with pytest.raises(SettingsError, match="batchkit local"):
        settings.load()


def test_a_broken_file_is_named(clean):
    (clean / "config.json").write_text("{oops")
    with pytest.raises(SettingsError, match=r"config\.json"):
        settings.load()


def test_a_wrong_profile_is_named(monkeypatch):
    monkeypatch.setenv("BATCHKIT_PROFILE", "cloud")
    with pytest.raises(SettingsError, match="profile"):
        settings.load()


def test_the_local_profile_takes_addresses_from_the_environment(monkeypatch):
    monkeypatch.setenv("BATCHKIT_BATCH_URL", "https://127.0.0.1:1")
    monkeypatch.setenv("BATCHKIT_BLOB_URL", "https://127.0.0.1:2/account")
    monkeypatch.setenv("BATCHKIT_SPEED", "60")
    loaded = settings.load()
    assert (loaded.profile, loaded.speed) == ("local", 60)
    assert loaded.azure.storage.account_name == "account"
    assert loaded.azure.batch.account_url == "https://127.0.0.1:1"
