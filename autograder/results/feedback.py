"""nbgrader's feedback pages for a whole class.

``nbgrader generate_feedback`` takes a second and a half a student: it compiles its templates
anew, asks the gradebook twice a cell, highlights and renders cells that are the same for
everybody, and parses the whole page only to mend what students' HTML leaves open. Here one
exporter makes all pages of a process from nbgrader's own template, what it has rendered once
it keeps, and only what a student made is parsed: a twentieth of the time, and the same page
but for the spelling of its HTML. A process pool would gain less than its start costs.

In nbgrader's page the HTML in a student's texts does what it likes to whoever opens it. Here
of that HTML remains what formats a text, and a page has a limit of time.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import nh3
from bs4 import BeautifulSoup, Tag
from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown_mistune import InvalidNotebook, IPythonRenderer, MarkdownWithMath
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import GetGrades, NbGraderPreprocessor
from traitlets.config import Config

from autograder.checks.shared.verdict import is_full
from autograder.course.cells import grade_id
from autograder.course.compose import COLAB_BADGE
from autograder.files import copy_marks, replace_file
from autograder.inside.limits import MAX_PIECES, MAX_TEXT, PAGE_SECONDS
from autograder.processes import CpuLimit, cpu_limit
from autograder.results.regrade_notes import Regrade

TABLE_OF_CONTENTS = '<div id="toc">'  # in nbgrader's template, before what a student wrote
CHECK_IN_CONTENTS = re.compile(
    r'(<a href="#(\w+)-(public|hidden)-(\d+)">)Test cell</a> \(Score: (-?[\d.]+) / ([\d.]+)\)'
)
# The columns of tables touch in nbgrader's page.
TABLE_STYLE = "<style>.rendered_html td, .rendered_html th { padding: 0.2em 0.8em; }</style>\n"
NO_ALT = "No description has been provided for this image"
BADGE = ("img", COLAB_BADGE)  # the one picture from elsewhere, of the course's own header
MARKUP = ("text/html", "text/latex", "image/svg+xml")
REMEMBERED = 5000  # cells; the notebooks of the course have some 1200
# What the HTML in a text may be. MathJax reads mathematics in the finished page.
TAGS = {"a", "abbr", "acronym", "b", "blockquote", "br", "caption", "code", "dd", "del", "details"}
TAGS |= {
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
}
TAGS |= {
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "s",
    "section",
    "small",
    "span",
    "strong",
    "sub",
    "summary",
}
TAGS |= {"sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"}
ATTRIBUTES = {"align", "alt", "class", "colspan", "height", "id", "open", "rowspan", "start"}
ATTRIBUTES |= {"title", "width"}
ALIGNMENT = re.compile(
    r"(?:^|;)\s*text-align\s*:\s*(left|right|center|justify|start|end)\s*(?=;|$)"
)
# //host/x is a file of another machine, and browsers read a backslash as a slash.
BESIDE = r"(?![/\\])[^:\\\x00-\x20]*"
LINK = re.compile(rf"(https?:|mailto:|#)[^\x00-\x20]*|{BESIDE}", re.IGNORECASE)
PICTURE = re.compile(rf"data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/=\s]*|{BESIDE}")
# They make links of their own, of any kind. All backslashes go, else the last would be another's.
MATHJAX_LINK = re.compile(r"\\+(href|mmlToken)")
# Of other elements only the tags go: what a student wrote between them is to be read, and nh3 would
# drop some with all that is in them, or to the end of the text. What is left is cleaned after that.
ELEMENT = re.compile(r"</?([A-Za-z][^\s/<>]*+)[^<>]*+>")
UNFINISHED = re.compile(r"<(?=[^<>]*\Z)")
INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# Nothing can stop nh3, and its time and memory grow with the square of what it gets: MAX_TEXT may
# take it six seconds. Formatting that is left open is opened anew in what follows: MAX_PIECES.
PICTURE_DATA = re.compile(r'="data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/=]*"')
FORMATTING = re.compile(
    r"<(a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)\b", re.IGNORECASE
)
CLEANER = nh3.Cleaner(
    tags=TAGS,
    clean_content_tags=set(),
    attributes={"*": ATTRIBUTES | {"href", "src", "style"}},  # which of them where: _restrict
    url_schemes={"http", "https", "mailto", "data"},
    link_rel=None,
)


@dataclass(frozen=True)
class Graded:
    """What the gradebook says about a submission.

    Attributes:
        scores: score and maximum by the id of a check or written answer.
        comments: by the id of an exercise or written answer; None if there is none.
        late_penalty: what the score loses for being late.
        regrades: when and why it was judged again.
    """

    scores: dict[str, tuple[float, float]]
    comments: dict[str, str | None]
    late_penalty: float
    regrades: Sequence[Regrade] = ()


def write_feedback(config: Config, name: str, graded: Mapping[str, Graded]) -> dict[str, str]:
    """Write the feedback pages of some students.

    Args:
        config: of the course directory.
        name: of the notebook.
        graded: what the gradebook says, by student.

    Returns:
        for each student without a page the reason.
    """
    directory = CourseDirectory(config=config)
    converter = GenerateFeedback(coursedir=directory, config=config)
    exporter = FeedbackExporter(parent=converter, config=converter.config)
    given = GivenGrades(parent=converter)
    for kind in converter.preprocessors:
        exporter.register_preprocessor(given if kind is GetGrades else kind)
    failed = {}
    for student, found in graded.items():
        given.graded = found
        source = Path(directory.format_path(directory.autograded_directory, student, name))
        page = Path(directory.format_path(directory.feedback_directory, student, name))
        try:
            path = str(source / f"{name}.ipynb")
            resources = converter.init_single_notebook_resources(path)
            with cpu_limit(PAGE_SECONDS):
                text, _ = exporter.from_filename(path, resources=resources)
            text = with_regrades(with_names(text, found.scores), found.regrades)
            replace_file(page / f"{name}.html", text)
            copy_marks(source, page)
        except CpuLimit:
            failed[student] = "its texts take too long to turn into a page; look at it by hand"
        except Exception as error:  # one student's notebook must not cost the others theirs
            failed[student] = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
    return failed


def with_names(page: str, scores: Mapping[str, tuple[float, float]]) -> str:
    """Return a feedback page that names the checks in its contents; those that failed in bold.

    In nbgrader's own page each of the fifty is called "Test cell".

    Args:
        page: nbgrader's.
        scores: score and maximum by the id of a check.
    """

    def named(check: re.Match) -> str:
        link, exercise, kind, number, score, points = check.groups()
        line = f"{link}{exercise}: {kind} check {number}</a> (Score: {score} / {points})"
        is_passed = is_full(*scores[f"{exercise}-{kind}-{number}"])
        return line if is_passed else f"<strong>{line}</strong>"

    contents, end, rest = page.partition("</ol>")
    contents = CHECK_IN_CONTENTS.sub(named, contents)
    return contents.replace("</head>", f"{TABLE_STYLE}</head>", 1) + end + rest


def with_regrades(page: str, regrades: Sequence[Regrade]) -> str:
    """Return a feedback page that tells below its score when and why it was judged again."""
    lines = ""
    for each in regrades:
        before = "" if each.before is None else f" (the score was {each.before:g} before)"
        text = f"Graded again on {each.day}{before}: {each.note}"
        lines += f'<p class="regrade" style="white-space: pre-wrap">{html.escape(text)}</p>\n'
    return page.replace(TABLE_OF_CONTENTS, lines + TABLE_OF_CONTENTS, 1)


class GivenGrades(NbGraderPreprocessor):
    """Do what nbgrader's GetGrades does, with scores that are read already.

    It also closes what the HTML in a student's outputs leaves open.
    """

    graded = Graded({}, {}, 0.0)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        nb, resources = super().preprocess(nb, resources)
        scores = self.graded.scores.values()
        resources["nbgrader"] |= {
            "score": sum(score for score, _ in scores) - self.graded.late_penalty,
            "max_score": sum(maximum for _, maximum in scores),
            "late_penalty": self.graded.late_penalty,
        }
        return nb, resources

    def preprocess_cell(self, cell: NotebookNode, resources: dict, cell_index: int):
        key = grade_id(cell)
        if utils.is_solution(cell):
            cell.metadata.nbgrader["comment"] = self.graded.comments[key]
        if utils.is_grade(cell):
            score, points = self.graded.scores[key]
            cell.metadata.nbgrader.update(score=score, points=points)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            data.update({kind: tidied(data[kind]) for kind in MARKUP if kind in data})
        return cell, resources


class FeedbackExporter(HTMLExporter):
    """nbconvert's HTMLExporter, which remembers what it has rendered.

    It leaves out HTMLExporter's pass over the finished page, two thirds of its time.
    GivenGrades, markdown2html and the added description of images do what that does.
    """

    def __init__(self, **options) -> None:
        self._coloured = functools.lru_cache(REMEMBERED)(self._colour)
        self._rendered = functools.lru_cache(REMEMBERED)(self._render)
        super().__init__(**options)

    def from_notebook_node(self, nb: NotebookNode, resources: dict | None = None, **options):
        """Return the page and the resources, as HTMLExporter does."""
        info = nb.metadata.get("language_info", {})
        lexer = info.get("pygments_lexer", info.get("name"))
        resources = self._init_resources(resources)
        data_types = WidgetsDataTypeFilter(
            notebook_metadata=self._nb_metadata, parent=self, resources=resources
        )
        self.register_filter("filter_data_type", data_types)

        def highlight_code(source: str, language: str | None = None, metadata: dict | None = None):
            return self._coloured(source, language, (metadata or {}).get("magics_language"), lexer)

        self.register_filter("highlight_code", highlight_code)
        page, resources = TemplateExporter.from_notebook_node(self, nb, resources, **options)
        return re.sub(r"<img (?![^>]*\balt=)", f'<img alt="{NO_ALT}" ', page), resources

    @pass_context
    def markdown2html(self, context, source: str) -> str:
        """Return the HTML of a Markdown text."""
        attachments = context.get("cell", {}).get("attachments")
        if attachments:  # the text's pictures, under its names
            return self._render(source, attachments)
        return self._rendered(source)

    def _render(self, source: str, attachments: dict | None = None) -> str:
        renderer = FeedbackRenderer(
            escape=False,
            attachments=attachments,
            anchor_link_text=self.anchor_link_text,
            exclude_anchor_links=self.exclude_anchor_links,
        )
        return harmless(MarkdownWithMath(renderer).render(source))

    def _colour(self, source: str, language: str | None, magic: str | None, lexer: str | None):
        metadata = {"magics_language": magic} if magic else {}
        return Highlight2HTML(pygments_lexer=lexer, parent=self)(source, language, metadata)


class FeedbackRenderer(IPythonRenderer):
    """nbconvert's renderer, which makes no page at all where a text lacks one of its pictures."""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Return the HTML of a picture; of one that is not there, words that say so."""
        try:
            return super().image(text, url, title)
        except InvalidNotebook:
            name = unquote(url.removeprefix("attachment:"))
            words = f"(the picture {name} is missing{': ' if text else ''}{text})"
            return html.escape(html.unescape(words))


