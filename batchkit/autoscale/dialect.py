"""What no document says about the formula language: each unknown is one named switch of `Dialect`.

The defaults are the likelier behaviour of the service; where it is proven otherwise one day, the
default changes here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Dialect:
    """One reading of the language's unknowns.

    Attributes:
        rounding: a fractional node target is cut off (usual ceiling tricks point to it) or rounded.
        round_when: a target that the formula reads back is whole already, or still has its fraction.
        negative_target: counts as zero, or fails the evaluation.
        missing_semicolon: between two statements fails the formula (as users report), or is overlooked.
        case_sensitive_names: whether names that only differ in case are different names.
        legacy_names: take the names of before 2017 ($CurrentDedicated, $TVMDeallocationOption …).
        newer_names: take $UsableNodeCount, ceil, floor and round, which newer documentation may list.
        empty_statistic: what avg, min, max, val … of nothing at all are: zero, NaN, or a failed evaluation.
        percentile: the nearest element, or a value interpolated between two.
        sunday: the number of Sunday in `timestamp.weekday`.
        short_circuit: whether `&&` and `||` leave their right side alone once the left side decides.
        sample_order: which end of the vector that GetSample returns is the newest.
    """

    rounding: Literal["truncate", "nearest"] = "truncate"
    round_when: Literal["result", "assignment"] = "result"
    negative_target: Literal["zero", "error"] = "zero"
    missing_semicolon: Literal["error", "accept"] = "error"
    case_sensitive_names: bool = False
    legacy_names: bool = True
    newer_names: bool = True
    empty_statistic: Literal["zero", "nan", "error"] = "zero"
    percentile: Literal["nearest", "linear"] = "nearest"
    sunday: Literal[0, 7] = 7
    short_circuit: bool = True
    sample_order: Literal["oldest_first", "newest_first"] = "oldest_first"


DEFAULT = Dialect()
