"""The worker's command line: python -m node process | merge | generate | journey | rules."""

import sys

from node.cli import main

sys.exit(main())
