"""Text that a terminal would obey is shown instead."""

import json
import unicodedata

from agent.ask.clean import clean, clean_json, clean_line

# Clears the screen, sets the title, an 8-bit CSI, a bell, and an order that turns letters around.
HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\x08\x7f\u202egnp.exe\ud800"


def test_no_control_character_reaches_a_terminal() -> None:
    """Of all there are, only the newline and the tab, with which text is laid out."""
    every = "".join(map(chr, range(0x110000)))
    kept = {one for one in clean(every) if unicodedata.category(one) in ("Cc", "Cs")}
    assert {"\n", "\t"} == kept
    assert not {"\u202e", "\u2066"} & set(clean(every))


def test_what_was_there_is_seen_to_have_been_there() -> None:
    """Each such character becomes a replacement character; all others stay."""
    assert "\N{REPLACEMENT CHARACTER}[2J" == clean("\x1b[2J")
    assert "¿Qué\tes\n[b]?" == clean("¿Qué\tes\r\n[b]?")
    assert "a b c" == clean_line(" a\n b\t\r\nc ")


def test_json_says_the_same_and_orders_nothing() -> None:
    """A program reads every character; the terminal that it may be printed on gets none of these."""
    text = clean_json({"answer": HOSTILE}, indent=2)
    assert {"answer": HOSTILE} == json.loads(text)
    assert text == clean(text)
