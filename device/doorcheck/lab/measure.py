"""Measurements side by side: candidates take turns, so that a slow phase hits all alike."""

from __future__ import annotations

import importlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import zxingcpp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pycose.keys.curves import P256
from pycose.keys.ec2 import EC2Key
from pycose.messages.sign1message import Sign1Message

from doorcheck.core import cbor, cose, hcert
from doorcheck.core.certlogic import Evaluate, EvaluationError
from doorcheck.core.denylist import DenyList
from doorcheck.core.ruleset import AnyGenuine, Origin
from doorcheck.core.symbol import SymbolFormat
from doorcheck.core.verify import verify
from doorcheck.edge import rulefiles
from doorcheck.edge.decoder import Attempt
from doorcheck.edge.frame import Frame
from doorcheck.edge.reader import PLAN, Reader
from doorcheck.lab import french
from doorcheck.lab.bench import Bench
from doorcheck.lab.scenes import HEIGHT, WIDTH, Carrier, Condition, Prop, Scene, hard_stream, render

BATCH_S = 0.004
ROUNDS = 60
FPS = 10
STREAMS_EACH = 20
PROCESS_ROUNDS = 9
WATCH = """
import os, sys, time
null = os.open(os.devnull, os.O_WRONLY)
started = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
status, usage = os.wait4(pid, 0)[1:]
print(time.perf_counter() - started, usage.ru_maxrss)
sys.exit(status != 0)
"""
"""Starts and watches a process. It is small, for a process counts its starter's memory as its own."""
FIRST_FRAME = """
from datetime import datetime, timezone
import doorcheck.daemon
from doorcheck.core import denylist, rules, selftest, world
from doorcheck.edge.frame import Frame
from doorcheck.edge.panel import PanelDriver
from doorcheck.edge.reader import Reader
with Reader() as reader:
    now = datetime.now(timezone.utc)
    empty = world.World(None, denylist.DenyList(), rules.Minimum(), now, bytes(32), None)
    assert selftest.run(empty) is None
    reader.read(Frame(memoryview(bytes(1280 * 960)), 1280, 960, 1280, 0))
"""
"""A door without a camera: its imports, the self-test, and one frame through the decoder."""


@dataclass(slots=True)
class Row:
    """One candidate: its median, and how many times the first candidate's."""

    name: str
    median: float
    ratio: float
    note: str = ""


@dataclass(slots=True)
class Table:
    """Rows of one unit; the first is what the others are compared with."""

    title: str
    unit: str
    rows: list[Row] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        rows = [
            {"name": r.name, self.unit: round(r.median, 3), "ratio": round(r.ratio, 3), "note": r.note}
            for r in self.rows
        ]
        return {"title": self.title, "rows": rows}

    def as_text(self) -> str:
        """For people."""
        lines = [f"\n{self.title}", f"{'':48} {self.unit:>12} {'ratio':>7}"]
        lines += [f"{r.name:48} {r.median:12.3f} {r.ratio:7.2f}  {r.note}".rstrip() for r in self.rows]
        return "\n".join(lines)


def side_by_side(candidates: dict[str, Callable[[], object]], scale: float) -> dict[str, float]:
    """The median time of each candidate's call, in seconds times `scale`; batches take turns."""
    calls = {name: _calls_per_batch(run) for name, run in candidates.items()}
    spent: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, run in candidates.items():
            started = time.perf_counter()
            for _ in range(calls[name]):
                run()
            spent[name].append((time.perf_counter() - started) / calls[name] * scale)
    return {name: statistics.median(times) for name, times in spent.items()}


def _calls_per_batch(run: Callable[[], object]) -> int:
    run()
    started = time.perf_counter()
    run()
    return max(1, int(BATCH_S / max(time.perf_counter() - started, 1e-7)))


