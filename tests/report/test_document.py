"""A document in the terminal, as Markdown and as HTML: the same facts, and no text is markup."""

import json
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest

from sizer.cli.show import show
from sizer.report import html, terminal
from sizer.report import json as as_json
from sizer.report.document import (
    Code,
    Document,
    Facts,
    Figure,
    Paragraph,
    Section,
    Table,
    Warnings,
)
from sizer.report.draw import Axis, Canvas, Plot, Shape, labelled
from sizer.report.format import LONGEST, memory, short, short_count, visible
from sizer.report.markdown import markdown

CANVAS = Canvas(Axis(0, 10), Axis(0, 1))
PLOT = Plot(
    description="a line that rises",
    x_name="noise",
    y_name="accuracy",
    x_ticks=labelled(CANVAS.x, 5),
    y_ticks=labelled(CANVAS.y, 5),
    shapes=[Shape("curve", CANVAS.line([(0, 0), (10, 1)]))],
)
EVERY_KIND = Document(
    title="A title",
    answer=("in one sentence", "and another"),
    verdict="recommended",
    sections=(
        Section(
            "A section",
            (
                Paragraph("a paragraph"),
                Facts((("a name", "a value"),)),
                Table("a table", ("a heading", "another"), (("a cell", "12"),)),
                Table("folded", ("detail", "n"), (("a detail", "3"),), detail=True),
                Table("", ("device", "verdict", "RAM"), (("board", "PASS", "fits"),), records=True),
                Figure("drawn", "a caption", PLOT),
                Code(("sizer train",), "made by"),
            ),
        ),
        Section("Rest", (Paragraph("at length"),), detail=True),
        Section("", (Warnings(("beware",)),)),
    ),
)
WORDS = (
    *("A title", "in one sentence", "and another", "A section", "a paragraph", "a name"),
    *("Rest", "at length"),
    *("a value", "a table", "a heading", "another", "a cell", "12", "folded", "a detail"),
    *("board", "PASS", "RAM", "fits", "sizer train", "beware"),
)
ESCAPE, BELL, RIGHT_TO_LEFT = "\x1b[31m", "\x07", "\u202e"
HOSTILE = (
    f"<script>alert(1)</script> & | `code` [link](http://x) [red]x[/red] *b* \\n\r\n{ESCAPE}{BELL}"
    f"{RIGHT_TO_LEFT}\x9b\udc80"
)


class Page(HTMLParser):
    """The words of a page and its tags."""

    def __init__(self, text):
        super().__init__()
        self.words, self.tags = "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.words += data


def in_terminal(document, capsys):
    terminal.show(document, details=True)
    out, err = capsys.readouterr()
    return out + err


def everywhere(text):
    """A document with a text in every place that can hold one."""
    kinds = (
        Paragraph(text),
        Facts(((text, text),)),
        Table(text, (text, text), ((text, text),)),
        Table(text, (text, text), ((text, text),), detail=True),
        Table("", (text, text, text), ((text, text, text),), records=True),
        Code((text,), text),
        Warnings((text,)),
    )
    return Document((Section(text, kinds),), title=text, answer=(text, text), source=text)


class TestSameFacts:
    @pytest.mark.parametrize("word", WORDS)
    def test_each_word_is_in_every_format(self, word, capsys):
        assert word in in_terminal(EVERY_KIND, capsys)
        assert word.casefold() in markdown(EVERY_KIND).casefold()
        assert word.casefold() in Page(html.page(EVERY_KIND)).words.casefold()
        assert word in Page(html.piece(EVERY_KIND)).words or word == "A title"

    def test_a_figure_is_drawn_where_it_can_be(self, capsys):
        assert Page(html.page(EVERY_KIND)).tags.count("svg") == 1
        assert "a caption" not in markdown(EVERY_KIND) + in_terminal(EVERY_KIND, capsys)

    def test_warnings_are_no_part_of_the_answer(self, capsys):
        terminal.show(EVERY_KIND)
        out, err = capsys.readouterr()
        assert err == "warning: beware\n"
        assert "beware" not in out

    def test_a_terminal_tells_details_where_they_are_asked_for(self, capsys):
        assert terminal.show(EVERY_KIND)
        short = capsys.readouterr().out
        assert not terminal.show(EVERY_KIND, details=True)
        whole = capsys.readouterr().out
        for word in ("a detail", "Rest", "at length"):
            assert word not in short
            assert word in whole
        assert "a cell" in short

    def test_the_verdict_colours_the_first_line(self):
        assert 'class="verdict recommended"' in html.page(EVERY_KIND)
        assert '<b class="recommended">in one sentence</b>' in html.piece(EVERY_KIND)

    def test_a_page_without_a_map_has_no_script(self):
        assert "script" not in Page(html.page(EVERY_KIND)).tags


