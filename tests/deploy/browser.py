"""Chromium without a window, spoken to through its debugging pipe: pictures, measures, paper."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)

_BEGIN = """
import fcntl, os, sys
first, second = (fcntl.fcntl(int(word), fcntl.F_DUPFD, 10) for word in sys.argv[1:3])
os.dup2(first, 3)
os.dup2(second, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""
# The browser reads what it is told from descriptor 3, and answers on 4.


def found() -> str | None:
    """Where Chromium is; None: not on this machine."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass(slots=True)
class Browser:
    """One page in a browser. `events` are those that came while an answer was awaited."""

    _to: BinaryIO
    _from: BinaryIO
    session: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    _number: int = 0
    _rest: bytes = b""

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol, and wait for its result."""
        self._number += 1
        told = {"id": self._number, "method": method, "params": parameters}
        if self.session:
            told["sessionId"] = self.session
        self._to.write(json.dumps(told).encode() + b"\0")
        self._to.flush()
        while (message := self._next()).get("id") != self._number:
            self.events.append(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result

    def wait(self, event: str) -> None:
        """Read until that event has come."""
        while not any(one.get("method") == event for one in self.events):
            self.events.append(self._next())

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._from.fileno(), 1 << 20)
            if not more:
                raise RuntimeError("the browser has gone")
            self._rest += more
        line, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        return message

    def open(self, url: str, width: int, scheme: str) -> None:
        """Load a page in a window of that width, in "light" or "dark"."""
        self._window(width, 800)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.ask("Page.navigate", url=url)
        self.wait("Page.loadEventFired")

    def _window(self, width: int, height: int) -> None:
        phone = width < 500
        scale = 2 if phone else 1
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=phone,
        )

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives."""
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def picture(self, path: Path) -> None:
        """Keep a picture of what is in view."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def whole(self, path: Path, width: int, most: int = 6000) -> None:
        """Keep a picture of the whole page, down to so many pixels: the window is made as high."""
        height = 800
        for _ in range(3):  # what was out of view gets its true height when it is seen
            self._window(width, height)
            self.drawn()
            height = min(most, self.value("document.documentElement.scrollHeight"))
        self._window(width, height)
        self.drawn()
        self.picture(path)

    def drawn(self) -> None:
        """Wait until what is in view was drawn, twice."""
        frame = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.ask("Runtime.evaluate", expression=frame, awaitPromise=True)

    def paper(self, path: Path) -> None:
        """Print the page, as PDF."""
        told = self.ask("Page.printToPDF", printBackground=True)
        path.write_bytes(base64.b64decode(told["data"]))

    def troubles(self) -> list[str]:
        """What the browser complained about, and every address that it was sent to."""
        told = []
        for event in self.events:
            match event.get("method"):
                case "Log.entryAdded" | "Runtime.exceptionThrown":
                    told.append(json.dumps(event["params"]))
                case "Network.requestWillBeSent" if not event["params"]["request"]["url"].startswith("file:"):
                    told.append(event["params"]["request"]["url"])
                case "Page.javascriptDialogOpening":
                    told.append("a dialogue")
        return told


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile, ended afterwards."""
    told_read, told_write = os.pipe()
    heard_read, heard_write = os.pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", _BEGIN, str(told_read), str(heard_write)),
            *(found() or "chromium", *FLAGS, f"--user-data-dir={profile}", "about:blank"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(told_read, heard_write),
    )
    os.close(told_read)
    os.close(heard_write)
    try:
        with os.fdopen(told_write, "wb") as to, os.fdopen(heard_read, "rb") as heard:
            one = Browser(to, heard)
            target = one.ask("Target.createTarget", url="about:blank")["targetId"]
            one.session = one.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                one.ask(f"{domain}.enable")
            yield one
    finally:
        process.terminate()
        process.wait(20)
