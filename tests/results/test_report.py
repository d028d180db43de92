"""The class report: its numbers, what it escapes, its size, and how it works in a browser."""

import random
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from autograder.checks import Check
from autograder.checks.shared.verdict import Verdict
from autograder.course.config import Course
from autograder.course.master import Cell, Master
from autograder.results import report
from autograder.results.report import cut, number, percent, safe_text, tick_step, write_report
from autograder.results.report_numbers import histogram, summarise
from autograder.results.result import Result, Row

COURSE = Course(Path(), "A course on <images>", "Test", "https://example.org/course.git", ())
NAME = "01_shapes"
BLOCKS = {"dt", "dd", "div", "li", "p", "h2", "h3", "tr", "td", "th"}
VOID = {"meta", "link", "br", "wbr", "input"}
HOSTILE = "</td></table><script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp.exe\x1b[31m"


def a_check(exercise: str, name: str, points: float, *, hidden: bool) -> Check:
    return Check(exercise, name, points, f"The hint of {name}.", hidden, lambda: None)


CHECKS = (
    a_check("area", "computes_a_square", 1, hidden=False),
    a_check("area", "computes_a_circle", 2, hidden=True),
    a_check("volume", "computes_a_cube", 1, hidden=False),
    a_check("volume", "computes_a_sphere", 4, hidden=True),
)
CELLS = (
    Cell("", True, {"exercise": "area"}, 1),
    Cell("", True, {"exercise": "volume"}, 2),
    Cell("", False, {"written": "why", "points": 2}, 3),
)
MASTER = Master(NAME, Path(), CELLS, CHECKS)
WRONG_SQUARE = Verdict("mismatch", "area(2) returned 3.9\nHint: The hint of it.")
UNWRITTEN = Verdict("stub", "volume is not written yet.")


def submission(student: str, failed: dict[str, Verdict] | None = None, **more) -> Result:
    """Return the result of a student who fails the checks of these names."""
    failed = failed or {}
    passed = Verdict()
    verdicts = {k: failed.get(c.name, passed) for k, c in MASTER.checks_by_id.items()}
    return Result(student, more.pop("notebook", NAME), "", verdicts, **more)


def broken(student: str, problem: str) -> Result:
    return Result(student, NAME, "", problem=problem, seconds=30.0)


def rows_of(results: list[Result], written: float | None = None) -> list[Row]:
    """Return the rows of grades.csv; the written answers get these points, or none yet."""
    rows = []
    for result in results:
        for key, check in MASTER.checks_by_id.items():
            maximum = check.points
            verdict = result.verdicts.get(key)
            status = "broken"
            if verdict:
                status = "passed" if verdict.passed else "failed"
            points = maximum if status == "passed" else 0
            message = verdict.message if verdict else result.problem
            where = result.student, result.notebook, check.exercise, check.name
            rows.append(Row(*where, points, maximum, status, message))
        where = result.student, result.notebook, "why", "written answer"
        status = "needs grading" if written is None else "graded"
        status = "broken" if result.problem else status
        rows.append(Row(*where, written or 0, 2, status, ""))
    return rows


CLASS = [
    submission("ada", seconds=2.0, cpu_seconds=1.5),
    submission("ben", {"computes_a_square": WRONG_SQUARE}, seconds=4.0),
    submission(
        "cleo",
        {
            "computes_a_square": replace(WRONG_SQUARE, message="area(2) returned 3.8\nHint: it."),
            "computes_a_cube": UNWRITTEN,
            "computes_a_sphere": UNWRITTEN,
        },
        notes=("Two cells had lost their metadata.",),
        seconds=3.0,
    ),
    submission(
        "dan", {"computes_a_sphere": Verdict("timeout", "volume did not finish.")}, seconds=9
    ),
    broken("eve", "not a notebook: it is empty"),
]


