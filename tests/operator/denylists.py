"""Deny lists in the making, in every format that is imported; every entry is invented."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from doorcheck.core import cbor
from doorcheck.core.denylist import DenyList
from doorcheck.core.verdict import Reason
from doorcheck.core.verify import verify
from doorcheck.lab import issuer
from doorcheck.lab.bench import Bench
from doorcheck.operator.denysources import DenyGathered, gather
from doorcheck.operator.trust import der

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER, EARLIER = "2026-04-01T00:00:00Z", "2026-02-01T00:00:00+01:00"
UUID = "0f8fad5b-d9cb-469f-a165-7086728950{:02x}"
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Tlv = Callable[..., bytes]


def whole(entry: str | bytes) -> bytes:
    """A list's entry before it is cut: the SHA-256."""
    return hashlib.sha256(entry.encode() if isinstance(entry, str) else entry).digest()


def cut(entry: str | bytes) -> bytes:
    """A list's entry as the door knows it."""
    return whole(entry)[:16]


def many(count: int, seed: str = "") -> list[bytes]:
    """That many entries, 32 bytes each."""
    return [whole(f"{seed}{number}") for number in range(count)]


def short(entries: Iterable[bytes]) -> set[bytes]:
    """What an import makes of them."""
    return {entry[:16] for entry in entries}


def read(*paths: Path, **options: Any) -> DenyGathered:
    """Import at the time of these tests."""
    return gather(paths, at=AT, **options)


