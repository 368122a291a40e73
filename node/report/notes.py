"""Warnings about the whole of a report: money that does not count or has no common unit, and what looks like a mistake.

Each is worked out from the exact sums of a part, so any split of the same transactions gives the same warnings.
"""

import json
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from node.contract import MAX_NAMED, UNKNOWN
from node.report.amounts import Amounts
from node.report.figures import valid_transactions
from node.settings import CURRENCY
from node.sums.mapped import FOUND, looked_for
from node.sums.partial import Part, Source, Table

# Where clocks change, they do so in these months: only in them, one place has two UTC offsets.
CHANGE_MONTHS = ("03", "04", "09", "10", "11")
MAX_TEXT = 80


def notes(part: Part, amounts: Amounts) -> list[str]:
    """The warnings, the gravest first."""
    found = (
        nothing_valid(part),
        nothing_counts(part),
        several_currencies(amounts),
        nowhere(part),
        nearly_counted(part, amounts),
        copies(part.sources),
        several_offsets(part.tables.get("offsets", {})),
        nearly_equal(part.tables.get("categories", {})),
    )
    return [text for text in found if text]


def nothing_valid(part: Part) -> str | None:
    """There are transactions, but all of them are invalid."""
    total, valid = part.counts.get("total_transactions", 0), valid_transactions(part.counts)
    if not total or valid:
        return None
    broken = {name: row[0] for name, row in part.tables.get("errors", {}).items()}
    return f"none of the {total} transactions is valid; rules that they break: {with_counts(broken)}"


def nothing_counts(part: Part) -> str | None:
    """There are valid transactions, but none with a status that counts."""
    valid, statuses = part.counts.get("valid_transactions", 0), part.tables.get("statuses", {})
    if not valid or part.counts.get("completed", 0):
        return None
    seen = {name: row[0] for name, row in statuses.items()}
    counted = listed(quoted(name) for name in part.rules["money"]["statuses"])
    hint = f"; the rules file can count them: {statuses_line(ranked_names(seen))}" if seen else ""
    return f"none of the {valid} valid transactions counts: their status is {with_counts(seen)}, not {counted}{hint}"


def several_currencies(amounts: Amounts) -> str | None:
    """There are several currencies, and none is chosen."""
    if not amounts.mixed:
        return None
    seen = {name: row[2] for name, row in amounts.by_currency.items()}
    codes = [name for name in ranked_names(seen) if CURRENCY.fullmatch(name)]
    hint = f'; the rules file can choose one: [money] currency = "{codes[0]}"' if codes else ""
    return f"the valid transactions are of several currencies, {with_counts(seen)}, so no money is added up{hint}"


def nowhere(part: Part) -> str | None:
    """Paths of the mapping that lead to nothing in any transaction."""
    total, wanted = part.counts.get("total_transactions", 0), looked_for(part.mapping)
    lost = {name: paths for name, paths in wanted.items() if not part.counts.get(FOUND + name)}
    if not total or not lost:
        return None
    written = {name: [paths] if isinstance(paths, str) else paths for name, paths in sorted(lost.items())}
    texts = [f"{name} ({' and '.join(map(quoted, paths))})" for name, paths in written.items()]
    return f"the mapping's paths lead to nothing in any of the {total} transactions: {listed(texts)}"


def nearly_counted(part: Part, amounts: Amounts) -> str | None:
    """Some count, and others have a status that differs from a counted one in its spelling only."""
    counted = list(part.rules["money"]["statuses"])
    keys = {spelling_key(name) for name in counted}
    found = {
        name: row
        for name, row in part.tables.get("statuses", {}).items()
        if name not in counted and spelling_key(name) in keys
    }
    if not found or not part.counts.get("completed", 0):
        return None
    seen = {name: row[0] for name, row in found.items()}
    worth = amounts.money(sum(row[1] for row in found.values()))
    money = "" if worth is None else f", worth {worth:.2f},"
    said = f"{sum(seen.values())} valid transactions{money} do not count, for their status is {with_counts(seen)}"
    return f"{said}; the rules file can count them: {statuses_line([*counted, *ranked_names(seen)])}"


