"""Where a sentence stands, as one word that a program finds and a person can follow."""

from agent.ask.clean import clean_line
from agent.schemas import Place


def place_of(place: Place) -> str:
    """`guide.md:111`, the file and the line; `report.pdf:p3`, the file and the page; `letter.docx` has neither."""
    parts = [clean_line(place.source)]
    parts += [f"p{place.page}"] if place.page is not None else []
    parts += [str(place.line)] if place.line is not None else []
    return ":".join(parts)


def headings_of(place: Place) -> str:
    """The document's title and the headings above the sentence, outermost first; a title that is one is told once."""
    title, heading = clean_line(place.title), clean_line(place.heading)
    if not heading or heading == title or heading.startswith(f"{title} > "):
        return heading or title
    return f"{title} > {heading}"
