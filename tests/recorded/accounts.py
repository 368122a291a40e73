"""Makes what a group's recordings of Resource Manager need: accounts, pools, and calls whose result is looked for."""

from __future__ import annotations

import re
import sys
import time
from typing import Any

import requests

from recorded import bodies
from recorded.names import Names
from recorded.pairs import Pair
from recorded.service import Service, code_of, path_of

Json = dict[str, Any]
PATIENCE = 4.0
GROUP = "/subscriptions/<subscription>/resourceGroups/group-1/providers/Microsoft.Batch"
_PATH = re.compile(r"(/subscriptions/<\w+>/resourceGroups/[^/]+/providers/Microsoft.Batch)/batchAccounts/?([^/]*)(.*)")
_KEPT = ("publicNetworkAccess", "poolAllocationMode", "keyVaultReference")
_POOL = ("displayName", "scaleSettings", "startTask", "userAccounts")


class Accounts:
    """What has been made for one group."""

    def __init__(self, service: Service, names: Names, pairs: list[Pair]) -> None:
        self.service, self.names, self.pairs = service, names, pairs
        self.made: set[str] = set()
        self.places: dict[str, str] = {}

    def prepare(self, pair: Pair) -> None:
        """Make what a pair needs before it is sent."""
        found = _PATH.match(pair.path)
        if found is None:
            self._deleted(pair)
            self._listed(pair)
            return
        base, account, rest = found.groups()
        if not account:
            for entry in pair.items():
                if "name" in entry:
                    self._account(f"{base}/batchAccounts/{entry['name']}", entry)
        elif pair.method == "PUT" and not rest:
            self.made.add(f"{base}/batchAccounts/{account}")
        elif pair.status != 404:
            self._account(f"{base}/batchAccounts/{account}", self._shown(account))
            self._pools(f"{base}/batchAccounts/{account}", rest, pair)

    def _listed(self, pair: Pair) -> None:
        """All accounts of the subscription are listed: make those that are shown."""
        if pair.path.endswith("/providers/Microsoft.Batch/batchAccounts"):
            for entry in pair.items():
                if "name" in entry:
                    self._account(entry["id"], entry)

    def _deleted(self, pair: Pair) -> None:
        """A result of a deletion is asked for under the subscription: delete an account for it."""
        if "accountOperationResults" in pair.path and pair.path not in self.places:
            path = f"{GROUP}/batchAccounts/account-1"
            self._account(path, {})
            self._place(pair, self._send("DELETE", path))

    def _pools(self, account: str, rest: str, pair: Pair) -> None:
        if "operationResults" in rest and pair.path not in self.places:
            self._place(pair, self._send("PUT", account, self._body(self._shown(account.rsplit("/", 1)[-1]))))
        if "poolOperationResults" in rest and pair.path not in self.places:
            self._pool(f"{account}/pools/pool-1", pair)
            self._place(pair, self._send("DELETE", f"{account}/pools/pool-1"))
        elif rest == "/pools":
            for entry in pair.items():
                if "name" in entry:
                    self._pool(f"{account}/pools/{entry['name']}", pair)
        elif rest.startswith("/pools/") and pair.method != "PUT":
            self._pool(f"{account}/pools/{rest.split('/')[2]}", pair)

    def _place(self, pair: Pair, answer: requests.Response) -> None:
        if "location" in answer.headers:
            self.places[pair.path] = path_of(answer.headers["location"])

    def _account(self, path: str, shown: Json) -> None:
        if path in self.made:
            return
        self.made.add(path)
        answer = self._send("PUT", path, self._body(shown))
        until = time.monotonic() + PATIENCE
        while answer.status_code == 202 and time.monotonic() < until:
            time.sleep(0.1)
            answer = self.service.send("arm", "GET", path_of(answer.headers["location"]))

    @staticmethod
    def _body(shown: Json) -> Json:
        place, properties = str(shown.get("location", "<")), shown.get("properties") or {}
        body: Json = {
            "location": "westus" if "<" in place else place,
            "properties": {name: properties[name] for name in _KEPT if name in properties},
        }
        if "autoStorage" in properties:
            body["properties"]["autoStorage"] = {"storageAccountId": properties["autoStorage"]["storageAccountId"]}
        if "tags" in shown:
            body["tags"] = shown["tags"]
        if (shown.get("identity") or {}).get("type") == "UserAssigned":
            identities: Json = {name: {} for name in shown["identity"]["userAssignedIdentities"]}
            body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": identities}
        return body

    def _pool(self, path: str, pair: Pair) -> None:
        if path in self.made or self._send("GET", path).status_code == 200:
            return
        self.made.add(path)
        shown = self._shown(path.rsplit("/", 1)[-1]).get("properties") or {}
        machine = (shown.get("deploymentConfiguration") or {}).get("virtualMachineConfiguration") or {
            "imageReference": bodies.IMAGE["imageReference"],
            "nodeAgentSkuId": bodies.IMAGE["nodeAgentSKUId"],
        }
        size = shown.get("vmSize", "")
        body: Json = {
            "vmSize": size if "_" in size else bodies.SIZE,
            "deploymentConfiguration": {"virtualMachineConfiguration": machine},
            **{name: shown[name] for name in _POOL if name in shown},
        }
        if "disableAutoScale" in pair.path:
            body["scaleSettings"] = {"autoScale": {"formula": "$TargetDedicatedNodes=0"}}
        if "scaleSettings" in str(pair.request):  # which the pair itself sets
            body.pop("scaleSettings", None)
        query = {"api-version": pair.api_version}  # whose images an older version's pools have
        answer = self.service.send("arm", "PUT", self.names.out(path), query, self.names.out({"properties": body}))
        if answer.status_code != 200:
            said = answer.status_code, code_of(answer.json())
            print(f"group {self.names.group}: could not make {path}: {said}", file=sys.stderr)

    def _shown(self, name: str) -> Json:
        for pair in self.pairs:
            for entry in pair.items():
                if entry.get("name") == name:
                    return entry
        return {}

    def _send(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.service.send("arm", method, self.names.out(path), None, self.names.out(body))

    def remove(self) -> None:
        """Delete the accounts that were made."""
        for path in self.made:
            if "/pools/" not in path:
                self._send("DELETE", path)
