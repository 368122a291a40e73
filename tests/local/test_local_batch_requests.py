"""What a request may hold: filters, conditions, dates, durations and keys, without a server."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from starlette.requests import Request

from batchkit.local.batch.api import odata
from batchkit.local.batch.api.call import Call
from batchkit.local.batch.api.keys import verify_shared_key
from batchkit.local.config import SharedKey
from batchkit.local.wire import clock
from batchkit.local.wire.errors import BatchError
from batchkit.local.wire.formats import from_http_date, seconds, stamp

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
DOC: dict[str, Any] = {
    "id": "it's",
    "state": "active",
    "executionInfo": {"exitCode": 3, "startTime": "2026-03-01T12:00:00.0000000Z"},
    "targetDedicatedNodes": 5,
    "enableAutoScale": True,
}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("state eq 'active'", True),
        ("state ne 'active'", False),
        ("state eq 'Active'", False),
        ("id eq 'it''s'", True),
        ("targetDedicatedNodes ge 5", True),
        ("targetDedicatedNodes ge 6", False),
        ("targetDedicatedNodes gt 5", False),
        ("targetDedicatedNodes gt 4", True),
        ("targetDedicatedNodes le 5", True),
        ("targetDedicatedNodes le 4", False),
        ("targetDedicatedNodes lt 5", False),
        ("targetDedicatedNodes lt 5.5", True),
        ("targetDedicatedNodes gt -1", True),
        ("executionInfo/exitCode eq 3", True),
        ("executionInfo/exitCode ne 3", False),
        ("executionInfo/none eq null", True),
        ("executionInfo/none ne null", False),
        ("executionInfo/none gt 0", False),
        ("executionInfo/none lt 0", False),
        ("executionInfo/exitCode/deeper eq null", True),
        ("enableAutoScale eq true", True),
        ("enableAutoScale eq false", False),
        ("executionInfo/startTime ge DateTime'2026-03-01T12:00:00Z'", True),
        ("executionInfo/startTime gt DateTime'2026-03-01T12:00:00Z'", False),
        ("executionInfo/startTime lt datetime'2026-03-01T14:00:01+02:00'", True),
        ("executionInfo/startTime le 2026-03-01T11:59:59Z", False),
        ("startswith(id,'it')", True),
        ("startswith(id,'t')", False),
        ("endswith(id, 's')", True),
        ("contains(id,'''')", True),
        ("startswith(nothing,'x')", False),
        ("not state eq 'active'", False),
        ("not (state eq 'active' and id eq 'x')", True),
        ("state eq 'active' and id eq 'x'", False),
        ("state eq 'active' or id eq 'x'", True),
        ("id eq 'x' and id eq 'y' or state eq 'active'", True),
        ("state eq 'active' or id eq 'x' and id eq 'y'", True),
        ("(state eq 'active' or id eq 'x') and id eq 'y'", False),
        ("STATE eq 'active'", False),
        ("state EQ 'active' AND NOT id eq 'x'", True),
        ("order eq null and android eq null and notes eq null", True),
    ],
)
def test_a_filter_keeps_what_it_says(text: str, kept: bool) -> None:
    assert odata.compile_filter(text)(DOC) is kept


@pytest.mark.parametrize(
    "text",
    ["id like 'x'", "id eq", "eq 'x'", "id eq 'x", "id eq 'x' and", "(id eq 'x'", "id eq 'x')", "id eq y", "not",
     "id eq 'x' id eq 'y'", "startswith(id)", "startswith(id,'x'", "startswith('x',id)", "5 eq 5",
     "id eq DateTime'soon'", "id eq 2026-99-01T00:00:00Z", "id ; eq 'x'",
     "id eq 'x' xor id eq 'y'"],
)  # fmt: skip
def test_a_filter_that_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(BatchError) as caught:
        odata.compile_filter(text)
    assert caught.value.values["QueryParameterName"] == "$filter"
    assert caught.value.values["QueryParameterValue"] == text


def test_no_filter_keeps_all_and_a_plain_state_is_seen() -> None:
    assert odata.compile_filter(None)({})
    assert odata.wanted_state("state eq 'active'") == "active"
    assert odata.wanted_state(" (state eq 'completed') and id eq 'x'") == "completed"
    for other in (None, "id eq 'x' and state eq 'active'", "state eq 'active' or id eq 'x'", "state ne 'active'",
                  "state eq 'active' and id eq 'x' or id eq 'y'"):  # fmt: skip
        assert odata.wanted_state(other) is None


def test_selected_properties_and_pages() -> None:
    assert odata.select(DOC, "id, executionInfo/exitCode,none") == {"id": "it's", "executionInfo": {"exitCode": 3}}
    assert odata.select(DOC, None) is DOC
    assert odata.select(DOC, "id/x,executionInfo") == {"id": "it's", "executionInfo": DOC["executionInfo"]}
    assert [odata.page_size(text) for text in (None, "1", "1000")] == [1000, 1, 1000]
    for text, code in (("0", "OutOfRange"), ("1001", "OutOfRange"), ("x", "InvalidQuery"), ("1.5", "InvalidQuery")):
        with pytest.raises(BatchError, match=code):
            odata.page_size(text)


def held(method: str, **headers: str) -> int | None:
    """The status of a refused condition on a document that was changed at noon, None when it holds."""
    operation = {"GET": "get_pool", "PATCH": "update_pool"}[method]
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    call = Call(None, operation, {}, {}, sent)  # type: ignore[arg-type]
    try:
        call.check({"eTag": "0x1", "lastModified": stamp(NOON + timedelta(milliseconds=500))})
    except BatchError as refused:
        return refused.status
    return None


def day(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(("method", "status"), [("GET", 304), ("PATCH", 412)])
def test_conditions_are_held(method: str, status: int) -> None:
    second = timedelta(seconds=1)
    assert held(method) is None
    for tags in ("0x1", '"0x0", W/"0x1"', "*"):
        assert held(method, if_match=tags) is None
    assert (
        held(method, if_match="0x2") == held(method, if_none_match="0x1") == held(method, if_none_match="*") == status
    )
    assert held(method, if_none_match="0x2") is None
    assert held(method, if_modified_since=day(NOON)) == held(method, if_modified_since=day(NOON + second)) == status
    assert held(method, if_modified_since=day(NOON - second)) is None
    assert held(method, if_unmodified_since=day(NOON)) is held(method, if_unmodified_since=day(NOON + second)) is None
    assert held(method, if_unmodified_since=day(NOON - second)) == status
    assert held(method, if_modified_since="yesterday") == 400


def test_a_date_of_an_unknown_place_is_utc() -> None:
    assert from_http_date("Sun, 01 Mar 2026 12:00:00 -0000") == NOON
    assert held("GET", if_modified_since="Sun, 01 Mar 2026 12:00:00 -0000") == 304


@pytest.mark.parametrize(
    ("text", "length"),
    [("PT5M", 300), ("P1D", 86400), ("P1W", 604800), ("PT1H1M1.5S", 3661.5), ("P1DT1S", 86401), ("PT0S", 0),
     ("P1Y", 365 * 86400), ("P1M", 30 * 86400),
     ("P10675199DT2H48M5.4775807S", 922337203685.477581)],
)  # fmt: skip
def test_durations_are_read(text: str, length: float) -> None:
    assert seconds(text) == pytest.approx(length)


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "5m", "-PT5M", "+PT5M", "pt5m", "PT5M ", "P99999999999D", "P0001-01-01T00:00:00"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        seconds(text)


class Noon(clock.Clock):
    def now(self) -> datetime:
        return NOON


KEY = SharedKey("account", base64.b64encode(b"secret").decode())


def signed(date: datetime, *, key: bytes = b"secret", name: str = "ocp-date", extra: str = "") -> Request:
    """A request signed as the REST reference says, by an implementation of its own."""
    value = day(date)
    standard = [""] * 5 + [value if name == "date" else ""] + [""] * 5
    own = [f"ocp-date:{value}"] if name == "ocp-date" else []
    lines = ["GET", *standard[:2], *standard[2:], *own, "/account/pools", "api-version:2025-06-01", "timeout:30"]
    signature = base64.b64encode(hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).digest()).decode()
    headers = {name: value, "authorization": f"SharedKey account:{signature}"}
    scope = {"type": "http", "method": "GET", "path": "/pools", "raw_path": b"/pools", "query_string":
             b"timeOut=30&api-version=2025-06-01" + extra.encode(),
             "headers": [(key.encode(), value.encode()) for key, value in headers.items()]}  # fmt: skip
    return Request(scope)


def test_a_shared_key_signs_for_fifteen_minutes() -> None:
    minutes = timedelta(minutes=1)
    with clock.use(Noon()):
        for date in (NOON, NOON - 15 * minutes, NOON + 15 * minutes):
            verify_shared_key(signed(date), KEY)
        for date in (NOON - 16 * minutes, NOON + 16 * minutes):
            with pytest.raises(BatchError) as caught:
                verify_shared_key(signed(date), KEY)
            assert "too far" in caught.value.values["AuthenticationErrorDetail"]
        with pytest.raises(BatchError) as caught:
            verify_shared_key(signed(NOON, key=b"other"), KEY)
        assert "MAC signature" in caught.value.values["AuthenticationErrorDetail"]
        with pytest.raises(BatchError):
            verify_shared_key(signed(NOON, extra="&maxresults=1"), KEY)
