"""Parameters given on the command line: YAML against the cell's type, and no name that no notebook has."""

from pathlib import Path

import pytest

from batchkit.errors import ParameterError
from batchkit.headless.parameters import assign

KNOWN = {"a.ipynb": {"label": "str", "count": "int"}, "b.ipynb": {"label": "str", "share": "float", "on": "bool"}}


def test_a_value_goes_to_every_notebook_that_has_the_name():
    given = [("label", "x"), ("count", "3"), ("share", "2"), ("on", "yes")]
    assert assign(KNOWN, given, {}) == {
        "a.ipynb": {"label": "x", "count": 3},
        "b.ipynb": {"label": "x", "share": 2, "on": True},
    }


def test_what_a_person_gives_wins_over_the_defaults():
    assert assign(KNOWN, [("label", "mine")], {"label": "real"})["a.ipynb"] == {"label": "mine"}


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(ParameterError, match="Did you mean count"):
        assign(KNOWN, [("cuont", "1")], {})


@pytest.mark.parametrize(
    ("name", "text"),
    [("count", "x"), ("count", "1.5"), ("count", "true"), ("share", "no"), ("on", "1"), ("label", "5")],
)
def test_a_wrong_type_is_an_error(name, text):
    with pytest.raises(ParameterError, match=name):
        assign(KNOWN, [(name, text)], {})


def test_text_that_is_no_yaml_is_text():
    assert assign(KNOWN, [("label", "a: b: c")], {})["a.ipynb"] == {"label": "a: b: c"}


def test_text_may_be_empty():
    assert assign(KNOWN, [("label", "")], {})["a.ipynb"] == {"label": ""}


@pytest.mark.parametrize("text", ["a #1 folder", "100%", "x: y"])
def test_text_is_taken_as_it_is(text):
    given = [("label", text)]
    if text == "x: y":
        with pytest.raises(ParameterError, match="quote it twice"):
            assign(KNOWN, given, {})
    else:
        assert assign(KNOWN, given, {})["a.ipynb"] == {"label": text}


@pytest.mark.parametrize("name", ["data", "rules_file", "results_dir"])
def test_a_path_is_seen_from_where_the_command_was_typed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = {"a.ipynb": {name: "str"}}
    assert assign(known, [(name, "mine")], {})["a.ipynb"] == {name: str(tmp_path / "mine")}
    assert assign(known, [(name, "/there")], {})["a.ipynb"] == {name: "/there"}
    assert assign(known, [(name, "~/x")], {})["a.ipynb"] == {name: str(Path.home() / "x")}
    assert assign(known, [(name, "")], {})["a.ipynb"] == {name: ""}
    assert assign(known, [], {name: "../default"})["a.ipynb"] == {name: "../default"}


@pytest.mark.parametrize("word", ["real", "synthetic"])
def test_a_word_that_data_knows_is_no_path_and_a_folder_of_that_name_is(word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = {"a.ipynb": {"data": "str"}}
    assert assign(known, [("data", word)], {})["a.ipynb"] == {"data": word}
    assert assign(known, [("data", f"./{word}")], {})["a.ipynb"] == {"data": str(tmp_path / word)}
