"""The condition of a host's cable: by the kernel's netem, else through a process that does the same."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.fleet.rig import disk, lan
from tests.fleet.rig.machine import RigError, attempt, call, tell
from tests.fleet.rig.places import Places


@dataclass(frozen=True, slots=True)
class Condition:
    """What befalls frames, each way: a round trip takes twice the delay."""

    delay_ms: float = 0
    loss_percent: float = 0
    rate_bit: float = 0
    """Bits per second; 0 is without limit."""

    def netem(self) -> list[str]:
        """In tc's words."""
        words = ["netem", "delay", f"{self.delay_ms}ms", "loss", f"{self.loss_percent}%"]
        return words + (["rate", f"{self.rate_bit:.0f}bit"] if self.rate_bit else [])


def worsen(places: Places, host: str, condition: Condition) -> str:
    """Give a host's cable that condition; gives how it was done."""
    clear(places, host)
    port = lan.port(places, host)
    done = attempt(("tc", "qdisc", "replace", "dev", port, "root", *condition.netem()))
    if done.returncode == 0:
        inside = ("ip", "netns", "exec", lan.namespace(places, host))
        call((*inside, "tc", "qdisc", "replace", "dev", "eth0", "root", *condition.netem()))
        return "tc netem"
    said = done.stderr.decode(errors="replace").strip()
    tell(f"this kernel has no netem (tc says: {said}); frames of {host} go through a process instead")
    through_process(places, host, condition)
    return "slowlink.py"


def through_process(places: Places, host: str, condition: Condition) -> None:
    """Put a process between cable and switch: port, small bridge, tap, process, tap, switch."""
    if not Path("/dev/net/tun").exists():
        raise RigError("no /dev/net/tun here either: this machine can't make a slow cable")
    port = lan.port(places, host)
    here, there, between = f"{port}h", f"{port}t", f"{port}b"
    numbers = (str(condition.delay_ms), str(condition.loss_percent), str(condition.rate_bit))
    argv = (sys.executable, Path(__file__).with_name("slowlink.py"), here, there, *numbers)
    pid_file(places, host).write_text(call(argv))
    call(("ip", "link", "add", between, "type", "bridge"))
    lines = [f"link set {between} up", f"link set {port} master {between}"]
    lines += [f"link set {here} master {between}", f"link set {here} up"]
    lines += [f"link set {there} master {places.bridge}", f"link set {there} up"]
    call(("ip", "-batch", "-"), feed="\n".join(lines).encode())


def clear(places: Places, host: str) -> None:
    """A good cable again."""
    port = lan.port(places, host)
    attempt(("tc", "qdisc", "del", "dev", port, "root"))
    attempt(("ip", "netns", "exec", lan.namespace(places, host), "tc", "qdisc", "del", "dev", "eth0", "root"))
    if pid_file(places, host).exists():
        call(("ip", "link", "set", port, "master", places.bridge))
        end(pid_file(places, host))
        call(("ip", "link", "del", f"{port}b"))


def pid_file(places: Places, host: str) -> Path:
    """Where the number of the cable's process is kept."""
    return disk.folder(places, host) / "slow-link.pid"


def end(file: Path) -> None:
    """End a cable's process, if it is still what the file says; its taps go with it."""
    pid = int(file.read_text())
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        words = b""
    if b"slowlink" in words:
        os.kill(pid, signal.SIGKILL)
    file.unlink()


def end_all(places: Places) -> None:
    """End every process of this fleet's cables."""
    for file in places.run.glob("hosts/*/slow-link.pid"):
        end(file)
