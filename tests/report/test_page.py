"""The report: its facts, its text in HTML, and how a browser shows it."""

import csv
import io
import json
import re
import shutil
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from planted import trained_with
from typer.testing import CliRunner

from sizer.calibration import load
from sizer.cli.app import app
from sizer.datasets.images import decode
from sizer.datasets.records import DatasetInfo
from sizer.errors import OutputError
from sizer.estimate import rounded
from sizer.prediction.accuracy import predict
from sizer.prediction.advice import advise
from sizer.prediction.outlook import outlook, reach, requirement_map
from sizer.prediction.question import Requirement
from sizer.prediction.recommend import recommend
from sizer.provenance import provenance
from sizer.report import advice as answers
from sizer.report import page
from sizer.report.draw import Axis, Canvas
from sizer.report.figures import band_edges, map_plot
from sizer.report.format import size_up
from sizer.report.page import as_html, as_json, as_markdown, report_of

CHROMIUM = shutil.which("chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
HOSTILE = "<script>alert(1)</script> & \"co'"
BUILTIN = ("--noise-step", "200", "--target-acc", "0.75")
DEVICES = (
    *("--device", "STM32F411RE", "--device", "STM32H747XI", "--device", "RP2040"),
    *("--max-latency", "50"),
)


def sizer(*line):
    return CliRunner().invoke(app, [str(word) for word in line])


def save_picture(path, shape):
    noise = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def page_of(calibration, advice=None, name="some"):
    return as_html(report_of(calibration, name, "sizer report some", advice))


@pytest.fixture(scope="module")
def builtin():
    return load("builtin")


@pytest.fixture(scope="module")
def planted(planted_calibration):
    return load(str(planted_calibration))


class Outline(HTMLParser):
    """Words of a page, and the scripts and links in it."""

    def __init__(self, text):
        super().__init__()
        self.words, self.tags, self.links = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data):
        self.words.append(data)


class TestMap:
    @pytest.mark.parametrize("noise_steps", [None, (70, 560)])
    def test_every_cell_is_what_advise_answers(self, planted, noise_steps):
        ladder = trained_with(noise_steps) if noise_steps else None
        asked = replace(planted, ladder=ladder)
        drawn = requirement_map(asked, 0.8)
        verdicts = set()
        for row, target in list(enumerate(drawn.targets))[::7]:
            for column, step in list(enumerate(drawn.steps))[::9]:
                advice = advise(asked, Requirement(step, target, 0.8))
                cell = drawn.cells[row][column]
                verdicts.add(cell.verdict)
                expected = advice.recommended if advice.verdict == "recommended" else None
                assert (cell.verdict, cell.recommended) == (advice.verdict, expected)
        assert len(verdicts) > 1

    def test_it_keeps_to_the_noise_of_the_training(self, planted):
        drawn = requirement_map(replace(planted, ladder=trained_with((100, 450))), 0.9)
        assert (drawn.steps[0], drawn.steps[-1]) == (100, 450)

    def test_none_where_one_noise_alone_may_be_asked_about(self, planted):
        assert requirement_map(replace(planted, ladder=trained_with((100, 100))), 0.9) is None

    def test_regions_are_drawn_and_named_in_words(self, builtin, planted):
        """Where the words fit: the built-in set's unknown cells are a narrow band."""
        for ladder, words in (planted, {"no size", "not known"}), (builtin, {"no size"}):
            drawn = map_plot(page.requirement_map(ladder, 0.9), None)
            assert words == {note.text for note in drawn.notes}
            kinds = {shape.kind.partition(" ")[0] for shape in drawn.shapes}
            assert {"cells", "unreachable", "bounded"} <= kinds

    def test_bands_hold_every_size(self, builtin):
        drawn = page.requirement_map(builtin, 0.9)
        edges = band_edges(drawn)
        assert len(edges) <= 6
        sizes = [cell.recommended for row in drawn.cells for cell in row if cell.recommended]
        assert max(sizes) <= edges[-1]
        assert len(edges) < 2 or min(sizes) > edges[0] / 10


