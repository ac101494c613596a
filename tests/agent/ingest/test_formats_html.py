"""HTML pages, tidy and odd."""

import pytest

from agent.ingest.formats import parse


def text_of(body: str) -> str:
    return parse(".html", f"<html><body>{body}</body></html>".encode()).text


def test_blocks_in_order() -> None:
    """Headings, paragraphs, lists, quotes, code and captions, each in the notation of the splitter."""
    body = (
        "<h1>One &amp; two</h1><p>A <b>bo</b>ld\n word<br>and <a href=x>a link</a>.<h3>Three</h3>"
        "<ul><li>a<ul><li>b</ul><li>c</ul><ol start=4><li><p>d</p><p>more</p><li>e</ol>"
        "<blockquote>Quoted.</blockquote><figure><img><figcaption>Shown.</figcaption></figure>"
        "<pre>def f():\n    return 1\n</pre>tail"
    )
    expected = (
        "# One & two\n\nA bold word and a link.\n\n### Three\n\n- a\n  - b\n- c\n4. d\n\nmore\n\n5. e\n\n"
        "Quoted.\n\nShown.\n\n```\ndef f():\n    return 1\n```\n\ntail"
    )
    assert expected == text_of(body)


def test_a_definition_says_what_it_defines() -> None:
    """It can be quoted alone."""
    assert "- Term: What it is.\n- A / B: Both." == text_of(
        "<dl><dt>Term:</dt><dd>What it is.</dd><dt>A</dt><dt>B</dt><dd>Both.</dd></dl>"
    )


def test_what_nobody_reads_is_dropped() -> None:
    """Scripts, styles, hidden elements, navigation, the page's header and footer."""
    body = (
        "<header>Logo</header><nav>Menu</nav><script>x()</script><style>p{}</style><noscript>on</noscript>"
        "<p hidden>h</p><p style='display: none'>h</p><aside>Ad</aside><button>Buy</button><template>t</template>"
        "<p>The text of the page, which is long enough to be most of it.</p><footer>Imprint</footer>"
    )
    assert "The text of the page, which is long enough to be most of it." == text_of(body)


def test_a_heading_in_the_header_is_kept() -> None:
    """The navigation beside it is not, and main is preferred where it holds most of the text."""
    body = "<header><nav>Menu</nav><h1>Title</h1></header><main><p>The text of it all.</p></main><div>More</div>"
    assert "# Title\n\nThe text of it all." == text_of(body)


def test_a_page_that_says_all_in_an_aside_is_kept() -> None:
    """Dropping is safe only while most of the page is something else."""
    assert "All there is on this page.\n\nx" == text_of("<aside>All there is on this page.</aside><p>x</p>")


def test_an_article_that_is_little_of_the_page_is_not_all_of_it() -> None:
    """A list of teasers is not cut to the first."""
    body = "".join(f"<article><h2>News {n}</h2><p>Text {n}.</p></article>" for n in range(3))
    assert 3 == text_of(body).count("## News")


def test_a_table_names_its_columns() -> None:
    """Spanning names are joined, and a cell that spans rows stands in each of them."""
    body = (
        "<table><caption>Prices</caption><tr><th rowspan=2>Plan<th colspan=2>Price<tr><th>Month<th>Year"
        "<tr><td rowspan=2>Pro<td>20&nbsp;€<td>200 €<tr><td>21 €<td>a|b</table>"
    )
    expected = (
        "Prices\n\n| Plan: Pro | Price Month: 20 € | Price Year: 200 € |\n"
        "| Plan: Pro | Price Month: 21 € | Price Year: a/ b |"
    )
    assert expected == text_of(body)


def test_a_table_that_names_its_rows() -> None:
    """The name goes before the value."""
    assert "| Phone: 12 34 |\n| City: Haro |" == text_of("<table><tr><th>Phone<td>12 34<tr><th>City<td>Haro</table>")


def test_a_layout_table_is_no_table() -> None:
    """What it arranges is read as blocks, other tables included."""
    body = "<table><tr><td><h2>Left</h2>text</td><td><table><tr><td>a<td>1<tr><td>b<td>2</table></td></tr></table>"
    assert "## Left\n\ntext\n\n| a | 1 |\n| b | 2 |" == text_of(body)


def test_lines_in_a_cell_are_parted() -> None:
    """By a slash, because a row is one line."""
    assert "| 1 | p/ q |\n| 2/ 3 | r |" == text_of("<table><tr><td>1<td><p>p</p><p>q</p><tr><td>2<br>3<td>r</table>")


@pytest.mark.parametrize("marker", ["#", "|", "```"])
def test_text_cannot_look_like_structure(marker: str) -> None:
    """A marker at a paragraph's beginning is dropped."""
    assert "comment" == text_of(f"<p>{marker} comment</p>")


def test_title_and_metadata() -> None:
    """From the head; without a title, from the first heading."""
    head = "<title> A\n title </title><meta name=Author content=Ana><meta name=keywords content='a, b,'>"
    date = "<meta property='article:published_time' content=2026-01-02>"
    parsed = parse(".htm", f"{head}{date}<h1>H</h1>".encode())
    expected = ("A title", {"author": ("Ana",), "date": ("2026-01-02",), "keywords": ("a", "b")})
    assert expected == (parsed.title, parsed.metadata)
    assert "H" == parse(".htm", b"<h1>H</h1>").title


@pytest.mark.parametrize(
    "content",
    [
        '<meta charset="iso-8859-1"><p>señor €'.encode("cp1252"),
        '<meta http-equiv="Content-Type" content="text/html; charset=windows-1252"><p>señor €'.encode("cp1252"),
        "<p>señor €".encode("cp1252"),
        '<meta charset="rot13"><p>señor €'.encode(),
        '<meta charset="ascii"><p>señor €'.encode("utf-16"),
    ],
)
def test_the_encoding_is_what_the_page_declares_or_what_it_is(content: bytes) -> None:
    """A wrong declaration counts for nothing."""
    assert "señor €" == parse(".html", content).text


def test_deep_nesting_is_read() -> None:
    """No stack overflows."""
    assert "deep" == text_of("<div>" * 3000 + "deep" + "</div>" * 3000)
