"""What the staff card says, in French, German and English: few words, no jargon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from doorcheck.core.verdict import Outcome

Row = tuple[str, str, str]
"""A headline, what it means, what to do."""


@dataclass(frozen=True, slots=True)
class CardText:
    """The card in one language. `rows` has every outcome, and None for the idle signal."""

    code: str
    title: str
    intro: str
    places: tuple[str, str, str]
    light: str
    sound: str
    dot: str
    seconds: str
    rows: dict[Outcome | None, Row]
    test: Row
    ageing: Row
    badge: Row
    counts: tuple[str, str, str]
    """One, two, three notes."""
    lengths: tuple[str, str]
    """Short, long; in the plural where the language has one."""
    pitches: tuple[str, str, str]
    """Rising, low, up and down."""
    short_one: str
    """A single short note."""
    every: str
    silent: str
    in_charge: str
    footing: str


ENGLISH: Final = CardText(
    code="en",
    title="What the box at the door says",
    intro="Look where the lamp is and at its shape. You don't need the colours.",
    places=("left", "middle", "right"),
    light="Light:",
    sound="Sound:",
    dot="dot",
    seconds="seconds",
    rows={
        None: (
            "Ready",
            "The dot is on, with a tiny dip every few seconds. The box waits.",
            "Hold the code still, a hand's length in front of the window. Screen bright, one code at a time.",
        ),
        Outcome.ADMIT: (
            "Tick: may go in",
            "This pass is genuine and good today.",
            "Let the visitor in. The box does not know whose pass it is.",
        ),
        Outcome.REFUSE: (
            "Cross: not with this code",
            "This code is no good pass. The box never says why.",
            "Do not let in on this code. Ask for another one: newer, or on paper.",
        ),
        Outcome.STAFF: (
            "Exclamation mark: you are needed",
            "The box wants a person to look: two passes at once, or one shown twice.",
            "Go there. Show one pass at a time; if it stays, ask the person in charge.",
        ),
        Outcome.OUT_OF_ORDER: (
            "Cross and mark in turn: out of order",
            "The box can judge nobody. No light at all, or one that never changes, says the same.",
            "Check passes another way. Call the person in charge.",
        ),
    },
    test=(
        "The dot blinks twice, again and again: TEST",
        "The box is being tried out.",
        "Not for real visitors. Call.",
    ),
    ageing=(
        "A short flash of the mark in the dot's dip",
        "The lists want an update.",
        "Call today.",
    ),
    badge=(
        "Dot and mark lit together: a staff badge",
        "Two seconds: your shift begins. A blink: it ends.",
        "It lets nobody in.",
    ),
    counts=("one note", "two notes", "three notes"),
    lengths=("short", "long"),
    pitches=("rising", "low", "up and down"),
    short_one="one short note",
    every="every {seconds} seconds",
    silent="none",
    in_charge="Person in charge, telephone:",
    footing="The box keeps no names and no codes.",
)

FRENCH: Final = CardText(
    code="fr",
    title="Ce que dit la boîte à l'entrée",
    intro="Regardez la place de la lampe et sa forme. Les couleurs ne sont pas nécessaires.",
    places=("à gauche", "au milieu", "à droite"),
    light="Lumière\N{NO-BREAK SPACE}:",
    sound="Son\N{NO-BREAK SPACE}:",
    dot="point",
    seconds="secondes",
    rows={
        None: (
            "Prête",
            "Le point est allumé et s'éteint un court instant de temps en temps. La boîte attend.",
            "Tenir le code sans bouger, à une main de la fenêtre. Écran lumineux, un seul code à la fois.",
        ),
        Outcome.ADMIT: (
            "Coche\N{NO-BREAK SPACE}: peut entrer",
            "Ce passe est authentique et valable aujourd'hui.",
            "Laissez entrer. La boîte ne sait pas à qui est ce passe.",
        ),
        Outcome.REFUSE: (
            "Croix\N{NO-BREAK SPACE}: pas avec ce code",
            "Ce code n'est pas un passe valable. La boîte ne dit jamais pourquoi.",
            "Ne laissez pas entrer avec ce code. Demandez-en un autre, plus récent ou sur papier.",
        ),
        Outcome.STAFF: (
            "Point d'exclamation\N{NO-BREAK SPACE}: on a besoin de vous",
            "À vous de regarder\N{NO-BREAK SPACE}: deux passes à la fois, ou un passe montré deux fois.",
            "Allez-y. Un seul passe à la fois\N{NO-BREAK SPACE}; si cela continue, appelez le responsable.",
        ),
        Outcome.OUT_OF_ORDER: (
            "Croix et point d'exclamation en alternance\N{NO-BREAK SPACE}: en panne",
            "La boîte ne peut juger personne. De même si aucune lampe ne s'allume ou ne change.",
            "Contrôlez autrement. Appelez le responsable.",
        ),
    },
    test=(
        "Le point clignote par deux, sans cesse\N{NO-BREAK SPACE}: TEST",
        "La boîte est à l'essai.",
        "Pas de vrais visiteurs. Appelez.",
    ),
    ageing=(
        "Un éclat du «\N{NO-BREAK SPACE}!\N{NO-BREAK SPACE}» quand le point s'éteint",
        "Les listes sont à mettre à jour.",
        "Appelez aujourd'hui.",
    ),
    badge=(
        "Le point et le «\N{NO-BREAK SPACE}!\N{NO-BREAK SPACE}» ensemble\N{NO-BREAK SPACE}: un badge",
        "Long\N{NO-BREAK SPACE}: service pris. Bref\N{NO-BREAK SPACE}: service quitté.",
        "Il n'ouvre à personne.",
    ),
    counts=("une note", "deux notes", "trois notes"),
    lengths=("courtes", "longues"),
    pitches=("montantes", "graves", "qui montent et descendent"),
    short_one="une note courte",
    every="toutes les {seconds} secondes",
    silent="aucun",
    in_charge="Responsable, téléphone\N{NO-BREAK SPACE}:",
    footing="La boîte ne garde ni noms ni codes.",
)

GERMAN: Final = CardText(
    code="de",
    title="Was der Kasten an der Tür sagt",
    intro="Auf Platz und Form der Lampe achten. Die Farben braucht man nicht.",
    places=("links", "Mitte", "rechts"),
    light="Licht:",
    sound="Ton:",
    dot="Punkt",
    seconds="Sekunden",
    rows={
        None: (
            "Bereit",
            "Der Punkt leuchtet und setzt alle paar Sekunden ganz kurz aus. Der Kasten wartet.",
            "Code ruhig halten, eine Handlänge vor dem Fenster. Bildschirm hell, nur ein Code auf einmal.",
        ),
        Outcome.ADMIT: (
            "Haken: darf hinein",
            "Dieser Pass ist echt und heute gültig.",
            "Eintreten lassen. Der Kasten weiß nicht, wem der Pass gehört.",
        ),
        Outcome.REFUSE: (
            "Kreuz: nicht mit diesem Code",
            "Dieser Code ist kein gültiger Pass. Warum, sagt der Kasten nie.",
            "Mit diesem Code nicht einlassen. Nach einem anderen fragen: neuer oder auf Papier.",
        ),
        Outcome.STAFF: (
            "Ausrufezeichen: Sie werden gebraucht",
            "Ein Mensch soll hinsehen: zwei Pässe auf einmal, oder einer zweimal gezeigt.",
            "Hingehen. Nur einen Pass zeigen lassen; bleibt es dabei, die Leitung fragen.",
        ),
        Outcome.OUT_OF_ORDER: (
            "Kreuz und Ausrufezeichen im Wechsel: außer Betrieb",
            "Der Kasten kann niemanden prüfen. Gar kein Licht oder eines, das sich nie ändert: ebenso.",
            "Pässe anders prüfen. Die Leitung anrufen.",
        ),
    },
    test=(
        "Der Punkt blinkt immer wieder zweimal: TEST",
        "Der Kasten wird ausprobiert.",
        "Nicht für echte Gäste. Anrufen.",
    ),
    ageing=(
        "Das „!“ blitzt, wenn der Punkt aussetzt",
        "Die Listen brauchen eine Aktualisierung.",
        "Heute anrufen.",
    ),
    badge=(
        "Punkt und „!“ zugleich: ein Dienstausweis",
        "Lang: Ihr Dienst beginnt. Kurz: er endet.",
        "Er lässt niemanden ein.",
    ),
    counts=("ein Ton", "zwei Töne", "drei Töne"),
    lengths=("kurz", "lang"),
    pitches=("steigend", "tief", "auf und ab"),
    short_one="ein kurzer Ton",
    every="alle {seconds} Sekunden",
    silent="keiner",
    in_charge="Leitung, Telefon:",
    footing="Der Kasten behält weder Namen noch Codes.",
)

LANGUAGES: Final = (FRENCH, GERMAN, ENGLISH)