class Page(HTMLParser):
    """A parsed page: tags, ids, text, and the cells of each table by the heading above it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.students: dict[str, str] = {}
        self.text = ""
        self._heading = self._body = ""
        self.feed(path.read_text(encoding="utf-8"))
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append((tag, dict(attributes)))
        self.text += " " if tag in BLOCKS else ""
        if tag not in VOID:
            self.open.append(tag)
        name = dict(attributes).get("id") or ""
        if tag in ("h1", "h2", "h3"):
            self._heading = name
        elif tag == "table":
            self.tables[self._heading] = []
        elif tag == "tbody":
            self._body = name
        elif tag == "tr":
            self.tables[self._heading].append([])
        elif tag in ("th", "td"):
            self.tables[self._heading][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"script", "style"} & set(self.open):
            return
        self.text += data
        if {"th", "td"} & set(self.open):
            self.tables[self._heading][-1][-1] += data
        if self._body and "tbody" in self.open:
            self.students[self._body] = self.students.get(self._body, "") + data

    def rows(self, heading: str) -> list[list[str]]:
        """Return the cells of the table below a heading, with spaces made single."""
        return [[" ".join(cell.split()) for cell in row] for row in self.tables[heading]]

    @property
    def words(self) -> str:
        """The text with spaces made single."""
        return " ".join(self.text.split())


def render(tmp_path: Path, results: list[Result], rows: list[Row], masters=(MASTER,)) -> Page:
    path = tmp_path / "report.html"
    write_report(COURSE, list(masters), results, rows, path)
    return Page(path)


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return render(tmp_path, CLASS, rows_of(CLASS))


def test_headline(page):
    # Points by checks of the four graded: 8, 7, 2 and 4 of 8.
    text = page.words
    for words in (
        "graded 4",
        "broken 1",
        "median 5.5 of 8",
        "mean 5.25 of 8",
        "quartiles 3.5 and 7.25",
        "least and most 2 and 8",
        "full points 1 student",
        "written answers to grade 4",
        "1 submission could not be graded.",
        "4 written answers of 4 students wait to be graded by hand.",
        "1 submission has notes.",
        "For instructors only. This page names hidden checks",
    ):
        assert words in text


def test_exercises(page):
    head, area, volume = page.rows("exercises1")
    assert head[3:] == ["mean share of points", "students who lost points", "not written"]
    assert area == ["area", "2", "3", "83 %", "2 (50 %)", "0"]
    assert volume == ["volume", "2", "5", "55 %", "2 (50 %)", "1"]


def test_checks(page):
    _, *rows = page.rows("checks1")
    assert rows == [
        ["computes_a_squarearea-public-1", "public", "1", "2 (50 %)", "0", CHECKS[0].hint],
        ["computes_a_circlearea-hidden-1", "hidden", "2", "0 (0 %)", "0", CHECKS[1].hint],
        ["computes_a_cubevolume-public-1", "public", "1", "1 (25 %)", "1", CHECKS[2].hint],
        [
            "computes_a_spherevolume-hidden-1",
            "hidden",
            "4",
            "2 (50 %)1 too slow",
            "1",
            CHECKS[3].hint,
        ],
    ]


def test_messages_that_differ_in_numbers_count_as_one(tmp_path, page):
    _, *rows = page.rows("messages1")
    # Cleo's differs in more than numbers; what is not written is left out.
    assert [row[0] for row in rows] == ["1", "1", "1"]
    same = [
        submission(f"s{n}", {"computes_a_square": replace(WRONG_SQUARE, message=f"got {n / 7}")})
        for n in range(3)
    ]
    twice = [*same, replace(same[2], student="s3")]
    _, row = render(tmp_path, twice, rows_of(twice)).rows("messages1")
    assert row == ["4", f"got {2 / 7}", "computes_a_square (public)", "s0, s1, s2"]


def test_broken_notes_and_slow(page):
    assert page.rows("broken1")[1:] == [["1", "not a notebook: it is empty", "eve"]]
    assert page.rows("notes1")[1:] == [["1", "Two cells had lost their metadata.", "cleo"]]
    assert page.rows("slow1")[1:] == [
        ["eve", "30.0", "0.0"],
        ["dan", "9.0", "0.0"],
        ["ben", "4.0", "0.0"],
        ["cleo", "3.0", "0.0"],
        ["ada", "2.0", "1.5"],
    ]
    assert "The median submission took 4.0 s." in page.words


def test_students(page):
    names = [row[0] for row in page.rows("students")[1::2]]
    assert names == ["ada", "ben", "cleo", "dan", "eve"]
    rows = {row[0]: row[1:] for row in page.rows("students")[1::2]}
    assert rows["ben"] == ["7", "87.5", "1", "1", "4.0", ""]
    assert rows["cleo"] == ["2", "25.0", "3", "1", "3.0", "1 note"]
    assert rows["eve"] == ["broken", "0.0", "0", "0", "30.0", "broken"]
    assert (
        "8 points by checks, 0 for written answers, 1 of 1 to grade. Passed all 4"
        in (page.students["s1"])
    )
    assert "computes_a_square0 of 1wrongarea(2) returned 3.9" in page.students["s2"]
    assert "volume: all 2 checks0 of 5not written" in page.students["s3"]
    assert "Could not be graded: not a notebook: it is empty." in page.students["s5"]


def test_written_answers_count_once_all_are_graded(tmp_path):
    results = CLASS[:2]
    text = render(tmp_path, results, rows_of(results, written=1.5)).words
    assert "median 9 of 10" in text
    assert "checks and written answers together" in text
    half = rows_of(results, written=1.5)
    half[-1] = replace(half[-1], points=0, status="needs grading")
    page = render(tmp_path, results, half)
    assert "median 7.5 of 8" in page.words
    assert page.rows("written1")[1] == ["why", "2", "1", "1", "1.5"]


def test_points_changed_by_hand(tmp_path):
    rows = rows_of(CLASS[1:2])
    rows[0] = replace(rows[0], points=0.5)
    page = render(tmp_path, CLASS[1:2], rows)
    assert "Points of checks were changed by hand once." in page.words
    assert "0.5 of 1points changed by hand" in page.students["s1"]
    rows[0] = replace(rows[0], points=1, status="passed")
    page = render(tmp_path, CLASS[1:2], rows)
    assert "1 of 1points changed by hand" in page.students["s1"]
    assert page.rows("checks1")[1][3] == "0 (0 %)"


def test_suspect_check(tmp_path):
    results = [submission(f"s{n}", {"computes_a_square": WRONG_SQUARE}) for n in range(3)]
    results += [submission(f"t{n}") for n in range(2)]
    text = render(tmp_path, results, rows_of(results)).words
    assert "fail this check; is the text clear? computes_a_square (3 of 5)." in text
    results += [submission("u")]
    assert "is the text clear?" not in render(tmp_path, results, rows_of(results)).words


@pytest.mark.parametrize(
    "results",
    [[], CLASS[:1], [broken("eve", "empty")], [broken(f"s{n}", f"reason {n}") for n in range(30)]],
    ids=["none", "one", "one broken", "all broken"],
)
def test_odd_classes(tmp_path, results):
    page = render(tmp_path, results, rows_of(results))
    assert f"graded {sum(not r.problem for r in results)}" in page.words
    assert ("There is no submission." in page.words) == (not results)
    none_graded = results and not any(result.verdicts for result in results)
    assert ("No submission could be graded." in page.words) == bool(none_graded)


def test_results_and_rows_may_miss_each_other(tmp_path):
    rows = rows_of([broken("no_result", "there is no 01_shapes.ipynb")])
    page = render(tmp_path, [submission("no_rows")], rows)
    reasons = {row[2]: row[1] for row in page.rows("broken1")[1:]}
    assert reasons == {
        "no_result": "there is no 01_shapes.ipynb",
        "no_rows": "it was graded, but grades.csv has no row of it",
    }


def test_several_notebooks(tmp_path):
    second = replace(MASTER, name="02_more")
    other = [submission("ada", {"computes_a_circle": UNWRITTEN}, notebook="02_more")]
    stray = [submission("ada", notebook="09_not_graded")]
    results = [*CLASS, *other, *stray]
    page = render(tmp_path, results, rows_of(results), (MASTER, second))
    assert page.rows("overview")[1:] == [
        ["01_shapes", "4", "1", "5.5", "5.25", "3.5", "7.25", "8", "4"],
        ["02_more", "1", "0", "6", "6", "6", "6", "8", "1"],
    ]
    rows = {row[0]: row[1:] for row in page.rows("students")[1::2]}
    assert rows["ada"][:4] == ["8", "6", "14", "87.5"]
    assert rows["ben"][:4] == ["7", "–", "7", "43.8"]
    assert "09_not_graded" not in page.text


# --------------------------------------------------------------------------- safety


@pytest.fixture
def hostile(tmp_path: Path) -> Page:
    wrong = Verdict("mismatch", HOSTILE + "A" * 1_000_000)
    odd = Verdict('"><b>', "\ud800 is half a character" + HOSTILE)
    results = [
        submission(HOSTILE, {"computes_a_square": wrong}, notes=(HOSTILE,)),
        submission("\udcff.ipynb", {"computes_a_sphere": odd}),
        broken("x" * 5000, HOSTILE * 1000),
    ]
    return render(tmp_path, results, rows_of(results))


def test_nothing_a_student_wrote_becomes_markup(hostile):
    names = [name for name, _ in hostile.tags]
    assert names.count("script") == 2
    assert not {"img", "iframe", "object", "link", "base"} & set(names)
    assert not any(key.startswith("on") for _, given in hostile.tags for key in given)
    assert "<script>alert(1)</script>" in hostile.text
    assert "[U+202E]gnp.exe[U+001B][31m" in hostile.text
    assert "[U+DCFF].ipynb" in hostile.text
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b]", hostile.text)


def test_long_texts_are_cut(hostile):
    assert max(len(word) for word in hostile.text.split()) < 700
    assert "… (cut; 1,000,0" in hostile.text


def test_only_own_scripts_may_run(hostile):
    policies = [a["content"] for _, a in hostile.tags if a.get("http-equiv")]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'")
    assert "script-src 'sha256-" in policies[0]
    assert "unsafe-inline'; script" in policies[0]  # of style-src alone


@pytest.mark.parametrize("name", ["page", "hostile"])
def test_nothing_comes_from_outside(request, name):
    found = request.getfixturevalue(name)
    for tag, attributes in found.tags:
        assert "src" not in attributes
        address = attributes.get("href", "#")
        assert re.match(r"#|feedback/|grades\.csv$", address), (tag, address)
    raw = found.path.read_text(encoding="utf-8")
    style = raw.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_links_within_the_page_lead_somewhere(page):
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        names = [attributes["href"][1:]] if attributes.get("href", "").startswith("#") else []
        names += attributes.get("aria-labelledby", "").split()
        assert set(names) <= set(ids)


def test_links_to_feedback_only_where_it_is(tmp_path):
    student = "a b#ü%"
    feedback = tmp_path / "feedback" / student / NAME
    feedback.mkdir(parents=True)
    (feedback / f"{NAME}.html").touch()
    results = [submission(student), submission("ben"), submission("../ben")]
    page = render(tmp_path, results, rows_of(results))
    links = [given["href"] for _, given in page.tags if "feedback" in given.get("href", "")]
    assert links == [f"feedback/a%20b%23%C3%BC%25/{NAME}/{NAME}.html"]
    assert "grades.csv" not in page.text
    (tmp_path / "grades.csv").touch()
    assert "grades.csv" in render(tmp_path, results, rows_of(results)).text


def test_same_class_same_bytes(tmp_path, page):
    before = page.path.read_bytes()
    results, rows = CLASS[:], rows_of(CLASS)
    random.Random(0).shuffle(results)
    random.Random(1).shuffle(rows)
    # The checks of one student keep their order, as in grades.csv.
    rows.sort(
        key=lambda row: (
            [check.name for check in CHECKS].index(row.check)
            if row.check != ("written answer")
            else 9
        )
    )
    assert render(tmp_path, results, rows).path.read_bytes() == before


# --------------------------------------------------------------------------- size


@pytest.mark.parametrize(("share", "messages"), [(1 / 4, True), (9 / 10, False)])
def test_size_of_a_large_class(tmp_path, monkeypatch, share, messages):
    """A tenth of 2,000 students and 80 checks, with a tenth of the budget."""
    monkeypatch.setattr(report, "MESSAGE_BUDGET", report.MESSAGE_BUDGET // 10)
    checks = [
        a_check(f"exercise_{n // 6}", f"does_something_like_number_{n}", 1, hidden=n % 6 > 0)
        for n in range(80)
    ]
    cells = [Cell("", True, {"exercise": f"exercise_{n}"}, n) for n in range(14)]
    master = Master(NAME, Path(), tuple(cells), tuple(checks))
    by_id = master.checks_by_id
    chance = random.Random(0)
    results, rows = [], []
    for student in map("student_{:03}".format, range(200)):
        verdicts = {}
        for key, check in by_id.items():
            wrong = chance.random() < share
            text = f"{student} 'wrote' <{key}> " * 40
            verdicts[key] = Verdict("mismatch", text) if wrong else Verdict()
            status = "failed" if wrong else "passed"
            points = 0 if wrong else 1
            rows.append(
                Row(student, NAME, check.exercise, check.name, points, 1, status, text * wrong)
            )
        results.append(Result(student, NAME, "", verdicts))
    path = tmp_path / "report.html"
    write_report(COURSE, [master], results, rows, path)
    text = path.read_text(encoding="utf-8")
    assert len(text) < 3_000_000
    assert ("Messages are cut after" in text) == messages
    assert ("student_199 &#39;wrote&#39;" in text) == messages
    assert "does_something_like_number_79</a>" in text


# --------------------------------------------------------------------------- small functions


def test_shown():
    assert safe_text("plain") == "plain"
    assert safe_text("a\r\nb\tc") == "a\nb\tc"
    assert safe_text("\u200c\u200d") == "\u200c\u200d"
    assert safe_text("\ufeff\u2066") == "[U+FEFF][U+2066]"
    assert safe_text("abcdef", 3) == "abc … (cut; 6 characters)"
    assert safe_text("\x00" * 9, 10) == "[U+0000][U … (cut; 9 characters)"
    assert cut("abcdef", 3) == "abc …"
    assert cut("abc", 3) == "abc"


def test_numbers_in_words():
    assert [number(x) for x in (2, 2.5, 1 / 3, 12345.0, 0)] == ["2", "2.5", "0.33", "12,345", "0"]
    shares = [percent(x) for x in (0, 0.001, 0.5, 0.999, 1)]
    assert shares == ["0 %", "< 1 %", "50 %", "> 99 %", "100 %"]
    assert [tick_step(most) for most in (1, 6, 7, 61, 2000)] == [1, 1, 2, 20, 500]


def test_summary_and_histogram():
    assert summarise([]) is None
    one = summarise([3.0])
    assert (one.lower, one.median, one.upper) == (3, 3, 3)
    bins = histogram([0, 2.5, 3, 55, 56, 56, 70, -1], 56)
    assert [(b.low, b.high) for b in bins[:2]] == [(0, 3), (3, 6)]
    assert bins[-1].low == 54
    assert [b.amount for b in (bins[0], bins[1], bins[-1])] == [3, 1, 4]
    assert sum(b.amount for b in bins) == 8
    assert [b.amount for b in histogram([2.5], 2.5)] == [0, 0, 1]


# --------------------------------------------------------------------------- browser


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("there is no Chromium")
    with playwright.sync_playwright() as tools:
        opened = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


def open_page(browser, page: Page, hash_: str = "", **options):
    """Open a report; return the browser's page and a list that gets what goes wrong."""
    tab = browser.new_page(**options)
    wrong: list[str] = []
    tab.on("console", lambda message: wrong.append(message.text))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    tab.goto(page.path.as_uri() + hash_)
    return tab, wrong


