"""`doorcheck explain`: every stage of one test pass, with its bytes and its verdict."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass, field
from typing import Any

import msgspec

from doorcheck.commands import arguments as words
from doorcheck.commands.arguments import InputError
from doorcheck.core import cose, twoddoc
from doorcheck.core.dcc import Certificate, Claims
from doorcheck.core.moment import Moment
from doorcheck.core.symbol import Symbol
from doorcheck.core.trust import Algorithm, Signer, Usage
from doorcheck.core.verdict import Verdict
from doorcheck.core.verify import trace_with_claims
from doorcheck.edge import sources
from doorcheck.edge.reader import Reader

EXAMPLES = """\
examples:
  doorcheck lab passes/ && doorcheck explain --trust passes/trust.dctl passes/valid.png
  doorcheck explain --trust trust.dctl --json line.txt

Only for passes of a test signer (`doorcheck trust build --test`, or the lab): for any
other, steps and sizes are shown and the visitor's data is not.
exit codes: 0 explained, 1 not a test signer's, 2 bad usage or unreadable input
"""

STEPS = (
    "the time",
    "the format",
    "base45",
    "zlib",
    "the frame",
    "signers with that key",
    "the signature",
    "the signer's period",
    "the claims",
    "the certificate",
    "the pass's period",
    "key usage",
    "the deny list",
    "the rules",
    "the lists' age",
)
"""The steps of `core.verify.verify`, by number."""


@dataclass(slots=True)
class Trace:
    """What the steps of one judgement produced, until it is known whether it may be shown."""

    products: dict[int, Any] = field(default_factory=dict, repr=False)

    def record(self, step: int, product: object) -> None:
        """Keep one step's product."""
        self.products[step] = product


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("source", metavar="SOURCE", help="picture, text file, or - for standard input")
    words.add_world_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a pass")


def run(arguments: argparse.Namespace) -> int:
    """Explain every pass in the source."""
    try:
        bench = words.bench(arguments)
    except InputError as error:
        print(f"doorcheck explain: {error}", file=sys.stderr)
        return 2
    code = 0
    with Reader() as reader:
        for item in sources.read(arguments.source, reader):
            if isinstance(item, sources.Unreadable):
                print(f"doorcheck explain: {item.source}: {item.why}", file=sys.stderr)
                return 2
            if not item.symbols:
                print(
                    f"doorcheck explain: {item.source}: no code can be read in the picture", file=sys.stderr
                )
                return 2
            for symbol in item.symbols:
                code = max(code, _explain(symbol, bench, as_json=arguments.json))
    return code


def _explain(symbol: Symbol, bench: words.Bench, *, as_json: bool) -> int:
    trace = Trace()
    verdict = trace_with_claims(symbol, bench.world, bench.clock.moment(), trace.record)
    reached = max(trace.products, default=-1)
    rows = []
    for step, name in enumerate(STEPS[: reached + 2]):
        passed = step in trace.products or verdict.reason.code == "OK"
        row = {"step": step, "name": name, "verdict": "ok" if passed else verdict.reason.code}
        rows.append(row | _shown(step, trace.products.get(step), open_=verdict.test))
    if as_json:
        closing = {
            "outcome": verdict.outcome.value,
            "reason": verdict.reason.code,
            "signer": verdict.signer or None,
        }
        print(json.dumps({"steps": rows, **closing, "test": verdict.test}, ensure_ascii=False))
    else:
        _print(rows, verdict)
    if not verdict.test:
        print(
            "doorcheck explain: its bytes and claims are not shown: no test signer signed it", file=sys.stderr
        )
    return 0 if verdict.test else 1


def _shown(step: int, product: object, *, open_: bool) -> dict[str, Any]:
    """What may be shown of a product: of a test pass all, of any other its size."""
    match product:
        case None:
            return {}
        case bytes():
            return {"bytes": len(product)} | ({"hex": product.hex()} if open_ else {})
        case cose.Unverified():
            return _frame(product, open_=open_)
        case twoddoc.Document():
            return _document(product, open_=open_)
        case Moment():
            return {"utc": product.utc.isoformat(), "basis": product.basis.value}
        case Signer():
            return {"signer": product.label, "holder": product.name, "test": product.test}
        case Usage():
            return {"proves": product.name} if open_ else {}
        case tuple():
            return {"signers": [signer.label for signer in product]}
        case Claims():
            period = {"issued": product.issued, "expires": product.expires}
            ends = {name: at if math.isfinite(at) else None for name, at in period.items()}
            return {"issuer": product.issuer, **ends} if open_ else {}
        case Certificate():
            return {"certificate": msgspec.to_builtins(product)} if open_ else {}
        case _:
            raise AssertionError(f"step {step} has a product that nobody shows")


def _frame(message: cose.Unverified, *, open_: bool) -> dict[str, Any]:
    parts = {"protected": message.protected, "payload": message.payload, "signature": message.signature}
    sizes = {f"{name}_bytes": len(part) for name, part in parts.items()}
    hexes = {f"{name}_hex": part.hex() for name, part in parts.items()} if open_ else {}
    return {"algorithm": Algorithm(message.algorithm).name, "kid": message.kid.hex(), **sizes, **hexes}


def _document(document: twoddoc.Document, *, open_: bool) -> dict[str, Any]:
    parts = {"signed": document.signed, "signature": document.signature}
    sizes = {f"{name}_bytes": len(part) for name, part in parts.items()}
    if not open_:
        return {"kid": document.kid.decode("ascii"), **sizes}
    days = {"issued_on": str(document.issued_on), "signed_on": str(document.signed_on)}
    hexes = {f"{name}_hex": part.hex() for name, part in parts.items()}
    return {"kid": document.kid.decode("ascii"), "type": document.type.value, **days, **sizes, **hexes}


def _print(rows: list[dict[str, Any]], verdict: Verdict) -> None:
    for row in rows:
        print(f"{row['step']:2} {row['name']:22} {row['verdict']}")
        for name, value in row.items():
            if name not in ("step", "name", "verdict"):
                text = (
                    json.dumps(value, ensure_ascii=False, indent=2) if isinstance(value, dict) else str(value)
                )
                for line in _wrapped(f"{name}: {text}"):
                    print(f"   {line}")
    test = " (TEST)" if verdict.test else ""
    print(f"\n{verdict.outcome.value} {verdict.reason.code}: {verdict.reason.words}{test}")


def _wrapped(text: str, columns: int = 100) -> list[str]:
    return [
        line[start : start + columns] for line in text.splitlines() for start in range(0, len(line), columns)
    ]
