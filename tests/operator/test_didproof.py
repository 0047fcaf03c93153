"""The proof of the WHO's trust list: what it covers, and that nothing else is believed."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256

from doorcheck.operator.trust import didproof, gdhcn
from doorcheck.operator.trust.building import build
from doorcheck.operator.trust.candidates import File, SourceError
from doorcheck.operator.trust.didproof import WHO_PRODUCTION, PinnedKey, ProofError, pinned_key, verify_proof
from doorcheck.operator.trust.didshape import MOST_ENTRIES
from doorcheck.operator.trust.formats import entries

Mint = Callable[..., bytes]
Document = dict[str, Any]
Change = Callable[[Document], None]

LIST = "did:web:example.org:v2:trustlist"
SIGNER = "did:web:example.org:signing:DID"
CONTEXTS = [
    "https://www.w3.org/ns/did/v1",
    "https://w3id.org/security/suites/jws-2020/v1",
    "https://smart.who.int/trust/tng-context/v1.jsonld",
]
CREATED = 1_787_418_301
HEADER = {"b64": False, "crit": ["b64"], "alg": "ES256"}
UNFIT = "signature does not fit"
SHAPE = "no proof can cover it as it is"


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# The signer's side, written from the RDF that the network signs, without JSON-LD and without
# the bundled contexts: no node is blank but the proof's, so sorting the lines is URDNA2015.
SEC = "https://w3id.org/security#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
VALUE_SETS = {"domain": "Domains", "participant": "Participants", "keyusage": "KeyUsage"}


def statements(document: Document) -> Iterator[str]:
    """The N-Quads of a document without its proof, in no order."""
    root = document["id"]
    yield f"<{root}> <{SEC}controller> <{document['controller']}> .\n"
    for entry in document["verificationMethod"]:
        name = entry if isinstance(entry, str) else entry["id"]
        yield f"<{root}> <{SEC}verificationMethod> <{name}> .\n"
        if isinstance(entry, str):
            continue
        jwk = json.dumps(entry["publicKeyJwk"], sort_keys=True, separators=(",", ":"))
        escaped = jwk.replace("\\", "\\\\").replace('"', '\\"')
        yield f"<{name}> <{RDF}type> <{SEC}JsonWebKey2020> .\n"
        yield f"<{name}> <{SEC}controller> <{entry['controller']}> .\n"
        yield f'<{name}> <{SEC}publicKeyJwk> "{escaped}"^^<{RDF}JSON> .\n'
        for member, value_set in VALUE_SETS.items():
            if member in entry:
                term = f"https://smart.who.int/trust/ValueSet-{value_set}.jsonld"
                yield f"<{name}> <{term}> <{term}{entry[member]['code']}> .\n"


def claims(proof: Document) -> Iterator[str]:
    """The N-Quads of a proof without its signature, in order."""
    xsd = "http://www.w3.org/2001/XMLSchema#"
    yield f'_:c14n0 <http://purl.org/dc/terms/created> "{proof["created"]}"^^<{xsd}dateTime> .\n'
    yield f"_:c14n0 <{RDF}type> <{SEC}JsonWebSignature2020> .\n"
    yield f'_:c14n0 <{SEC}nonce> "{proof["nonce"]}" .\n'
    yield f"_:c14n0 <{SEC}proofPurpose> <{SEC}assertionMethod> .\n"
    yield f"_:c14n0 <{SEC}verificationMethod> <{proof['verificationMethod']}> .\n"


def sign(document: Document, key: ec.EllipticCurvePrivateKey, header: object = HEADER) -> None:
    """Give a document its proof."""
    document["proof"] = proof = {
        "type": "JsonWebSignature2020",
        "created": "2026-08-22T17:05:01Z",
        "nonce": "AoK9a0zs7BZub0rKFJCcdpRlWK7ggmw4",
        "proofPurpose": "assertionMethod",
        "verificationMethod": SIGNER,
    }
    texts = ["".join(claims(proof)), "".join(sorted(statements(document)))]
    hashes = b"".join(hashlib.sha256(text.encode()).digest() for text in texts)
    head = b64(json.dumps(header, separators=(",", ":")).encode())
    signature = key.sign(head.encode() + b"." + hashes, ec.ECDSA(SHA256()))
    proof["jws"] = f"{head}..{b64(signature)}"


def number(value: int) -> str:
    """A number of a key as the network writes it."""
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def entry(certificate: bytes, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, kid: str) -> Document:
    """An entry as in production."""
    jwk: Document = {"kid": kid, "x5c": [base64.b64encode(certificate).decode()]}
    if isinstance(key, rsa.RSAPrivateKey):
        rsa_numbers = key.public_key().public_numbers()
        jwk |= {"kty": "RSA", "n": number(rsa_numbers.n), "e": number(rsa_numbers.e)}
    else:
        point = key.public_key().public_numbers()
        jwk |= {"kty": "EC", "crv": "P-256", "x": number(point.x), "y": number(point.y)}
    return {
        "id": f"{LIST}:DCC:FRA:DSC#{kid}",
        "type": "JsonWebKey2020",
        "controller": LIST,
        "publicKeyJwk": jwk,
        "domain": {"code": "#DCC"},
        "participant": {"code": "#FRA"},
        "keyusage": {"code": "#DSC"},
    }


def pinned(key: ec.EllipticCurvePrivateKey, **changes: str) -> PinnedKey:
    """The key of a test's network, pinned."""
    point = key.public_key().public_numbers()
    x, y = (b64(value.to_bytes(32, "big")) for value in (point.x, point.y))
    members = {"name": "a test network", "did": SIGNER, "document": LIST, "x": x, "y": y}
    return PinnedKey(**(members | changes))


