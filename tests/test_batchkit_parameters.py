"""Parameters given on the command line: YAML against the cell's type, and no name that no notebook has."""

import pytest

from batchkit.errors import ParameterError
from batchkit.parameters import assign

KNOWN = {"a.ipynb": {"data": "str", "count": "int"}, "b.ipynb": {"data": "str", "share": "float", "on": "bool"}}


def test_a_value_goes_to_every_notebook_that_has_the_name():
    given = [("data", "x"), ("count", "3"), ("share", "2"), ("on", "yes")]
    assert assign(KNOWN, given, {}) == {
        "a.ipynb": {"data": "x", "count": 3},
        "b.ipynb": {"data": "x", "share": 2, "on": True},
    }


def test_what_a_person_gives_wins_over_the_defaults():
    assert assign(KNOWN, [("data", "mine")], {"data": "real"})["a.ipynb"] == {"data": "mine"}


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(ParameterError, match="Did you mean count"):
        assign(KNOWN, [("cuont", "1")], {})


@pytest.mark.parametrize(
    ("name", "text"), [("count", "x"), ("count", "1.5"), ("count", "true"), ("share", "no"), ("on", "1"), ("data", "5")]
)
def test_a_wrong_type_is_an_error(name, text):
    with pytest.raises(ParameterError, match=name):
        assign(KNOWN, [(name, text)], {})


def test_text_that_is_no_yaml_is_text():
    assert assign(KNOWN, [("data", "a: b: c")], {})["a.ipynb"] == {"data": "a: b: c"}


def test_text_may_be_empty():
    assert assign(KNOWN, [("data", "")], {})["a.ipynb"] == {"data": ""}
