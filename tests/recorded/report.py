"""What `make recorded` prints: pairs that agree of all, by operation and by kind of disagreement, and what is left."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field

from recorded.comparing import Difference
from recorded.known import Known
from recorded.pairs import Pair

_OWN_TASK = re.compile(r".*\.(startTask|jobManagerTask|jobPreparationTask|jobReleaseTask)\.")


@dataclass
class Report:
    """The counts of one run."""

    known: Known
    counted: Counter[str] = field(default_factory=Counter)
    agreeing: Counter[str] = field(default_factory=Counter)
    exact: int = 0
    statuses: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    causes: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, pair: Pair, found: list[Difference]) -> None:
        """Count a pair with its differences."""
        self.counted[pair.operation] += 1
        self.statuses += not any(each.kind in ("status", "failed") for each in found)
        self.exact += not found
        left = [each for each in found if not self._known(pair, each)]
        self.agreeing[pair.operation] += not left
        for each in left:
            self.causes.setdefault((each.kind, _place(each)), []).append(_line(pair, each))

    def _known(self, pair: Pair, found: Difference) -> bool:
        reason = self.known.reason(pair, found)
        if reason is not None:
            self.reasons[reason] += 1
        return reason is not None

    @property
    def all(self) -> int:
        """How many pairs were counted."""
        return self.counted.total()

    @property
    def whole(self) -> int:
        """How many of them agree, but for what is known."""
        return self.agreeing.total()

    def counts(self) -> str:
        """Return, as JSON, how many pairs of each operation agree, and of how many."""
        rows = {name: [self.agreeing[name], count] for name, count in sorted(self.counted.items())}
        return "{\n" + ",\n".join(f"  {json.dumps(name)}: {held}" for name, held in rows.items()) + "\n}\n"

    def text(self) -> str:
        """Return the whole report."""
        operations = [f"  {name}: {self.agreeing[name]} of {count}" for name, count in sorted(self.counted.items())]
        causes = sorted(self.causes.items(), key=lambda item: -len(item[1]))
        left = [f"{kind} {where}: {len(lines)}\n  " + "\n  ".join(lines) for (kind, where), lines in causes]
        right = [f"  {count} x {reason}" for reason, count in self.reasons.most_common()]
        return "\n".join(
            ["Pairs that agree, by operation", *operations, "", "Differences that are known", *right, ""]
            + (["Disagreements", *left, ""] if left else [])
            + [f"status and code agree in {self.statuses} of {self.all}, nothing differs at all in {self.exact}"]
            + [f"{self.whole} of {self.all} pairs agree"]
        )


def _place(found: Difference) -> str:
    return _OWN_TASK.sub("*Task.", re.sub(r"^\.(value\[\]\.)?(properties\.)?", "", found.where))


def _line(pair: Pair, found: Difference) -> str:
    said = f"recorded {found.recorded or 'nothing'} | local {found.local or 'nothing'}"
    return f"{pair.operation} ({pair.api_version}, group {pair.group}.{pair.seq}){found.where}: {said}"
