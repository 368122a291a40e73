"""The page of results: true of odd data too, nothing of the data is code, and its figures are those of the summary."""

import base64
import copy
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from test_batchkit_page import HOSTILE, record

from batchkit.page import index, sentences, words, writing
from batchkit.page.headlines import headlines
from batchkit.page.reading import Found

DAYS = {f"2026-03-{day:02}": 100.0 + day for day in range(1, 31)}
SUMMARY: dict[str, Any] = {
    "status": "processed",
    "source": {"files": 3, "bytes": 12345, "rejected": [], "missing": []},
    "rules": {"limits": {"max_unit_price": 10000, "max_quantity": 100, "max_total": 100000},
              "anomalies": {"high_value": 5000, "high_quantity": 20, "frequent_customer": 10, "total_mismatch": 0.01}},
    "validation": {"total_transactions": 1000, "valid_transactions": 900, "invalid_transactions": 100,
                   "total_line_items": 3000, "invalid_amount": 500.0, "error_counts": {"quantity": 90, "total": 10},
                   "error_amounts": {"quantity": 480.0, "total": 20.0},
                   "errors": [{"file": "a.json", "index": 1, "transaction_id": "t1", "errors": ["total: 0"]}]},
    "analytics": {
        "summary": {"total_transactions": 900, "completed_transactions": 900, "total_revenue": 3465.0,
                    "average_order_value": 3.85},
        "revenue_by_currency": {"USD": 3465.0},
        "revenue_by_category": {"Home": 2000.0, "Garden": 1465.0},
        "revenue_by_day": DAYS,
        "revenue_by_hour": {f"{hour:02}": float(hour) for hour in range(24)},
        "revenue_by_weekday": {"Monday": 1.0, "Sunday": 2.0},
        "order_value_histogram": [{"from": 0, "to": 1, "orders": 5, "revenue": 2.5},
                                  {"from": 1, "to": None, "orders": 3, "revenue": 9.0}],
        "top_customers": [{"customer_id": "c1", "total_revenue": 30.0, "order_count": 3}],
        "top_products": [{"product": "Mug", "revenue": 30.0, "quantity_sold": 3.0}],
        "top_products_by_quantity": [{"product": "Mug", "revenue": 30.0, "quantity_sold": 3.0}],
        "customer_pareto": [{"customers_percent": 10 * n, "customers": 10 * n, "revenue": 1.0,
                             "revenue_percent": min(100, 20 * n)} for n in range(1, 11)],
    },
    "anomalies": {"counts": {"high_value": 1, "high_quantity": 0}, "high_value_transactions": [],
                  "suspicious_patterns": [{"type": "high_quantity", "transaction_id": "t9", "value": 30, "limit": 20}]},
}  # fmt: skip


