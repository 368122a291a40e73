"""Outliers and classes against the slow reference, over more names than the other properties have."""

import random
from fractions import Fraction
from typing import Any

import analysis_reference
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.report.amounts import Amounts
from node.report.analysis import classes, far, quantile

ONE = Amounts({"EUR": [1, 1, 1]}, "")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=0, max_size=60), st.sampled_from(["customer", "day"]))
def test_what_is_far_is_what_the_reference_says(values: Any, kind: Any) -> None:
    units = 1 if kind == "customer" else 100
    named = {f"n{at:02}": value for at, value in enumerate(values)}
    expected = analysis_reference.far(kind, {name: Fraction(value, units) for name, value in named.items()})
    assert far(kind, dict(named), units) == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-500, 10**9), max_size=80))
def test_classes_are_what_the_reference_says(cents: Any) -> None:
    table = {str(at): [value, 1, 1] for at, value in enumerate(cents)}
    expected = analysis_reference.classes([Fraction(value, 100) for value in cents])
    assert classes(table, ONE) == expected


@pytest.mark.parametrize("seed", range(5))
def test_a_quantile_is_exact_to_a_class(seed: Any) -> None:
    chance = random.Random(seed)
    cents = [chance.randint(1, 10 ** chance.randint(1, 12)) for _ in range(chance.randint(1, 200))]
    keys: dict[int, int] = {}
    for value in cents:
        k = 0
        while Fraction(41, 40) ** (k + 1) <= value:
            k += 1
        keys[k] = keys.get(k, 0) + 1
    for percent in (50, 95):
        found = quantile(sorted(keys.items()), len(cents), percent, ONE)
        true = sorted(cents)[-(-len(cents) * percent // 100) - 1] / 100
        assert found is not None
        assert true / 1.0125 - 0.005 <= found <= true * 1.0125 + 0.005