def _table(title: str, unit: str, medians: dict[str, float], notes: dict[str, str] | None = None) -> Table:
    first = next(iter(medians.values()))
    rows = [
        Row(name, median, median / first, (notes or {}).get(name, "")) for name, median in medians.items()
    ]
    return Table(title, unit, rows)


def passes() -> Table:
    """From text to verdict, against one bare signature verification."""
    bench = Bench(seed="bench")
    symbol = bench.case(bench.draft.text()).symbol
    world = replace(bench.world, deny=DenyList([bytes(16)]))
    data = symbol.data
    message = cose.frame(hcert.inflate(hcert.base45(data[len(hcert.HC1) :])))
    key, ecdsa = bench.authority.private_key.public_key(), ec.ECDSA(hashes.SHA256())
    r, s = (int.from_bytes(message.signature[start : start + 32], "big") for start in (0, 32))
    der, signed = encode_dss_signature(r, s), cose.to_be_signed(message)
    point = bench.authority.signer.key
    other = Sign1Message.from_cose_obj(cbor.decode(hcert.inflate(hcert.base45(data[4:]))[1:]), True)
    other.key = EC2Key(crv=P256, x=point[1:33], y=point[33:])
    medians = side_by_side(
        {
            "bare P-256 verification (cryptography)": lambda: key.verify(der, signed, ecdsa),
            "HC1 text to verdict, all checks": lambda: verify(symbol, world, bench.moment),
            "pycose's own verification of the signature": other.verify_signature,
        },
        1e6,
    )
    notes = {"HC1 text to verdict, all checks": "target: at most 2"}
    return _table(f"passes: one HC1 text of {len(data)} characters", "µs", medians, notes)


def rules(named: Sequence[rulefiles.Loaded] = ()) -> Table:
    """CertLogic on every case of the profiles, against one bare verification; and compiling.

    Without profiles, those that are shipped.
    """
    profiles = named or [rulefiles.load(folder) for folder in rulefiles.shipped()]
    cases = [case for loaded in profiles for case in _evaluations(loaded)]
    largest = max(profiles, key=lambda loaded: len(loaded.rules))
    key = ec.generate_private_key(ec.SECP256R1())
    ecdsa, signed = ec.ECDSA(hashes.SHA256()), bytes(400)
    public, signature = key.public_key(), key.sign(signed, ecdsa)
    medians = side_by_side(
        {
            "bare P-256 verification (cryptography)": lambda: public.verify(signature, signed, ecdsa),
            "all cases": lambda: [evaluate(data) for evaluate, data in cases],
            "compiling": largest.rule_set,
        },
        1e6,
    )
    all_us, compiling_us = medians.pop("all cases"), medians.pop("compiling")
    medians["CertLogic, mean of a case"] = all_us / max(len(cases), 1)
    medians[f"compiling {largest.profile.name}, {len(largest.rules)} rules"] = compiling_us
    notes = dict(zip(list(medians)[1:], ("target: at most 0.093", "target: under 10000 µs"), strict=True))
    names = ", ".join(loaded.profile.name for loaded in profiles)
    return _table(f"rules: {len(cases)} cases of {names}", "µs", medians, notes)


def _evaluations(loaded: rulefiles.Loaded) -> Iterator[tuple[Evaluate, dict[str, Any]]]:
    """Each case with the rule that it names, or each that applies then, where it can be evaluated."""
    venue, profile = loaded.rule_set(), loaded.profile
    if isinstance(venue, AnyGenuine):
        return
    for case in loaded.cases:
        data = venue.context(case.payload, case.clock, Origin(profile.country), case.value_sets)
        for one in rulefiles.applying(venue, profile.country, profile.region, case.clock):
            if data is not None and case.rule in (None, one.rule.identifier):
                try:
                    one.evaluate(data)
                except EvaluationError:
                    continue
                yield one.evaluate, data


def _frame(scene: Scene, t_ms: int) -> Frame:
    return Frame(memoryview(render(scene, t_ms).tobytes()), WIDTH, HEIGHT, WIDTH, t_ms)


