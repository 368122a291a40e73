"""What survives a kill: pools, nodes, jobs, schedules and tasks, in one SQLite file.

WAL with synchronous NORMAL: a commit is in the file's log before the caller is answered, so
kill -9 of this process loses nothing. Tasks have columns for what is searched at 100,000 of them;
everything else is a JSON document by kind, parent and id.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from batchkit.local.batch.state import lives
from batchkit.local.wire.formats import Json, touch

_SCHEMA = """
CREATE TABLE IF NOT EXISTS things (kind TEXT, parent TEXT, id TEXT COLLATE NOCASE, doc TEXT,
    PRIMARY KEY (kind, parent, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (seq INTEGER PRIMARY KEY, job TEXT, id TEXT COLLATE NOCASE, num INTEGER,
    state TEXT, waiting INTEGER, satisfied INTEGER, result TEXT, slots INTEGER, doc TEXT, UNIQUE (job, id));
CREATE INDEX IF NOT EXISTS tasks_ready ON tasks (job, seq) WHERE state = 'active' AND waiting = 0;
CREATE INDEX IF NOT EXISTS tasks_state ON tasks (job, state, id);
CREATE INDEX IF NOT EXISTS tasks_satisfied ON tasks (job, num) WHERE satisfied = 1;
CREATE TABLE IF NOT EXISTS needs (job TEXT, needed TEXT COLLATE NOCASE, task TEXT);
CREATE INDEX IF NOT EXISTS needs_needed ON needs (job, needed);
CREATE TABLE IF NOT EXISTS ranges (job TEXT, first INTEGER, last INTEGER, task TEXT);
CREATE INDEX IF NOT EXISTS ranges_job ON ranges (job, first);
"""
_OUTERMOST = ("BEGIN IMMEDIATE", "ROLLBACK", "COMMIT")
_NESTED = ("SAVEPOINT nested", "ROLLBACK TO nested", "RELEASE nested")
_COLUMNS = "id, state, waiting, satisfied, result, slots, doc"


@dataclass
class Task:
    """One task's row: its document and the columns that the scheduler reads."""

    id: str
    state: str
    waiting: int
    satisfied: int
    result: str | None
    slots: int
    doc: Json

    @classmethod
    def new(cls, doc: Json) -> Task:
        """Return the active task of a new document."""
        task = cls(doc["id"], "", 0, 0, None, int(doc["requiredSlots"]), doc)
        task.become("active", {})
        return task

    @property
    def execution(self) -> Json:
        """What its document says of how it ran."""
        info: Json = self.doc["executionInfo"]
        return info

    def become(self, to: str, execution: Json) -> None:
        """Go to another state and note what the execution did (None takes an entry away).

        A completed task's result follows from its failureInfo and its exit code.

        Raises:
            WrongStep: a task does not go there from where it is.
        """
        lives.step(self.doc, lives.TASK, to)
        touch(self.doc)
        info = {**self.execution, **execution, "result": None}
        failed = info.get("failureInfo") or info.get("exitCode") != 0
        if to == "completed":
            info["result"] = "failure" if failed else "success"
        self.state, self.result = to, info["result"]
        self.doc["executionInfo"] = {key: value for key, value in info.items() if value is not None}

    @property
    def bucket(self) -> str:
        """Where the task counts."""
        return bucket(self.state, self.waiting, self.result)


def _task(row: tuple[str, str, int, int, str | None, int, str]) -> Task:
    return Task(*row[:6], doc=json.loads(row[6]))


def bucket(state: str, waiting: int, result: str | None) -> str:
    """Return where a task counts: blocked, ready, running, succeeded or failed."""
    if state == "active":
        return "blocked" if waiting else "ready"
    if state == "completed":
        return "succeeded" if result == "success" else "failed"
    return "running"


def number(task_id: str) -> int | None:
    """Return a task id's whole number (leading zeros do not count), None for any other id."""
    return int(task_id) if task_id.isascii() and task_id.isdigit() and len(task_id) < 18 else None


class Store:
    """The file; used from the event loop's thread alone."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        self._depth = 0
        self._then: list[Callable[[], None]] = []

    def close(self) -> None:
        """Close the file; nothing may be called afterwards."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything inside as one, then do what waits for that; an exception takes it all back.

        One inside another commits with it, and is taken back alone.
        """
        begin, undo, commit = _NESTED if self._depth else _OUTERMOST
        waiting = len(self._then)
        self._db.execute(begin)
        self._depth += 1
        try:
            yield
        except BaseException:
            del self._then[waiting:]
            self._db.execute(undo)
            raise
        else:
            self._db.execute(commit)
        finally:
            self._depth -= 1
        self._catch_up()

    def _catch_up(self) -> None:
        if not self._depth:
            then, self._then = self._then, []
            for act in then:
                act()

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do this once what is being written is committed, and never if it is taken back; else at once."""
        if self._depth:
            self._then.append(act)
        else:
            act()

    def put(self, kind: str, parent: str, name: str, doc: Json) -> None:
        """Keep a document."""
        text = json.dumps(doc, separators=(",", ":"))
        self._db.execute("INSERT OR REPLACE INTO things VALUES (?, ?, ?, ?)", (kind, parent, name, text))

    def drop(self, kind: str, parent: str, name: str) -> None:
        """Forget a document."""
        self._db.execute("DELETE FROM things WHERE kind = ? AND parent = ? AND id = ?", (kind, parent, name))

    def all(self, kind: str) -> list[tuple[str, str, Json]]:
        """Return every document of a kind with its parent and id."""
        rows = self._db.execute("SELECT parent, id, doc FROM things WHERE kind = ? ORDER BY parent, id", (kind,))
        return [(parent, name, json.loads(text)) for parent, name, text in rows]

    def rebase(self, addresses: Json) -> None:
        """Note the services' addresses; those of an earlier run are replaced in everything that is kept."""
        known = {name: doc["url"] for _, name, doc in self.all("address")}
        with self.transaction():
            for name, url in addresses.items():
                if (old := known.get(name, url)) != url:
                    for table in ("tasks", "things"):
                        self._db.execute(f"UPDATE {table} SET doc = replace(doc, ?, ?)", (f"{old}/", f"{url}/"))  # noqa: S608
                self.put("address", "", name, {"url": url})

    def add_task(self, job: str, task: Task) -> None:
        """Insert a new task.

        Raises:
            sqlite3.IntegrityError: the job has a task of that id.
        """
        text = json.dumps(task.doc, separators=(",", ":"))
        self._db.execute(
            "INSERT INTO tasks (job, id, num, state, waiting, satisfied, result, slots, doc)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (job, task.id, number(task.id), task.state, task.waiting, task.satisfied, task.result, task.slots, text),
        )

    def save_task(self, job: str, task: Task) -> None:
        """Write a task back, columns and document."""
        text = json.dumps(task.doc, separators=(",", ":"))
        self._db.execute(
            "UPDATE tasks SET state = ?, waiting = ?, satisfied = ?, result = ?, slots = ?, doc = ?"
            " WHERE job = ? AND id = ?",
            (task.state, task.waiting, task.satisfied, task.result, task.slots, text, job, task.id),
        )

    def task(self, job: str, name: str) -> Task | None:
        """Return a task, None when there is none."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM tasks WHERE job = ? AND id = ?", (job, name)).fetchone()  # noqa: S608
        return _task(row) if row else None

    def drop_task(self, job: str, name: str) -> None:
        """Forget a task and what it waits for."""
        self._db.execute("DELETE FROM tasks WHERE job = ? AND id = ?", (job, name))
        self._db.execute("DELETE FROM needs WHERE job = ? AND task = ?", (job, name))
        self._db.execute("DELETE FROM ranges WHERE job = ? AND task = ?", (job, name))

    def drop_tasks(self, job: str) -> None:
        """Forget every task of a job."""
        for table in ("tasks", "needs", "ranges"):
            self._db.execute(f"DELETE FROM {table} WHERE job = ?", (job,))  # noqa: S608

    def tasks(self, job: str, after: str = "", state: str | None = None, limit: int = 1000) -> list[Task]:
        """Return tasks in the order of their ids, from behind `after`."""
        where, values = ("AND state = ?", [state]) if state else ("", [])
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM tasks WHERE job = ? {where} AND id > ? ORDER BY id LIMIT ?",  # noqa: S608
            [job, *values, after, limit],
        )
        return [_task(row) for row in rows]

    def ready(self, job: str, slots: int, limit: int) -> list[Task]:
        """Return the oldest tasks that could start now on a node with that many free slots."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM tasks WHERE job = ? AND state = 'active' AND waiting = 0"  # noqa: S608
            " AND slots <= ? ORDER BY seq LIMIT ?",
            (job, slots, limit),
        )
        return [_task(row) for row in rows]

    def add_needs(self, job: str, task: str, ids: Iterable[str], ranges: Iterable[tuple[int, int]]) -> int:
        """Note what a new task waits for; return how many of these are not yet satisfied."""
        waiting = 0
        for needed in ids:
            self._db.execute("INSERT INTO needs VALUES (?, ?, ?)", (job, needed, task))
            found = self._db.execute("SELECT satisfied FROM tasks WHERE job = ? AND id = ?", (job, needed)).fetchone()
            waiting += not (found and found[0])
        for first, last in ranges:
            self._db.execute("INSERT INTO ranges VALUES (?, ?, ?, ?)", (job, first, last, task))
            done = self._db.execute(
                "SELECT count(DISTINCT num) FROM tasks WHERE job = ? AND satisfied = 1 AND num BETWEEN ? AND ?",
                (job, first, last),
            ).fetchone()
            waiting += last - first + 1 - int(done[0])
        return waiting

    def dependants(self, job: str, name: str) -> list[tuple[str, int]]:
        """Return the tasks that wait for this one, each with how often it names it."""
        value = number(name)
        rows = self._db.execute(
            "SELECT task, count(*) FROM (SELECT task FROM needs WHERE job = ? AND needed = ? UNION ALL"
            " SELECT task FROM ranges WHERE job = ? AND first <= ? AND last >= ?) GROUP BY task",
            (job, name, job, value, value),
        )
        return [(str(task), int(count)) for task, count in rows]

    def lower_waiting(self, job: str, name: str, by: int) -> int | None:
        """Take satisfied dependencies off a task; return what is left, None when it is not there."""
        row = self._db.execute(
            "UPDATE tasks SET waiting = max(0, waiting - ?) WHERE job = ? AND id = ? RETURNING waiting",
            (by, job, name),
        ).fetchone()
        return int(row[0]) if row else None

    def counts(self, job: str) -> list[tuple[str, int, int]]:
        """Return how many tasks a job has, by bucket and required slots: (bucket, slots, tasks)."""
        rows = self._db.execute(
            "SELECT state, min(waiting, 1), result, slots, count(*) FROM tasks WHERE job = ? GROUP BY 1, 2, 3, 4",
            (job,),
        )
        return [(bucket(state, wait, result), slots, count) for state, wait, result, slots, count in rows]
