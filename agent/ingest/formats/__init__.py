"""One reader per document format: bytes in, text with exact offsets out."""

from agent.ingest.formats.parsed import PageStart, Parsed, Unreadable
from agent.ingest.formats.readers import SUFFIXES, parse

__all__ = ["SUFFIXES", "PageStart", "Parsed", "Unreadable", "parse"]