def _payload(number: int) -> bytes:
    """An invented text as long as real passes are: 350 to 700 characters."""
    rng = random.Random(number)
    return hcert.HC1 + bytes(rng.choices(hcert.ALPHABET, k=rng.randint(350, 700)))


def frames() -> Table:
    """A frame through each decoder: the stream's mean over our plan, without and with a code."""
    rows: list[Row] = []
    held = Prop(_payload(0), enters_ms=-2000, held_ms=10_000)
    for what, scene in (("no code", Scene(duration_ms=5000)), ("a pass held", Scene((held,), 5000))):
        stream = [_frame(scene, t_ms) for t_ms in range(0, 4000, 200)]
        with Reader() as reader:
            decoders: dict[str, Callable[[Frame], object]] = {"bare zxing-cpp, QR, defaults": _bare}
            decoders["doorcheck's reader, whole plan"] = reader.read
            decoders |= _others()
            medians = side_by_side(
                {name: _over(stream, read) for name, read in decoders.items()}, 1000 / len(stream)
            )
        first = medians["bare zxing-cpp, QR, defaults"]
        target = {"doorcheck's reader, whole plan": "target: at most 1.2"} if what == "no code" else {}
        rows += [Row(f"{what}: {name}", ms, ms / first, target.get(name, "")) for name, ms in medians.items()]
    return Table(f"frames: {WIDTH}x{HEIGHT} luma, mean of a stream", "ms", rows)


def _over(stream: list[Frame], read: Callable[[Frame], object]) -> Callable[[], None]:
    def run() -> None:
        for frame in stream:
            read(frame)

    return run


def _bare(frame: Frame) -> list[zxingcpp.Barcode]:
    view = frame.luma.cast("B", (frame.height, frame.width))
    return zxingcpp.read_barcodes(view, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))


def _others() -> dict[str, Callable[[Frame], object]]:
    """Other decoders, where they are installed."""
    import numpy as np

    def plane(frame: Frame) -> Any:
        return np.frombuffer(frame.luma, np.uint8).reshape(frame.height, frame.width)

    found: dict[str, Callable[[Frame], object]] = {}
    try:
        pyzbar = importlib.import_module("pyzbar.pyzbar")
        found["pyzbar, QR"] = lambda frame: pyzbar.decode(plane(frame), symbols=[pyzbar.ZBarSymbol.QRCODE])
    except ImportError:
        pass
    try:
        cv2 = importlib.import_module("cv2")
        detector = cv2.QRCodeDetector()
        found["OpenCV QRCodeDetector"] = lambda frame: detector.detectAndDecode(plane(frame))
    except ImportError:
        pass
    return found