@pytest.fixture(scope="module")
def network() -> ec.EllipticCurvePrivateKey:
    """The network's signing key."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def unsigned(mint: Mint, p256: ec.EllipticCurvePrivateKey, rsa_2048: rsa.RSAPrivateKey) -> Document:
    """Two keys and a reference, without a proof."""
    second = entry(mint(rsa_2048.public_key()), rsa_2048, "Ym/0aA==")
    methods = [entry(mint(), p256, "a2lka2lkaw=="), second, f"{LIST}-ref:DCC"]
    return {"@context": CONTEXTS, "id": LIST, "controller": LIST, "verificationMethod": methods}


@pytest.fixture
def signed(unsigned: Document, network: ec.EllipticCurvePrivateKey) -> Document:
    """The same with its proof, free to change."""
    document = copy.deepcopy(unsigned)
    sign(document, network)
    return document


def put(value: object, *path: str | int) -> Change:
    """Set the member at a path."""

    def change(document: Document) -> None:
        at: Any = document
        for step in path[:-1]:
            at = at[step]
        assert path[-1] not in at or at[path[-1]] != value
        at[path[-1]] = value

    return change


def turn(*path: str | int) -> Change:
    """Change one letter in the midst of the text at a path."""

    def change(document: Document) -> None:
        at: Any = document
        for step in path[:-1]:
            at = at[step]
        text = at[path[-1]]
        middle = len(text) // 2
        at[path[-1]] = text[:middle] + ("B" if text[middle] == "A" else "A") + text[middle + 1 :]

    return change


def header(**changes: object) -> Change:
    """Change the header of the signature."""

    def change(document: Document) -> None:
        _, _, signature = document["proof"]["jws"].partition("..")
        head = {name: value for name, value in (HEADER | changes).items() if value is not None}
        document["proof"]["jws"] = b64(json.dumps(head).encode()) + ".." + signature

    return change


def bare_numbers(document: Document) -> None:
    """Write the signature as a JWS should have it: r and s, not DER."""
    head, _, signature = document["proof"]["jws"].partition("..")
    r, s = utils.decode_dss_signature(base64.urlsafe_b64decode(signature + "=="))
    document["proof"]["jws"] = f"{head}..{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def truncate(document: Document) -> None:
    """Cut the signature short."""
    document["proof"]["jws"] = document["proof"]["jws"][:-8]


def add_entry(document: Document) -> None:
    """Add a key of one's own."""
    added = copy.deepcopy(document["verificationMethod"][0])
    added["id"] += "AA=="
    document["verificationMethod"].append(added)


