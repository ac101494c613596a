"""parse: every format, as a folder holds them, and everything that is wrong with a file."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ingest.formats import SUFFIXES, PageStart, Parsed, Unreadable, parse
from agent.text.sentences import split_units
from tests.fakes.documents import (
    FACTS,
    Fact,
    make_mixed_folder,
    write_encrypted_pdf,
    write_handbook,
    write_manual,
    write_pdf,
)


def reason(suffix: str, content: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        parse(suffix, content)
    return caught.value.reason


def outcome(suffix: str, content: bytes) -> type:
    """Parsed or Unreadable; any other exception fails the test."""
    try:
        return type(parse(suffix, content))
    except Unreadable as error:
        return type(error)


def page_of(pages: tuple[PageStart, ...], offset: int) -> int | None:
    return max((page.number for page in pages if page.start <= offset), default=None)


@pytest.fixture(scope="module")
def mixed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    make_mixed_folder(folder)
    return folder


@pytest.fixture(scope="module")
def real_files(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, bytes]]:
    folder = tmp_path_factory.mktemp("real")
    write_pdf(folder / "plain.pdf", ["# Heading", "A sentence of a page. " * 5], pageCompression=0)
    write_encrypted_pdf(folder / "open.pdf", password="")
    write_handbook(folder / "handbook.pdf")
    write_manual(folder / "manual.docx")
    return [(file.suffix, file.read_bytes()) for file in sorted(folder.iterdir())]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.sentence[:30])
def test_a_fact_is_one_unit_on_its_page(mixed_folder: Path, fact: Fact) -> None:
    """What a citation would quote is exactly the sentence, and the page is the one it is printed on."""
    file = mixed_folder / fact.file
    parsed = parse(file.suffix, file.read_bytes())
    starts = {parsed.text[unit.start : unit.end]: unit.start for unit in split_units(parsed.text)}
    assert fact.sentence in starts
    assert fact.page == page_of(parsed.pages, starts[fact.sentence])


def test_a_mixed_folder_has_every_format_but_those_with_another_suffix(mixed_folder: Path) -> None:
    """The fake covers what the readers cover."""
    aliases = {".markdown", ".htm", ".ndjson"}
    assert SUFFIXES - aliases == {file.suffix for file in mixed_folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_a_file_of_nothing_is_unreadable(suffix: str) -> None:
    """No format takes an empty file for a document."""
    expected = {".pdf": "not a PDF", ".docx": "not a DOCX", ".json": "not JSON"}.get(suffix, "empty")
    assert reason(suffix, b"").startswith(expected)


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".md", b" \n\t"),
        (".md", b"---\ntitle: x\n---\n\n"),
        (".html", b"<p> </p>"),
        (".csv", b",,\n"),
        (".json", b"[]"),
    ],
)
def test_a_document_without_content_is_empty(suffix: str, content: bytes) -> None:
    """White space, a front matter alone and empty cells are no content."""
    assert "empty" == reason(suffix, content)


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
@settings(max_examples=40, deadline=None)
@given(content=st.binary(max_size=400))
def test_random_bytes_are_parsed_or_unreadable(suffix: str, content: bytes) -> None:
    """No other exception comes out of any reader."""
    mark = {".pdf": b"%PDF-1.4\n", ".docx": b"PK\x03\x04"}.get(suffix, b"")
    assert outcome(suffix, mark + content) in (Parsed, Unreadable)


@pytest.mark.parametrize("suffix", sorted(SUFFIXES - {".pdf", ".docx"}))
@settings(max_examples=40, deadline=None)
@given(content=st.text("#|`~-<>/\"'{}[],:;\n\t ab1.é\x85\u2028table", max_size=200))
def test_random_markup_is_parsed_or_unreadable(suffix: str, content: str) -> None:
    """Nor does half a syntax break one."""
    assert outcome(suffix, content.encode()) in (Parsed, Unreadable)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_damaged_real_file_is_parsed_or_unreadable(real_files: list[tuple[str, bytes]], data: st.DataObject) -> None:
    """PDFs and a DOCX, cut off or with some bytes changed."""
    suffix, content = data.draw(st.sampled_from(real_files))
    damaged = bytearray(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    for _ in range(data.draw(st.integers(0, 5)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    assert outcome(suffix, bytes(damaged)) in (Parsed, Unreadable)