def visible_students(tab) -> list[str]:
    names = tab.locator("#roster tbody:visible th").all_inner_texts()
    return [name.strip() for name in names]


def test_sorting_filtering_and_opening(browser, page):
    tab, wrong = open_page(browser, page)
    assert visible_students(tab) == ["ada", "ben", "cleo", "dan", "eve"]
    tab.locator("#roster thead button", has_text="points").click()
    assert visible_students(tab) == ["ada", "ben", "dan", "cleo", "eve"]
    tab.locator("#find").fill("A")
    assert visible_students(tab) == ["ada", "dan"]
    assert tab.locator("#shown").inner_text() == "2 of 5 students shown"
    tab.locator("#tag").select_option("half")
    assert visible_students(tab) == []
    tab.locator("#all").click()
    assert len(visible_students(tab)) == 5
    tab.locator("#checks1 ~ .scroll a[data-check]").first.click()
    assert visible_students(tab) == ["ben", "cleo"]
    assert not tab.get_by_text("volume: all 2 checks").is_visible()
    tab.locator("#roster tbody button", has_text="cleo").press("Enter")
    assert tab.get_by_text("volume: all 2 checks").is_visible()
    assert not wrong


def test_link_opens_a_student(browser, page):
    tab, wrong = open_page(browser, page, "#s3")
    assert tab.get_by_text("volume: all 2 checks").is_visible()
    assert not wrong


def test_readable_without_scripts(browser, page):
    tab, wrong = open_page(browser, page, java_script_enabled=False)
    assert tab.get_by_text("volume: all 2 checks").is_visible()
    assert not tab.locator("#find").is_visible()
    assert not wrong


def test_hostile_page_in_a_browser(browser, hostile):
    tab, wrong = open_page(browser, hostile, viewport={"width": 420, "height": 800})
    assert len(visible_students(tab)) == 3
    assert tab.evaluate("document.documentElement.scrollWidth") <= 420
    assert not wrong
