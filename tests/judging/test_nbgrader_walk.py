"""The instructor's way with nbgrader: its own commands, and its formgrader in a browser.

The real first notebook goes out through an exchange, comes back from two students, is graded,
and goes back as feedback. Nothing of nbgrader is stood in for.
"""

import csv
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from playwright.sync_api import FrameLocator, Page, expect

from autograder.commands.demo import mistakes_of
from autograder.commands.prove import solutions
from autograder.course.cells import with_answers
from autograder.course.compose import dumps
from autograder.course.config import load_course
from autograder.course.master import Master, load_master
from autograder.processes import find_own_tools
from tests.support.browser import browser_page, choose, jupyterlab, keep, needs_chromium
from tests.support.course import COURSE, ROOT, answers_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
NAME = "01_pytorch_basics"
QUESTION, OTHER_QUESTION = "nn_or_by_hand", "hyper_parameters"
RUBRIC = "names the initialisation (zeros against random)"
MODEL_ANSWER = "starts from zeros"
BROWSER_SECONDS = 120
WRITTEN = "They start in different places and end in the one minimum of a convex loss."
COMMENT = "Half a point more for a number from the notebook."
STUDENTS_CONFIG = """
c = get_config()
c.CourseDirectory.course_id = {course_id!r}
c.Exchange.root = {exchange!r}
c.Exchange.cache = {cache!r}
"""