def add_dropped_entry(document: Document) -> None:
    """Add a key under an id that is no address: JSON-LD drops the entry, the signature would fit."""
    add_entry(document)
    document["verificationMethod"][-1]["id"] += " "


def add_untyped_entry(document: Document) -> None:
    """Add a key to an entry of another type: JSON-LD drops the key."""
    add_entry(document)
    document["verificationMethod"][-1]["type"] = "Multikey"


def hide_entry(document: Document) -> None:
    """Move an entry to where JSON-LD sees the same, and the importer nothing."""
    document[f"{SEC}verificationMethod"] = document["verificationMethod"].pop()


def split_entry(document: Document) -> None:
    """Split an entry in two: the same statements, but no entry with a usage."""
    first = document["verificationMethod"][0]
    document["verificationMethod"].append({"id": first["id"], "keyusage": first.pop("keyusage")})


def swap_places(document: Document) -> None:
    """Give two entries one id."""
    methods = document["verificationMethod"]
    methods[1]["id"] = methods[0]["id"]


def inject(document: Document) -> None:
    """Put statements into an id."""
    document["verificationMethod"][0]["id"] += f"> <{SEC}controller> <{LIST}> .\n<{LIST}#x"


M0 = ("verificationMethod", 0)
MUTATIONS = [
    pytest.param(put("2026-08-23T17:05:01Z", "proof", "created"), UNFIT, id="created"),
    pytest.param(turn("proof", "nonce"), UNFIT, id="nonce"),
    pytest.param(turn(*M0, "publicKeyJwk", "x5c", 0), UNFIT, id="x5c"),
    pytest.param(turn(*M0, "publicKeyJwk", "x"), UNFIT, id="x"),
    pytest.param(turn(*M0, "publicKeyJwk", "kid"), UNFIT, id="kid"),
    pytest.param(put("kid", *M0, "publicKeyJwk", "alg"), UNFIT, id="key-member-added"),
    pytest.param(put({"code": "#CSCA"}, *M0, "keyusage"), UNFIT, id="keyusage"),
    pytest.param(put({"code": "#IPS"}, *M0, "domain"), UNFIT, id="domain"),
    pytest.param(put({"code": "#XXX"}, *M0, "participant"), UNFIT, id="participant"),
    pytest.param(put(None, *M0, "participant"), UNFIT, id="participant-removed"),
    pytest.param(turn(*M0, "id"), UNFIT, id="entry-id"),
    pytest.param(turn(*M0, "controller"), UNFIT, id="entry-controller"),
    pytest.param(turn("controller"), UNFIT, id="controller"),
    pytest.param(lambda document: document["verificationMethod"].pop(), UNFIT, id="entry-removed"),
    pytest.param(add_entry, UNFIT, id="entry-added"),
    pytest.param(truncate, UNFIT, id="signature-truncated"),
    pytest.param(bare_numbers, UNFIT, id="signature-bare"),
    pytest.param(put(CONTEXTS[2].replace("v1.", "v1-UAT."), "@context", 2), UNFIT, id="context-of-uat"),
    pytest.param(
        put("did:web:example.org:x", "proof", "verificationMethod"), "names another key", id="key-named"
    ),
    pytest.param(put("did:web:example.org:x", "id"), "expected did:web:", id="document-id"),
    pytest.param(lambda document: document.pop("proof"), "has no proof", id="proof-removed"),
    pytest.param(put(None, "proof"), SHAPE, id="proof-null"),
    pytest.param(put("authentication", "proof", "proofPurpose"), "another purpose", id="purpose"),
    pytest.param(put("Ed25519Signature2020", "proof", "type"), "unknown type", id="proof-type"),
    pytest.param(put("2026-13-22T17:05:01Z", "proof", "created"), "no time in UTC", id="created-no-time"),
    pytest.param(header(alg="none"), "header is not", id="alg-none"),
    pytest.param(header(alg="HS256"), "header is not", id="alg-other"),
    pytest.param(header(alg=None), "header is not", id="alg-missing"),
    pytest.param(header(crit=["b64", "exp"]), "header is not", id="crit-more"),
    pytest.param(header(crit=None), "header is not", id="crit-missing"),
    pytest.param(header(b64=True), "header is not", id="b64-true"),
    pytest.param(header(b64=0), "header is not", id="b64-zero"),
    pytest.param(header(jwk={}), "header is not", id="header-with-a-key"),
    pytest.param(put("AAAA..AAAA", "proof", "jws"), "header is not", id="header-no-json"),
    pytest.param(put("AAAA.AAAA.AAAA", "proof", "jws"), SHAPE, id="not-detached"),
    pytest.param(put(CONTEXTS[:2], "@context"), "does not cover what its keys are for", id="context-missing"),
    pytest.param(put(CONTEXTS[::-1], "@context"), "not the three known", id="contexts-turned-round"),
    pytest.param(put([], "@context"), "not the three known", id="contexts-none"),
    pytest.param(put("https://example.org/v1", "@context", 2), "not the three known", id="context-other"),
    pytest.param(put({"id": "@id"}, "@context", 2), SHAPE, id="context-of-its-own"),
    pytest.param(put(CONTEXTS[0], *M0, "@context"), SHAPE, id="context-in-an-entry"),
    pytest.param(put(1, *M0, "valid"), SHAPE, id="member-added"),
    pytest.param(put({"code": "#DSC", "id": "x"}, *M0, "keyusage"), SHAPE, id="code-with-more"),
    pytest.param(put({"code": "#DSC\n"}, *M0, "keyusage"), SHAPE, id="code-with-newline"),
    pytest.param(put({"a": 1}, *M0, "publicKeyJwk"), SHAPE, id="key-with-a-number"),
    pytest.param(put("é", *M0, "publicKeyJwk", "kty"), SHAPE, id="key-not-ascii"),
    pytest.param(put([[LIST]], "verificationMethod"), SHAPE, id="entries-nested"),
    pytest.param(put("_:b0", *M0, "id"), SHAPE, id="blank-node"),
    pytest.param(add_dropped_entry, SHAPE, id="entry-that-json-ld-drops"),
    pytest.param(add_untyped_entry, SHAPE, id="entry-whose-key-json-ld-drops"),
    pytest.param(hide_entry, SHAPE, id="entry-hidden"),
    pytest.param(split_entry, SHAPE, id="entry-split"),
    pytest.param(swap_places, "2 entries are named", id="entries-of-one-id"),
    pytest.param(inject, SHAPE, id="statements-in-an-id"),
]