def copies(sources: list[Source]) -> str | None:
    """Files that hold what another one holds."""
    names: dict[str, list[str]] = {}
    for source in sources if len(sources) > 1 else ():
        if source.content:
            names.setdefault(source.content, []).append(source.name)
    groups = sorted(sorted(set(group)) for group in names.values() if len(set(group)) > 1)
    pairs = [f"{quoted(copy)} is {quoted(first)} again" for first, *others in groups for copy in others]
    said = "an input is a copy, and counts" if len(pairs) == 1 else f"{len(pairs)} inputs are copies, and count"
    return f"{said} twice: {listed(pairs)}" if pairs else None


def several_offsets(table: Table) -> str | None:
    """Times of several UTC offsets, unless they can be one place's winter and summer."""
    seen: dict[str, int] = {}
    months: dict[str, set[str]] = {}
    for key, row in table.items():
        month, offset = key.split(" ")
        seen[offset] = seen.get(offset, 0) + row[0]
        months.setdefault(offset, set()).add(month)
    if len(seen) < 2 or is_one_place(months):
        return None
    return f"the times are written with several UTC offsets, {with_counts(seen)}; days and hours are as written"


def is_one_place(months: dict[str, set[str]]) -> bool:
    """True for two offsets an hour apart that share no month but those in which clocks are changed."""
    if len(months) != 2 or "none" in months:
        return False
    first, second = months.values()
    apart = abs(minutes(min(months)) - minutes(max(months)))
    return apart == 60 and all(month[-2:] in CHANGE_MONTHS for month in first & second)


def minutes(offset: str) -> int:
    """Minutes of +HH:MM or -HH:MM."""
    size = int(offset[1:3]) * 60 + int(offset[4:])
    return -size if offset.startswith("-") else size


def nearly_equal(categories: Table) -> str | None:
    """Categories that differ in their spelling only, with their lines."""
    groups: dict[str, list[str]] = {}
    for name in categories:
        groups.setdefault(spelling_key(name), []).append(name)
    alike = sorted(sorted(group) for group in groups.values() if len(group) > 1)
    if not alike:
        return None
    texts = [" and ".join(f"{quoted(name)} ({categories[name][2]})" for name in group) for group in alike]
    count = sum(map(len, alike))
    return f"{count} categories differ only in case, blanks or Unicode form, and count apart: {listed(texts)}"


@lru_cache(maxsize=100_000)
def spelling_key(text: str) -> str:
    """What texts have in common that differ only in case, blanks or Unicode form."""
    return "".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


def ranked_names(counts: dict[str, int]) -> list[str]:
    """Names, the most frequent first, then in order."""
    return sorted(counts, key=lambda name: (-counts[name], name))


def with_counts(counts: dict[str, int]) -> str:
    """Names and how often each is there, the most frequent first."""
    return listed(f"{name if name == UNKNOWN else quoted(name)} ({counts[name]})" for name in ranked_names(counts))


def statuses_line(names: list[str]) -> str:
    """What makes these statuses count."""
    kept = [name for name in names if len(name) <= MAX_TEXT][:MAX_NAMED]
    return f"[money] statuses = [{', '.join(map(quoted, kept))}]"


def quoted(text: str) -> str:
    """A text as JSON and TOML both write it, cut when it is long."""
    short = text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
    return json.dumps(short, ensure_ascii=False).replace("\x7f", "\\u007f")


def listed(texts: Iterable[str]) -> str:
    """The first few texts, and how many more there are."""
    every = list(texts)
    more = len(every) - MAX_NAMED
    return ", ".join(every) if more <= 0 else f"{', '.join(every[:MAX_NAMED])} and {more} more"
