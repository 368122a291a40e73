"""Commands and exit codes: 0 done, 1 the work could not be done, 2 a bad argument or rules file."""

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from node.contract import UsageError, WorkerError
from node.files import one_line

MAPPING = "a mapping file (TOML) for another layout, or the name of one that is shipped, like shopify"


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    top = argparse.ArgumentParser(prog="python -m node", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    process = commands.add_parser("process", help="files or folders of transactions into reports")
    what = "a file, or a folder walked for *.json in any case, but for reports and hidden names"
    process.add_argument("paths", nargs="+", type=Path, metavar="PATH", help=what)
    process.add_argument("--output", required=True, type=Path, metavar="DIR", help="where the reports go")
    process.add_argument("--rules", type=Path, metavar="FILE", help="a rules file (TOML); see `rules`")
    process.add_argument("--mapping", metavar="FILE|NAME", help=MAPPING)
    merge = commands.add_parser("merge", help="partials into one report")
    merge.add_argument("folder", type=Path, metavar="DIR", help="every *.partial below it")
    merge.add_argument("--output", required=True, type=Path, metavar="FILE", help="*.partial: write a partial again")
    merge.add_argument("--plan", type=Path, metavar="FILE", help="name the inputs that are missing")
    merge.add_argument("--tables", type=Path, metavar="DIR", help="write the whole tables as CSV")
    generate = commands.add_parser("generate", help="seeded synthetic transactions with planted anomalies")
    generate.add_argument("--transactions", type=positive, default=2000, metavar="N", help="in all files together")
    generate.add_argument("--files", type=positive, default=4, metavar="K")
    generate.add_argument("--seed", type=int, default=1, metavar="S")
    generate.add_argument("--output", required=True, type=Path, metavar="DIR")
    journey = commands.add_parser("journey", help="a year of a grocery chain's baskets, a file a week")
    journey.add_argument("--output", required=True, type=Path, metavar="DIR")
    preview = commands.add_parser("preview", help="the first records as mapped, and what the rules say of them")
    preview.add_argument("file", type=Path, metavar="FILE")
    preview.add_argument("--mapping", metavar="FILE|NAME", help=MAPPING)
    preview.add_argument("--rules", type=Path, metavar="FILE", help="a rules file (TOML)")
    preview.add_argument("--count", type=positive, default=3, metavar="N", help="records to show")
    draft = commands.add_parser("draft", help="a first mapping file for a sample")
    draft.add_argument("file", type=Path, metavar="FILE")
    commands.add_parser("rules", help="print the default rules file")
    return top


def positive(text: str) -> int:
    """A whole number above 0."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; what the user can put right is one line on stderr and exit 2, the rest exit 1."""
    options = parser().parse_args(arguments)
    try:
        run(options)
    except UsageError as error:
        return complain(str(error), 2)
    except WorkerError as error:
        return complain(str(error), 1)
    except MemoryError:
        return complain("There is not enough memory for this work; give the machine more, or split the inputs.", 1)
    except OSError as error:
        return complain(f"{error.filename or 'The work'}: {error.strerror or error}.", 1)
    except KeyboardInterrupt:
        return complain("Interrupted.", 130)
    return 0


def complain(text: str, code: int) -> int:
    """One line on stderr."""
    print(f"node: {one_line(text)}", file=sys.stderr)
    return code


def run(options: argparse.Namespace) -> None:
    """Import and run only what the command needs: a comment says what an import brings, which takes its time."""
    if options.command == "merge":
        from node.work.merge import merge  # numpy

        merge(options.folder, options.output, options.plan, options.tables)
    elif options.command == "process":
        run_process(options)
    elif options.command == "preview":
        run_preview(options)
    elif options.command == "draft":
        from node.drafting.draft import draft  # msgspec

        print(draft(options.file), end="")
    elif options.command == "generate":
        from node.samples import generate  # numpy

        print(generate(options.transactions, options.files, options.seed, options.output))
    elif options.command == "journey":
        from node.journey import journey  # pandas

        for name, baskets in journey(options.output):
            print(f"{name} {baskets} baskets", file=sys.stderr)
    else:
        from node.settings import default_rules_text  # msgspec

        print(default_rules_text(rule_names()), end="")


def rule_names() -> tuple[str, ...]:
    """The names of all rules."""
    from node.sums.rules import RULE_NAMES  # pandas

    return RULE_NAMES


def run_process(options: argparse.Namespace) -> None:
    """`process`, with the rules file read first.

    Records are no cycles, and looking for cycles among them would take half of the time: the worker collects
    garbage itself, once a batch.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no linear algebra here, so no threads for it
    gc.disable()
    from node.mapping.file import load_mapping  # msgspec
    from node.settings import load_settings  # msgspec
    from node.work.process import process  # msgspec

    mapping = load_mapping(options.mapping) if options.mapping else None
    process(options.paths, options.output, load_settings(options.rules, rule_names), mapping)


def run_preview(options: argparse.Namespace) -> None:
    """`preview`, with the rules file and the mapping read first."""
    from node.mapping.file import load_mapping  # msgspec
    from node.settings import load_settings  # msgspec
    from node.work.preview import preview  # pandas

    mapping = load_mapping(options.mapping) if options.mapping else None
    for text in preview(options.file, mapping, load_settings(options.rules, rule_names), options.count):
        print(text)
