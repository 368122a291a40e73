"""The local Azure as the replay reaches it: its addresses and a token from the environment, plain requests."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import requests
from azure.identity import ManagedIdentityCredential

NEWEST = {"batch": "2025-06-01", "arm": "2024-02-01"}
_SCOPE = {
    "batch": "https://batch.core.windows.net/.default",
    "arm": "https://management.azure.com/.default",
}
_TYPE = {"batch": "application/json; odata=minimalmetadata", "arm": "application/json"}
SECONDS = 12


class Service:
    """Both planes of the local Azure that this process was started by."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.verify = os.environ["BATCHKIT_CA_FILE"]
        self.session.trust_env = False
        self.base = {plane: os.environ[f"BATCHKIT_{plane.upper()}_URL"].rstrip("/") for plane in _SCOPE}
        self.credential = ManagedIdentityCredential(client_id=os.environ["AZURE_CLIENT_ID"])

    def send(
        self,
        plane: str,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        """Send one request; without a query it is one of the newest version."""
        said = {
            "Authorization": f"Bearer {self.credential.get_token(_SCOPE[plane]).token}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **(headers or {}),
        }
        data = None if body is None else body if isinstance(body, str) else json.dumps(body).encode()
        if data is not None:
            said.setdefault("content-type", _TYPE[plane])
        return self.session.request(
            method,
            self.base[plane] + path,
            params=query or {"api-version": NEWEST[plane]},
            data=data,
            headers=said,
            timeout=SECONDS,
            allow_redirects=False,
        )


def path_of(address: str) -> str:
    """Return an address's path, without its host and query."""
    return re.sub(r"^https?://[^/]+", "", address).split("?")[0]


def code_of(body: Any) -> str:
    """Return the code of a refusal's body, empty where there is none."""
    inner = body.get("error", body) if isinstance(body, dict) else {}
    return str(inner.get("code", "")) if isinstance(inner, dict) else ""