def harmless(markup: str) -> str:
    """Return the HTML of a text with every element closed, and none that does more than format.

    One that takes too long to parse is shown as it is, tags and all. MathJax's commands for
    links go last: without its elements a text may spell one.
    """
    if _takes_long(markup):
        return MATHJAX_LINK.sub(r"\1", f"<pre>{html.escape(markup)}</pre>")
    text = markup.encode("utf-8", "replace").decode()
    text = ELEMENT.sub(lambda tag: tag[0] if tag[1].lower() in TAGS else "", text)
    text = CLEANER.clean(UNFINISHED.sub("&lt;", text))
    soup = _parsed(INVISIBLE.sub("?", text))
    for element in soup.select("[href], [src], [style]"):
        for name in ("href", "src", "style"):
            if name in element.attrs:
                _restrict(element, name)
    return MATHJAX_LINK.sub(r"\1", str(soup))


def _takes_long(markup: str) -> bool:
    text = PICTURE_DATA.sub("", markup)
    pieces = text.count("<") * len(FORMATTING.findall(text))
    return len(text) > MAX_TEXT or pieces > MAX_PIECES


def _restrict(element: Tag, name: str) -> None:
    """Take an address or a style away from an element of a text, but for what formats."""
    value = str(element[name])
    if name == "style":
        found = ALIGNMENT.findall(value.lower())
        is_kept, value = bool(found), f"text-align: {found[-1]}" if found else ""
    else:
        allowed = {("a", "href"): LINK, ("img", "src"): PICTURE}.get((element.name, name))
        is_kept = bool(allowed and allowed.fullmatch(value)) or (element.name, value) == BADGE
    if is_kept:
        element[name] = value
    else:
        del element[name]


def tidied(markup: str) -> str:
    """Return HTML with every element closed and every picture described."""
    return str(_parsed(markup))


def _parsed(markup: str) -> BeautifulSoup:
    soup = BeautifulSoup(markup, features="html.parser")
    for image in soup.select("img:not([alt])"):
        image.attrs["alt"] = NO_ALT
    return soup