def streams() -> Table:
    """The share of hard streams in which the pass is read within one second, ten frames."""
    rows: list[Row] = []
    totals: dict[str, list[int]] = {}
    for condition in Condition:
        shares: dict[str, list[int]] = {"bare zxing-cpp on each frame": [], "doorcheck's reader": []}
        for seed in range(STREAMS_EACH):
            scene = hard_stream(_payload(seed), condition, seed)
            start_ms = max(prop.still_from_ms for prop in scene.props)
            stream = [_frame(scene, start_ms + number * 1000 // FPS) for number in range(FPS)]
            shares["bare zxing-cpp on each frame"].append(int(any(_bare(frame) for frame in stream)))
            with Reader() as reader:
                shares["doorcheck's reader"].append(int(any(reader.read(frame) for frame in stream)))
        first = statistics.mean(shares["bare zxing-cpp on each frame"])
        for name, hits in shares.items():
            totals.setdefault(name, []).extend(hits)
            share = statistics.mean(hits)
            rows.append(Row(f"{condition.value}: {name}", share, share / first if first else 0.0))
    first = statistics.mean(totals["bare zxing-cpp on each frame"])
    for name, hits in totals.items():
        share = statistics.mean(hits)
        note = "target: at least 0.92" if name.startswith("doorcheck") else ""
        rows.append(Row(f"ALL: {name}", share, share / first, note))
    return Table(
        f"streams: hard frames, {STREAMS_EACH} streams each, decided within 1 s at {FPS} a second",
        "share",
        rows,
    )


def datamatrix() -> Table:
    """What DataMatrix costs a stream of frames, and how often a 2D-Doc is read within one second."""
    without = [attempt & ~Attempt.DATAMATRIX for attempt in PLAN]
    hall = [_frame(Scene(duration_ms=5000), t_ms) for t_ms in range(0, 4000, 200)]
    with Reader() as whole, Reader(plan=without) as rest:
        turns: dict[str, Callable[[], object]] = {
            "bare zxing-cpp, QR, defaults": _over(hall, _bare),
            "the plan without DataMatrix": _over(hall, rest.read),
            "the plan": _over(hall, whole.read),
        }
        medians = side_by_side(turns, 1000 / len(hall))
    table = _table("datamatrix: a frame without a code, in ms; 2D-Docs, share read", "ms", medians)
    for carrier in (Carrier.PHONE, Carrier.SHEET):
        hits = [_is_read_in_a_second(_document_scene(carrier, seed)) for seed in range(STREAMS_EACH)]
        share = statistics.mean(hits)
        table.rows.append(Row(f"2D-Doc on a {carrier.value}, read within 1 s", share, share))
    return table


def _document_scene(carrier: Carrier, seed: int) -> Scene:
    """A French document held a little differently each time."""
    rng = random.Random(seed)
    bench = Bench(seed="documents")
    prop = Prop(
        french.vaccination(bench.person, bench.utc).data(),
        symbol=SymbolFormat.DATAMATRIX,
        carrier=carrier,
        module_px=rng.uniform(4.5, 7.0),
        yaw=rng.uniform(-15, 15),
        pitch=rng.uniform(-15, 5),
        roll=rng.uniform(-12, 12),
        held_ms=2000,
        seed=seed,
    )
    return Scene((prop,), duration_ms=prop.gone_ms, seed=seed)


def _is_read_in_a_second(scene: Scene) -> bool:
    """Ten frames from when it is held still."""
    start_ms = scene.props[0].still_from_ms
    with Reader() as reader:
        return any(reader.read(_frame(scene, start_ms + number * 1000 // FPS)) for number in range(FPS))


def processes() -> Table:
    """Whole processes, cold: nothing, a picture judged, a door's first frame; with their memory."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        _run("-m", "doorcheck.cli", "lab", folder)
        check = ("-m", "doorcheck.cli", "check", "--trust", str(made / "trust.dctl"), str(made / "valid.png"))
        commands = {
            "python -c pass": ("-c", "pass"),
            "picture and trust list to verdict": check,
            "the door: start to first frame decoded": ("-c", FIRST_FRAME),
        }
        spent: dict[str, list[float]] = {name: [] for name in commands}
        memory: dict[str, float] = {}
        for _ in range(PROCESS_ROUNDS):
            for name, words in commands.items():
                milliseconds, memory[name] = _run(*words)
                spent[name].append(milliseconds)
    notes = {name: f"{mib:.0f} MiB in its largest process" for name, mib in memory.items()}
    notes["picture and trust list to verdict"] += "; target: under 60/9 of the first"
    return _table("processes: cold, whole", "ms", {n: statistics.median(t) for n, t in spent.items()}, notes)


def _run(*words: str) -> tuple[float, float]:
    """Run this Python on those words: milliseconds, and MiB resident in its largest process."""
    command = [sys.executable, "-I", "-c", WATCH, sys.executable, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 (our own words)
    seconds, kib = done.stdout.split()
    return float(seconds) * 1000, int(kib) / 1024
