"""What the worker promises: field names, list lengths, file names, and what an input is.

Everything that reads or writes a report agrees on this page, which imports the standard library alone.
"""

import stat

SCHEMA_VERSION = 1  # of reports
PARTIAL_VERSION = 4

INPUT_ENDINGS = (".json",)
# With a mapping: its format -> the endings of inputs, which may also be gzipped.
FORMATS = {"object": (".json",), "lines": (".json", ".jsonl", ".ndjson")}
GZIPPED = ".gz"
REPORT_SUFFIX = ".report.json"
PARTIAL_SUFFIX = ".partial"
TASK_PARTIAL = "task.partial"

MEBIBYTE = 1024 * 1024
MAX_RECORD_BYTES = 64 * MEBIBYTE
MAX_NUMBER = 10**12
MAX_DEPTH = 100

UNKNOWN = "Unknown"
COMPLETED = "completed"  # the status that counts, unless the rules file names others

MAX_ERRORS = 50
MAX_WARNINGS = 50
MAX_NAMED = 10  # statuses, currencies, names of files: so many of them in one warning
MAX_CUSTOMERS = 10
MAX_PRODUCTS = 10
MAX_ANOMALIES = 20
MAX_OUTLIERS = 20
PARETO_STEPS = 10

# Upper edges, in currency units, of the order value histogram's classes; the last class is open.
HISTOGRAM_EDGES = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000)
# Numbers of lines at which the classes of the basket histogram begin; the last class is open.
BASKET_EDGES = (1, 2, 3, 4, 5, 6, 11, 21, 51, 101)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

DOCUMENT_FIELDS = ("batch_id", "generated_at", "transaction_count", "transactions")
TRANSACTION_FIELDS = (
    "transaction_id",
    "timestamp",
    "customer",
    "line_items",
    "subtotal",
    "tax",
    "shipping_cost",
    "total",
    "payment_method",
    "shipping_method",
    "status",
    "currency",
)
CUSTOMER_FIELDS = ("customer_id", "name", "email", "country", "state")
LINE_FIELDS = ("product_id", "product_name", "category", "quantity", "unit_price", "discount", "subtotal")

# null counts as missing, and so does an empty text.
REQUIRED_FIELDS = (
    "transaction_id",
    "timestamp",
    "customer.customer_id",
    "customer.email",
    "line_items",
    "line_items.quantity",
    "line_items.unit_price",
    "subtotal",
    "tax",
    "total",
    "payment_method",
    "status",
)

ANOMALY_TYPES = ("high_value", "duplicate_transaction_id", "high_quantity", "frequent_customer", "total_mismatch")


# What a run leaves in its folder; one that lies below the data is no data.
RUN_FILES = frozenset({"run.json", "report.html"})


class WorkerError(Exception):
    """What the user can put right: one or two lines that say what happened, to what, and what to do."""


class UsageError(WorkerError):
    """A bad argument or a bad rules file: exit 2."""


class RejectedFile(Exception):  # noqa: N818 - the contract's own word
    """An input that cannot be read as a batch of transactions.

    Attributes:
        reason: why, in words.
        byte_offset: where in the file, counted in bytes from 0, or None when it has no place.
    """

    def __init__(self, reason: str, byte_offset: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.byte_offset = byte_offset


def left_out(name: str, endings: tuple[str, ...] = INPUT_ENDINGS) -> str | None:
    """Why a file of this name is no input, or None when it is one; `name` is relative to the folder, with slashes."""
    *folders, last = name.split("/")
    if any(folder.startswith(".") for folder in folders):
        return "below a hidden folder"
    if last.startswith("."):
        return "hidden"
    if last.lower().endswith(REPORT_SUFFIX):
        return "report"
    if last.lower().endswith(PARTIAL_SUFFIX):
        return "partial"
    return None if last.lower().endswith(endings) else f"other suffix ({suffix_of(last)})"


def endings_of(format_name: str | None) -> tuple[str, ...]:
    """How names of inputs end, by the format of the mapping; None: without one."""
    if format_name is None:
        return INPUT_ENDINGS
    return tuple(ending + packed for packed in ("", GZIPPED) for ending in FORMATS[format_name])


def suffix_of(last: str) -> str:
    """What stands behind the last dot of a name, with the dot, as a person would name it."""
    _, dot, suffix = last.lower().rpartition(".")
    return f".{suffix}" if dot and suffix.isalnum() and len(suffix) <= 10 else "none"


def kind_left_out(mode: int) -> str | None:
    """Why what is no regular file is no input, by its `st_mode`; None for a regular file."""
    kinds = ((stat.S_ISREG, None), (stat.S_ISFIFO, "named pipe"), (stat.S_ISSOCK, "socket"), (stat.S_ISDIR, "folder"))
    return next((kind for test, kind in kinds if test(mode)), "device")


def report_name(name: str) -> str:
    """The name of an input's report: `.json`, in any case, gives way to `.report.json`; another ending stays."""
    return (name[: -len(".json")] if name.lower().endswith(".json") else name) + REPORT_SUFFIX
