"""Names from events are displayed as plain text in lines, markdown and images."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from prefect_lineage_events import escaping

# Texts that would format, link, load, end an element or reverse the direction of text.
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "![x](http://evil/x.png)",
    "[click](javascript:alert(1))",
    "https://evil.example/x",
    "www.evil.example",
    "me@evil.example",
    "a|b",
    "a\\|b",
    "a\\",
    "`` ` ``",
    "```\n# head\n```",
    "one\ntwo\r\nthree\u2028four",
    "\u202egnp.exe\u202c",
    "\u2066x\u2069",
    "\x1b[31mred\x1b[0m\x07",
    "**bold** _it_ ~~no~~ $x$",
    "&lt;b&gt; &#124;",
    "- item",
    "1. item",
    "# head",
    "%%{init: {'theme': 'dark'}}%%",
    'end"] --> evil["x',
    "fa:fa-ban",
    "$$x$$",
    "<!-- -->",
    "",
    " ",
    "\x00",
]
ANY = st.text(st.one_of(st.sampled_from('`|\\\n<>[]()!#*_~&@:/.w%{}"\u202e\x1b '), st.characters()), max_size=40)
TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def shown_nowhere(text: str) -> bool:
    """True if the text has no control characters, line ends or marks of direction. Word joiners are our own."""
    return all(c.isprintable() for c in text.replace("\u2060", "")) and not TURNING.search(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_line_has_no_line_end_and_no_control_character(text: str) -> None:
    assert shown_nowhere(escaping.line(text))


@given(ANY)
def test_each_function_returns_one_line(text: str) -> None:
    for escape in (escaping.line, escaping.code, escaping.word, escaping.prose, escaping.xml):
        assert shown_nowhere(escape(text))


def test_long_texts_are_cut() -> None:
    for escape in (escaping.line, escaping.code, escaping.word):
        assert len(escape("x" * 400_000)) <= escaping.MAX_SHOWN + 2
    assert len(escaping.prose("<" * 400_000)) < 2_000
    assert len(escaping.xml("<" * 400_000)) < 2_000


@given(ANY)
def test_code_span_is_not_ended_by_its_text_and_is_one_cell(text: str) -> None:
    span = escaping.code(text)
    if span != "(empty)":
        assert span[0] == span[-1] == "`"
        assert "`" not in span[1:-1]
    assert not re.search(r"(?<!\\)(?:\\\\)*\|", escaping.cell(span)), "a bar that ends the cell"


@given(ANY)
def test_prose_has_no_markup(text: str) -> None:
    prose = escaping.prose(text)
    unescaped = re.sub(r"\\[!-/:-@\[-`{-~]", "", prose)
    assert not re.search(r"[<>\[\]`*\\!&#~$]", unescaped)
    assert not re.search(r"(?<![^\W_])_|_(?![^\W_])", re.sub(r"\\[!-/:-@\[-`{-~]", "x", prose))
    assert "://" not in prose
    assert not re.search(r"\bwww\.", prose, re.IGNORECASE)


@pytest.mark.parametrize(
    ("name", "shown"), [("nightly load", "nightly load"), ("table", "table"), ("flow 3", "flow 3")]
)
def test_plain_name_is_unchanged_in_markdown(name: str, shown: str) -> None:
    assert escaping.word(name) == shown


@given(ANY)
def test_xml_text_has_no_markup(text: str) -> None:
    (element,) = ElementTree.fromstring(f'<svg><text x="{escaping.xml(text)}">{escaping.xml(text)}</text></svg>')
    assert element.text == (escaping.line(text) or None)
    assert element.get("x") == escaping.line(text)
    assert not list(element)


@given(ANY)
def test_text_of_a_link_is_shown_as_it_is(text: str) -> None:
    parsed = (
        MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(f"[x{escaping.link_text(text)}](address)")
    )
    (paragraph,) = (token for token in parsed if token.type == "inline")
    inner = (paragraph.children or [])[1:-1]
    assert [token.type for token in (paragraph.children or []) if token.type.startswith("link")] == [
        "link_open",
        "link_close",
    ]
    assert {token.type for token in inner} <= {"text", "text_special"}
    shown = "".join(token.content for token in inner).replace("\u2060", "")
    assert shown == "x" + escaping.line(" ".join(text.split())).replace("\u2060", "")


@pytest.mark.parametrize(
    "name", ["load & transform", "ETL #1", "a > b", "${day}", "C:\\data", "x_y", "n!", "a{b}", "<3"]
)
def test_names_of_links_have_no_needless_backslash(name: str) -> None:
    assert escaping.link_text(name) == name


@given(ANY)
def test_prose_and_text_of_a_link_are_one_cell_with_their_bars(text: str) -> None:
    bars = escaping.line(" ".join(text.split())).replace("\\|", "").count("|")
    for escape in (escaping.prose, escaping.link_text):
        cell = escaping.cell(escape(text))
        assert not re.search(r"(?<!\\)(?:\\\\)*\|", cell)
        assert cell.count("|") >= bars
