"""`draft`: a first mapping file for a sample, checked by running it."""

import tomllib
from pathlib import Path

from node.contract import UsageError
from node.drafting.guesses import guess
from node.drafting.sample import read_sample
from node.drafting.text import toml_of
from node.mapping.file import read_mapping


def draft(path: Path) -> str:
    """The text of a mapping file.

    Raises:
        UsageError: the file holds nothing that can be mapped.
    """
    found = max(map(guess, read_sample(path)), key=lambda one: one.score)
    if not found.fields:
        raise UsageError(f"{path} has no records in which a field of a transaction can be seen.")
    text = toml_of(found, path.name)
    read_mapping(tomllib.loads(text))
    return text
