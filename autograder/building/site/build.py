"""Build the web site of the course with Sphinx and MyST-NB: `course site`.

The site needs no network to be read, and holds what students may see: their notebooks with the
figures of the provided cells, the syllabus, the guides in docs/, the helper module. It is made
in a temporary folder, scanned for leaks and for dead links, and only then put in place.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from autograder.building.site import executed, links, pages
from autograder.course import leaks
from autograder.course.compose import Built, compose, dumps
from autograder.course.config import Course
from autograder.course.master import load_master
from autograder.errors import CourseError

MARK = ".course-site"  # in every folder that this module wrote, so that it replaces no other
STYLE = Path(__file__).with_name("site.css")
SHOWN_PROBLEMS = 10
# Of MathJax what HTML pages with formulas in TeX need.
MATHJAX = (
    "MathJax.js",
    "config/TeX-AMS-MML_HTMLorMML-full.js",
    "extensions",
    "fonts/HTML-CSS/STIX-Web",
    "jax/element",
    "jax/input",
    "jax/output/HTML-CSS",
)


def build_site(course: Course, names: list[str], to: Path, say: Callable[[str], None]) -> None:
    """Build the site of some notebooks.

    Args:
        course: the course.
        names: of the notebooks.
        to: the folder that becomes the site; missing, empty, or a site from before.
        say: called with a line about each step.

    Raises:
        CourseError: something is wrong; then ``to`` is as it was.
    """
    _look_at_place(to)
    _look_for_sphinx()
    built = [compose(course, name) for name in names]
    course.build.mkdir(exist_ok=True)
    runs = executed.run_all(course, built, say)
    with tempfile.TemporaryDirectory(dir=course.build, prefix="site-building-") as folder:
        source, html = Path(folder) / "source", Path(folder) / "html"
        _write_sources(course, built, runs, source)
        say(f"writing the pages of {len(built)} notebooks")
        _run_sphinx(course, source, html, Path(folder) / "doctrees")
        _copy_mathjax(html / "_static" / "mathjax")
        leaks.scan(html, [load_master(course, name) for name in course.names])
        if found := links.problems(html):
            raise CourseError(_first(f"{len(found)} links are wrong:", found))
        (html / MARK).write_text("Built by `course site`, which replaces this folder.\n")
        _put_in_place(html, to)


def _look_at_place(to: Path) -> None:
    """Raise CourseError if the folder holds something that is not ours to replace."""
    if not to.exists():
        return
    if not to.is_dir():
        raise CourseError("it is a file; name a folder for the site", to)
    if (to / ".git").exists():
        raise CourseError(
            "it is a git repository, which would be replaced; build into another folder and "
            "copy the site from there",
            to,
        )
    if any(to.iterdir()) and not (to / MARK).is_file():
        raise CourseError(
            "it holds files that `course site` did not write; name a new or an empty folder", to
        )


def _look_for_sphinx() -> None:
    for module in ("furo", "jupyter_server_mathjax", "myst_nb", "sphinx"):
        if importlib.util.find_spec(module) is None:
            raise CourseError(
                f"the site needs {module}; run "
                '`pip install --constraint constraints.txt --editable ".[site]"`'
            )


def _write_sources(course: Course, built: list[Built], runs: dict, source: Path) -> None:
    """Write everything that Sphinx reads."""
    for room in ("notebooks", "files", "_static"):
        (source / room).mkdir(parents=True)
    shutil.copy(STYLE, source / "_static")
    entries = [pages.entry_of(course, each.master) for each in built]
    for each in built:
        name = each.master.name
        page = executed.page_of(runs[name], pages.links_of(name))
        (source / "notebooks" / f"{name}.ipynb").write_text(dumps(page), encoding="utf-8")
        (source / "files" / f"{name}.ipynb").write_text(dumps(each.student), encoding="utf-8")
    guides = _write_guides(course.root / "docs", source)
    cards = pages.cards(entries, runs, source / "_static" / "cards")
    written = {
        "index": pages.start_page(course, entries, guides, cards),
        "syllabus": pages.syllabus_page(course, entries),
        "helper": pages.HELPER,
    }
    for name, text in written.items():
        (source / f"{name}.md").write_text(text, encoding="utf-8")


def _write_guides(docs: Path, source: Path) -> list[str]:
    """Copy the guides that exist and the pictures in them; return the guides' names."""
    guides = [name for name in pages.GUIDES if (docs / f"{name}.md").is_file()]
    texts = {f"{name}.md" for name in guides}
    for page in texts:
        text = (docs / page).read_text(encoding="utf-8")
        # Not every picture in docs/_static is for students: the one of the README shows an answer.
        for picture in pages.pictures_of(text):
            if (docs / picture).is_file():
                (source / picture).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(docs / picture, source / picture)
        (source / page).write_text(pages.guide_page(text, texts), encoding="utf-8")
    return guides