class TestHostileText:
    def test_a_terminal_obeys_nothing_and_deletes_nothing(self, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "5000")
        text = in_terminal(everywhere(HOSTILE), capsys)
        assert not set(text) & {"\x1b", BELL, "\r", RIGHT_TO_LEFT, "\x9b", "\udc80"}
        assert text.count("[red]x[/red]") > 20
        assert r"\r\n\x1b[31m\x07\u202e\x9b\udc80" in text

    def test_markdown_has_no_markup_of_it(self):
        text = markdown(everywhere(HOSTILE))
        assert "<script" not in text
        text = text.replace("<pre>", "").replace("</pre>", "")
        prose = [line for line in text.splitlines() if not line.startswith("    ")]
        assert not set("\n".join(prose)) & {"<", "`", "[", "]", "\x1b", "\r", "\\"}
        tables = [line for line in prose if line.startswith("| ") and "script" in line]
        assert {line.count("|") for line in tables} == {3, 4}
        text.encode()

    def test_code_in_markdown_stays_in_its_line(self):
        text = markdown(Document((Section("", (Code((f"a\n# b {HOSTILE}",)),)),)))
        assert text.startswith("<pre>a&#92;n# b &#60;script")
        assert len(text.splitlines()) == 1

    def test_a_page_has_no_tag_of_it(self):
        page = Page(html.page(everywhere(HOSTILE)))
        assert not {"script", "red"} & set(page.tags)
        assert page.words.count("<script>alert(1)</script> & |") > 15
        assert not set(page.words) & {"\x1b", BELL, RIGHT_TO_LEFT, "\x9b"}

    @pytest.mark.parametrize("write", [markdown, html.page, html.piece])
    def test_no_text_is_endless(self, write):
        endless = "x" * 1_000_000
        assert len(write(everywhere(endless))) < 60 * LONGEST + 20_000  # cells are in CSVs too

    def test_messages_are_text_too(self, capsys):
        from sizer.cli.messages import complain, mention

        complain(f"models/[red]a[/red].onnx{ESCAPE}")
        mention(f"wrote [/]{ESCAPE}")
        out, err = capsys.readouterr()
        assert out == ""
        assert err == "error: models/[red]a[/red].onnx\\x1b[31m\nwrote [/]\\x1b[31m\n"


class TestFormat:
    def test_a_long_name_is_cut(self):
        assert short("a" * 200) == "a" * 200
        assert short("a" * 201) == "a" * 199 + "…"

    @pytest.mark.parametrize(
        ("text", "shown"), [("plain ö †", "plain ö †"), ("a\tb", r"a\tb"), ("\u2028", r"\u2028")]
    )
    def test_what_is_not_printed_is_spelled_out(self, text, shown):
        assert visible(text) == shown

    @pytest.mark.parametrize(
        ("value", "words"), [(950, "950"), (5409, "5.41k"), (2e5, "200k"), (1.5e6, "1.5M")]
    )
    def test_short_counts(self, value, words):
        assert short_count(value) == words

    @pytest.mark.parametrize(
        ("size", "words"),
        [(None, "-"), (2**20, "1 MiB"), (3 * 2**30, "3 GiB"), (1536 * 1024, "1,536 KiB")],
    )
    def test_memory(self, size, words):
        assert memory(size) == words


@dataclass(frozen=True)
class Result:
    """A result as small as can be."""

    best: float
    bounds: tuple[float, float]


def document(result):
    return Document((Section("", (Facts((("best", f"{result.best:g}"),)),)),))


class TestShow:
    @pytest.mark.parametrize(
        ("form", "answer"),
        [
            ("json", '{"best": 2.5, "bounds": [1.0, null]}'),
            ("markdown", "|  |  |\n| --- | --- |\n| best | 2.5 |\n"),
            ("text", "┌──────┬─────┐\n│ best │ 2.5 │\n└──────┴─────┘\n"),
        ],
    )
    def test_one_result_in_each_format(self, form, answer, capsys):
        show(Result(2.5, (1.0, float("inf"))), form, document)
        out = capsys.readouterr().out
        if form == "json":
            out, answer = json.loads(out), json.loads(answer)
        assert out == answer

    def test_json_of_several_results_is_a_list(self):
        assert json.loads(as_json.to_json((Result(1, (0, 2)),))) == [{"best": 1, "bounds": [0, 2]}]
