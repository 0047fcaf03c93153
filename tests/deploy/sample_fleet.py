"""An invented fleet: what boxes of every kind would have answered over two weeks, the same each time."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.report import contact
from deploy.report.standing import Box, boxes

NOW = datetime(2026, 11, 24, 17, 40, tzinfo=UTC)
PLACES = ("north", "south", "stage", "foyer", "museum", "library", "harbour", "station", "arena", "cinema")
HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\u202e"


def iso(at: datetime) -> str:
    """As boxes write it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def name(number: int) -> str:
    """A box's name."""
    place = PLACES[number % len(PLACES)]
    return f"{place}-{number // len(PLACES) + 1:02}" if number >= len(PLACES) else place


def kind(number: int) -> str:
    """What is the matter with that box: of ten, seven are well."""
    return {2: "out", 5: "lost", 7: "care"}.get(number % 10 if number < 20 else number % 97, "well")


def counters(seed: int, days: int, now: datetime, per_hour: float) -> list[dict[str, Any]]:
    """Quarters of an hour of a venue that is open from 9 to 21."""
    rng, bins = random.Random(seed), []
    since = (now - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
    while since + timedelta(minutes=15) <= now:
        if 9 <= since.hour < 21:
            busy = (
                per_hour / 4 * (0.35 + math.sin((since.hour - 9) / 12 * math.pi) ** 2) * rng.uniform(0.7, 1.3)
            )
            counts = {
                "ADMIT": round(busy),
                "REFUSE": int(rng.random() < busy / 40) + int(busy * 0.03),
                "STAFF": int(rng.random() < busy / 60),
                "OUT_OF_ORDER": int(rng.random() < 0.004),
            }
            bins.append(
                {"since": iso(since), "outcomes": {key: value for key, value in counts.items() if value}}
            )
        since += timedelta(minutes=15)
    return bins


def answer(number: int, at: datetime, now: datetime, *, with_counters: bool) -> dict[str, Any]:
    """What that box answers at that time."""
    rng = random.Random(f"{number} {at}")
    published = at - timedelta(hours=(at.timestamp() / 3600 + number * 0.1) % 24 + 1)
    warm = 46 + number % 7 + 9 * math.sin((at.hour - 9) / 24 * 2 * math.pi) + rng.uniform(-1, 1)
    conditions: list[str] = []
    troubled = kind(number)
    if troubled == "out" and at > now - timedelta(hours=5):
        conditions = ["H-CAM"]
    if troubled == "care" and at > now - timedelta(days=2):
        published, conditions, warm = now - timedelta(days=4), ["H-AGE", "H-HOT"], warm + 26
    ages = (at - published) / timedelta(hours=1)
    return {
        "format": 1,
        "host": name(number),
        "at": iso(at),
        "reachable": True,
        "why": None,
        "status": {
            "format": 1,
            "at_ms": 1,
            "pid": 7,
            "version": "0.6.2" if number % 31 == 7 else "0.7.0",
            "ready": not conditions,
            "state": "out of order" if "H-CAM" in conditions else "judging",
            "started": iso(at),
            "board": "Raspberry Pi 4 Model B Rev 1.5",
            "restarts": (at > now - timedelta(days=3))
            + 2 * (troubled == "out" and at > now - timedelta(days=1)),
            "generation": 11 if troubled == "care" else 12,
            "published": iso(published),
            "age_hours": round(ages, 1),
            "freshness": "fresh",
            "clock": "network time",
            "utc": iso(at),
            "conditions": conditions,
            "outcomes": {},
            "bin_minutes": 15,
            "temperature_c": round(warm, 1),
            "free_bytes": 5 << 30,
            "latency_ms": 180 + number % 60,
        },
        "update": {
            "enrolled": True,
            "generation": 12,
            "publication": 39 if troubled == "care" else 41,
            "published": iso(published),
            "metadata": {"root": {"version": 1, "expires": iso(now + timedelta(days=300)), "expired": False}},
            "damage": None,
        },
        "release": {"version": "0.7.0", "outcome": "stays", "why": None, "at": iso(at - timedelta(days=3))},
        "counters": {"format": 1, "bins": counters(number, 8, at, 40 + number % 9 * 25)}
        if with_counters
        else None,
    }


def contacts(
    number: int, now: datetime = NOW, *, every_h: int = 4, days: int = 8
) -> Iterator[dict[str, Any]]:
    """Every contact with that box, oldest first."""
    last = now - timedelta(minutes=2)
    for step in reversed(range(0, days * 24, every_h)):
        at = last - timedelta(hours=step)
        away = kind(number) == "lost" and step < 27
        if away or (number % 13 == 4 and step in (28, 32)):
            why = "ssh: connect to host 10.0.0.7 port 22: no route to host"
            yield {"format": 1, "host": name(number), "at": iso(at), "reachable": False, "why": why}
        else:
            newest = step == 0 or (kind(number) == "lost" and 27 <= step < 27 + every_h)
            yield answer(number, at, now, with_counters=newest)


def never(now: datetime = NOW) -> dict[str, Any]:
    """A box that never answered."""
    return {
        "format": 1,
        "host": "tent",
        "at": iso(now - timedelta(minutes=2)),
        "reachable": False,
        "why": "timed out",
    }


def hostile(now: datetime = NOW) -> dict[str, Any]:
    """A box in other hands, which answers with markup wherever text may stand."""
    told = answer(3, now - timedelta(minutes=2), now, with_counters=True)
    told["host"] = "stolen"
    told["status"] |= {"version": HOSTILE, "state": HOSTILE[:79], "board": HOSTILE, "clock": HOSTILE[:60]}
    told["status"]["conditions"] = [HOSTILE[:70], "H-NEW"]
    told["update"]["damage"] = HOSTILE * 3
    told["release"] |= {"outcome": "returned", "version": HOSTILE[:75], "why": HOSTILE}
    told["visitor"] = "Jane Canary"
    return told


def lines(several: int, now: datetime = NOW, **more: int) -> Iterator[bytes]:
    """The contacts of so many boxes, as lines."""
    for number in range(several):
        for one_contact in contacts(number, now, **more):
            yield line(one_contact)


# One box at a time


def line(told: dict[str, Any]) -> bytes:
    """As it stands in the file."""
    return json.dumps(told).encode()


def told(**changes: Any) -> dict[str, Any]:
    """A well box's answer of two minutes ago; `status_x=...` changes status, `update_x=...` update."""
    made = answer(0, NOW - timedelta(minutes=2), NOW, with_counters=True)
    for name, value in changes.items():
        part, _, rest = name.partition("_")
        if part in ("status", "update", "release") and rest:
            made[part][rest] = value
        else:
            made[name] = value
    return made


def judged(*answers: dict[str, Any], now: datetime = NOW) -> dict[str, Box]:
    """How these boxes stand."""
    by_host: dict[str, list[contact.Contact]] = {}
    for told_by_one in answers:
        found = contact.decode(line(told_by_one))
        by_host.setdefault(found.host, []).append(found)
    return {box.host: box for box in boxes(by_host, now)}


def one(**changes: Any) -> Box:
    """How one box with such an answer stands."""
    (box,) = judged(told(**changes)).values()
    return box


def codes(box: Box) -> list[str]:
    """What was found, by code."""
    return [finding.code for finding in box.findings]