def _settings(course: Course) -> dict:
    """Return Sphinx's configuration."""
    colours = {"color-brand-primary": "#00588a", "color-brand-content": "#00588a"}
    dark = {"color-brand-primary": "#8cc8f0", "color-brand-content": "#8cc8f0"}
    return {
        "project": course.title,
        "html_title": course.title,
        "author": "",
        "html_theme": "furo",
        "html_theme_options": {
            "light_css_variables": colours,
            "dark_css_variables": dark,
            "footer_icons": [],
        },
        "html_static_path": ["_static"],
        "html_css_files": [STYLE.name],
        "html_copy_source": False,
        "html_show_sourcelink": False,
        "html_show_copyright": False,
        "html_domain_indices": False,
        "html_use_index": False,
        "extensions": [
            "myst_nb",
            "sphinx.ext.autodoc",
            "sphinx.ext.githubpages",
            "sphinx.ext.mathjax",
            "sphinx.ext.napoleon",
        ],
        "exclude_patterns": ["files"],
        "nitpicky": True,
        # Types in signatures are those of Python and torch, which are documented elsewhere.
        "nitpick_ignore_regex": [("py:.*", ".*")],
        "autodoc_typehints_format": "short",
        "nb_execution_mode": "off",
        "nb_ipywidgets_js": {},
        "myst_enable_extensions": ["amsmath", "dollarmath"],
        "myst_heading_anchors": 4,
        "mathjax_path": "mathjax/MathJax.js?config=TeX-AMS-MML_HTMLorMML-full",
        "mathjax2_config": {
            "HTML-CSS": {
                "availableFonts": [],
                "webFont": "STIX-Web",
                "imageFont": None,
                # Browsers refuse about:blank, which MathJax gives here, and log an error.
                "styles": {"@font-face": {"font-family": "MathJax_Blank", "src": "local(serif)"}},
            },
            "showMathMenu": False,
            # Else every formula would be a stop for the tabulator key.
            "menuSettings": {"inTabOrder": False},
            "messageStyle": "none",
            # Formulas alone, which MyST has found already; a dollar in a text is a dollar.
            "tex2jax": {"processClass": "math", "ignoreClass": ".*", "processEscapes": False},
        },
    }


def _run_sphinx(course: Course, source: Path, html: Path, doctrees: Path) -> None:
    """Write the pages.

    Raises:
        CourseError: Sphinx warns of anything.
    """
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError

    said = io.StringIO()
    try:
        with _quiet_sphinx():
            app = Sphinx(
                source,
                None,
                html,
                doctrees,
                "html",
                confoverrides=_settings(course),
                status=None,
                warning=said,
                freshenv=True,
            )
            app.build()
    except SphinxError as error:
        raise CourseError(f"Sphinx stopped: {error}") from None
    text = re.sub(r"\x1b\[[\d;]*m", "", said.getvalue()).replace(f"{source}/", "")
    if lines := [line for line in text.splitlines() if line.strip()]:
        raise CourseError(_first(f"Sphinx warns of {len(lines)} things:", lines))


@contextlib.contextmanager
def _quiet_sphinx() -> Iterator[None]:
    """Let Sphinx leave this process as it was: its roles, directives and loggers."""
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    with patch_docutils(), docutils_namespace():
        yield


def _copy_mathjax(to: Path) -> None:
    """Copy the MathJax that Jupyter packs for Python into the site."""
    found = importlib.util.find_spec("jupyter_server_mathjax")
    assert found and found.origin, "the build has looked for it"
    static = Path(found.origin).parent / "static"
    for name in MATHJAX:
        place = to / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (static / name).is_dir():
            shutil.copytree(static / name, place, ignore=shutil.ignore_patterns("a11y"))
        else:
            shutil.copy(static / name, place)


def _put_in_place(html: Path, to: Path) -> None:
    """Move the new site over the old one."""
    to.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, so that each of the two steps is one rename.
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=f".{to.name}-") as folder:
        new, old = Path(folder) / "new", Path(folder) / "old"
        shutil.move(html, new)
        if to.exists():
            to.rename(old)
        new.rename(to)


def _first(title: str, lines: list[str]) -> str:
    rest = [f"and {len(lines) - SHOWN_PROBLEMS} more"] if len(lines) > SHOWN_PROBLEMS else []
    return "\n  ".join([title, *lines[:SHOWN_PROBLEMS], *rest])
