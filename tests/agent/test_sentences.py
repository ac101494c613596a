"""Sentence spans are exact, in order, and whole."""

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
