"""Tables and figures for cells: what comes from data is text, and a title claims only what is so."""

import math
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchkit import tables
from batchkit.charts.canvas import say

values = st.lists(st.one_of(st.floats(-1e9, 1e9), st.sampled_from([0.0, 5.0, math.nan])), max_size=6)


class Tags(HTMLParser):
    """Collects the names of all tags, and every attribute."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


@given(st.text(max_size=40))
def test_a_cell_is_text_and_nothing_else(text):
    page = Tags(tables.show(pd.DataFrame({"id": [f"<b onclick=x>{text}", text]}))._repr_html_())
    assert page.tags <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert page.attributes <= {"class", "style", "border"}
    assert "<b onclick=x>" in page.text


def test_a_table_is_short_however_long_the_data_is():
    frame = pd.DataFrame({"id": ["x" * 10_000] * 20 + ["x"] * 99_980})
    shown = tables.show(frame)
    assert len(shown._repr_html_()) < 20_000
    assert "and 99,980 more" in shown._repr_html_()
    assert "and 99,980 more" in repr(shown)


def test_an_empty_table_says_so():
    assert tables.show(pd.DataFrame(columns=["a"]))._repr_html_() == "<p>none</p>"
    assert repr(tables.show(pd.DataFrame(columns=["a"]))) == "none"


@given(values)
def test_what_leads_is_the_one_largest_above_zero(numbers):
    frame = pd.DataFrame({"name": [f"n{i}" for i in range(len(numbers))], "value": numbers}, dtype=object)
    found = tables.largest(frame, "name", "value")
    known = [value for value in numbers if not math.isnan(value)]
    top = max(known, default=0)
    assert bool(found) == (top > 0 and known.count(top) == 1)
    if found:
        assert numbers[int(found.name[1:])] == top
        assert math.isnan(found.share) == (min(known) < 0)
        assert math.isnan(found.share) or found.share == pytest.approx(top / sum(known), abs=0.001)


def test_not_quite_all_is_not_called_all():
    frame = pd.DataFrame({"name": ["a", "b"], "value": [99_999, 1]})
    assert f"{tables.largest(frame, 'name', 'value').share:.1%}" == "99.9%"


def test_nulls_lead_nothing():
    frame = pd.DataFrame({"name": ["a", "b"], "value": [None, None]})
    assert not tables.largest(frame, "name", "value")
    assert tables.largest(frame, "name", "value").names == []


def test_a_long_name_is_cut_in_a_title_and_whole_for_the_chart():
    found = tables.largest(pd.DataFrame({"name": ["x" * 500], "value": [1]}), "name", "value")
    assert len(f"{found} leads") < 80
    assert found.names == ["x" * 500]


def test_sums_carry_their_currency_and_several_are_never_one():
    assert tables.amount(1234.5) == tables.amount(1234.5, {"Unknown": 1234.5}) == "1,234.50"
    assert tables.amount(1234.5, {"USD": 1234.5}) == "$1,234.50"
    assert tables.amount(-2.0, {"USD": -2.0}) == "\u2212$2.00"
    assert tables.amount(1234.5, {"EUR": 1234.5}) == "1,234.50 EUR"
    assert tables.amount(None, {"EUR": 1.0, "USD": 2.0}) == "no one sum: several currencies"
    assert tables.sums({"EUR": 1.0, "USD": 2.0, "Unknown": 3.0}) == "1.00 EUR, $2.00, 3.00"
    assert tables.amount(None) == "none"
    shown = {code: say(1500, tables.unit({code: 1.0})) for code in ("EUR", "USD", "Unknown")}
    assert shown == {"EUR": "1.5k EUR", "USD": "$1.5k", "Unknown": "1.5k"}
