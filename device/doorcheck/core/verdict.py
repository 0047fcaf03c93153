"""Outcomes, reasons and verdicts: what the door can say, and the only ways to say it.

`Reason` is the one table of reason codes. Codes are stable on the wire: a code is never
renumbered nor given another meaning. `device/REASONS.md` is generated from it.

The letter before the dash is the stage that refused:
D decoding, S signature, P period, R revoked, N rules, F another format,
V the view at the door, A the age of the lists and the hour, O out of order.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Outcome(enum.Enum):
    """The four things the lamps can say."""

    ADMIT = "ADMIT"
    REFUSE = "REFUSE"
    STAFF = "STAFF"
    OUT_OF_ORDER = "OUT_OF_ORDER"


class Reason(enum.Enum):
    """Why: a stable code, the outcome it leads to, and words for an operator."""

    code: str
    outcome: Outcome
    words: str

    def __new__(cls, code: str, outcome: Outcome, words: str) -> Reason:
        """Make the member; its value is the code."""
        member = object.__new__(cls)
        member._value_ = code
        member.code = code
        member.outcome = outcome
        member.words = words
        return member

    OK = ("OK", Outcome.ADMIT, "a genuine, current pass that the rules accept")

    NO_SYMBOL = ("D-SYM", Outcome.REFUSE, "no code can be read in the picture")
    NOT_A_PASS = ("D-PRE", Outcome.REFUSE, "not a health pass: no known prefix")
    BASE45 = ("D-B45", Outcome.REFUSE, "the text after the prefix is not base45")
    COMPRESSION = ("D-ZIP", Outcome.REFUSE, "not one whole zlib stream, or bytes after its end")
    TOO_LARGE = ("D-BIG", Outcome.REFUSE, "larger than any pass may be")
    COSE = ("D-COS", Outcome.REFUSE, "not a COSE_Sign1 message")
    CLAIMS = ("D-CWT", Outcome.REFUSE, "signed, but its claims are malformed or incomplete")
    CERTIFICATE = ("D-DCC", Outcome.REFUSE, "signed, but what it holds is not a health certificate")
    OTHER_KIND = ("D-KND", Outcome.REFUSE, "signed, but of another kind than its prefix says")
    TWO_D_DOC_FRAME = ("D-2DF", Outcome.REFUSE, "not a well-formed 2D-Doc")
    TWO_D_DOC_FIELDS = ("D-2DV", Outcome.REFUSE, "signed, but its fields are malformed or incomplete")

    ALGORITHM = ("S-ALG", Outcome.REFUSE, "the signature algorithm is missing, forbidden or not the key's")
    NO_SIGNER = ("S-KID", Outcome.REFUSE, "it does not name its signer")
    UNKNOWN_SIGNER = ("S-UNK", Outcome.REFUSE, "its signer is not in the trust list")
    SIGNATURE = ("S-SIG", Outcome.REFUSE, "forged or damaged: the signature does not fit")
    SIGNER_EXPIRED = ("S-EXP", Outcome.REFUSE, "its signer's certificate has expired")
    SIGNER_EARLY = ("S-NYV", Outcome.REFUSE, "its signer's certificate is not valid yet")
    SCOPE = ("S-FMT", Outcome.REFUSE, "its signer may not sign passes of this format")
    KEY_USAGE = ("S-USE", Outcome.REFUSE, "its signer may not sign this type of proof")

    EXPIRED = ("P-EXP", Outcome.REFUSE, "expired")
    ISSUED_LATER = ("P-IAT", Outcome.REFUSE, "issued later than now")

    LISTED_IDENTIFIER = ("R-UCI", Outcome.REFUSE, "on the deny list, by its identifier")
    LISTED_COUNTRY = ("R-CCI", Outcome.REFUSE, "on the deny list, by country and identifier")
    LISTED_DOCUMENT = ("R-DOC", Outcome.REFUSE, "on the deny list, by the hash of its 2D-Doc")
    LISTED_SIGNATURE = ("R-SIG", Outcome.REFUSE, "on the deny list, by its signature")

    NOT_ONE_PROOF = ("N-ONE", Outcome.REFUSE, "it does not hold exactly one proof")
    DOSES = ("N-DOS", Outcome.REFUSE, "the vaccination is not complete")
    TEST_RESULT = ("N-RES", Outcome.REFUSE, "the test result is not negative")
    FUTURE = ("N-FUT", Outcome.REFUSE, "the test was sampled later than now")
    RECOVERY = ("N-REC", Outcome.REFUSE, "outside the recovery's own dates")
    EXEMPTION_DATES = ("N-EXM", Outcome.REFUSE, "outside the exemption's own dates")
    SPECIMEN = ("N-SPC", Outcome.REFUSE, "a specimen, marked as such by its issuer")
    RULE_ERROR = ("N-ERR", Outcome.REFUSE, "a rule could not be evaluated on this pass")
    RULE = ("N-RUL", Outcome.REFUSE, "a rule of the venue's profile does not accept it")
    NO_RULE = ("N-NON", Outcome.REFUSE, "no rule of the venue's profile speaks of such a proof")

    YELLOW_CARD = ("F-ICV", Outcome.STAFF, "an international vaccination card (ICVP), not an entry pass")
    DDCC = ("F-DDC", Outcome.STAFF, "a WHO DDCC certificate, not an entry pass")
    HEALTH_LINK = ("F-VHL", Outcome.STAFF, "a health link, not an entry pass; links are never followed")
    SMART_HEALTH_CARD = ("F-SHC", Outcome.STAFF, "a SMART Health Card, not an entry pass")
    NEW_ZEALAND = ("F-NZC", Outcome.STAFF, "a New Zealand pass, not an entry pass")
    SWISS_LIGHT = ("F-LT1", Outcome.STAFF, "a Swiss light certificate, not an entry pass")
    NORWAY = ("F-NO1", Outcome.STAFF, "a Norwegian domestic pass, not an entry pass")
    NETHERLANDS = ("F-NLD", Outcome.STAFF, "a Dutch domestic pass, not an entry pass")
    ICAO = ("F-VDS", Outcome.STAFF, "an ICAO VDS-NC seal, not an entry pass")
    DIVOC = ("F-DIV", Outcome.STAFF, "a DIVOC certificate, not an entry pass")
    TWO_D_DOC = ("F-2DD", Outcome.STAFF, "a French 2D-Doc of another type, not an entry pass")

    TWO_PASSES = ("V-TWO", Outcome.STAFF, "two different passes in one view")
    SHOWN_BEFORE = ("V-AGN", Outcome.STAFF, "the same pass was shown here minutes ago")

    LISTS_DOUBTFUL = ("A-OLD", Outcome.STAFF, "good, but by lists that are too old")

    CLOCK_DOUBTFUL = ("A-CLK", Outcome.STAFF, "perhaps good: the clock is a lower bound only")

    CLOCK = ("O-CLK", Outcome.OUT_OF_ORDER, "the clock cannot be believed")
    NO_TRUST = ("O-TRU", Outcome.OUT_OF_ORDER, "there is no trust list")
    CAMERA = ("O-CAM", Outcome.OUT_OF_ORDER, "the camera delivers no pictures")
    DECODER = ("O-DEC", Outcome.OUT_OF_ORDER, "the decoder does not come back")
    LISTS_TOO_OLD = ("O-OLD", Outcome.OUT_OF_ORDER, "the lists are too old to judge by")
    SELF_TEST = ("O-TST", Outcome.OUT_OF_ORDER, "the self-test failed")
    FAULT = ("O-BUG", Outcome.OUT_OF_ORDER, "a fault in the verifier itself")


class RefusedError(Exception):
    """A stage refuses. Raised anywhere in the core; `verify()` alone catches it.

    It carries a reason and nothing else: its text can be logged.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason


class PassFormat(enum.Enum):
    """The family of passes a symbol was recognised as, by its prefix or its frame."""

    HC1 = "HC1"
    HCFR1 = "HCFR1"
    EX1 = "EX1"
    TWO_D_DOC = "2D-Doc"
    SHC = "SHC"
    NZCP = "NZCP"
    LT1 = "LT1"
    NO1 = "NO1"
    NL2 = "NL2"
    VDS_NC = "VDS-NC"
    DIVOC = "DIVOC"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One symbol's verdict, free of any personal datum.

    `signer` names the certificate's holder ("FR 8u6X…=") once the symbol has named one.
    `mark` stands for the visitor for as long as the process lives: a keyed hash under a
    key that is made at each start and never leaves memory; no `repr` shows it. Two
    verdicts of one person carry the same mark. Empty when nothing was signed.
    `test` says that a test authority signed it: the panel then shows the TEST signal.
    """

    reason: Reason
    format: PassFormat = PassFormat.UNKNOWN
    signer: str = ""
    mark: bytes = field(default=b"", repr=False)
    test: bool = False

    @property
    def outcome(self) -> Outcome:
        """What the lamps shall say; ADMIT for `Reason.OK` alone."""
        return self.reason.outcome
