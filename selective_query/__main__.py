"""`python -m selective_query` is the command `selective-query`."""

import sys

from selective_query.cli import main

sys.exit(main())
