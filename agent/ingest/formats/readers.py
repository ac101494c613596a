"""Which reader reads which suffix."""

from collections.abc import Callable, Mapping

from agent.ingest.formats.docx import read_docx
from agent.ingest.formats.html import read_html
from agent.ingest.formats.markdown import read_markdown, read_text
from agent.ingest.formats.parsed import Parsed, Unreadable
from agent.ingest.formats.pdf import read_pdf
from agent.ingest.formats.records import read_json, read_json_lines
from agent.ingest.formats.tabular import read_csv, read_tsv

Reader = Callable[[bytes], Parsed]

_READERS: Mapping[str, Reader] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_text,
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
    ".docx": read_docx,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
}
SUFFIXES = frozenset(_READERS)


def parse(suffix: str, content: bytes) -> Parsed:
    """The document in `content`, read as the format of `suffix` (lower case, with its dot, one of `SUFFIXES`).

    Raises:
        Unreadable: anything is wrong with the file; never another exception.
    """
    try:
        parsed = _READERS[suffix](content)
    except Unreadable:
        raise
    except Exception as error:
        # The readers map what their libraries document. A parser fed a damaged file can still raise anything at all
        # (pdfminer: IndexError, struct.error, zlib.error ...), and one bad file must not end the ingestion of a folder.
        raise Unreadable("damaged: the file could not be read to its end") from error
    if not parsed.text[parsed.body_start :].strip():
        raise Unreadable("empty")
    return parsed
