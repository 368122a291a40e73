"""The benchmark's data sets: synthetic transactions, indented as people write them, of any number."""

import random
from pathlib import Path

import msgspec

from node.samples import Shop

POOL = 20_000
SEED = 7
DIRT = (
    (b'"total": ', b'"total": NaN, "x": '),
    (b'"total": ', b'"total": null, "x": '),
    (b'"total": ', b'"total": "1", "x": '),
    (b'"email": ', b'"mail": '),
)


def pool() -> list[tuple[bytes, bytes]]:
    """Indented records, each cut where its id stands, which is to be another in every copy."""
    shop, records = Shop(POOL, SEED), []
    for _ in range(POOL):
        record = shop.transaction()
        text = msgspec.json.format(msgspec.json.encode(record), indent=2).replace(b"\n", b"\n    ")
        before, behind = text.split(record["transaction_id"].encode())
        records.append((before, behind))
    return records


def write(
    path: Path, count: int, records: list[tuple[bytes, bytes]], seed: int, dirty: float = 0.0, ids: int = 2**128
) -> Path:
    """Write one file with `count` transactions, a share of them dirty, of so many ids; not when it is there."""
    if path.exists():
        return path
    chance = random.Random(seed)  # noqa: S311 - data, not secrets
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as stream:
        stream.write(b'{\n  "batch_id": "b",\n  "transaction_count": %d,\n  "transactions": [' % count)
        for at in range(count):
            before, behind = records[chance.randrange(len(records))]
            bits = f"{chance.getrandbits(128) % ids:032x}"
            identity = f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}".encode()
            text = before + identity + behind
            if chance.random() < dirty:
                text = text.replace(*chance.choice(DIRT), 1)
            stream.write((b",\n    " if at else b"\n    ") + text)
        stream.write(b"\n  ]\n}\n")
    temporary.rename(path)
    return path


def many(folder: Path, files: int, count: int, records: list[tuple[bytes, bytes]]) -> Path:
    """Write `files` small files into a folder."""
    folder.mkdir(exist_ok=True)
    for at in range(files):
        write(folder / f"{at:05d}.json", count, records, at)
    return folder