def write(folder: Path, files: Mapping[str, bytes | object]) -> Path:
    """Write files by their names; what is not bytes is written as JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


def judged(bench: Bench, text: bytes, gathered: DenyGathered, **world: Any) -> Reason:
    """What a door says to a pass with the imported list."""
    case = bench.case(text, deny=DenyList(gathered.hashes), **world)
    return verify(case.symbol, case.world, case.moment).reason


def a_pass(bench: Bench) -> tuple[bytes, str, bytes]:
    """A good pass: its text, its identifier, and the R of its signature."""
    message = bench.draft.message()
    signature = cbor.decode(message.removeprefix(b"\xd2"))[3]
    return issuer.text(message), bench.proof.entry["ci"], signature[:32]


def text64(data: bytes) -> str:
    """Base64 as JSON lists have it."""
    return base64.b64encode(data).decode()


# EU


def eu_batch(listed: Sequence[bytes], **changed: Any) -> dict[str, Any]:
    """A batch of entries of 16 or 32 bytes; members given as None are left out."""
    batch = {
        **{"country": "XX", "expires": LATER, "kid": "UNKNOWN_KID", "hashType": "UCI"},
        **{"entries": [{"hash": text64(entry[:16])} for entry in listed]},
        **changed,
    }
    return {name: value for name, value in batch.items() if value is not None}


def eu_list(*events: tuple[str, bool], more: bool = False) -> dict[str, Any]:
    """A list of batches: identifier, and whether it is deleted."""
    batches = [{"batchId": one, "country": "XX", "date": EARLIER, "deleted": gone} for one, gone in events]
    return {"more": more, "batches": batches}


def cms(
    content: bytes,
    key: PrivateKey,
    certificate: bytes,
    digest: Any = None,
    rsa_padding: Any = None,
    options: Sequence[pkcs7.PKCS7Options] = (),
) -> bytes:
    """A signed message (CMS) in DER, content inside."""
    return (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(content)
        .add_signer(
            x509.load_der_x509_certificate(certificate),
            key,
            digest or hashes.SHA256(),
            rsa_padding=rsa_padding,
        )
        .sign(Encoding.DER, [pkcs7.PKCS7Options.Binary, *options])
    )


def pss() -> padding.PSS:
    """RSA-PSS as CMS has it."""
    return padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)


def as_ber(data: bytes, levels: int = 4) -> bytes:
    """The same in BER as gateways write it: indefinite lengths outside, octet strings in pieces."""
    out, at = bytearray(), 0
    while at < len(data):
        tag, start, end = der.header(data, at, "test")
        content = data[start:end]
        if tag in (der.SEQUENCE, 0xA0) and levels:
            out += bytes([tag, 0x80]) + as_ber(content, levels - 1) + b"\0\0"
        elif tag == der.OCTET_STRING and len(content) > 200:
            pieces = b"".join(
                _octets(content[cut_at : cut_at + 100]) for cut_at in range(0, len(content), 100)
            )
            out += b"\x24\x80" + pieces + b"\0\0"
        else:
            out += data[at:end]
        at = end
    return bytes(out)


def _octets(content: bytes) -> bytes:
    return bytes([der.OCTET_STRING, len(content)]) + content


# German


def cose(item: object, key: PrivateKey | None = None) -> bytes:
    """A file of the German tree, signed with ES256 or PS256; by nobody without a key."""
    payload = cbor.encode(item)
    algorithm = -37 if isinstance(key, rsa.RSAPrivateKey) else -7
    protected = cbor.encode({1: algorithm})
    signed = cbor.encode(["Signature1", protected, b"", payload])
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed, pss(), hashes.SHA256())
    elif key is not None:
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        signature = bytes(64)
    return b"\xd2" + cbor.encode([protected, {}, payload, signature])


def german_tree(
    groups: Mapping[bytes, Sequence[bytes]], file: Callable[[object], bytes] = cose
) -> dict[str, bytes]:
    """All files of a tree: groups (key identifier and type) with their entries."""
    files: dict[str, bytes] = {}
    kids: dict[bytes, dict[bytes, int]] = {}
    for group, entries in groups.items():
        kids.setdefault(group[:-1], {})[group[-1:]] = len(set(entries))
        index: dict[bytes, list[Any]] = {}
        chunks: dict[str, list[bytes]] = {}
        for entry in (one[:16] for one in entries):
            first, second = entry[:1], entry[1:2]
            by_first = index.setdefault(first, [1_646_044_012, 0, {}])
            by_second = by_first[2].setdefault(second, [1_646_044_012, 0])
            by_first[1] += 1
            by_second[1] += 1
            chunks.setdefault(f"{group.hex()}/{first.hex()}/chunk.lst", []).append(entry)
            chunks.setdefault(f"{group.hex()}/{first.hex()}/{second.hex()}/chunk.lst", []).append(entry)
        files[f"{group.hex()}/index.lst"] = file(index)
        files |= {name: file(chunk) for name, chunk in chunks.items()}
    return {"kid.lst": file(kids), **files}


# Italian


def drl_chunk(number: int, last: int, entries: Sequence[bytes], total: int, **changed: Any) -> dict[str, Any]:
    """A chunk of a snapshot, version 3 unless changed."""
    return {
        **{"id": "61bcc7c3da0f876422c6a67f", "version": 3, "chunk": number, "lastChunk": last},
        **{"revokedUcvi": [text64(entry) for entry in entries]},
        **{"creationDate": EARLIER, "sizeSingleChunkInByte": 510, "totalNumberUCVI": total},
        **changed,
    }


def drl_delta(
    steps: tuple[int, int],
    insertions: Sequence[bytes],
    deletions: Sequence[bytes],
    total: int,
    **changed: Any,
) -> dict[str, Any]:
    """The one chunk of a delta between two versions."""
    delta = {"insertions": [*map(text64, insertions)], "deletions": [*map(text64, deletions)]}
    chunk = drl_chunk(1, 1, [], total, id="61bcc7c3da0f876422c6a6a8", fromVersion=steps[0], version=steps[1])
    return {**chunk, "revokedUcvi": None, "delta": delta, **changed}


# French


def iteration(added: Sequence[bytes], removed: Sequence[bytes] = ()) -> bytes:
    """An iteration's message, not yet in gzip."""
    texts = [entry.hex() for entry in added] + [f"-{entry.hex()}" for entry in removed]
    return b"".join(b"\n" + bytes([len(text)]) + text.encode() for text in texts)


def packed(added: Sequence[bytes], removed: Sequence[bytes] = ()) -> bytes:
    """An iteration's file."""
    return gzip.compress(iteration(added, removed))


def page(elements: Iterable[tuple[bytes, bool]], last: int) -> dict[str, Any]:
    """A page of TAC Verif."""
    return {
        "elements": [{"hash": one.hex(), "active": active} for one, active in elements],
        "lastIndexBlacklist": last,
    }


def lines(entries: Iterable[bytes]) -> bytes:
    """Plain text: one hash a line."""
    return b"".join(entry.hex().encode() + b"\n" for entry in entries)
