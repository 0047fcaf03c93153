"""Run as `python -m deploy.report`."""

from __future__ import annotations

import sys

from deploy.report.cli import main

sys.exit(main())
