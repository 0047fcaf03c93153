"""See `pidng`."""

from __future__ import annotations

from unittest.mock import Mock

Picamera2Camera = Mock()