class Page(HTMLParser):
    """What a page holds, by its tags."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.ids, self.texts = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data):
        self.texts.append(data)


def made(tmp_path, summary=SUMMARY, previous=None, **changes):
    writing.write(record(**changes), summary, tmp_path / "report.html", previous)
    return (tmp_path / "report.html").read_text()


def changed(**parts):
    summary: Any = copy.deepcopy(SUMMARY)
    for path, value in parts.items():
        *folder, name = path.split("__")
        place: Any = summary
        for part in folder:
            place = place[part]
        place[name] = value
    return summary


ODD = {
    "nothing": {},
    "one day": changed(analytics__revenue_by_day={"2026-03-01": 5.0}),
    "no revenue": changed(analytics__summary__total_revenue=0.0, analytics__revenue_by_day={},
                          analytics__revenue_by_category={}, analytics__customer_pareto=[]),
    "several currencies": changed(analytics__revenue_by_currency={"USD": 1.0, "EUR": 2.0},
                                  analytics__summary__total_revenue=None, analytics__revenue_by_category=None),
    "one customer": changed(analytics__customer_pareto=[{"customers_percent": 100, "customers": 1, "revenue": 5.0,
                                                         "revenue_percent": 100.0}]),
    "negative": changed(analytics__revenue_by_category={"a": -5.0, "b": 2.0}, analytics__summary__total_revenue=-3.0),
    "billions": changed(analytics__summary__total_revenue=9e12, analytics__revenue_by_day={"2026-01-01": 9e12}),
    "odd days": changed(analytics__revenue_by_day={"0001-01-01": 1.0, "2026-03-01": 2.0, "9999-12-31": 3.0}),
    "many names": changed(analytics__revenue_by_category={f"{'category ' * 10}{n}": 1.0 + n for n in range(300)}),
    "all excluded": changed(validation__valid_transactions=0, analytics=None, anomalies=None),
    "rejected": {"status": "rejected", "source": {"files": 1, "bytes": 3}, "validation": None, "analytics": None},
    "cyrillic and arabic": changed(analytics__revenue_by_category={"\u041a\u043d\u0438\u0433\u0438": 3.0,
                                                                  "\u0643\u062a\u0628": 2.0}),
}  # fmt: skip


RARER = {"billions", "negative", "one day", "many names", "all excluded", "odd days"}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.longer] if kind in RARER else []) for kind in ODD]
)
def test_odd_data_has_a_page_too(tmp_path, kind):
    text = made(tmp_path, ODD[kind])
    page = Page(text)
    assert page.tags.count("h1") == 1
    assert "nan" not in re.sub(r"<[^>]*>|data:\S+", "", text).lower().split()
    assert len(page.ids) == len(set(page.ids))
    assert len(text) < 1_500_000
    for sentence in sentences.sentences(Found(record(), ODD[kind])):
        assert "nan" not in sentence


def test_what_comes_from_data_is_text(tmp_path):
    names = {text: float(n) for n, text in enumerate(HOSTILE, 1)}
    summary = changed(
        analytics__revenue_by_category=names,
        analytics__top_products=[{"product": t, "revenue": 1.0, "quantity_sold": 1.0} for t in HOSTILE],
        analytics__top_customers=[{"customer_id": t, "total_revenue": 1.0, "order_count": 1} for t in HOSTILE],
        validation__error_counts=dict.fromkeys(HOSTILE, 1),
        validation__error_amounts=dict.fromkeys(HOSTILE, 1.0),
    )
    inputs = [{"name": text, "state": "rejected", "reason": text} for text in HOSTILE]
    page = Page(made(tmp_path, summary, inputs=inputs, warnings=HOSTILE, data=HOSTILE[0], exit_code=3))
    assert page.tags.count("script") == 1
    assert page.tags.count("style") == 1
    assert not {"iframe", "img", "object", "form"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "srcdoc"]
    links = [value for tag, name, value in page.attributes if tag == "a" and name == "href"]
    assert all(link.startswith(("#", "data:text/csv;", "technical.html")) for link in links), links


def test_one_script_may_run_and_nothing_is_fetched(tmp_path):
    text = made(tmp_path)
    script = re.search(r"<script>(.*?)</script>", text, re.S)[1]
    allowed = re.search(r"script-src 'sha256-([^']+)'", text)[1]
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() == allowed
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=\"https?:", text)


def test_each_chart_has_words_and_its_table(tmp_path):
    text = made(tmp_path)
    page = Page(text)
    drawings = page.tags.count("svg")
    assert drawings >= 8
    assert page.tags.count("figcaption") == drawings
    labelled = [value for tag, name, value in page.attributes if tag == "svg" and name == "aria-labelledby"]
    assert all(set(value.split()) <= set(page.ids) for value in labelled)
    assert len(labelled) == drawings


def test_a_table_comes_as_a_file_that_no_spreadsheet_takes_for_a_formula(tmp_path):
    text = made(tmp_path, changed(analytics__revenue_by_category={"=1+1": 5.0, "Home": 7.5}))
    links = re.findall(r'download="([\w-]+).csv" href="data:text/csv;charset=utf-8;base64,([^"]+)"', text)
    files = {name: base64.b64decode(data).decode() for name, data in links}
    assert files["categories"].splitlines() == ["category,revenue", "'=1+1,5.0", "Home,7.5"]


def test_the_five_figures_and_their_changes():
    before = changed(analytics__summary__total_revenue=3300.0, validation__invalid_amount=1000.0)
    shown = {h.name: h for h in headlines(Found(record(), SUMMARY), Found(record(), before))}
    assert shown["Revenue"].value == "$3,465.00"
    assert shown["Revenue"].change == "+5.0%"
    assert shown["Orders that count"].change == "no change"
    assert shown["Valid"].value == "90.0%"
    assert shown["Excluded by the rules"].note == "12.6% of what is reported"
    assert shown["Excluded by the rules"].change == "\u221250.0%"


def test_sentences_are_true():
    said = sentences.sentences(Found(record(), SUMMARY))
    assert said == [
        "Home leads with 57.7% of the lines' sum.",
        "The best day was Monday 30 March 2026 with $130.00.",
        "The last 15 days with orders brought 13.9% more than the first 15.",
        "The 10 best customers of 100 bring 20.0% of the revenue.",
        "The rules exclude $500.00, most of it for a quantity out of its limits, in 90 transactions.",
    ]


def test_a_failed_run_begins_with_the_cause(tmp_path):
    failure = {"what": "03_submit_job failed", "why": "no quota", "next": "ask for more"}
    text = made(tmp_path, {}, errors=[failure], status="failed", exit_code=1)
    body = " ".join(Page(text).texts)
    assert body.index("no quota") < body.index("Data")
    assert "Money" not in body


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.5, "50.0%"), (0.99999, "over 99.9%"), (0.00001, "under 0.1%"), (0, "0.0%"), (1, "100.0%"), (None, "\u2013")],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share, said):
    assert words.percent(share) == said


def test_the_list_of_runs_and_what_came_before(tmp_path):
    for number in (1, 2, 3):
        folder = tmp_path / f"run-{number}"
        folder.mkdir()
        own = record(
            run_id=folder.name, started_at=f"2026-03-0{number}T10:00:00Z", data="other" if number == 2 else "d"
        )
        (folder / "run.json").write_text(json.dumps(own))
        (folder / "summary.json").write_text(json.dumps(SUMMARY))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/run.json").write_text("{")
    index.write_index(tmp_path)
    text = (tmp_path / "index.html").read_text()
    assert text.index("run-3/report.html") < text.index("run-2/report.html") < text.index("run-1/report.html")
    assert f'data-key="{SUMMARY["analytics"]["summary"]["total_revenue"]}"' in text  # by which the column sorts
    newest = json.loads((tmp_path / "run-3/run.json").read_text())
    assert writing.previous_of(newest, tmp_path)[0] == "run-1"


def test_changes_compare_like_with_like() -> None:
    def found(currency: str, valid: int) -> Found:
        money = {"total_revenue": 100.0, "completed_transactions": 4, "average_order_value": 25.0}
        analytics = {"summary": money, "revenue_by_currency": {currency: 100.0}}
        validation = {"total_transactions": 8, "valid_transactions": valid, "invalid_amount": 50.0}
        return Found({}, {"analytics": analytics, "validation": validation})

    changes = {figure.name: figure.change for figure in headlines(found("EUR", 4), found("USD", 8))}
    assert [changes[name] for name in ("Revenue", "Average order", "Excluded by the rules")] == ["", "", ""]
    assert changes["Valid"] == "\u221250.0 points"
    assert changes["Orders that count"] == "no change"


def test_what_the_changes_are_against_is_said(tmp_path):
    before = changed(rules__limits={"max_quantity": 5}, analytics__revenue_by_day={"2025-01-01": 5.0})
    text = made(tmp_path, previous=("earlier", Found(record(), before)))
    assert "against the run earlier over data of the same name, under other rules, of 1 January 2025." in text
    assert "against the run same over data of the same name." in made(
        tmp_path, previous=("same", Found(record(), SUMMARY))
    )
