"""One flag of one vector: run our own stage that it speaks of, and compare.

Nothing is decoded, verified or judged in here but by doorcheck. A stage takes its input
from the vector; where the vector lacks it, from our own earlier stages out of PREFIX. What
comes out must be what the vector holds, where it holds it. The meaning of each flag is
dgc-testdata's README, "Possible boolean variables".
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import msgspec
from tests.conformance.dgc import Vector
from tests.conformance.running import (
    BASE45,
    CERTIFICATE,
    INFLATE,
    PERIOD,
    RECOGNISE,
    SIGNATURE,
    USAGE,
    as_it_is,
    message,
    signed_anew,
)

from doorcheck.core import cbor, cose, dcc, hcert
from doorcheck.core.dcc import Certificate
from doorcheck.core.rules import instant
from doorcheck.core.verdict import Reason, RefusedError
from doorcheck.edge.pictures import PictureError, load_luma
from doorcheck.edge.reader import Reader
from doorcheck.lab import issuer


class DiffersError(Exception):
    """A stage came through, but what it made is not what the vector holds."""


class UnreadError(Exception):
    """No symbol was read: the picture stage's own refusal."""


class UnassertableError(Exception):
    """There is nothing to run or to compare; the text says what is missing."""


def _same(what: str, made: object, held: object) -> None:
    if held is not None and _comparable(made) != _comparable(held):
        raise DiffersError(f"what was made is not the vector's {what}")


def _comparable(made: object) -> object:
    """A test's time in any notation of one instant is the same, as in upstream's own runner."""
    if not isinstance(made, Certificate) or not made.t:
        return made
    tests = [msgspec.structs.replace(test, sc=str(instant(test.sc))) for test in made.t]
    return msgspec.structs.replace(made, t=tests)


def picture(vector: Vector) -> None:
    """2DCODE shows PREFIX."""
    png = vector.picture()
    if png is None:
        raise UnassertableError("the vector has no picture")
    shown = read(png)
    if not shown:
        raise UnreadError("no symbol in the picture")
    if vector.text not in shown:
        raise DiffersError("the picture shows another text than PREFIX")


@cache
def reader() -> Reader:
    """The decoder, started at the first picture; who ends the run closes it."""
    return Reader()


def read(png: bytes) -> list[bytes]:
    """The texts of the symbols in a picture, read as `doorcheck check` reads it."""
    try:
        frame = load_luma(BytesIO(png))
    except PictureError as error:
        raise UnreadError(str(error)) from error
    return [symbol.data for symbol in reader().read_still(frame)]


def prefix(vector: Vector) -> None:
    """PREFIX has the prefix; BASE45 is the rest."""
    as_it_is(vector).through(RECOGNISE)
    text = vector.fields.get("BASE45")
    _same("BASE45", vector.text.removeprefix(hcert.HC1), text.encode() if text else None)


def base45(vector: Vector) -> None:
    """BASE45 decodes to COMPRESSED, or when that is absent, to what inflates to COSE."""
    judged = as_it_is(vector, hcert.HC1 + vector.fields["BASE45"].encode())
    compressed = vector.octets("COMPRESSED")
    _same("COMPRESSED", judged.through(BASE45), compressed)
    if compressed is None:
        _same("COSE", judged.through(INFLATE), vector.octets("COSE"))


def compression(vector: Vector) -> None:
    """COMPRESSED inflates to COSE."""
    compressed = vector.octets("COMPRESSED")
    text = None if compressed is None else hcert.HC1 + issuer.base45(compressed)
    _same("COSE", as_it_is(vector, text).through(INFLATE), vector.octets("COSE"))


def signature(vector: Vector) -> None:
    """COSE is signed by the holder of CERTIFICATE, and names it."""
    as_it_is(vector, issuer.text(message(vector))).through(SIGNATURE)


def decoding(vector: Vector) -> None:
    """COSE holds the certificate in CBOR, or when that is absent, the one in JSON."""
    made, held = _from_message(vector), _from_cbor(vector)
    if held is None:
        _same("JSON", made, _from_json(vector))
    _same("CBOR", made, held)


def valid_json(vector: Vector) -> None:
    """The certificate in JSON is in CBOR, and at the end of the whole chain from PREFIX."""
    held = _needed_json(vector)
    _same("JSON", _from_cbor(vector) or held, held)
    _same("JSON", _certificate(as_it_is(vector).through(INFLATE)), held)


def valid_object(vector: Vector) -> None:
    """JSON is a certificate, as our types have it."""
    _needed_json(vector)


def encoding(vector: Vector) -> None:
    """JSON, encoded by our CBOR encoder and read back, is the certificate in CBOR.

    Byte equality is no measure: maps have no order (README, note 2).
    """
    made = dcc.certificate({dcc.EU_DCC: cbor.decode(cbor.encode(_needed(vector.json)))})
    held = _from_cbor(vector)
    _same("CBOR", made, _from_message(vector) if held is None else held)


def schema(vector: Vector) -> None:
    """The certificate is one that our parser takes, and it holds exactly one proof.

    The official schema is no gate at the door: it would refuse 52 passes that it is
    stated to take. What is stated to break it, our types or the first rule must refuse.
    """
    judged = signed_anew(vector)
    judged.through(CERTIFICATE)
    if judged.reason is Reason.NOT_ONE_PROOF:
        raise RefusedError(judged.reason)


