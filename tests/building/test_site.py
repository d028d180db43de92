"""The web site shows what students may see, leads nowhere wrong, and is whole or not there."""

import json
import re
import shutil

import pytest
from click.testing import CliRunner
from nbformat.v4 import new_output

from autograder.building.site import executed, links, pages
from autograder.building.site.build import MARK, build_site
from autograder.commands.cli import main
from autograder.course import leaks
from autograder.course.compose import compose
from autograder.course.config import load_course
from autograder.errors import CourseError
from tests.support.small_site import make_small_course, small_site  # noqa: F401

pytestmark = pytest.mark.slow


def text_of(small_site, page):  # noqa: F811
    return leaks.text_of_page((small_site / page).read_text())


def test_the_site_has_its_pages(small_site):  # noqa: F811
    pages = {path.relative_to(small_site).as_posix() for path in small_site.rglob("*.html")}
    wanted = {"index.html", "syllabus.html", "helper.html", "students.html", "search.html"}
    assert pages == wanted | {"notebooks/01_mini.html"}
    assert (small_site / ".nojekyll").is_file()
    assert [p.name for p in small_site.glob("_downloads/*/*")] == ["01_mini.ipynb"]


def test_start_page_and_syllabus_say_what_there_is(small_site):  # noqa: F811
    start = text_of(small_site, "index.html")
    assert "A small course" in start and "One notebook on deep learning" in start
    syllabus = " ".join(text_of(small_site, "syllabus.html").replace("\xa0", " ").split())
    assert "A small notebook 1 1 5 31 Jan 2030, 12:00 UTC" in syllabus


def test_a_notebook_shows_figures_and_no_traceback(small_site):  # noqa: F811
    page = (small_site / "notebooks" / "01_mini.html").read_text()
    text = leaks.text_of_page(page)
    assert 'alt="Figure: Twice x, double(x) against x, the double"' in page
    assert "Public check of double (1 point)" in text
    assert "One hidden check runs when the notebook is graded (2 points)." in text
    assert "This cell waits for double." in text
    assert "This cell waits for an exercise above." in text
    assert "Traceback" not in text and "google.colab" not in text
    assert "badge.svg" not in page and "https://example.org/mini.ipynb" in page


def test_the_helper_is_documented(small_site):  # noqa: F811
    text = text_of(small_site, "helper.html")
    for name in ("load_digits", "expect_close", "use_course_style", "waits_for"):
        assert f"course_helper.{name}" in text
    assert "uint8 of shape (N, 28, 28)" in text


def test_a_link_of_a_guide_to_a_file_that_the_site_has_not_is_text(small_site):  # noqa: F811
    assert "the master (solutions/01_mini.py)" in text_of(small_site, "students.html")


def test_nothing_is_fetched_from_elsewhere_and_no_link_is_dead(small_site):  # noqa: F811
    assert links.problems(small_site) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('href="../index.html"', 'href="../gone.html"', "leads to no file"),
        ('href="#', 'href="#nowhere-', "leads to no place"),
        ("<body>", '<body><img src="../_static/site.css">', "has no text"),
        ("<body>", '<body><script src="https://example.org/x.js"></script>', "another machine"),
    ],
)
def test_a_dead_link_is_found(small_site, tmp_path, old, new, said):  # noqa: F811
    copy = tmp_path / "copy"
    shutil.copytree(small_site, copy)
    page = copy / "notebooks" / "01_mini.html"
    text = page.read_text()
    assert old in text
    page.write_text(text.replace(old, new, 1))
    assert any(said in line for line in links.problems(copy))


@pytest.fixture
def mini_run(mini, monkeypatch):
    """A small course whose notebook need not be run, and a place for its site."""
    make_small_course(mini)
    course = load_course(mini)
    runs = {"01_mini": compose(course, "01_mini").student}
    monkeypatch.setattr(executed, "run_all", lambda *_: runs)
    return course, runs["01_mini"], mini / "public"


