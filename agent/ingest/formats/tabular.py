"""CSV and TSV: every data row becomes one line that names its columns."""

import csv
import io
from collections import Counter
from itertools import islice

from agent.ingest.formats.encoding import decode
from agent.ingest.formats.parsed import Parsed, Unreadable
from agent.ingest.formats.table import row_lines

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 100


def read_csv(content: bytes) -> Parsed:
    """Fields parted by what parts them most evenly; by a comma if nothing does."""
    return _read(decode(content), ",")


def read_tsv(content: bytes) -> Parsed:
    """Fields parted by what parts them most evenly; by a tab if nothing does."""
    return _read(decode(content), "\t")


def _read(text: str, usual: str) -> Parsed:
    # Process-wide, and only ever raised: a cell may be as long as the file, whose size the loader limits.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    declared, text = _declared(text)
    rows = _rows(text, declared or _delimiter(text, usual))
    return Parsed("\n".join(row_lines(rows)), None)


def _declared(text: str) -> tuple[str | None, str]:
    """Excel's own first line, `sep=;`, is not data."""
    first, _, rest = text.partition("\n")
    first = first.rstrip("\r")
    if len(first) == 5 and first.startswith("sep=") and first[4] in _DELIMITERS:
        return first[4], rest
    return None, text


def _delimiter(text: str, usual: str) -> str:
    """The delimiter that cuts most rows into the same number (over one) of fields; of equals, the usual one."""

    def evenness(delimiter: str) -> tuple[float, bool, int]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        widths = Counter(len(row) for row in islice(reader, _SAMPLE_ROWS) if row)
        (width, rows), *_ = widths.most_common(1) or [(0, 0)]
        share = rows / widths.total() if width > 1 else 0.0
        return round(share, 1), delimiter == usual, width

    return max(_DELIMITERS, key=evenness)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        pass
    # A quote that is never closed would swallow every row after it: then a quote is a character like any other.
    is_unclosed = text.count('"') % 2 == 1
    try:
        return list(
            csv.reader(
                io.StringIO(text, newline=""),
                delimiter=delimiter,
                quoting=csv.QUOTE_NONE if is_unclosed else csv.QUOTE_MINIMAL,
            )
        )
    except csv.Error as error:
        raise Unreadable(f"not a table: {error}") from error