@dataclass
class Walk:
    """The places of a course on its way, and what was seen there.

    Attributes:
        place: nbgrader's course directory.
        exchange: nbgrader's exchange directory.
        home: where the students have their folders.
        master: of the notebook.
        scores: by student, and id of check or question, right after ``nbgrader autograde``.
        release: the text of the released notebook.
        unmarked: by student, the ids that then need points by hand.
    """

    place: Path
    exchange: Path
    home: Path
    master: Master
    release: str = ""
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    unmarked: dict[str, set[str]] = field(default_factory=dict)

    def nbgrader(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run a command of nbgrader in the course directory; return what it says."""
        return run("nbgrader", *arguments, cwd=cwd or self.place)

    def gradebook(self) -> Gradebook:
        return Gradebook(f"sqlite:///{self.place / 'gradebook.db'}")


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def answers(master: Master) -> dict[str, dict[str, str]]:
    """Return what the students type: ada's is right, dana's has the commonest mistake."""
    words = dict.fromkeys(master.written, WRITTEN)
    right = solutions(master) | words
    mistake = mistakes_of(answers_of(NAME))["dana"]
    return {"ada": right, "dana": right | {mistake.exercise: mistake.source}}


def failures() -> set[str]:
    """Return the names of the checks that dana must fail."""
    return set(mistakes_of(answers_of(NAME))["dana"].fails)


@pytest.fixture(scope="module")
def released(tmp_path_factory) -> Walk:
    """The course built by `course build` in a new place, and the notebook in the exchange."""
    find_own_tools()
    root = tmp_path_factory.mktemp("course")
    for name in ("autograder", "solutions", "data", "tests", "environment.yml", "course.toml"):
        (root / name).symlink_to(ROOT / name)
    (root / "notebooks").mkdir()
    run(*COURSE, "build", NAME, cwd=root)
    place = root / "build" / "nbgrader"
    (root / "exchange").mkdir()
    (root / "exchange").chmod(0o777)
    local = f"c.Exchange.root = {str(root / 'exchange')!r}\n"
    (place / "nbgrader_config_local.py").write_text(local)
    walk = Walk(place, root / "exchange", root / "students", load_master(load_course(ROOT), NAME))
    walk.nbgrader("generate_assignment", NAME, "--force")
    walk.nbgrader("release_assignment", NAME)
    return walk


@pytest.fixture(scope="module")
def collected(released) -> Walk:
    """What two students fetched, filled in and handed in is collected."""
    walk = released
    course_id = re.search(r"course_id = '(\w+)'", (walk.place / "nbgrader_config.py").read_text())[
        1
    ]
    for student, typed in answers(walk.master).items():
        folder = walk.home / student
        folder.mkdir(parents=True)
        config = STUDENTS_CONFIG.format(
            course_id=course_id, exchange=str(walk.exchange), cache=str(folder / "cache")
        )
        (folder / "nbgrader_config.py").write_text(config)
        walk.nbgrader("fetch_assignment", NAME, cwd=folder)
        path = folder / NAME / f"{NAME}.ipynb"
        walk.release = path.read_text(encoding="utf-8")
        notebook = with_answers(nbformat.reads(walk.release, as_version=4), typed)
        path.write_text(dumps(notebook), encoding="utf-8")
        walk.nbgrader("submit", NAME, "--student", student, cwd=folder)
    walk.nbgrader("collect", NAME)
    return walk


@pytest.fixture(scope="module")
def autograded(collected) -> Walk:
    """The submissions are graded by ``nbgrader autograde``."""
    walk = collected
    walk.nbgrader("autograde", NAME)
    with walk.gradebook() as gradebook:
        for student in ("ada", "dana"):
            grades = gradebook.find_submission_notebook(NAME, NAME, student).grades
            walk.scores[student] = {grade.name: grade.score for grade in grades}
            walk.unmarked[student] = {grade.name for grade in grades if grade.needs_manual_grade}
    return walk


def test_release_shows_no_secret_and_is_what_students_fetch(collected):
    assert collected.release == (ROOT / "notebooks" / f"{NAME}.ipynb").read_text(encoding="utf-8")
    for secret in ("BEGIN SOLUTION", "BEGIN RUBRIC", "judge_here", RUBRIC):
        assert secret not in collected.release
        assert secret in (collected.place / "source" / NAME / f"{NAME}.ipynb").read_text()


def test_collect_finds_what_was_handed_in(collected):
    for student in ("ada", "dana"):
        folder = collected.place / "submitted" / student / NAME
        assert WRITTEN in (folder / f"{NAME}.ipynb").read_text(encoding="utf-8")
        assert (folder / "timestamp.txt").is_file()


def test_autograde_gives_the_documented_scores_and_asks_for_the_written_answers(autograded):
    checks = autograded.master.checks_by_id
    wanted = failures()
    assert wanted
    for student, fails in (("ada", set()), ("dana", wanted)):
        scores = autograded.scores[student]
        assert {checks[key].name for key in checks if scores[key] < checks[key].points} == fails
        assert autograded.unmarked[student] == set(autograded.master.written)


@pytest.fixture(scope="module")
def hand_graded(autograded) -> Walk:
    """The written answers have points and a comment, given in formgrader."""
    with jupyterlab(autograded.place) as address, browser_page(1400, 1000) as page:
        page.set_default_timeout(BROWSER_SECONDS * 1000)
        expect.set_options(timeout=BROWSER_SECONDS * 1000)
        frame = open_submissions(page, address)
        open_submission(frame, "ada")
        look_at_rubric(page, frame)
        give(page, frame, QUESTION, 1.5)
        with page.expect_response(lambda reply: "/api/comment/" in reply.url):
            frame.locator(f"#{QUESTION}-comment").fill(COMMENT)
            frame.locator(f"#{QUESTION}-comment").press("Tab")
        keep(page, "formgrader-points-and-comment")
        give(page, frame, OTHER_QUESTION, 3)
        frame.get_by_role("link", name="Manual Grading").click()
        frame = open_submissions(page, address)
        open_submission(frame, "dana")
        for question in (QUESTION, OTHER_QUESTION):
            give(page, frame, question, 0)
    return autograded


def open_submissions(page: Page, address: str) -> FrameLocator:
    """Go the way of a grader, from JupyterLab's menu to the list of submissions."""
    page.goto(f"{address}/lab?reset")
    choose(page, "Nbgrader", "Formgrader")
    frame = page.frame_locator("iframe")
    row = frame.get_by_role("row").filter(has_text=NAME)
    expect(row).to_contain_text("2027-02-12 23:59:00")
    keep(page, "formgrader-assignments")
    frame.get_by_role("link", name="Manual Grading").click()
    frame.get_by_role("heading", name="Manual Grading").wait_for()
    frame.get_by_role("link", name=NAME).click()  # the assignment
    frame.get_by_role("columnheader", name="Notebook ID").wait_for()
    frame.get_by_role("link", name=NAME).last.click()  # its only notebook
    frame.get_by_role("link", name="Submission #2").wait_for()
    frame.get_by_role("button", name="Show All Names").click()
    keep(page, "formgrader-submissions")
    return frame


def open_submission(frame: FrameLocator, student: str) -> None:
    """Open a student's answers and wait until formgrader would save what is typed there."""
    frame.get_by_role("link", name=student).click()
    for question in (QUESTION, OTHER_QUESTION):
        expect(frame.locator(f"#{question}")).to_contain_class("needs_manual_grade")
        comment = frame.locator(f"#{question}-comment")
        expect(comment).to_have_attribute("placeholder", re.compile("comments"))


def look_at_rubric(page: Page, frame: FrameLocator) -> None:
    """See that who types points has the rubric before their eyes, and can unfold the model."""
    points = frame.locator(f"#{QUESTION}")
    points.scroll_into_view_if_needed()
    rubric = frame.locator(".course-rubric").filter(has_text=RUBRIC)
    expect(rubric.get_by_text(RUBRIC)).to_be_in_viewport()
    expect(points).to_be_in_viewport()
    answer = rubric.get_by_text(MODEL_ANSWER)
    expect(answer).to_be_hidden()
    keep(page, "formgrader-rubric")
    rubric.get_by_text("Model answer").click()
    expect(answer).to_be_visible()
    keep(page, "formgrader-model-answer")
    assert frame.locator(".course-rubric").count() == 2


def give(page: Page, frame: FrameLocator, question: str, points: float) -> None:
    """Type points for an answer, as a grader does."""
    with page.expect_response(lambda reply: "/api/grade/" in reply.url):
        frame.locator(f"#{question}").fill(f"{points:g}")
        frame.locator(f"#{question}").press("Tab")


@needs_chromium
def test_points_and_comment_from_formgrader_are_in_the_gradebook(hand_graded):
    given = {"ada": (1.5, 3), "dana": (0, 0)}
    with hand_graded.gradebook() as gradebook:
        for student, points in given.items():
            for question, wanted in zip((QUESTION, OTHER_QUESTION), points, strict=True):
                grade = gradebook.find_grade(question, NAME, NAME, student)
                assert (grade.manual_score, grade.score) == (wanted, wanted)
                assert not grade.needs_manual_grade
        comment = gradebook.find_comment(QUESTION, NAME, NAME, "ada")
        assert comment.comment == COMMENT
        submission = gradebook.find_submission(NAME, "ada")
        assert submission.score == hand_graded.master.points + 4.5


@pytest.fixture(scope="module")
def given_back(hand_graded) -> dict[str, str]:
    """The feedback that the students fetched from the exchange: text by student, a line each."""
    hand_graded.nbgrader("generate_feedback", NAME)
    hand_graded.nbgrader("release_feedback", NAME)
    pages = {}
    for student in ("ada", "dana"):
        folder = hand_graded.home / student
        hand_graded.nbgrader("fetch_feedback", NAME, "--student", student, cwd=folder)
        (path,) = (folder / NAME / "feedback").rglob("*.html")
        page = re.sub(r"(?s)<(style|script).*?</\1>", "", path.read_text(encoding="utf-8"))
        pages[student] = " ".join(re.sub(r"<[^>]+>", "", page).split())
    return pages


@needs_chromium
def test_students_get_comments_and_scores_but_no_rubric_and_no_hidden_check(
    given_back, hand_graded
):
    total = hand_graded.master.points + sum(hand_graded.master.written.values())
    assert f"(Score: {hand_graded.master.points + 4.5:g} / {total:.1f})" in given_back["ada"]
    assert COMMENT in given_back["ada"] and COMMENT not in given_back["dana"]
    for page in given_back.values():
        assert WRITTEN in page
        for secret in (RUBRIC, MODEL_ANSWER, "BEGIN RUBRIC", "Students do not see it"):
            assert secret not in page
        hidden = [check for check in hand_graded.master.checks if check.hidden]
        assert not [check.name for check in hidden if check.name in page]
    wrong = failures()
    failed = {c.hint for c in hand_graded.master.checks if c.name in wrong and c.hidden}
    assert failed
    for hint in failed:
        assert hint in given_back["dana"] and hint not in given_back["ada"]


@needs_chromium
def test_export_has_the_scores_of_everybody(hand_graded):
    hand_graded.nbgrader("export", "--to", "nbgrader.csv")
    with (hand_graded.place / "nbgrader.csv").open(newline="", encoding="utf-8") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    checks = {name: sum(points.values()) for name, points in hand_graded.scores.items()}
    assert scores == {"ada": checks["ada"] + 4.5, "dana": checks["dana"]}
    assert checks["dana"] < checks["ada"] == hand_graded.master.points
