"""Search for bytes that break the verifier's invariant, guided by coverage (atheris, libFuzzer).

    python tests/fuzz/fuzz_verify.py --minutes 10          search; what it learns is kept for the next time
    python tests/fuzz/fuzz_verify.py --replay FOLDER/crash-1234...          run one input that was found

Needs atheris (`pip install atheris`; it has wheels for Python 3.11 to 3.13 on x86-64 Linux).
Exit codes: 0 nothing found, 2 atheris is not there, else libFuzzer's own: something was found.

An input is one byte that names a layer (text, zlib, COSE, payload), three that say how the
layers above are made, and the bytes of that layer. Payloads are signed when they are run: so
mutation reaches claims and rules, and an input means the same in every process.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import cbor2

try:
    import atheris
except ImportError:
    sys.stderr.write(f"{Path(__file__).name}: atheris is not installed here (pip install atheris)\n")
    sys.exit(2)

with atheris.instrument_imports(include=["doorcheck.core"]):
    import doorcheck.core.verify  # noqa: F401 (imported first, so that it is instrumented)

from doorcheck.lab.flaws import catalogue
from doorcheck.lab.invariant import WAYS, Layer, Witness, check, peel

HEAD_BYTES: Final = 4
LONGEST_INPUT_BYTES: Final = 8192
NUMBERS: Final = (0, 1, -1, 23, 24, 42, 2**31, 2**53, 2**63, 2**64 - 1, 2**64, -(2**64), 1.5, 1e308)
TEXTS: Final = ("", "2", "2026-02-30", "1963-00", "9999-12-31T23:59:59-23:59", "é" * 99)
HOSTILE: Final[tuple[Any, ...]] = (
    *NUMBERS,
    *TEXTS,
    *(True, False, None, cbor2.undefined, float("nan"), float("inf"), b"", b"\x00" * 64),
    *([], {}, [[]], [{}], {1: {}}, cbor2.CBORSimpleValue(99), cbor2.CBORTag(35, "(")),
)
KEYS: Final = (1, 4, 6, -260, -6, 3, "v", "t", "r", "dn", "sc", 1.0, True)


def pack(layer: Layer, body: bytes, how: int = 0) -> bytes:
    """An input."""
    return bytes((layer,)) + (how % 2**24).to_bytes(3, "big") + body


def unpack(data: bytes) -> tuple[Layer, bytes, int]:
    """What an input says; any bytes of four or more are one."""
    return Layer(data[0] % len(Layer)), data[HEAD_BYTES:], int.from_bytes(data[1:HEAD_BYTES], "big") % WAYS


class Search:
    """The target and its mutator, with one witness for all inputs."""

    def __init__(self) -> None:
        self.witness = Witness(seed="fuzz")

    def run(self, data: bytes) -> None:
        """Hold the verifier to the invariant on one input; forget the payload that it signed for it."""
        if len(data) < HEAD_BYTES:
            return
        layer, body, how = unpack(data)
        before = body in self.witness.signed
        check(self.witness.text(layer, body, how), self.witness)
        if layer is Layer.PAYLOAD and not before:
            self.witness.signed.discard(body)

    def seeds(self) -> Iterator[bytes]:
        """Every flaw of the catalogue, as text and at every layer that it has."""
        for flaw in catalogue():
            text = flaw.build(self.witness).symbol.data
            yield pack(Layer.TEXT, text)
            try:
                layers = peel(text)
            except ValueError:
                continue
            yield from (pack(layer, body) for layer, body in layers.items() if layer is not Layer.TEXT)

    def mutate(self, data: bytes, longest: int, seed: int) -> bytes:
        """The input changed at its layer, in its CBOR, in the way it is wrapped, or one layer further in."""
        rng = random.Random(seed)
        if len(data) < HEAD_BYTES:
            return pack(Layer.PAYLOAD, b"\xa0")
        layer, body, how = unpack(data)
        changes: Sequence[Callable[[], bytes]] = (
            lambda: pack(layer, atheris.Mutate(body, max(longest - HEAD_BYTES, 1)), how),
            lambda: pack(layer, atheris.Mutate(body, max(longest - HEAD_BYTES, 1)), how),
            lambda: pack(layer, in_cbor(body, rng), how) if layer >= Layer.COSE else self._deeper(data),
            lambda: pack(layer, in_cbor(body, rng), how) if layer >= Layer.COSE else self._deeper(data),
            lambda: pack(layer, body, rng.choice((0, how ^ 1 << rng.randrange(24), rng.randrange(WAYS)))),
            lambda: self._deeper(data),
        )
        return rng.choice(changes)()[:longest]

    def _deeper(self, data: bytes) -> bytes:
        """The same pass, one layer further in; a payload is signed anew from then on."""
        layer, body, how = unpack(data)
        try:
            layers = peel(self.witness.text(layer, body, how))
        except (ValueError, RecursionError):
            return data
        return pack(Layer(min(layer + 1, Layer.PAYLOAD)), layers[Layer(min(layer + 1, Layer.PAYLOAD))], how)


def in_cbor(body: bytes, rng: random.Random) -> bytes:
    """The CBOR item with one value replaced, removed, doubled or wrapped; as it is, if it is none."""
    try:
        item = cbor2.loads(body)
        containers = list(_containers(item))
        if not containers:
            return cbor2.dumps(rng.choice(HOSTILE))
        inside = rng.choice(containers)
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        key = rng.choice(keys or [0])
        match rng.randrange(6):
            case 0 if keys:
                del inside[key]
            case 1 if keys:
                inside[key] = [inside[key]] if rng.random() < 0.5 else {key: inside[key]}
            case 2 if isinstance(inside, dict):
                inside[rng.choice(KEYS)] = rng.choice(HOSTILE)
            case 3 if isinstance(inside, list):
                inside.append(rng.choice([*inside, *HOSTILE]))
            case _ if keys:
                inside[key] = rng.choice(HOSTILE)
        return cbor2.dumps(item)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError):
        return body


def _containers(item: Any) -> Iterator[Any]:
    if isinstance(item, cbor2.CBORTag):
        yield from _containers(item.value)
    if isinstance(item, dict | list):
        yield item
        for value in item.values() if isinstance(item, dict) else item:
            yield from _containers(value)


def main() -> None:
    """Search, or run one input again."""
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (default: %(default)s)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()) / "doorcheck-fuzz",
        help="what it learns (corpus/) and finds (crash-...) is kept here (default: %(default)s)",
    )
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run this one input and stop")
    arguments = parser.parse_args()
    search = Search()
    if arguments.replay:
        replay(search, arguments.replay.read_bytes())
        return
    corpus = arguments.folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(search.seeds()):
        (corpus / f"flaw-{number:04}").write_bytes(seed)
    options = (
        f"-max_total_time={max(round(arguments.minutes * 60), 1)}",
        f"-max_len={LONGEST_INPUT_BYTES}",
        f"-artifact_prefix={arguments.folder}/",
        "-timeout=20",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
    )
    atheris.Setup([sys.argv[0], *options, str(corpus)], search.run, custom_mutator=search.mutate)
    atheris.Fuzz()


def replay(search: Search, data: bytes) -> None:
    """Say what an input is, then run it: an exception is the finding."""
    layer, body, how = unpack(data)
    sys.stdout.write(f"{layer.name}, wrapped in way {how}, {len(body)} bytes: {body.hex()}\n")
    search.run(data)
    sys.stdout.write("the invariant holds\n")


if __name__ == "__main__":
    main()