def test_an_outlook_is_what_a_reach_says_at_its_steps(planted):
    seen = outlook(planted, 70_000, 0.9)
    for at in (0, len(seen.steps) // 2, len(seen.steps) - 1):
        reached = reach(planted, Requirement(seen.steps[at], 0.5), 70_000).accuracy
        expected = (reached.best, reached.low, reached.high)
        assert (seen.mean[at], seen.low[at], seen.high[at]) == pytest.approx(expected, abs=1e-3)
    assert np.all(np.array(seen.next_training) <= np.array(seen.mean))


class TestDraw:
    def test_points_are_thousandths_from_the_upper_left(self):
        canvas = Canvas(Axis(0, 10), Axis(1, 100, logarithmic=True))
        assert canvas.line([(0, 1), (5, 10), (10, 100)]) == "M0 1000L500 500L1000 0"

    @pytest.mark.parametrize(
        ("axis", "most", "ticks"),
        [
            (Axis(0, 800), 8, [0, 100, 200, 300, 400, 500, 600, 700, 800]),
            (Axis(0, 0.93), 6, [0, 0.2, 0.4, 0.6, 0.8]),
            (Axis(5e3, 6e5, True), 7, [5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5]),
            (Axis(5e3, 6e5, True), 4, [1e4, 3e4, 1e5, 3e5]),
        ],
    )
    def test_ticks_are_round(self, axis, most, ticks):
        assert axis.ticks(most) == pytest.approx(ticks)


class TestText:
    def test_names_are_text_and_never_markup(self):
        data = DatasetInfo(HOSTILE, HOSTILE, HOSTILE, 10, 1000, (8, 8, 3))
        found = load("builtin")
        first = replace(found.models[0], name=HOSTILE)
        cells = tuple(
            replace(cell, model=HOSTILE) if cell.model == found.models[0].name else cell
            for cell in found.cells
        )
        found = replace(found, dataset=data, models=(first, *found.models[1:]), cells=cells)
        found = replace(found, warnings=(HOSTILE,))
        text = page_of(found, name=HOSTILE)
        assert "<script>alert" not in text
        assert text.count("&lt;script&gt;alert(1)&lt;/script&gt; &amp; ") >= 5
        assert Outline(text).tags.count("script") == 2

    def test_it_takes_nothing_from_elsewhere(self):
        text = page_of(load("builtin"))
        links = Outline(text).links
        assert [link for link in links if not link.startswith(("#", "data:"))] == []
        anchors = {link[1:] for link in links if link.startswith("#")}
        assert anchors == set(re.findall(r'<h2 id="([^"]*)"', text))
        assert "@import" not in text
        assert "url(" not in text

    def test_it_carries_the_facts_that_json_and_markdown_carry(self, tmp_path):
        found = {}
        for form in ("html", "md", "json"):
            path = tmp_path / f"answer.{form}"
            assert sizer("recommend", *BUILTIN, *DEVICES, "--report", path).exit_code == 0
            found[form] = path.read_text(encoding="utf-8")
        answer = json.loads(found["json"])
        advice, sources = answer["advice"], answer["provenance"]
        recommended = advice["parameters"]["recommended"]
        facts = [
            f"{advice['architecture']['parameters']:,} parameters",
            f"{size_up(recommended)} parameters",
            f"{rounded(advice['parameters']['low'])} to {rounded(advice['parameters']['high'])}",
            advice["train_command"],
            *(device["name"] for device in advice["devices"]),
            *(device["latency"]["reason"] for device in advice["devices"]),
            *(f"{device['reach']['parameters']:,} parameters" for device in advice["devices"]),
            *(f"{test['accuracy_rms']:.4f}" for test in answer["calibration"]["backtests"]),
            *(law["verdict"] for law in answer["calibration"]["rivals"]),
            answer["calibration"]["width_law"]["verdict"],
            answer["calibration"]["collapse"]["verdict"],
            sources["measured_on"]["fingerprint"],
            sources["trained_on"]["fingerprint"],
            *(model["sha256"] for model in sources["models"]),
            answer["calibration"]["ladder"]["command"],
            *sources["commands"],
        ]
        words = "".join(Outline(found["html"]).words)
        assert [fact for fact in facts if fact not in words] == []
        assert [fact for fact in facts if fact not in found["md"]] == []

    def test_the_line_that_asked_is_among_the_commands(self, planted):
        found = load("builtin")
        trained, measured, asked = provenance(found, "sizer recommend x").commands
        assert trained == found.ladder.command
        assert measured.startswith("sizer calibrate models/builtin --data builtin --steps 0,29,")
        assert asked == "sizer recommend x"
        fitted, asked = provenance(planted, "sizer recommend x").commands
        assert fitted.startswith("sizer fit ")
        assert asked == "sizer recommend x"

    def test_the_headline_has_what_can_be_built(self, builtin):
        advice = recommend(builtin, step=200, accuracy=0.75)
        title, reaches = answers.headline(advice)
        member = advice.architecture
        assert title == f"Width {member.width:g}: {member.parameters:,} parameters"
        assert reaches == "reaches 0.75 at sigma 41 grey levels (step 200), 90 % sure"

    def test_a_device_that_fails_is_in_the_headline(self, builtin):
        small = {"devices": "STM32H747XI", "max_ram": "60KiB"}
        title, *_, device = answers.headline(recommend(builtin, step=200, accuracy=0.75, **small))
        assert title.endswith(", too much for STM32H747XI")
        assert "does not fit: RAM " in device


@pytest.fixture(scope="module")
def pages(tmp_path_factory, planted_calibration):
    """One page of each kind, by name."""
    folder = tmp_path_factory.mktemp("pages")
    planted = load(planted_calibration)
    bare = replace(planted, fit=None, rivals=(), backtests=(), width_law=None, collapse=None)
    alone = replace(bare, ladder=trained_with((70, 70)), warnings=("beware",))
    alone.save(folder / "bare.json")
    lines = {
        "answer": ("recommend", *BUILTIN, *DEVICES),
        "unreachable": ("recommend", "--noise-step", "600", "--target-acc", "0.9"),
        "untrusted": ("recommend", "--noise-step", "1000", "--target-acc", "0.5"),
        "table": (
            *("recommend", "--calibration", planted_calibration),
            *("--noise-step", "300", "--target-acc", "0.6", "--device", "STM32H747XI"),
        ),
        "ladder": ("report", "cifar100-clean"),
        "bare": ("report", folder / "bare.json"),
    }
    codes = {"unreachable": 1, "untrusted": 4}
    for name, line in lines.items():
        option = "--out" if line[0] == "report" else "--report"
        result = sizer(*line, option, folder / f"{name}.html")
        assert result.exit_code == codes.get(name, 0), result.output
    return {name: folder / f"{name}.html" for name in lines}


KINDS = ("answer", "unreachable", "untrusted", "table", "ladder", "bare")


class TestStrip:
    def test_pictures_stand_above_what_predict_says(self, pages):
        """Of the size that is built, around the noise that was asked about."""
        text = pages["answer"].read_text()
        told = re.findall(r"<img [^>]*><b>([\d.]+) \(([\d.]+) to ([\d.]+)\)</b>", text)
        assert len(told) == 5
        asked = predict("builtin", parameters=86_694, step=200).accuracy
        expected = [asked.best, asked.low, asked.high]
        assert [float(value) for value in told[2]] == pytest.approx(expected, abs=0.006)
        assert text.count("data:image/png;base64,") == 5

    def test_a_table_of_another_unit_of_noise_has_none(self, planted):
        assert page.seen(replace(planted, schedule=None), None, None, 0.9) == ()

    def test_a_picture_of_the_user_is_brought_to_the_input(self, builtin, tmp_path):
        save_picture(tmp_path / "mine.jpg", (240, 320))
        shown = page.seen(builtin, None, tmp_path / "mine.jpg", 0.9)
        assert decode(shown[0].picture).shape == (16, 16, 3)

    def test_one_that_cannot_be_read_is_left_out_and_said(self, tmp_path):
        (tmp_path / "mine.jpg").write_bytes(b"no picture")
        report = tmp_path / "a.html"
        shown = ("--report", report, "--show", tmp_path / "mine.jpg")
        result = sizer("recommend", *BUILTIN, *shown)
        assert result.exit_code == 0
        assert "left out: " in result.stderr
        assert "mine.jpg" in result.stderr
        assert report.read_text().count("<img ") == 5

    def test_a_picture_without_a_page_is_refused(self, tmp_path):
        result = sizer("recommend", *BUILTIN, "--show", tmp_path / "mine.jpg")
        assert result.exit_code == 2
        assert "--show needs --report" in result.stderr


class TestCsv:
    def test_each_table_can_be_had(self, pages):
        text = pages["answer"].read_text()
        files = re.findall(r'download="([^"]+)" href="data:text/csv;base64,([^"]+)"', text)
        assert len(files) == text.count("<table")
        (models,) = (
            b64decode(content).decode() for name, content in files if "accuracy-at" in name
        )
        rows = list(csv.reader(io.StringIO(models)))
        assert rows[0][:2] == ["model", "parameters"]
        assert len(rows) == 1 + len(load("builtin").models)


class TestEachKind:
    def test_what_each_says_first(self, pages):
        titles = {
            name: re.search("<h1>(.*)</h1>", path.read_text())[1] for name, path in pages.items()
        }
        assert titles["answer"] == "Width 1.5: 86,694 parameters"
        assert titles["table"].endswith(" parameters or more")
        assert titles["unreachable"] == "No size reaches it"
        assert titles["untrusted"] == "No size can be named"
        assert titles["ladder"] == titles["bare"] == "What the ladder shows"

    def test_what_is_missing_is_said(self, pages):
        text = pages["bare"].read_text()
        for words in (
            "There is no map: ",
            "There is no width law: ",
            "No law was fitted",
            "beware",
        ):
            assert words in text

    @pytest.mark.parametrize("name", KINDS)
    def test_none_is_large(self, pages, name):
        """Without the pictures of the strip, which are as large as they are."""
        text = re.sub(r"data:image/[^\"]*", "", pages[name].read_text())
        assert 10_000 < len(text) < 200_000

    @pytest.mark.parametrize("form", [as_markdown, as_json])
    def test_the_other_forms_hold_without_an_answer(self, form):
        found = load("builtin")
        bare = replace(found, dataset=None, ladder=None)
        assert "saturating" in form(report_of(bare, "some", "line", None))


class TestOutput:
    def test_what_is_no_page_is_refused(self, tmp_path):
        result = sizer("report", "builtin", "--out", tmp_path / "page.pdf")
        assert result.exit_code == 2
        assert "print the page for a PDF" in result.stderr

    @pytest.mark.parametrize("command", ["recommend", "report"])
    def test_it_is_checked_before_any_work(self, tmp_path, command, monkeypatch):
        for name in ("recommend", "report.page.write_report"):
            monkeypatch.setattr(f"sizer.{name}", lambda *_, **__: pytest.fail("worked"))
        (tmp_path / "mine.html").write_text("my own page")
        line = (*BUILTIN, "--report") if command == "recommend" else ("builtin", "--out")
        for path, words in (
            (tmp_path, "is a folder"),
            (tmp_path / "mine.html", "is no report"),
            (tmp_path / "no" / "where.html", "choose another output"),
        ):
            result = sizer(command, *line, path)
            assert result.exit_code == OutputError.exit_code
            assert words in result.output.replace("\n", " ")
        assert (tmp_path / "mine.html").read_text() == "my own page"

    @pytest.mark.parametrize("form", ["html", "md", "json"])
    def test_a_report_may_be_written_again(self, tmp_path, form):
        for _ in range(2):
            assert sizer("report", "builtin", "--out", tmp_path / f"r.{form}").exit_code == 0
        assert [path.name for path in tmp_path.iterdir()] == [f"r.{form}"]


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def shown(browser, pages):
    """Opens a page at a width and in a colour scheme; complains of what it complains of."""
    contexts, complaints = [], []

    def open_page(name, width=1280, scheme="light", touch=False):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, has_touch=touch
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url))
        address = pages[name].as_uri()
        page.goto(address)
        assert complaints == [address]
        complaints.clear()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


