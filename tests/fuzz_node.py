"""Fuzz the worker's ingest: any bytes must give a processed or a rejected report, in time and without a traceback.

python tests/fuzz_node.py [SECONDS] [SEED] mutates real-looking files, byte by byte and token by token, and holds each
result against Python's own json: what json cannot read must be rejected, what it reads as a batch must be processed
with as many records; half of them under a mapping, as an object or as records one after the other. It prints what it
ran and found, as one line of JSON, keeps it in tests/measured.json, and exits 1 when it found anything.
"""

import contextlib
import io
import json
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from measured import record

from node.contract import LINE_FIELDS, MAX_DEPTH
from node.mapping.file import RECORD_NAMES, Mapping, read_mapping
from node.reading import window
from node.samples import Shop
from node.settings import Settings
from node.work.process import process

TOKENS = [
    b"null", b"true", b"NaN", b"-Infinity", b"1e400", b"1e13", b"-0", b"01", b'""', b'"\\ud800"', b'"\\u0000"', b"[]",
    b"{}",
    b"[[[[", b"]]", b"}", b",", b":", b'"', b"\\", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\x1f\x8b", b'"transactions": [',
    b'"transactions": 1,', b'"batch_id": [1],', b'},{"transaction_id"', b"[" * 2000, b"9" * 5000,
    b" " * 300, b"\xed\xa0\x80",
]  # fmt: skip


SPACE = " \t\n\r"


def seeds(chance: random.Random) -> list[bytes]:
    """Batches to start from: compact and indented, with keys in different orders."""
    shop = Shop(50, chance.randrange(1000))
    batch = {"batch_id": "b", "transaction_count": 6, "transactions": [shop.transaction() for _ in range(6)]}
    turned = dict(reversed(batch.items()))
    return [json.dumps(value, indent=indent).encode() for value in (batch, turned) for indent in (None, 2)]


def line_seeds(chance: random.Random) -> list[bytes]:
    """Records one after the other: a line each, without anything between, and indented."""
    shop = Shop(50, chance.randrange(1000))
    texts = [[json.dumps(shop.transaction(), indent=indent) for _ in range(6)] for indent in (None, None, 2)]
    return [between.join(text).encode() for between, text in zip(("\n", "", "\n"), texts, strict=True)]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Up to five cuts, insertions, repetitions and changed bytes."""
    text = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.choice([1, 1, 3, 20, 400]))
        kind = chance.randrange(5)
        if kind == 0:
            del text[at:end]
        elif kind == 1:
            text[at:at] = chance.choice(TOKENS)
        elif kind == 2:
            text[at:end] = chance.choice(TOKENS)
        elif kind == 3:
            text[at:at] = text[at:end]
        else:
            text[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(text) if chance.random() > 0.05 else bytes(text[: chance.randrange(len(text) + 1)])


def mapping(form: str) -> Mapping:
    """Our own layout by a mapping."""
    fields = {name: name for name in (*RECORD_NAMES, "customer.customer_id", "customer.email")}
    lines = {"from": "line_items", **{name: name for name in LINE_FIELDS}}
    records = {"records": "transactions"} if form == "object" else {"format": form}
    return read_mapping({**records, "fields": fields, "lines": lines})


MAPPINGS: dict[str, Mapping | None] = {"": None, "object": mapping("object"), "lines": mapping("lines")}


def expected(data: bytes, form: str = "") -> int | None:
    """How many records Python's json finds; None when the file must be rejected, -1 when json cannot tell."""
    if form == "lines":
        return expected_lines(data)
    try:
        value = json.loads(data.decode("utf-8"), parse_int=float)
    except RecursionError:
        return -1
    except ValueError:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("transactions"), list):
        return None
    return len(value["transactions"])


def expected_lines(data: bytes) -> int | None:
    """The same of records one after the other."""
    decoder, at, count = json.JSONDecoder(parse_int=float), 0, 0
    try:
        text = data.decode("utf-8").rstrip(SPACE)
        while at < len(text):
            at += len(text[at:]) - len(text[at:].lstrip(SPACE))
            _, at = decoder.raw_decode(text, at)
            count += 1
    except RecursionError:
        return -1
    except ValueError:
        return None
    return count or None


def complaint(data: bytes, folder: Path, form: str = "") -> str | None:
    """What is wrong with the worker's answer to these bytes, if anything."""
    (folder / "x.json").write_bytes(data)
    started = time.process_time()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            process([folder / "x.json"], folder / "out", Settings(), MAPPINGS[form])
    except BaseException:
        return traceback.format_exc()
    report: dict[str, Any] = json.loads((folder / "out" / "x.report.json").read_bytes())
    wanted = expected(data, form)
    found = None if report["status"] == "rejected" else report["validation"]["total_transactions"]
    if time.process_time() - started > 10:
        return "it took more than ten seconds of a processor"
    if wanted != found and wanted != -1 and b"[" * MAX_DEPTH not in data:
        return f"json finds {wanted} records, the worker {found}: {report['rejection']}"
    offset = (report["rejection"] or {}).get("byte_offset")
    return None if offset is None or 0 <= offset <= len(data) else f"byte_offset {offset} of {len(data)} bytes"


def main(seconds: float = 600, seed: int = 1) -> int:
    """Fuzz for a while and say what was found."""
    chance, found, runs, rejected = random.Random(seed), [], 0, 0
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        starts = [seeds(chance), line_seeds(chance)]
        while time.monotonic() < ends:
            window.PIECE_BYTES = chance.choice([64, 1500, 4000, 2**17])
            form = chance.choice(["", "", "object", "lines"])
            data = mutated(chance.choice(starts[form == "lines"]), chance)
            problem = complaint(data, folder, form)
            runs += 1
            rejected += expected(data, form) is None
            if problem:
                found.append(problem)
                Path(f"fuzz-{len(found)}{form}.json").write_bytes(data)
                print(problem, file=sys.stderr)
    figures = {"seconds": seconds, "seed": seed, "files": runs, "must_reject": rejected, "found": len(found)}
    print(json.dumps(figures))
    record("fuzz", "make fuzz", **figures)
    return int(bool(found))


if __name__ == "__main__":
    seconds, seed = [*map(int, sys.argv[1:]), *(600, 1)[len(sys.argv) - 1 :]]
    sys.exit(main(seconds, seed))
