"""Which files a corpus is made of, and what each is called."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.ingest.formats.parsed import Unreadable
from agent.ingest.loaders import SameName, SourceFile, find_files, load
from tests.fakes.loading import write_documents


@pytest.fixture
def docs(tmp_path: Path) -> Iterator[Path]:
    """The working directory, with a folder `docs` in it."""
    before = Path.cwd()
    files = (
        "a.md",
        "B.TXT",
        "sub/c.html",
        "sub/deep/d.csv",
        ".hidden.md",
        ".git/e.md",
        "sub/.f/g.md",
        "h.png",
        "Makefile",
    )
    write_documents(tmp_path / "docs", dict.fromkeys(files, "x"))
    os.chdir(tmp_path)
    yield tmp_path / "docs"
    os.chdir(before)


def sources(*patterns: str) -> list[str]:
    return [file.source for file in find_files(patterns)]


def test_a_folder_is_read_to_its_depth(docs: Path) -> None:
    """Hidden files, hidden folders and other formats are passed over; a suffix may be in capitals."""
    assert ["B.TXT", "a.md", "sub/c.html", "sub/deep/d.csv"] == sources(str(docs))


@pytest.mark.parametrize("name", ["docs", "./docs", "docs/", "docs/../docs", "docs/sub/.."])
def test_sources_do_not_depend_on_how_the_folder_is_named(docs: Path, name: str) -> None:
    """They are paths inside it."""
    assert sources(str(docs)) == sources(name)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("docs/*.md", ["a.md"]),
        ("./docs/*", ["B.TXT", "a.md"]),
        ("docs/**/*.html", ["sub/c.html"]),
        ("docs/**/*", ["B.TXT", "a.md", "sub/c.html", "sub/deep/d.csv"]),
        ("docs/sub/*/?.csv", ["deep/d.csv"]),
        ("docs/[ab].md", ["a.md"]),
        ("d*s/a.md", ["docs/a.md"]),
        ("**/*.csv", ["docs/sub/deep/d.csv"]),
    ],
)
def test_a_glob_names_files_from_its_first_wildcard_on(docs: Path, pattern: str, expected: list[str]) -> None:
    """What is passed over in folders is passed over here, too."""
    assert expected == sources(pattern)
    assert expected == sources(str(docs.parent / pattern))


@pytest.mark.parametrize(
    "pattern", ["none", "docs/none.md", "docs/*.pdf", "docs/h.png", "docs/Makefile", "n" * 300, ""]
)
def test_what_is_not_there_is_an_error(docs: Path, pattern: str) -> None:
    """And a single file of a format that cannot be read; the current folder is not what an empty name means."""
    with pytest.raises(FileNotFoundError):
        find_files(["docs", pattern])


def test_a_single_file_is_called_by_its_name(docs: Path) -> None:
    """Even a hidden one: it was asked for."""
    assert ["c.html"] == sources("docs/sub/c.html")
    assert [".hidden.md"] == sources("docs/.hidden.md")


def test_several_folders_are_told_apart_by_their_names(docs: Path) -> None:
    """Which begin their sources; files beside them keep theirs."""
    write_documents(docs.parent / "more", {"a.md": "x"})
    assert ["c.html", "docs/B.TXT", "docs/a.md", "docs/sub/c.html", "docs/sub/deep/d.csv", "more/a.md"] == sources(
        "docs", "more/", "docs/sub/c.html"
    )


def test_the_same_file_twice_is_one(docs: Path) -> None:
    """However it was named."""
    assert ["docs/B.TXT", "docs/a.md", "docs/sub/c.html", "docs/sub/deep/d.csv"] == sources("docs", "./docs/")
    assert ["a.md"] == sources("docs/a.md", str(docs / "a.md"))


def test_two_files_of_one_name_are_an_error_that_names_both(docs: Path) -> None:
    """Neither may silently take the other's place."""
    write_documents(docs.parent / "more" / "docs", {"a.md": "y"})
    with pytest.raises(SameName, match=r"more/docs/a\.md and docs/a\.md would both be called 'docs/a\.md'"):
        find_files(["docs", "more/docs"])


def test_symbolic_links_are_passed_over(docs: Path) -> None:
    """Links to files, to folders, in circles, and to nothing; a glob does not go through them either."""
    expected = sources("docs")
    (docs / "link.md").symlink_to("a.md")
    (docs / "nothing.md").symlink_to("gone.md")
    (docs / "loop").symlink_to(docs)
    (docs / "sub" / "outside").symlink_to(write_documents(docs.parent / "outside", {"secret.md": "x"}))
    assert expected == sources("docs") == sources("docs/**/*")


def test_a_link_that_is_named_is_followed(docs: Path) -> None:
    """The folder or the file on the command line is what is asked for."""
    (docs.parent / "current").symlink_to(docs)
    (docs.parent / "current.md").symlink_to(docs / "a.md")
    assert sources("docs") == sources("current")
    assert ["current.md"] == sources("current.md")


def test_a_folder_with_the_name_of_a_document_is_a_folder(docs: Path) -> None:
    """And what is in it is found."""
    write_documents(docs / "notes.md", {"real.md": "x"})
    assert "notes.md/real.md" in sources("docs")
    assert "notes.md" not in sources("docs/*")


def test_a_name_that_is_not_utf8_is_written_with_escapes(docs: Path) -> None:
    """So that it can be stored, listed and cited; the title, too."""
    name = os.fsdecode(b"caf\xe9-menu.md")
    (docs / name).write_text("The coffee is hot.")
    (file,) = find_files(["docs/caf*"])
    assert "caf\\xe9-menu.md" == file.source
    assert "caf\\xe9 menu" == load(file).title
    assert [file.source] == sources(str(docs / name))


def test_a_file_that_cannot_be_read_says_why(docs: Path) -> None:
    """Gone in the meantime, or too large to be read into memory."""
    (docs / "huge.md").touch()
    os.truncate(docs / "huge.md", 201 * 2**20)
    for name, reason in (("gone.md", "No such file or directory"), ("huge.md", "larger than 200 MiB")):
        with pytest.raises(Unreadable) as caught:
            load(SourceFile(docs / name, name))
        assert reason == caught.value.reason


def test_a_document_knows_its_file(docs: Path) -> None:
    """Format, language, title and the hash of the file's bytes."""
    (docs / "my-first_note.TXT").write_text("El vino se guarda en la bodega durante tres años.")
    file = SourceFile(docs / "my-first_note.TXT", "my-first_note.TXT")
    document = load(file)
    assert ("txt", "es", "my first note", file.sha256()) == (
        document.format, document.language, document.title, document.sha256,
    )  # fmt: skip
