"""Decoding with msgspec: whole documents, lists of records that were cut out of one, and single records."""

import msgspec

from node.contract import RejectedFile
from node.reading.transactions import Document, Repaired, Transaction

Records = list[Transaction] | Repaired
FAILURES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

decode_document = msgspec.json.Decoder(Document).decode
decode_records = msgspec.json.Decoder(list[Transaction]).decode
decode_record = msgspec.json.Decoder(Transaction).decode
split_records = msgspec.json.Decoder(list[msgspec.Raw]).decode


def good_records(data: bytes) -> list[Records] | None:
    """Good records with commas between, or None."""
    try:
        return [decode_records(b"[%b]" % data)]
    except FAILURES:
        return None


def guess_parts(data: bytes, boundary: bytes) -> list[bytes]:
    """The elements of a piece, cut at every place that looks like the boundary between two."""
    opening = boundary.index(b"{")
    first, *rest = data.split(boundary)
    parts = [first, *(boundary[opening:] + part for part in rest)]
    return [part + b"}" for part in parts[:-1]] + parts[-1:]


def split_parts(data: bytes) -> list[bytes]:
    """The elements of a piece, found by the decoder; none when the piece is not whole elements with commas between."""
    try:
        return list(map(bytes, split_records(b"[%b]" % data)))
    except FAILURES:
        return []


def utf8(data: bytes | bytearray, offset: int) -> str:
    """Text of bytes that stand at `offset` of the file.

    Raises:
        RejectedFile: they are not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RejectedFile("not UTF-8", offset + error.start) from None