# Of each visible text: contrast by WCAG 2.2 with the nearest background that is not transparent.
CONTRASTS = """() => {
  document.querySelectorAll("details").forEach((one) => (one.open = true));
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const linear = [r, g, b].map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = channels(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (!node.textContent.trim() || !box.width || !element.checkVisibility()) continue;
    const [a, b] = [channels(getComputedStyle(element).color), behind(element)].map(light);
    found.push([node.textContent.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
}"""
# Of each drawn path: its style, and the sides of its box on the screen, without its line.
DRAWN = """() => [...document.querySelectorAll("figure svg")].map((svg) => ({
  width: svg.getBoundingClientRect().width,
  height: svg.getBoundingClientRect().height,
  paths: [...svg.querySelectorAll("path")].map((path) => {
    const box = path.getBBox();
    const style = getComputedStyle(path);
    return [path.getAttribute("class"), box.width + box.height, style.stroke, style.fill];
  }),
}))"""
# Words in a figure that reach beyond the page, or that lie on each other.
CLASHES = """() => [...document.querySelectorAll(".area")].flatMap((area) => {
  const words = [...area.querySelectorAll(".tick, .note, .bubble")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }));
  const boxes = words.map((one) => one.getBoundingClientRect());
  const out = words.filter((_, i) => boxes[i].left < 0 || boxes[i].right > innerWidth);
  const on = words.filter((_, i) => boxes.some((other, j) => j > i &&
    boxes[i].left < other.right && other.left < boxes[i].right &&
    boxes[i].top < other.bottom && other.top < boxes[i].bottom));
  return [...out, ...on].map((one) => one.textContent);
})"""


