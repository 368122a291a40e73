"""Any bytes are a processed report or a rejected one with its reason and place, and cost no other file."""

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from node.reading import shards
from node.reading.batches import read_tasks
from node.reading.inputs import find_inputs
from node.settings import Settings
from node.work.process import process
from node.work.shares import put_together
from node.work.worker import Worker

GOOD = {
    "transaction_id": "t1",
    "timestamp": "2025-01-17T14:30:22Z",
    "customer": {"customer_id": "c1", "email": "a@example.com"},
    "line_items": [{"quantity": 1, "unit_price": 2.5}],
    "subtotal": 2.5,
    "tax": 0,
    "total": 2.5,
    "payment_method": "card",
    "status": "completed",
}
ONE = json.dumps(GOOD)
HEAD = '{"transactions": ['


def with_part(text: str) -> bytes:
    """A batch of three records, the middle one with `text` behind its first brace."""
    return f"{HEAD}{ONE}, {{{text}, {ONE[1:]}, {ONE}]}}".encode()


def run(folder: Path, data: bytes) -> dict[str, Any]:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / "x.json").write_bytes(data)
    process([folder / "in"], folder / "out", Settings())
    report: dict[str, Any] = json.loads((folder / "out" / "x.report.json").read_bytes())
    return report


REJECTED: dict[str, tuple[bytes, str, int | None]] = {
    "empty": (b"", "the file is empty", 0),
    "white space": (b" \n\t ", "the file is empty", 0),
    "no JSON": (b"not json", "unexpected 'n'", 0),
    "a list": (b"[]", "top level is not an object", 0),
    "a number": (b" 12 ", "top level is not an object", 1),
    "a BOM": (b"\xef\xbb\xbf" + HEAD.encode() + b"]}", "byte order mark", 0),
    "UTF-16": ((HEAD + "]}").encode("utf-16"), "UTF-16", 0),
    "gzip": (gzip.compress(b"{}", mtime=0), "gzip", 0),
    "no transactions": (b'{"batch_id": "b"}', "there is no 'transactions'", None),
    "an empty object": (b"{}", "there is no 'transactions'", None),
    "transactions null": (b'{"transactions": null}', "not a list", 17),
    "transactions an object": (b'{"transactions": {"a": [1]}}', "not a list", 17),
    "truncated in a record": ((HEAD + ONE[:50]).encode(), "the file ends inside", 68),
    "truncated behind a record": ((HEAD + ONE).encode(), "the file ends", 18 + len(ONE)),
    "truncated in a key": (b'{"transa', "the file ends inside a string", 8),
    "truncated behind the list": (b'{"transactions": []', "the file ends", 19),
    "two top levels": (b'{"transactions": []} {}', "stands behind", 21),
    "a comma too many": ((HEAD + ONE + ",]}").encode(), "expected a value", 19 + len(ONE)),
    "no comma": ((HEAD + ONE + ONE + "]}").encode(), "expected", 18 + len(ONE)),
    "invalid UTF-8 in a text": (with_part('"x": "é"').replace("é".encode(), b"\xff\xff"), "UTF-8", 27 + len(ONE)),
    "invalid UTF-8 in a key": (b'{"\xff": 1, "transactions": []}', "UTF-8", 2),
    "a surrogate in UTF-8": (b'{"batch_id": "\xed\xa0\x80", "transactions": []}', "UTF-8", 14),
    "a control character": (with_part('"x": "a\tb"'), "control character", 28 + len(ONE)),
    "a wrong escape": (with_part(r'"x": "\q"'), "wrong escape", 27 + len(ONE)),
    "a leading zero": (with_part('"x": 01'), "expected", 27 + len(ONE)),
    "a single quote": (with_part("'x': 1"), "", 21 + len(ONE)),
    "a word": (with_part('"x": nul'), "unexpected 'n'", 26 + len(ONE)),
    "open lists": (b"[" * 100_000, "the file ends", 100_000),
    "open lists of records": (HEAD.encode() + b"[" * 100_000, "the file ends", 100_018),
}


