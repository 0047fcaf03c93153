"""The forms in which certificates come, told by their content, never by a file's name.

- PEM, with one certificate or many, and any text around them;
- DER, one certificate;
- JSON, a map of key identifier to certificate or list of certificates (base64 of DER or
  of PEM, or PEM itself);
- JSON, a DID document of the WHO network (`gdhcn`).
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator

from doorcheck.operator.text import base64_bytes, printable, time_text
from doorcheck.operator.trust import certificates, gdhcn
from doorcheck.operator.trust.candidates import (
    LONGEST_KID_BYTES,
    Candidate,
    File,
    SourceError,
    UnknownKindError,
    Why,
)
from doorcheck.operator.trust.der import Cursor, DerError
from doorcheck.operator.trust.didproof import PinnedKey, ProofError, verify_proof

_KINDS = (
    "expected certificates (PEM or DER), a JSON map of key identifiers to certificates, or a DID document"
)

# Two nested SEQUENCEs in long form: a certificate's first bytes, seldom anything else's.
_DER_START = re.compile(rb"\x30(?:\x81.|\x82..|\x83...)\x30[\x81-\x83]", re.DOTALL)
_PEM_BEGIN = re.compile(rb"^-----BEGIN ([A-Z0-9 ]{1,40})-----[ \t]*\r?$", re.MULTILINE)
_PEM_CERTIFICATES = (b"CERTIFICATE", b"X509 CERTIFICATE")
# What every JSON file with certificates holds: a DID's member, or how DER and PEM begin in base64.
_JSON_HINTS = (b"verificationMethod", b"MII", b"MFkw", b"LS0tLS1CRUdJTi", b"-----BEGIN ")


def may_hold_certificates(start: bytes) -> bool:
    """Whether a file that begins like this is text or DER, so worth reading whole."""
    return bool(start) and (b"\0" not in start or bool(_DER_START.match(start)) or _is_utf16(start))


def _is_utf16(data: bytes) -> bool:
    return data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def entries(data: bytes, file: File, pinned: PinnedKey | None = None) -> tuple[list[Candidate], str, int]:
    """The candidates in a file's bytes, a note on them, and when they were signed. Raises `SourceError`.

    With a pinned key, a document of the WHO network counts only when that key signed it; the
    time is that signature's, in seconds since 1970, and 0 for everything else.

    `UnknownKindError` says that the bytes don't even begin like one of the known kinds.
    """
    if _DER_START.match(data):
        return [_der(data, file)], "", 0
    data = _without_mark(data)
    prefix = f"{file.where}, " if file.where else ""
    if data.lstrip()[:1] in (b"{", b"["):
        return _json(data, file, prefix, pinned)
    if _PEM_BEGIN.search(data):
        return list(_pem(data, file.source, prefix)), "", 0
    raise UnknownKindError(_KINDS)


def _without_mark(data: bytes) -> bytes:
    """Text as UTF-8 without its byte-order mark (Windows writes UTF-16 on redirection)."""
    if _is_utf16(data):
        try:
            return data.decode("utf-16").encode()
        except UnicodeDecodeError:
            raise UnknownKindError(_KINDS) from None
    return data.removeprefix(codecs.BOM_UTF8)


def _der(data: bytes, file: File) -> Candidate:
    try:
        whole = Cursor(data, "certificate")
        whole.take()
        whole.end()
        if file.named:
            certificates.parse(data)
    except DerError as error:
        raise SourceError(f"DER, but not a readable certificate: {error}") from None
    return Candidate(file.source, file.where, data)


def _pem(data: bytes, source: str, prefix: str, kid: bytes | None = None) -> Iterator[Candidate]:
    """Every block of a PEM text, in order. Raises `SourceError` for a damaged one."""
    at = number = 0
    while begin := _PEM_BEGIN.search(data, at):
        number += 1
        label = begin[1]
        at = data.find(b"-----END " + label + b"-----", begin.end())
        if at < 0 or _PEM_BEGIN.search(data, begin.end(), at):
            raise SourceError(f"PEM block {number} has no END line: the file is cut short or damaged")
        where = f"{prefix}certificate {number}"
        if label in _PEM_CERTIFICATES:
            try:
                yield Candidate(source, where, base64_bytes(data[begin.end() : at].decode("ascii")), kid)
            except ValueError:
                raise SourceError(f"PEM block {number} is damaged: it is not base64") from None
        elif label == b"PUBLIC KEY":
            yield Candidate(source, where, kid=kid, why=Why.BARE_KEY)
        else:
            yield Candidate(
                source, where, kid=kid, why=Why.NOT_CERTIFICATE, detail=f"a PEM block of {label.decode()}"
            )


def _json(data: bytes, file: File, prefix: str, pinned: PinnedKey | None) -> tuple[list[Candidate], str, int]:
    if not file.named and not any(hint in data for hint in _JSON_HINTS):
        raise UnknownKindError(_KINDS)  # not worth parsing
    try:
        document = json.loads(data, object_pairs_hook=_without_duplicates)
    except RecursionError:
        raise SourceError("JSON that is nested too deeply") from None
    except ValueError as error:
        reason = (
            f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else str(error)
        )
        raise SourceError(f"not well-formed JSON: {printable(reason)}") from None
    if isinstance(document, dict) and gdhcn.is_document(document):
        note, signed = (gdhcn.PROOF_NOTE, 0) if pinned is None else _proven(document, pinned)
        return list(gdhcn.candidates(document, file.source, prefix)), note, signed
    if isinstance(document, dict) and _is_map(document):
        return list(_map(document, file.source, prefix)), "", 0
    raise UnknownKindError(f"JSON of another kind: {_KINDS}")


def _proven(document: dict[str, object], pinned: PinnedKey) -> tuple[str, int]:
    try:
        proof = verify_proof(document, pinned)
    except ProofError as error:
        raise SourceError(f"a GDHCN document without a valid proof: {error}") from error
    note = f"a GDHCN document, its proof verified: signed {time_text(proof.created)} by {pinned.name}"
    return f"{note}, key {proof.fingerprint}", proof.created


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member comes twice, and only one of the two would count")
    return members


def _is_map(document: dict[str, object]) -> bool:
    """Whether all values are texts or lists of texts, and one at least is a certificate's or key's."""
    values = list(document.values())
    if not all(isinstance(text, str) for value in values for text in _listed(value)):
        return False
    return any(_looks_like_key(text) for value in values for text in _listed(value))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _looks_like_key(text: object) -> bool:
    """Whether a value begins as DER or PEM does, in base64 or plain."""
    return isinstance(text, str) and text.lstrip().startswith(("MI", "MFkw", "LS0tLS1CRUdJTi", "-----BEGIN "))


def _map(document: dict[str, object], source: str, prefix: str) -> Iterator[Candidate]:
    for number, (key, value) in enumerate(document.items(), 1):
        where = f"{prefix}entry {number}"
        try:
            kid = base64_bytes(key)
        except ValueError:
            kid = b""
        if not 0 < len(kid) <= LONGEST_KID_BYTES:
            yield Candidate(source, where, why=Why.KID, detail="not 1 to 32 bytes in base64")
            continue
        for text in _listed(value):
            yield from _map_value(str(text), kid, source, where)


def _map_value(text: str, kid: bytes, source: str, where: str) -> Iterator[Candidate]:
    try:
        data = text.encode("ascii") if "-----BEGIN " in text else base64_bytes(text)
    except ValueError:
        yield Candidate(source, where, kid=kid, why=Why.NOT_CERTIFICATE, detail="not base64")
        return
    if b"-----BEGIN " not in data:
        yield Candidate(source, where, data, kid)
        return
    try:
        blocks = list(_pem(data, source, f"{where}, ", kid))
    except SourceError as error:
        blocks = [Candidate(source, where, kid=kid, why=Why.NOT_CERTIFICATE, detail=str(error))]
    yield from blocks or [
        Candidate(source, where, kid=kid, why=Why.NOT_CERTIFICATE, detail="PEM in one line")
    ]
