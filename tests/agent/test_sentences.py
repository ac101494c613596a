"""Sentence spans are exact, in order, and whole."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.text.sentences import Kind, split_units

DOCUMENT = """# Title

The server listens on port 8000, e.g. on a laptop. It is
wrapped here. ¿Qué tal? Bien, Sr. Pérez.

- Item one. Second
  line.

| a | b |
|---|---|
| 1 | 2 |

```bash
make run
# no heading
```
"""


def test_units_of_a_document() -> None:
    """Prose splits into sentences; abbreviations do not end one; rows, code lines and headings stay whole."""
    units = [(span.kind, DOCUMENT[span.start : span.end]) for span in split_units(DOCUMENT)]
    assert [
        (Kind.HEADING, "# Title"),
        (Kind.PROSE, "The server listens on port 8000, e.g. on a laptop."),
        (Kind.PROSE, "It is\nwrapped here."),
        (Kind.PROSE, "¿Qué tal?"),
        (Kind.PROSE, "Bien, Sr. Pérez."),
        (Kind.ITEM, "Item one."),
        (Kind.ITEM, "Second\n  line."),
        (Kind.ROW, "| a | b |"),
        (Kind.ROW, "| 1 | 2 |"),
        (Kind.CODE, "make run"),
        (Kind.CODE, "# no heading"),
    ] == units


@given(st.text(alphabet="aB1 .!?¿\n#-|`*¡é(\t", max_size=200))
def test_spans_are_trimmed_ordered_and_do_not_overlap(text: str) -> None:
    """Whatever the text, a span is not empty, begins and ends with something visible, and ends before the next."""
    end = 0
    for span in split_units(text):
        assert end <= span.start < span.end
        assert text[span.start : span.end] == text[span.start : span.end].strip()
        end = span.end


def test_a_fence_is_closed_by_its_like() -> None:
    """Shorter ones, others and those that name a language stand in the code; code in a line of text opens none."""
    text = "````md\n```bash\nmake run\n```\n~~~\n````\nText one.\n\n```run``` is text.\n\nText two.\n"
    code = ["```bash", "make run", "```", "~~~"]
    prose = ["Text one.", "```run``` is text.", "Text two."]
    units = [(span.kind, text[span.start : span.end]) for span in split_units(text)]
    assert [*((Kind.CODE, line) for line in code), *((Kind.PROSE, line) for line in prose)] == units


@pytest.mark.parametrize("piece", ["word ", "x", "word, \t ", "`x` "])
def test_what_has_no_sentences_is_cut(piece: str) -> None:
    """Nothing is lost, and a word is cut only where there is no other place."""
    text = "The tower is 333 metres tall. " + piece * 5000 + "\n\n```\n" + piece * 5000 + "\n```\n| " + piece * 5000
    spans = list(split_units(text))
    assert max(span.end - span.start for span in spans if span.kind is not Kind.ROW) <= 2000
    kept = "".join(text[span.start : span.end] for span in spans)
    assert "".join(text.split()).replace("```", "") == "".join(kept.split())
    if piece != "x":
        assert {*piece.split(), "The", "tower", "is", "333", "metres", "tall.", "|"} >= {
            word for span in spans for word in text[span.start : span.end].split()
        }


@pytest.mark.parametrize("piece", [".", "A. ", "No. 5 ", ". ", '?"', "*. ", "- ", "``` ", "\u2026"])
def test_no_text_takes_long(piece: str) -> None:
    """Time grows with the length, whatever is written."""
    started = time.process_time()
    list(split_units(piece * (200_000 // len(piece)) + "x"))
    assert time.process_time() - started < 3