@pytest.mark.parametrize("name", REJECTED)
def test_rejected_with_reason_and_place(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data, reason, offset = REJECTED[name]
    report = run(tmp_path, data)
    assert report["status"] == "rejected"
    assert reason in report["rejection"]["reason"]
    assert report["rejection"]["byte_offset"] == offset
    assert (report["validation"], report["analytics"], report["anomalies"]) == (None, None, None)
    assert report["source"] == {"name": "x.json", "bytes": len(data)}
    assert capfd.readouterr().err == f"x.json rejected: {report['rejection']['reason']}\n"


COSTS_ONE: dict[str, bytes] = {
    "NaN": with_part('"x": 1').replace(b'"total": 2.5', b'"total": NaN', 2).replace(b"NaN", b"2.5", 1),
    "Infinity": with_part('"x": 1').replace(b'"tax": 0', b'"tax": -Infinity', 2).replace(b"-Infinity", b"0", 1),
    "1e400": with_part('"x": 1').replace(b'"total": 2.5', b'"total": 1e400', 2).replace(b"1e400", b"2.5", 1),
    "400 digits": with_part('"x": 1').replace(b'"tax": 0', b'"tax": ' + b"9" * 400, 2).replace(b"9" * 400, b"0", 1),
    "9000 digits": with_part('"x": 1').replace(b'"tax": 0', b'"tax": ' + b"9" * 9000, 2).replace(b"9" * 9000, b"0", 1),
    "half a surrogate pair": with_part('"x": 1')
    .replace(b'"card"', b'"\\ud800"', 2)
    .replace(b'"\\ud800"', b'"card"', 1),
    "nested too deep": with_part('"x": ' + "[" * 100_000 + "]" * 100_000),
    "nested a little too deep": with_part('"x": ' + "[" * 500 + "]" * 500),
    "null": f"{HEAD}{ONE}, null, {ONE}]}}".encode(),
    "a number": f"{HEAD}{ONE}, 7, {ONE}]}}".encode(),
}


@pytest.mark.parametrize("name", COSTS_ONE)
def test_a_bad_record_costs_itself_alone(name: str, tmp_path: Path) -> None:
    counts = run(tmp_path, COSTS_ONE[name])["validation"]
    assert (counts["total_transactions"], counts["valid_transactions"]) == (3, 2)
    assert counts["error_counts"] == {"type": 1}
    assert counts["errors"][0]["index"] == 1


def batch(records: str, before: str = '"batch_id": "b", ', behind: str = "") -> bytes:
    """A batch with the given list of records."""
    return ("{" + before + '"transactions": [' + records + "]" + behind + "}").encode()


LAST = ', "batch_id": "b"'
LONG = "1" * 5000
ACCEPTED: dict[str, bytes] = {
    "transactions first": batch(ONE, "", LAST),
    "transactions last": batch(ONE, '"batch_id": "b", "x": [{}], '),
    "transactions twice": batch(ONE, f'"transactions": [{ONE}, {ONE}, 3], "x": 1, ', LAST),
    "first no list": batch(ONE, '"transactions": 5, "x": 1, ', LAST),
    "a key twice": batch('{"total": "x", ' + ONE[1:], '"batch_id": "a", ', LAST),
    "an unknown key": batch('{"ümlaut": "é", ' + ONE[1:]),
    "escaped keys": batch(ONE.replace("total", "tot\\u0061l"), '"batch_\\u0069d": "b", '),
    "a whole number of 5000 digits": batch(ONE.replace('"t1"', LONG)),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str, tmp_path: Path) -> None:
    report = run(tmp_path, ACCEPTED[name])
    assert report["status"] == "processed"
    assert report["batch_id"] == "b"
    counts = report["validation"]
    assert (counts["total_transactions"], counts["valid_transactions"]) == (1, 1)


def test_unknown_keys_are_counted_by_their_dotted_name(tmp_path: Path) -> None:
    record = json.loads(ONE) | {"note": 1}
    record["customer"] |= {"phone": "1"}
    record["line_items"] = [{**record["line_items"][0], "sku": 1}] * 2
    report = run(tmp_path, json.dumps({"source": "shop", "transactions": [record, record]}).encode())
    expected = {"line_items.sku": 4, "customer.phone": 2, "note": 2, "source": 1}
    assert report["validation"]["unknown_fields"] == expected


def test_a_wrong_transaction_count_is_a_warning(tmp_path: Path) -> None:
    report = run(tmp_path, f'{{"transaction_count": 3, "transactions": [{ONE}]}}'.encode())
    assert report["warnings"] == ["transaction_count is 3, but there are 1 transactions"]
    assert run(tmp_path, f'{{"transaction_count": 1, "transactions": [{ONE}]}}'.encode())["warnings"] == []


def large(records: int, dirt: str = "") -> bytes:
    """A file of many pieces, with `dirt` in one record of a hundred."""
    texts = [json.dumps(GOOD | {"transaction_id": f"t{at}"}, indent=2) for at in range(records)]
    texts[50::100] = [text.replace('"total": 2.5', f'"total": {dirt}') if dirt else text for text in texts[50::100]]
    return batch("\n" + ",\n".join(texts) + "\n", f'"transaction_count": {records}, ')


@pytest.mark.parametrize("dirt", ["", "NaN", '"x"', "null", '"},\\n{\\n  \\"transaction_id\\""'])
def test_large_files_with_dirt(dirt: str, tmp_path: Path) -> None:
    counts = run(tmp_path, large(4000, dirt))["validation"]
    bad = 40 if dirt else 0
    assert (counts["total_transactions"], counts["invalid_transactions"]) == (4000, bad)
    assert sorted(error["index"] for error in counts["errors"]) == ([50 + 100 * at for at in range(40)] if bad else [])


def test_broken_far_into_a_large_file(tmp_path: Path) -> None:
    data = large(4000)
    at = data.index(b'"t3900"')
    report = run(tmp_path, data[:at] + b"!" + data[at:])
    assert report["rejection"] == {"reason": "not JSON: unexpected '!'", "byte_offset": at}
    report = run(tmp_path, data[:at])
    assert report["rejection"] == {"reason": "the file ends inside a JSON value", "byte_offset": at}


def test_broken_behind_many_brackets_far_into_a_large_file(tmp_path: Path) -> None:
    """What the fuzzing found: a record with many brackets is scanned before it is known to be JSON."""
    data = large(4000)
    at = data.index(b'"t3000"')
    report = run(tmp_path, data[:at] + b'"x", "y": [' + b"[]," * 200 + b"!" + data[at:])
    assert report["rejection"] == {"reason": "not JSON: unexpected '!'", "byte_offset": at + 11 + 600}


def test_one_value_of_more_than_64_mebibytes_rejects_the_file(tmp_path: Path) -> None:
    big = f'{HEAD}{ONE}, {{"x": "{"y" * (65 * 2**20)}", {ONE[1:]}]}}'.encode()
    report = run(tmp_path, big)
    assert report["rejection"] == {"reason": "one value is larger than 64 MiB", "byte_offset": len(HEAD + ONE) + 2}
    fits = f'{HEAD}{ONE}, {{"x": "{"y" * (63 * 2**20)}", {ONE[1:]}]}}'.encode()
    assert run(tmp_path, fits)["validation"]["valid_transactions"] == 2


def test_two_processes_and_one_write_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With halves cut anywhere, and boundaries that look right inside of texts."""
    chance = random.Random(1)
    record = GOOD | {"status": 'completed"},\n{"transaction_id'}
    text = ",\n".join(json.dumps(record | {"transaction_id": str(at), "line_items": []}) for at in range(60))
    for name, data in (("clean", large(50)), ("dirty", large(300, "NaN")), ("texts", f"{HEAD}{text}]}}".encode())):
        for _ in range(4):
            cut = chance.randrange(2, len(data) - 300)
            assert two_processes(data, cut, tmp_path, monkeypatch) == plain(run(tmp_path, data)), (name, cut)


def two_processes(data: bytes, cut: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:

    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / "x.json").write_bytes(data)
    source = find_inputs([folder / "in"]).inputs[0]
    pair = shards.halves(source, cut)
    if pair is None:
        return plain(run(folder, data))
    workers = [Worker(folder / "out", Settings()) for _ in pair]
    for worker, task in zip(workers, pair, strict=True):
        worker.run(read_tasks([task]))
    put_together(workers[0], workers[0].halves[0], workers[1].halves[0])
    return plain(json.loads((folder / "out" / "x.report.json").read_bytes()))


def plain(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if not name.startswith("process")}


def test_one_bad_file_costs_no_other(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for at, data in enumerate((b"{", f"{HEAD}{ONE}]}}".encode(), b"\xff", f"{HEAD}{ONE}]}}".encode())):
        (tmp_path / "in" / f"{at}.json").write_bytes(data)
    command = [sys.executable, "-m", "node", "process", "in", "--output", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "0.json rejected", "1.json processed 1 of 1", "2.json rejected", "3.json processed 1 of 1",
    ]  # fmt: skip
