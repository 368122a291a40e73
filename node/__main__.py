"""The worker's command line: python -m node process | merge | preview | draft | generate | journey | rules."""

import os
import sys
from contextlib import suppress

from node.cli import main

code = main()
with suppress(OSError):
    sys.stdout.flush()
    sys.stderr.flush()
os._exit(code)  # at once: every file is closed, and taking the memory apart would cost a tenth of a second
