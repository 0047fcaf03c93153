"""door.toml from the inventory: what the door would refuse never leaves the operator's computer."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from deploy.boxes import doortoml

from doorcheck.config import SettingsError


def test_what_is_written_is_what_was_meant() -> None:
    """Words, numbers, truths and odd characters come back as they were."""
    settings = {
        "camera": {"kind": "pictures", "device": "/srv/pictures", "full_fps": 20},
        "panel": {"relay": False, "buzzer": "none"},
    }
    assert tomllib.loads(doortoml.text(settings)) == settings
    assert tomllib.loads(doortoml.text({})) == {}


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"camera": {"kind": "webcamm"}}, "[camera] kind"),
        ({"camera": {"colour": 1}}, "colour"),
        ({"panel": {"relay_ms": 99999}}, "[panel] relay_ms"),
        ({"panel": {"relay": "yes"}}, "[panel] relay"),
        ({"panel": True}, "panel"),
        ({"camera": {"kind": ["webcam"]}}, "[camera] kind"),
        ({"camera": {"device": 'a"\n[panel]'}}, "[camera] device"),
        ({"a b": {}}, "a b"),
    ],
)
def test_what_the_door_would_refuse_names_its_place(settings: dict[str, Any], place: str) -> None:
    """Table and key, so that it is found in the inventory."""
    with pytest.raises(SettingsError) as caught:
        doortoml.text(settings)
    assert place in str(caught.value)
