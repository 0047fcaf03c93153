"""The shape of a DID document that a proof can cover whole.

JSON-LD drops without a word whatever it can't turn into a statement: members that no
context knows, a key whose entry is of another type, an entry whose id holds a space.
What is dropped is not signed, and anyone may add it. So nothing passes here that does
not become a statement: all members are known ones, all texts of known letters, and all
entries have an address of their own (of two with one address, the statements could
change places). No node is blank, so their order takes no search, which can be made to
take for ever. All texts are ASCII.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from doorcheck.operator.text import printable

MOST_ENTRIES = 5000
"""Ten times the production list; canonicalising takes one to three milliseconds each."""

_DID = r"did:[a-z0-9]{1,32}:[A-Za-z0-9._:%/+=-]{1,240}"
_Did = Annotated[str, msgspec.Meta(pattern=rf"^{_DID}\Z")]
_EntryId = Annotated[str, msgspec.Meta(pattern=rf"^{_DID}#[A-Za-z0-9._:%/+=-]{{1,100}}\Z")]
_Text = Annotated[str, msgspec.Meta(pattern=r"^[ -~]*\Z", max_length=65536)]
_Chain = Annotated[list[_Text], msgspec.Meta(max_length=16)]


class ShapeError(Exception):
    """A document says more than a proof could cover, or less; the text says what and where."""


class Coded(msgspec.Struct, forbid_unknown_fields=True):
    """A code out of one of the network's lists, such as #DSC."""

    code: Annotated[str, msgspec.Meta(pattern=r"^#[A-Za-z0-9._-]{1,64}\Z")]


class Entry(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A key and what it is for."""

    id: _EntryId
    type: Literal["JsonWebKey2020"]  # the type is what makes publicKeyJwk a statement
    controller: _Did
    public_key_jwk: dict[_Text, _Text | _Chain]
    domain: Coded | None = None
    participant: Coded | None = None
    keyusage: Coded | None = None

    @property
    def statements(self) -> int:
        """How many statements it makes, the document's link to it among them."""
        codes = (self.domain, self.participant, self.keyusage)
        return 4 + sum(code is not None for code in codes)  # link, type, controller, key


class Proof(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """What a proof claims, and its detached signature."""

    type: _Text
    created: _Text
    nonce: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._~+/=-]{1,128}\Z")]
    proof_purpose: _Text
    verification_method: _Text
    jws: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,512}\.\.[A-Za-z0-9_-]{1,512}\Z")]


class Document(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A whole document; an entry that is a text is a reference to another document."""

    context: list[_Text] = msgspec.field(name="@context")
    id: _Did
    controller: _Did
    verification_method: Annotated[list[_Did | Entry], msgspec.Meta(max_length=MOST_ENTRIES)]
    proof: Proof

    @property
    def statements(self) -> int:
        """How many statements it makes without its proof."""
        entries = self.verification_method
        return 1 + sum(1 if isinstance(entry, str) else entry.statements for entry in entries)


def shape(document: Mapping[str, object]) -> Document:
    """The document with its types. Raises `ShapeError`."""
    try:
        shaped = msgspec.convert(dict(document), Document)
    except msgspec.ValidationError as error:
        raise ShapeError(printable(str(error), 200)) from None
    ids = [shaped.id]
    ids += [entry if isinstance(entry, str) else entry.id for entry in shaped.verification_method]
    name, times = Counter(ids).most_common(1)[0]
    if times > 1:
        raise ShapeError(f"{times} entries are named {printable(name)}")
    return shaped
