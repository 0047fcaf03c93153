"""The leak, told on test hosts over real SSH: `tests/fleet/story`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.deploy import browser
from tests.fleet.rig import fleet, machine, wheelhouse
from tests.fleet.rig.machine import RigError
from tests.fleet.rig.office import Done, Office, OfficeError
from tests.fleet.rig.places import Places, places
from tests.fleet.rig.venue import LateError, Venue

from doorcheck.lab import press
from doorcheck.lab.press import Difficulty
from doorcheck.lab.reencoding import reencoded

NUMBER: Final = 70
DOORS: Final = 5
FIRST: Final = "90.0.0"
WIDTHS_PX: Final = (360, 1280)
EXAMPLES: Final = """\
examples, as root:
  tests/fleet/story                    five boxes, from flashed systems to the page of all boxes
  tests/fleet/story --doors 2 -o out/  two boxes; the page and its pictures go to out/

What it starts is gone at the end. Exit codes: 0 told to its end, 1 it went another way, 2 it can't be
told here.
"""


class StoryError(Exception):
    """The story went another way than it is told; the text says where."""


class Story:
    """One telling: an office, its boxes, and the steps with their times."""

    def __init__(self, where: Places, doors: int, folder: Path, output: Path) -> None:
        self._where, self._doors = where, doors
        self._folder, self._output = folder, output
        self._began = time.monotonic()

    def tell(self) -> None:
        """All of it. Raises `StoryError`, `RigError`, `OfficeError`, `LateError`."""
        with self._step(f"{self._doors} boxes with freshly flashed systems, each with its own sshd"):
            hosts = fleet.up(self._where, self._doors, 0)
        with self._step("the operator makes a repository, and the wheels of the first release"):
            office = Office(self._folder)
            office.found()
            venue = Venue(hosts, office)
            venue.furnish(wheelhouse.wheelhouse(self._where.cache, office.folder / "wheels", FIRST))
        with self._step("deploy/fleet provision: from a flashed system to a working door"):
            self._well(venue.fleet("provision"))
        leaked, replacement = office.issue("leaked"), office.issue("replacement")
        self._shown(venue, "the pass", [leaked], "ADMIT")
        copy = office.folder / "older"
        shutil.copytree(office.public, copy)
        with self._step("a press photograph shows it in somebody's hand; the operator revokes it from that"):
            photograph = office.folder / "press.jpg"
            photograph.write_bytes(press.press_picture(leaked, Difficulty.MEDIUM, seed=7))
            office.do("revoke", str(photograph))
        with self._step("and publishes"):
            office.publish()
        with self._step("deploy/fleet push-trust: over SSH, to every box"):
            self._well(venue.fleet("push-trust"))
        self._shown(venue, "the leaked pass, and all that its finder can make of it", _all(leaked), "REFUSE")
        self._shown(venue, "its replacement, same person", [replacement], "ADMIT")
        with self._step("the record says who listed it"):
            told = office.run("operator", "log", "--repo", str(office.repo)).said
            self._expect("revoke" in told and "Anna Muller" in told, told)
        with self._step("somebody pushes an older copy: refused by every box"):
            venue.office.run("operator", "verify", "--repo", str(office.repo))
            self._push_older(venue, copy)
        self._shown(venue, "the leaked pass, once more", [leaked], "REFUSE")
        self._report(venue)
        print(f"{time.monotonic() - self._began:7.1f} s  in all: as the story is told")

    def _shown(self, venue: Venue, what: str, texts: Iterable[bytes], wanted: str) -> None:
        with self._step(f"{what}: {wanted} at every box"):
            for door in venue.doors:
                for text in texts:
                    said = venue.verdict(door, text)
                    self._expect(said == wanted, f"{door} says {said}")

    def _push_older(self, venue: Venue, copy: Path) -> None:
        """By `deploy/fleet` itself, from a repository that was turned back."""
        newest = venue.office.folder / "newest"
        venue.office.public.rename(newest)
        try:
            copy.rename(venue.office.public)
            done = venue.fleet("push-trust")
            self._expect(done.code != 0, f"an older copy was pushed without a word: {done}")
        finally:
            shutil.rmtree(venue.office.public)
            newest.rename(venue.office.public)

    def _report(self, venue: Venue) -> None:
        page = self._output / "fleet.html"
        with self._step(f"deploy/fleet report: {page}"):
            venue.fleet("status")
            self._well(venue.office.fleet(venue.inventory, "report", "-o", str(page)))
        if browser.found() is None:
            print("           no Chromium here (Debian: apt install chromium): nobody looked at the page")
            return
        looked = self._step("looked at in Chromium, as on a phone and at a desk")
        with looked, browser.browser(self._folder / "profile") as looking:
            for width in WIDTHS_PX:
                looking.open(page.as_uri(), width, "light")
                looking.whole(self._output / f"fleet-{width}.png", width)
                for door in venue.doors:
                    self._expect(looking.value(f"document.body.innerText.includes('{door}')"), door)
            self._expect(not looking.troubles(), str(looking.troubles()))

    @contextmanager
    def _step(self, words: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        print(f"{time.monotonic() - began:7.1f} s  {words}", flush=True)

    def _well(self, done: Done) -> None:
        self._expect(done.code == 0, str(done))

    def _expect(self, truth: object, otherwise: str) -> None:
        if not truth:
            raise StoryError(otherwise)


def _all(leaked: bytes) -> list[bytes]:
    return [leaked, *reencoded(leaked).values()]


def main() -> int:
    """Tell it; the exit code."""
    parser = argparse.ArgumentParser(
        prog="tests/fleet/story",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--doors", type=int, default=DOORS, metavar="N", help=f"boxes (default: {DOORS})")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/fleet-story"), metavar="FOLDER")
    arguments = parser.parse_args()
    if reason := machine.why_not():
        print(f"story: {reason}", file=sys.stderr)
        return 2
    arguments.output.mkdir(parents=True, exist_ok=True)
    where = places(NUMBER)
    with tempfile.TemporaryDirectory(prefix="doorcheck-story-") as folder:
        try:
            Story(where, arguments.doors, Path(folder), arguments.output.resolve()).tell()
        except (StoryError, RigError, OfficeError, LateError) as error:
            print(f"story: {error}", file=sys.stderr)
            return 1
        finally:
            fleet.down(where)
    return 0


if __name__ == "__main__":
    sys.exit(main())
