"""Run the command line interface with `python -m selective_query`."""

import sys

from selective_query.cli import main

sys.exit(main())
