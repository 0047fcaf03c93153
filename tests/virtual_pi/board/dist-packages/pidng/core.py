"""See `pidng`."""

from __future__ import annotations

from unittest.mock import Mock

PICAM2DNG = Mock()