def expiration(vector: Vector) -> None:
    """At VALIDATIONCLOCK the token is within its dates; and when it is, so is its signer.

    All negative vectors are also outside of their signer's dates, so the token's are
    looked at first, with the signer's out of the way: its own refusal is asked for.
    """
    signed_anew(vector, at=vector.clock).through(PERIOD)
    signed_anew(vector, at=vector.clock, dated=True).through(PERIOD)


def key_usage(vector: Vector) -> None:
    """CERTIFICATE allows its holder to sign this type of proof."""
    signed_anew(vector).through(USAGE)


def _needed(value: Any) -> Any:
    if not value:
        raise UnassertableError("the vector has no JSON")
    return value


def _needed_json(vector: Vector) -> Certificate:
    return dcc.certificate({dcc.EU_DCC: _needed(vector.json)})


def _from_json(vector: Vector) -> Certificate | None:
    return _needed_json(vector) if vector.json else None


def _from_message(vector: Vector) -> Certificate:
    return _certificate(message(vector))


def _certificate(message: bytes) -> Certificate:
    return dcc.certificate(dcc.claims(cose.frame(message).payload).hcert)


def _from_cbor(vector: Vector) -> Certificate | None:
    """CBOR is the whole token with some countries, the bare certificate with others."""
    held = vector.octets("CBOR")
    if held is None:
        return None
    try:
        item = cbor.decode(held)
    except cbor.CborError:
        raise RefusedError(Reason.CERTIFICATE) from None
    hcert_claim = item.get(dcc.HCERT) if isinstance(item, dict) else None
    return dcc.certificate({dcc.EU_DCC: item} if hcert_claim is None else hcert_claim)


_TOKEN_DATES = frozenset({Reason.EXPIRED, Reason.ISSUED_LATER, Reason.SPECIMEN})
PERIODS = _TOKEN_DATES | {Reason.SIGNER_EXPIRED, Reason.SIGNER_EARLY}
_SIGNATURES = frozenset(
    {Reason.COSE, Reason.ALGORITHM, Reason.NO_SIGNER, Reason.UNKNOWN_SIGNER, Reason.SIGNATURE}
)
_CONTENTS = frozenset({Reason.COSE, Reason.CLAIMS, Reason.CERTIFICATE})


@dataclass(frozen=True, slots=True)
class Stage:
    """How a flag is run, and with which reasons a refusal is a refusal of this very stage."""

    run: Callable[[Vector], None]
    refusals: frozenset[Reason]


STAGES = {
    "EXPECTEDPICTUREDECODE": Stage(picture, frozenset()),
    "EXPECTEDUNPREFIX": Stage(prefix, frozenset({Reason.NOT_A_PASS})),
    "EXPECTEDB45DECODE": Stage(base45, frozenset({Reason.BASE45})),
    "EXPECTEDCOMPRESSION": Stage(compression, frozenset({Reason.COMPRESSION, Reason.TOO_LARGE})),
    "EXPECTEDVERIFY": Stage(signature, _SIGNATURES),
    "EXPECTEDDECODE": Stage(decoding, _CONTENTS),
    "EXPECTEDVALIDJSON": Stage(valid_json, _CONTENTS),
    "EXPECTEDVALIDOBJECT": Stage(valid_object, _CONTENTS),
    "EXPECTEDENCODE": Stage(encoding, _CONTENTS),
    "EXPECTEDSCHEMAVALIDATION": Stage(schema, _CONTENTS | {Reason.NOT_ONE_PROOF}),
    "EXPECTEDEXPIRATIONCHECK": Stage(expiration, _TOKEN_DATES),
    "EXPECTEDKEYUSAGE": Stage(key_usage, frozenset({Reason.KEY_USAGE})),
}
UNDEFINED = {
    "EXPTECTEDEXPIRED": "no such flag is defined: a slip for the expiry check, or a statement of expiry",
    "EXPECTEDRESULTS": "no such flag is defined: the name of the whole table inside of it",
}


class Status(enum.Enum):
    """What became of one flag."""

    PASSED = "passed"
    FAILED = "failed"
    UNASSERTABLE = "unassertable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One flag's result; `words` say what happened."""

    vector: str
    flag: str
    expected: bool
    status: Status
    words: str = ""

    def __str__(self) -> str:
        """One line for a test report."""
        return f"{self.vector} {self.flag}: expected {str(self.expected).lower()}, got: {self.words}"


def examine(vector: Vector, flag: str, expected: bool) -> Finding:
    """Run the stage that a flag speaks of, and compare."""

    def found(status: Status, words: str) -> Finding:
        return Finding(vector.name, flag, expected, status, words)

    if flag in UNDEFINED:
        return found(Status.UNASSERTABLE, UNDEFINED[flag])
    stage = STAGES[flag]
    agreed = Status.PASSED if expected else Status.FAILED
    try:
        stage.run(vector)
    except UnassertableError as missing:
        return found(Status.UNASSERTABLE, str(missing))
    except UnreadError as unread:
        return found(Status.FAILED if expected else Status.PASSED, str(unread))
    except DiffersError as differs:
        return found(Status.FAILED, str(differs))
    except RefusedError as refused:
        reason = refused.reason
        right = not expected and reason in stage.refusals
        return found(Status.PASSED if right else Status.FAILED, f"{reason.code} {reason.words}")
    return found(agreed, "it passes")