def test_a_signed_document_is_verified(signed: Document, network: ec.EllipticCurvePrivateKey) -> None:
    """A proof made after the specification, by other means than ours, is valid and says when it was made."""
    proof = verify_proof(signed, pinned(network))
    assert proof.created == CREATED
    assert proof.nonce == signed["proof"]["nonce"]
    assert proof.verification_method == SIGNER
    assert proof.fingerprint == pinned(network).fingerprint


@pytest.mark.parametrize(("change", "message"), MUTATIONS)
def test_a_changed_document_is_refused(
    change: Change, message: str, signed: Document, network: ec.EllipticCurvePrivateKey
) -> None:
    """Whatever is changed, added or taken away, the document is refused, and the message says why."""
    change(signed)
    with pytest.raises(ProofError, match=message):
        verify_proof(signed, pinned(network))


def test_another_key_does_not_count(signed: Document, network: ec.EllipticCurvePrivateKey) -> None:
    """A document that names the pinned key and is signed by another is refused; so is another list."""
    with pytest.raises(ProofError, match=UNFIT):
        verify_proof(signed, pinned(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(ProofError, match=r"expected did:web:example\.org:other"):
        verify_proof(signed, pinned(network, document="did:web:example.org:other"))
    with pytest.raises(ProofError, match="expected did:web:tng-cdn"):
        verify_proof(signed)


@pytest.mark.parametrize(
    "head",
    [{"alg": "ES256"}, HEADER | {"crit": ["b64", "exp"]}, HEADER | {"alg": "ES384"}, [HEADER], "ES256"],
)
def test_another_header_does_not_count(
    head: object, unsigned: Document, network: ec.EllipticCurvePrivateKey
) -> None:
    """A header that asks for something else is refused though the pinned key signed it."""
    document = copy.deepcopy(unsigned)
    sign(document, network, head)
    with pytest.raises(ProofError, match="header is not"):
        verify_proof(document, pinned(network))


def test_the_order_of_entries_is_free(signed: Document, network: ec.EllipticCurvePrivateKey) -> None:
    """What is signed is a set: another order, or layout, is the same document."""
    signed["verificationMethod"].reverse()
    assert verify_proof(json.loads(json.dumps(signed, indent=3)), pinned(network)).created == CREATED


class Recorder(dict[str, Any]):
    """A member of a document that writes down which of its own members are read."""

    def __init__(
        self, members: Document, path: tuple[str | int, ...], read: set[tuple[str | int, ...]]
    ) -> None:
        super().__init__({name: recorded(value, (*path, name), read) for name, value in members.items()})
        self.path, self.read = path, read

    def get(self, name: str, default: Any = None) -> Any:
        """As a dict's."""
        self.read.add((*self.path, name))
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self.read.add((*self.path, name))
        return super().__getitem__(name)


def recorded(value: Any, path: tuple[str | int, ...], read: set[tuple[str | int, ...]]) -> Any:
    """A JSON value all of whose objects are `Recorder`s."""
    if isinstance(value, dict):
        return Recorder(value, path, read)
    if isinstance(value, list):
        return [recorded(one, (*path, number), read) for number, one in enumerate(value)]
    return value


def test_all_that_is_imported_is_signed(unsigned: Document, network: ec.EllipticCurvePrivateKey) -> None:
    """Every member that the importer looks at is under the proof: to change or drop it breaks the proof."""
    document = copy.deepcopy(unsigned)
    del document["verificationMethod"][1]["publicKeyJwk"]["kid"]  # its id stands in for it
    sign(document, network)
    verify_proof(document, pinned(network))
    read: set[tuple[str | int, ...]] = set()
    assert len(build(gdhcn.candidates(recorded(document, (), read), "did.json", "")).signers) == 2
    names = {path[-1] for path in read}
    assert names == {
        *("verificationMethod", "publicKeyJwk", "kid", "id", "x5c", "x", "y", "n", "e"),
        *("domain", "participant", "keyusage", "code"),
    }
    for path in sorted(read, key=str):
        _check_covered(document, path, network)


def _check_covered(document: Document, path: tuple[Any, ...], network: ec.EllipticCurvePrivateKey) -> None:
    for how in (_other, dict.pop):
        changed = copy.deepcopy(document)
        at: Any = changed
        for step in path[:-1]:
            at = at[step]
        if path[-1] in at or how is _other:
            how(at, path[-1])
            with pytest.raises(ProofError):
                verify_proof(changed, pinned(network))


def _other(members: Document, name: str) -> None:
    """Give a member another value of its kind; make one up where there is none."""
    value = members.get(name, "AAA")
    members[name] = value + "A" if isinstance(value, str) else type(value)()


def test_a_member_that_comes_twice_is_refused(signed: Document) -> None:
    """Where one member could be verified and its double imported, the parser refuses the document."""
    text = json.dumps(signed)
    assert entries(text.encode(), File("did.json", Path("did.json"), "", named=True))[0]
    twice = text.replace('"keyusage": {"code": "#DSC"}', '"keyusage": {"code": "#CSCA", "code": "#DSC"}')
    with pytest.raises(SourceError, match="comes twice"):
        entries(twice.encode(), File("did.json", Path("did.json"), "", named=True))


@pytest.mark.parametrize(
    "methods",
    [
        [{"controller": f"_:b{number % 7}"} for number in range(50)],
        [f"{LIST}:{number}" for number in range(MOST_ENTRIES + 1)],
    ],
    ids=["blank nodes", "too many"],
)
def test_what_would_take_for_ever_is_not_begun(
    methods: list[object], signed: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes without a name, and more entries than any list has, are refused before JSON-LD sees them."""
    signed["verificationMethod"] = methods
    monkeypatch.setitem(sys.modules, "pyld.jsonld", None)
    with pytest.raises(ProofError, match=SHAPE):
        verify_proof(signed)


def test_nothing_is_fetched(
    signed: Document, network: ec.EllipticCurvePrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contexts are the bundled ones: no name is looked up and no connection made."""

    def fail(*_arguments: object, **_options: object) -> None:
        pytest.fail("the network was used")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, fail)
    verify_proof(signed, pinned(network))


def test_a_dropped_statement_is_noticed(
    signed: Document, network: ec.EllipticCurvePrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should JSON-LD ever lose a member, the document is refused before its signature is looked at."""
    bundled = didproof._context
    monkeypatch.setattr(
        didproof,
        "_context",
        lambda file: {name: term for name, term in bundled(file).items() if name != "keyusage"},
    )
    with pytest.raises(ProofError, match="14 statements come of it instead of 16"):
        verify_proof(signed, pinned(network))


def test_a_missing_package_is_named(
    signed: Document, network: ec.EllipticCurvePrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the JSON-LD package nothing is verified, and the message says what to install."""
    monkeypatch.setitem(sys.modules, "pyld.jsonld", None)
    with pytest.raises(ProofError, match=r"doorcheck\[operator\]"):
        verify_proof(signed, pinned(network))


def test_another_key_can_be_pinned(signed: Document, network: ec.EllipticCurvePrivateKey) -> None:
    """A small JSON file pins another network's key."""
    key = pinned(network)
    members = {name: getattr(key, name) for name in ("name", "did", "document", "x", "y")}
    assert verify_proof(signed, pinned_key(json.dumps(members).encode())).created == CREATED


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"name": "n", "did": "d", "document": "l", "x": "AA", "y": "%%"}',
        '{"name": "n", "did": "d", "document": "l", "x": "AA", "y": "AA"}',
    ],
)
def test_no_key_can_not_be_pinned(text: str) -> None:
    """What is no key, or no point of the curve, is refused when it is pinned."""
    with pytest.raises(ProofError, match=r"not a key to pin|no P-256 key"):
        pinned_key(text.encode())


