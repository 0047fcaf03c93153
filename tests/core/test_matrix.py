"""Format by signer by prefix: a prefix gives no rights, and no cell admits that should not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from doorcheck.core import cbor
from doorcheck.core.trust import Scope, TrustList, Usage
from doorcheck.core.verdict import Outcome
from doorcheck.core.verify import verify
from doorcheck.lab import french, issuer
from doorcheck.lab.bench import Bench, Draft

BENCH: Final = Bench(seed="the matrix")
SCOPES: Final = [Scope(bits) for bits in range(16)]
CONTENTS: Final[dict[bytes, dict[int, Any]]] = {
    b"HC1:": BENCH.token,
    b"HCFR1:": french.light_token(BENCH.person, BENCH.utc),
    b"EX1:": french.exemption_token(BENCH.person, BENCH.utc),
}
"""What belongs under each prefix."""
RIGHT: Final = {b"HC1:": Scope.HC1, b"HCFR1:": Scope.LIGHT, b"EX1:": Scope.EXEMPTION}


def outcome(data: bytes, scope: Scope, usage: Usage = Usage.ANY, kid: bytes | None = None) -> Outcome:
    """What the door says, when the bench's key has that scope, that usage and that identifier."""
    signer = replace(BENCH.authority.signer, scope=scope, usage=usage)
    case = BENCH.case(data, trust=TrustList([replace(signer, kid=kid or signer.kid)], 0))
    return verify(case.symbol, case.world, case.moment).outcome


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("prefix", CONTENTS)
def test_a_message_is_admitted_under_its_own_prefix_by_a_signer_for_it_alone(
    prefix: bytes, content: bytes
) -> None:
    """Three contents, three prefixes, sixteen scopes: 24 of 144 cells admit."""
    message = Draft(BENCH.authority, CONTENTS[content]).message()
    data = prefix + issuer.text(message)[4:]
    admitting = {scope for scope in SCOPES if outcome(data, scope) is Outcome.ADMIT}
    assert admitting == ({scope for scope in SCOPES if scope & RIGHT[prefix]} if prefix == content else set())


@pytest.mark.parametrize(
    ("make", "usage"), [(french.vaccination, Usage.VACCINATION), (french.negative_test, Usage.TEST)]
)
def test_a_document_is_admitted_by_a_signer_for_documents_of_its_type_alone(make: Any, usage: Usage) -> None:
    """Two documents, sixteen scopes, eight usages: only a 2D-Doc signer for that type of proof admits."""
    data = replace(make(BENCH.person, BENCH.utc), authority=BENCH.authority).data()
    for scope in SCOPES:
        for bits in range(8):
            said = outcome(data, scope, Usage(bits), kid=data[4:12])
            expected = bool(scope & Scope.TWO_D_DOC) and bool(Usage(bits) & usage)
            assert (said is Outcome.ADMIT) == expected, (scope, bits)


def test_the_matrix_has_admitting_cells() -> None:
    """The test can fail in both directions: the right cell admits."""
    for prefix, token in CONTENTS.items():
        text = prefix + issuer.text(Draft(BENCH.authority, token).message())[4:]
        assert outcome(text, RIGHT[prefix]) is Outcome.ADMIT


def test_a_certificate_gains_nothing_by_a_new_prefix() -> None:
    """Byte for byte the same message under another prefix is another verdict."""
    message = issuer.text(BENCH.authority.sign(cbor.encode(BENCH.token)))
    for prefix in (b"HCFR1:", b"EX1:"):
        assert outcome(prefix + message[4:], Scope.ALL) is not Outcome.ADMIT


def test_one_person_has_one_mark_in_every_format() -> None:
    """A paper with two codes, or a code handed on in another format: the door sees one person."""
    person, now = BENCH.person, BENCH.utc
    shown = [
        BENCH.draft.text(),
        french.vaccination(person, now).data(),
        french.negative_test(person, now).data(),
        french.text(BENCH, french.light_token(person, now), french.HCFR1),
        french.text(BENCH, french.exemption_token(person, now), french.EX1),
    ]
    cases = [BENCH.case(data, trust=french.trust_list(BENCH)) for data in shown]
    verdicts = [verify(case.symbol, case.world, case.moment) for case in cases]
    assert {verdict.outcome for verdict in verdicts} == {Outcome.ADMIT}
    assert len({verdict.mark for verdict in verdicts}) == 1