def build(course, place):
    build_site(course, course.names, place, lambda line: None)


@pytest.mark.parametrize(
    ("place", "leak", "what"),
    [
        ("code", "def f():\n    return   result_of_doubling", "a solution line of double"),
        ("output", "expect_equal(double(-21), -42)", "a line of the hidden check"),
        ("guide", "The model answer mentions linearity of doubling.", "a line of a model answer"),
    ],
)
def test_a_leak_is_refused_and_the_old_site_stays(mini_run, place, leak, what):
    course, run, public = mini_run
    public.mkdir()
    (public / MARK).touch()
    (public / "index.html").write_text("the old one")
    if place == "guide":
        (course.root / "docs" / "tas.md").write_text(f"# TAs\n\n{leak}\n")
    elif place == "code":  # which the page colours word by word
        run.cells[3].source = leak
    else:
        run.cells[3].outputs = [new_output("stream", text=leak)]
    with pytest.raises(CourseError, match=what):
        build(course, public)
    assert (public / "index.html").read_text() == "the old one"
    assert not list(course.build.glob("site-building-*"))


def test_a_wrong_link_of_a_guide_is_refused(mini_run):
    course, _, public = mini_run
    (course.root / "docs" / "tas.md").write_text("# TAs\n\nSee [it](students.md#gone).\n")
    with pytest.raises(CourseError, match=r"tas\.md.*gone"):
        build(course, public)
    assert not public.exists()


def test_a_folder_of_somebody_else_is_not_replaced(mini_run):
    course, _, public = mini_run
    public.mkdir()
    (public / "thesis.txt").write_text("years of work")
    with pytest.raises(CourseError, match="name a new or an empty folder"):
        build(course, public)
    (public / MARK).touch()
    (public / ".git").mkdir()
    with pytest.raises(CourseError, match="git repository"):
        build(course, public)
    assert (public / "thesis.txt").read_text() == "years of work"


def test_a_site_is_replaced_as_a_whole(mini_run):
    course, _, public = mini_run
    result = CliRunner().invoke(main, ["site", "01", "--to", str(public)])
    assert result.exit_code == 0, result.output
    (public / "old.html").write_text("of an earlier build")
    build(course, public)
    assert (public / "index.html").is_file() and not (public / "old.html").exists()
    assert [path.name for path in course.root.glob(".public-*")] == []


def test_a_run_is_kept_until_something_changes(mini):
    make_small_course(mini)
    course = load_course(mini)
    course.build.mkdir()
    said = []
    built = compose(course, "01_mini")
    first = executed.run_all(course, [built], said.append)
    assert executed.run_all(course, [built], said.append) == first
    assert said == ["running 1 student notebooks"]
    (course.data / "new.txt").write_text("new")
    assert executed._kept(course, built) is None


def test_a_provided_cell_that_fails_is_named(mini):
    make_small_course(mini)
    master = mini / "solutions" / "01_mini.py"
    master.write_text(master.read_text() + "\n# %%\n[][1]\n")
    course = load_course(mini)
    course.build.mkdir()
    with pytest.raises(CourseError, match=r"cell \d+ raises IndexError"):
        executed.run_all(course, [compose(course, "01_mini")], lambda line: None)


def test_every_notebook_of_the_course_has_a_line_and_minutes(course, built):
    for name, each in built.items():
        entry = pages.entry_of(course, each.master)
        assert re.fullmatch(rf"{name[:2]} · .+", entry.title)
        assert entry.summary.endswith((".", "?")) and 60 <= entry.minutes <= 600
        assert entry.goals and entry.points > 0


def test_the_pages_of_the_course_show_no_solution(course, built, tmp_path):
    """The real notebooks, as far as they can be judged without running them."""
    for name, each in built.items():
        page = executed.page_of(each.student, pages.links_of(name))
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(page))
    leaks.scan(tmp_path, [each.master for each in built.values()])
