"""Rubrics stand above written answers on formgrader's page, and on no other."""

import pytest
from nbconvert.exporters import HTMLExporter
from nbgrader.server_extensions.formgrader import handlers
from traitlets.config import Config

from autograder.course.cells import with_answers
from autograder.course.compose import dumps, source_notebook, student_notebook
from autograder.course.config import load_course
from autograder.course.master import load_master
from autograder.results.gradebook import course_directory
from autograder.results.gradebook.rubric_in_view import RubricInView, panel

NAME = "01_mini"
RUBRIC, MODEL = "Two points for the word linearity", "The model answer mentions linearity"
OF_PAGE = {"submission_id": "abc", "assignment_id": NAME, "notebook_id": NAME}


@pytest.fixture
def place(mini):
    """A course directory with the source of the small notebook."""
    course = load_course(mini)
    folder = course_directory.folder(course)
    course_directory.write_config(course)
    path = folder / "source" / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(dumps(source_notebook(course, load_master(course, NAME))), encoding="utf-8")
    return folder


@pytest.fixture
def submission(mini):
    course = load_course(mini)
    student = student_notebook(source_notebook(course, load_master(course, NAME)))
    return with_answers(student, {"why": "Because of my own words."})


def exporter(place) -> HTMLExporter:
    """Return an exporter as formgrader makes it from the course directory's configuration."""
    config = Config(course_directory.load_config(place))
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    return HTMLExporter(config=config)


def test_formgrader_shows_the_rubric_right_above_the_answer(place, submission):
    resources = OF_PAGE | dict.fromkeys(("index", "total"), 1) | {"base_url": ""}
    page, _ = exporter(place).from_notebook_node(submission, resources=resources)
    above, _, below = page.partition("Because of my own words.")
    assert above.count(RUBRIC) == above.count(MODEL) == 1
    assert RUBRIC not in below
    between = above[above.index(RUBRIC) :]
    assert "Student's answer" in between and between.count("nbgrader_cell") == 1
    assert "### BEGIN" not in page
    assert RUBRIC not in str(submission)  # what is graded stays what it was


@pytest.mark.parametrize("missing", OF_PAGE)
def test_a_page_that_is_not_formgraders_shows_nothing(place, submission, missing):
    resources = {key: value for key, value in OF_PAGE.items() if key != missing}
    page, _ = HTMLExporter(config=course_directory.load_config(place)).from_notebook_node(
        submission, resources=resources
    )
    assert "my own words" in page
    assert RUBRIC not in page and MODEL not in page


def test_a_course_directory_without_source_has_no_rubric_and_no_error(tmp_path, submission):
    config = Config()
    config.CourseDirectory.root = str(tmp_path)
    notebook, _ = RubricInView(config=config).preprocess(submission, dict(OF_PAGE))
    assert len(notebook.cells) == len(submission.cells)


def test_a_panel_is_made_of_all_regions_without_markers():
    text = (
        "Question?\n### BEGIN SOLUTION\nYes.\n### BEGIN RUBRIC\n- 1 point\n### END RUBRIC\n"
        "And no.\n### END SOLUTION"
    )
    made = panel(text)
    assert "\n\n- 1 point\n\n" in made and "\n\nYes.\nAnd no.\n\n" in made
    assert "Question?" not in made and "###" not in made