def test_the_network_s_key_has_its_fingerprint() -> None:
    """The pinned key is the one that operators compare by this fingerprint."""
    assert WHO_PRODUCTION.fingerprint == (
        "1e66 5b91 65d8 1353 88e9 f10f edf3 4cca 308e 0727 e0b0 a7a6 9072 eb2d 9558 94d7"
    )


@pytest.fixture(scope="module")
def production(shared_data: Path) -> Document:
    """The network's production list of 22 August 2026."""
    document: Document = json.loads((shared_data / "trust-lists" / "gdhcn-production-did.json").read_bytes())
    return document


def test_the_production_list_is_verified(production: Document) -> None:
    """The real list verifies by the pinned key, under the bundled contexts."""
    proof = verify_proof(production)
    assert proof.created == CREATED
    assert len(build(gdhcn.candidates(production, "did.json", "")).signers) == 438


CORE = ("x5c", "keyusage")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(*param.values, id=param.id, marks=() if param.id in CORE else pytest.mark.slow)
        for param in MUTATIONS
    ],
)
def test_the_changed_production_list_is_refused(change: Change, message: str, production: Document) -> None:
    """Each change to the real list is refused."""
    document = copy.deepcopy(production)
    change(document)
    with pytest.raises(ProofError, match=message):
        verify_proof(document)
