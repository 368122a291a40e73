"""Makes what a group's recordings need and do not make themselves: pools, jobs, tasks, nodes, files, users.

Each object is made as the group's own answers show it, in the words of their API version, and once.
"""

from __future__ import annotations

import json
import re
import sys
import time
from typing import Any
from urllib.parse import unquote

import requests

from recorded import bodies, packages
from recorded.names import Names
from recorded.pairs import Pair
from recorded.service import Service, code_of

Json = dict[str, Any]
PATIENCE = 6.0  # real seconds for a node, or a task's end, at the speed that `make recorded` runs with
_MADE = {"create_pool": "pools", "create_job": "jobs", "create_job_schedule": "jobschedules"}
_NAMED = re.compile(r"(/(pools|jobs|jobschedules)/(pool|job|schedule)-\d+)?(/tasks/task-\d+)?")


class Seeds:
    """What has been made for one group."""

    def __init__(self, service: Service, names: Names, pairs: list[Pair]) -> None:
        self.service, self.names, self.pairs = service, names, pairs
        self.version = pairs[0].api_version
        self.asked: set[str] = set()
        self.places: dict[str, str] = {}  # of results; the data plane has none

    def prepare(self, pair: Pair) -> None:
        """Make what a pair needs before it is sent."""
        if pair.operation in _MADE:
            self._before_making(pair)
        elif pair.status not in (400, 404) and not pair.operation.startswith(("ARM", "old")):
            self._before(pair)
        if pair.status == 404 and "/files" in pair.path:
            self._before(pair)
        if pair.status < 300 and "pplication" in pair.operation + json.dumps(pair.request):
            self._application(pair)

    def _before_making(self, pair: Pair) -> None:
        body = pair.request if isinstance(pair.request, dict) else {}
        if pair.status == 201 and (name := bodies.pool_of(body)):
            self.need(f"/pools/{name}")
        if pair.status == 409 and code_of(pair.response).endswith("Exists"):
            self.need(f"/{_MADE[pair.operation]}/{body.get('id', 'x')}")

    def _before(self, pair: Pair) -> None:
        parts = pair.parts
        if parts[0] in ("pools", "jobs", "jobschedules") and len(parts) > 1:
            self.need("/" + "/".join(parts[:2]))
        if len(parts) > 3 and parts[2] == "tasks":
            self.need("/" + "/".join(parts[:4]))
        if len(parts) > 3 and parts[2] == "nodes":
            self._node(pair, parts)
        if pair.operation == "enable_node_scheduling" and pair.status == 200 and pair is self.pairs[0]:
            self._ask("POST", "/".join(["", *parts[:4], "disablescheduling"]), {})
        for name in re.findall(r"node-\d+", str(pair.request)):
            self.node(parts[1], name)
        self._seen(pair, parts)

    def _seen(self, pair: Pair, parts: list[str]) -> None:
        """Make what a list or a file shows."""
        if pair.operation in ("list_tasks", "list_pools", "list_jobs", "list_job_schedules"):
            self._listed(pair)
        if pair.operation in ("reactivate_task", "list_subtasks") or "/files" in pair.path:
            self._ended(pair)
        if pair.operation.startswith("list_job_prep") and pair.response["value"]:
            self.need(f"/jobs/{parts[1]}/tasks/task-1")
            done = self._task_ended(f"/jobs/{parts[1]}/tasks/task-1")
            self.names.nodes.setdefault("node-1", (done.get("nodeInfo") or {}).get("nodeId", "node-1"))
        if pair.operation == "list_pool_usage_metrics":
            for entry in pair.items():
                if "poolId" in entry:
                    self.need(f"/pools/{entry['poolId']}")

    def _application(self, pair: Pair) -> None:
        """Make the application that the group names, with an active package of the version that it asks for."""
        text = json.dumps([(each.path, each.request, each.response) for each in self.pairs])
        named = re.search(r"app-\d+", text)
        if named is None or "applications" in self.asked or not re.search(r"applications|applicationPackage", text):
            return
        self.asked.add("applications")
        version = re.search(r'"version": "(v[^"]+)"', text)
        packages.install(self.service, self.names.out(named[0]), version[1] if version else "v1.0")

    def _listed(self, pair: Pair) -> None:
        for entry in pair.items():
            if path := own_path(entry):
                self.need(path)

    def need(self, path: str) -> None:
        """Make the object at a path unless it is there; once a group."""
        if path in self.asked:
            return
        self.asked.add(path)
        if self._ask("GET", path).status_code == 200:
            return
        where, body = self._made(path)
        if body is None:
            return
        answer = self._ask("POST", where, body)
        if answer.status_code != 201:
            said = code_of(answer.json()), answer.json().get("values")
            print(f"group {self.names.group}: could not make {path}: {answer.status_code} {said}", file=sys.stderr)

    def _made(self, path: str) -> tuple[str, Json | None]:
        parts = path.strip("/").split("/")
        shown = self.shown(path)
        if len(parts) > 2:
            self.need("/" + "/".join(parts[:2]))
            return f"/jobs/{parts[1]}/tasks", bodies.task(parts[3], shown, self._files(), self._fails())
        if parts[0] == "pools":
            nodes = max(bodies.count_nodes(self.pairs), int(self._runs()))
            return "/pools", bodies.pool(parts[1], shown, self._node_shown(), nodes)
        return self._job(parts, shown)

    def _job(self, parts: list[str], shown: Json) -> tuple[str, Json | None]:
        if ":" in parts[1]:  # a schedule's own job
            return "", None
        if parts[0] == "jobschedules":
            own = self._own_job(parts[1])
            body = {**(bodies.scheduled(own) if own and not shown else bodies.brief_schedule(shown)), "id": parts[1]}
        else:
            body = {"poolInfo": {"poolId": "pool-1"}, **bodies.made_of(shown), "id": parts[1]}
        if any(pair.operation.startswith("list_job_prep") for pair in self.pairs):
            named = re.search(r"/(jobprep\w*)\"", json.dumps([pair.response for pair in self.pairs]))
            prepared = {"commandLine": "/bin/true", **({"id": named[1]} if named else {})}
            body.setdefault("jobPreparationTask", prepared)
            body.setdefault("jobReleaseTask", {"commandLine": "/bin/true"})
        if name := bodies.pool_of(body):
            self.need(f"/pools/{name}")
        return f"/{parts[0]}", body

    def shown(self, path: str) -> Json:
        """Return the object at a path as the group first shows it whole."""
        for pair in self.pairs:
            if pair.method == "GET" and pair.status == 200 and "$select" not in pair.query:
                for entry in pair.items():
                    if str(entry.get("url", "")).removeprefix("<batch>") == path:
                        return entry
        return {}

    def _own_job(self, schedule: str) -> Json:
        """Return a job of a schedule as it is shown, where a group shows one."""
        mine = f"<batch>/jobs/{schedule}:"
        return next((e for pair in self.pairs for e in pair.items() if str(e.get("url", "")).startswith(mine)), {})

    def _node_shown(self) -> Json:
        shown = [e for pair in self.pairs for e in pair.items() if str(e.get("id", "")).startswith("node-")]
        if not shown and any("/files/startup" in pair.path for pair in self.pairs):
            return {"startTask": {"commandLine": "/bin/sh -c 'echo hello'", "waitForSuccess": True}}
        return shown[0] if shown else {}

    def _runs(self) -> bool:
        """Return whether a task must run for what was recorded: its files are asked for, or its preparation."""
        asked = {"list_subtasks", "reactivate_task", "list_job_preparation_and_release_task_status"}
        asked.add("list_pool_usage_metrics")
        return any("/files" in pair.path or pair.operation in asked for pair in self.pairs)

    def _files(self) -> list[str]:
        paths = [unquote(pair.path) for pair in self.pairs if "/files/" in pair.path]
        return sorted({found[1] for path in paths if (found := re.search(r"/wd/([\w.]+)$", path))})

    def _fails(self) -> bool:
        return any(pair.operation == "reactivate_task" and pair.status == 204 for pair in self.pairs)

    def _node(self, pair: Pair, parts: list[str]) -> None:
        task = re.search(r"workitems/([^/]+)/job-1/([^/]+)/", unquote(pair.path))
        if task:
            self.need(f"/jobs/{task[1]}/tasks/{task[2]}")
            done = self._task_ended(f"/jobs/{task[1]}/tasks/{task[2]}")
            if done.get("nodeInfo"):
                self.names.nodes.setdefault(parts[3], done["nodeInfo"]["nodeId"])
        self.node(parts[1], parts[3])
        if pair.operation in ("delete_node_user", "replace_node_user") and pair.status == 200:
            path = "/".join(["", *parts[:4], "users"])
            if path not in self.asked:
                self.asked.add(path)
                self._ask("POST", path, {"name": parts[5], "password": "<password>"})

    def node(self, pool: str, name: str) -> None:
        """Wait for an idle node of a pool, and call it by this name."""
        until = time.monotonic() + PATIENCE
        while name not in self.names.nodes and time.monotonic() < until:
            listed = self._ask("GET", f"/pools/{pool}/nodes").json().get("value", [])
            free = [n["id"] for n in listed if n["state"] == "idle" and n["id"] not in self.names.nodes.values()]
            if free:
                self.names.nodes[name] = free[0]
            else:
                time.sleep(0.1)

    def _ended(self, pair: Pair) -> None:
        if pair.parts[0] == "jobs" and len(pair.parts) > 3:
            self._task_ended("/" + "/".join(pair.parts[:4]))

    def _task_ended(self, path: str) -> Json:
        until = time.monotonic() + PATIENCE
        while True:
            found: Json = self._ask("GET", path).json()
            if found.get("state") == "completed" or time.monotonic() > until:
                return found
            time.sleep(0.1)

    def _ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        query = {"api-version": self.version}
        return self.service.send("batch", method, self.names.out(path), query, self.names.out(body))

    def remove(self) -> None:
        """Delete what there is in the account, and wait until it is gone."""
        until = time.monotonic() + PATIENCE
        left = 1
        while left and time.monotonic() < until:
            left = sum(self._delete(kind) for kind in ("jobschedules", "jobs", "pools"))
            if left:
                time.sleep(0.1)

    def _delete(self, kind: str) -> int:
        listed = self.service.send("batch", "GET", f"/{kind}").json().get("value", [])
        for entry in listed:
            if entry["state"] != "deleting":
                self.service.send("batch", "DELETE", f"/{kind}/{entry['id']}")
        return len(listed)


def own_path(entry: Json) -> str:
    """Return the path of an object that is shown, by its address since its id may be masked; "" without one."""
    path = str(entry.get("url", "")).removeprefix("<batch>")
    return path if path and _NAMED.fullmatch(path) else ""