class TestBrowser:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("name", KINDS)
    def test_all_text_has_contrast(self, shown, name, scheme):
        found = shown(name, 390, scheme).evaluate(CONTRASTS)
        assert len(found) > 60
        assert [one for one in found if one[1] < 4.5] == []

    def test_the_schemes_differ(self, shown):
        ask_for = "getComputedStyle(document.body).backgroundColor"
        assert shown("answer").evaluate(ask_for) != shown("answer", scheme="dark").evaluate(ask_for)

    @pytest.mark.parametrize("width", [390, 1280])
    @pytest.mark.parametrize("name", KINDS)
    def test_every_figure_is_drawn_and_nothing_overflows(self, shown, name, width):
        page = shown(name, width)
        figures = page.evaluate(DRAWN)
        assert len(figures) == {"bare": 1}.get(name, 3)
        for figure in figures:
            assert min(figure["width"], figure["height"]) > 150
            assert len(figure["paths"]) > 5
            for kind, size, stroke, fill in figure["paths"]:
                assert size > 0 or kind == "target", kind
                assert {stroke, fill} != {"none"} or kind == "bounded", kind
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CLASHES) == []

    def test_the_map_starts_with_the_answer(self, shown, pages):
        title = re.search("<h1>(.*)</h1>", pages["answer"].read_text())[1]
        question, size, *_ = shown("answer").inner_text("#map-value").split("\n")
        assert question == "0.75 at sigma 41 grey levels (step 200)"
        assert size in title

    def test_hovering_over_the_map_shows_the_value(self, shown):
        page = shown("answer")
        data = json.loads(page.text_content("#map-values"))
        row, column = 6, 5
        page.locator("#map-area").scroll_into_view_if_needed()
        box = page.locator("#map-area").bounding_box()
        x = box["x"] + box["width"] * (column + 0.5) / len(data["steps"])
        y = box["y"] + box["height"] * (1 - (row + 0.5) / len(data["targets"]))
        page.mouse.move(x, y)
        size = data["sizes"][row][column]
        question = f"{data['targets'][row]:g} at {data['noises'][column]}"
        assert size > 0
        told = page.inner_text("#map-value").split("\n")
        assert told == [question, f"{size:,} parameters", data["psnr"][column]]

    def test_arrow_keys_move_through_the_map(self, shown):
        page = shown("ladder")
        assert not page.is_visible("#map-value")
        page.focus("#map-area")
        before = page.inner_text("#map-value")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowUp")
        after = page.inner_text("#map-value")
        step, target = r"step (\d+)", r"^([\d.]+)"
        assert float(re.search(step, after)[1]) > float(re.search(step, before)[1])
        assert float(re.search(target, after)[1]) > float(re.search(target, before)[1])
        for _ in range(200):
            page.keyboard.press("Shift+ArrowUp")
        told = page.inner_text("#map-value").split("\n")
        assert told[1] in ("no size reaches it", "not known")

    def test_a_touch_shows_the_value(self, shown):
        page = shown("ladder", 390, touch=True)
        page.locator("#map-area").scroll_into_view_if_needed()
        box = page.locator("#map-area").bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] - 3, box["y"] + 3)
        assert page.inner_text("#map-value").split("\n")[1] == "no size reaches it"

    def test_wide_tables_scroll_in_their_own_box(self, shown):
        page = shown("answer", 390)
        assert page.evaluate(
            "[...document.querySelectorAll('.scroll')]"
            ".some((one) => one.scrollWidth > one.clientWidth)"
        )

    def test_it_prints(self, shown, tmp_path):
        page = shown("answer", scheme="dark")
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        printed = page.pdf(path=tmp_path / "page.pdf", format="A4")
        assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 4
