"""Tokens and the managed-identity endpoint: only the secret path gives tokens, only good ones are taken."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient

from batchkit.local import batch
from batchkit.local.config import LocalConfig
from batchkit.local.tokens import (
    ARM_AUDIENCE,
    BATCH_AUDIENCE,
    STORAGE_AUDIENCE,
    AuthenticationFailed,
    Tokens,
)

TOKEN_PATH = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" + BATCH_AUDIENCE


def bearer(token: str) -> str:
    return f"Bearer {token}"


def status(url: str, headers: dict[str, str], ca_file: str | None = None) -> int:
    trust = ssl.create_default_context(cafile=ca_file) if ca_file else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), context=trust) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def asked(service: Any, url: str, authorization: str) -> int:
    """The status that an ASGI service answers with, asked without a socket."""
    parts, said = urlsplit(url), []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    headers = [(b"host", parts.netloc.encode()), (b"authorization", authorization.encode())]
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": parts.path,
    }
    scope |= {"raw_path": parts.path.encode(), "query_string": parts.query.encode(), "headers": headers}
    asyncio.run(service(scope, receive, send))
    return int(said[0]["status"])


def forged(token: str, **claims: object) -> str:
    """Return the token with other claims and its old signature."""
    head, body, signature = token.split(".")
    known = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    fresh = base64.urlsafe_b64encode(json.dumps(known | claims).encode()).decode().rstrip("=")
    return f"{head}.{fresh}.{signature}"


def test_a_token_holds_for_its_audience_with_or_without_the_slash():
    tokens = Tokens()
    claims = tokens.verify(bearer(tokens.issue(BATCH_AUDIENCE)), BATCH_AUDIENCE.rstrip("/"))
    assert claims["aud"] == BATCH_AUDIENCE


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "no bearer token"),
        ("", "no bearer token"),
        ("Basic abc", "no bearer token"),
        ("Bearer ", "no bearer token"),
        ("Bearer nonsense", "not one of this service"),
        (bearer(Tokens().issue(BATCH_AUDIENCE)), "Signature verification failed"),
    ],
)
def test_what_is_no_token_of_ours_is_refused_with_the_reason(header: str | None, reason: str):
    with pytest.raises(AuthenticationFailed) as refused:
        Tokens().verify(header, BATCH_AUDIENCE)
    assert reason in refused.value.reason


def test_expired_tokens_other_audiences_and_changed_claims_are_refused():
    tokens = Tokens()
    good = tokens.issue(BATCH_AUDIENCE)
    for token, reason in (
        (tokens.issue(BATCH_AUDIENCE, timedelta(seconds=-1)), "expired"),
        (tokens.issue(ARM_AUDIENCE), "audience"),
        (forged(good, exp=4102444800), "Signature"),
        (forged(good, aud=ARM_AUDIENCE), "Signature"),
    ):
        with pytest.raises(AuthenticationFailed) as refused:
            tokens.verify(bearer(token), BATCH_AUDIENCE)
        assert reason in refused.value.reason


def test_the_secret_never_shows_in_a_representation():
    tokens = Tokens()
    assert tokens.secret not in repr(tokens)


def test_the_endpoint_answers_on_its_secret_path_only(local_azure: dict[str, str]):
    authority = local_azure["AZURE_POD_IDENTITY_AUTHORITY_HOST"]
    root, _, secret = authority.rpartition("/")
    metadata = {"Metadata": "true"}
    assert len(secret) >= 24
    assert status(authority + TOKEN_PATH, metadata) == 200
    assert status(authority + TOKEN_PATH, {}) == 400
    # JavaScript's client asks so: the whole address in small letters, with a slash at the end of its path.
    assert status(authority.lower() + TOKEN_PATH.lower().replace("?", "/?"), metadata) == 200
    assert status(root + TOKEN_PATH, metadata) == 404
    assert status(f"{root}/{secret[:-1]}{TOKEN_PATH}", metadata) == 404
    assert status(authority + TOKEN_PATH, metadata | {"Host": "example.org"}) == 404
    assert status(authority + TOKEN_PATH.replace("batch.core", "vault.azure"), metadata) == 400
    assert status(authority + TOKEN_PATH + "&client_id=someone-else", metadata) == 400


def test_the_unchanged_credential_gets_tokens_for_each_service(local_environment: dict[str, str]):
    with DefaultAzureCredential() as credential:
        for audience in (BATCH_AUDIENCE, ARM_AUDIENCE, STORAGE_AUDIENCE):
            assert credential.get_token(f"{audience}/.default").token.count(".") == 2


@pytest.mark.parametrize(
    ("service", "path", "audience"),
    [
        ("BATCHKIT_BATCH_URL", "/pools?api-version=2025-06-01", BATCH_AUDIENCE),
        ("BATCHKIT_ARM_URL", "/subscriptions/me?api-version=2024-07-01", ARM_AUDIENCE),
        ("BATCHKIT_BLOB_URL", "/batch-input?restype=container&comp=list", STORAGE_AUDIENCE),
    ],
)
def test_no_service_answers_without_a_good_token(
    local_environment: dict[str, str], service: str, path: str, audience: str
):
    url = local_environment[service] + path
    headers = {"x-ms-version": "2021-12-02"}
    with DefaultAzureCredential() as credential:  # a token of this very service, for another audience
        other = credential.get_token(f"{ARM_AUDIENCE if audience != ARM_AUDIENCE else BATCH_AUDIENCE}/.default").token
    forged_and_expired = Tokens().issue(audience, timedelta(seconds=-1))
    for given in ({}, {"Authorization": bearer(forged_and_expired)}, {"Authorization": bearer(other)}):
        assert status(url, headers | given, local_environment["BATCHKIT_CA_FILE"]) in (401, 403)


@pytest.mark.parametrize(
    ("url", "audience", "app"),
    [
        ("https://127.0.0.1:1/pools?api-version=2025-06-01", BATCH_AUDIENCE, "batch_app"),
        ("https://127.0.0.1:2/subscriptions/me?api-version=2024-07-01", ARM_AUDIENCE, "arm_app"),
    ],
)
def test_a_token_of_our_own_is_refused_once_its_time_is_over(tmp_path: Path, url: str, audience: str, app: str):
    urls = ("https://127.0.0.1:1", "https://127.0.0.1:3/account", "https://127.0.0.1:2")
    config = LocalConfig(1.0, tmp_path, *urls, tmp_path / "ca.pem", Tokens())
    service = getattr(batch.create(config), app)
    held, over = (bearer(config.tokens.issue(audience, timedelta(seconds=seconds))) for seconds in (60, -1))
    assert asked(service, url, held) not in (401, 403)
    assert asked(service, url, over) in (401, 403)


def test_storage_takes_the_identity_and_refuses_plain_http(local_environment: dict[str, str]):
    url, ca_file = local_environment["BATCHKIT_BLOB_URL"], local_environment["BATCHKIT_CA_FILE"]
    with DefaultAzureCredential() as credential:
        with BlobServiceClient(url, credential, connection_verify=ca_file) as blobs:
            names = {container.name for container in blobs.list_containers()}
            assert {"batch-input", "batch-output", "batch-logs"} <= names
        with BlobServiceClient(url, credential=None, connection_verify=ca_file) as nobody:
            with pytest.raises(HttpResponseError) as refused:
                nobody.get_container_client("batch-input").get_container_properties()
            assert refused.value.status_code in (401, 403)
