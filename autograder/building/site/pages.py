"""The pages of the web site that are written by the build: start, syllabus, helper, guides."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from autograder.building.site.executed import first_figure
from autograder.course.config import Assignment, Course
from autograder.course.master import Master

GUIDES = ("students", "instructors", "tas", "authors", "grading")
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")
IN_WORDS = dict(
    enumerate(("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"))
)

START = """\
# {title}

{term}. {count} notebooks on deep learning for images, from the first tensor to the audit of a
trained network. You write the parts yourself. Public checks answer at once; hidden checks run
when your notebook is graded.

```{{raw}} html
{cards}
```

```{{toctree}}
:hidden:

syllabus
```

```{{toctree}}
:hidden:
:caption: Notebooks

{notebooks}
```
{guides}
```{{toctree}}
:hidden:
:caption: Reference

helper
```
"""

GUIDES_TREE = """
```{{toctree}}
:hidden:
:caption: Guides

{names}
```
"""

SYLLABUS = """\
# Syllabus

{title}, {term}.

| Notebook | Minutes | Exercises | Written | Points | Due |
|---|--:|--:|--:|--:|---|
{rows}

*Minutes* are the time that a notebook asks of a student who knows what it builds on. *Exercises*
are functions and classes that checks test; *written* are questions that a person grades. *Points*
count both. Each notebook can be done by itself; the course goes in this order.
{topics}
"""

HELPER = """\
# The helper module

`course_helper.py` lies beside the notebooks. It imports nothing but PyTorch and matplotlib. The
notebooks call these functions; you never need to edit the file.

```{eval-rst}
.. currentmodule:: course_helper
```

## Figures

```{eval-rst}
.. py:data:: COLOURS

   Eight colours that colour-blind readers can tell apart (Okabe and Ito 2008).

.. autofunction:: use_course_style
.. autofunction:: play
.. autofunction:: waits_for
```

## Data

```{eval-rst}
.. autofunction:: load_digits
.. autofunction:: load_alexnet
.. autoexception:: DataError
```

## Checks

```{eval-rst}
.. autofunction:: check
.. autofunction:: expect
.. autofunction:: expect_close
.. autofunction:: expect_equal
.. autofunction:: expect_written_by_hand
.. autofunction:: numbers
.. autofunction:: parameter
.. autofunction:: inside
.. autoexception:: CheckFailed
.. autoexception:: NotWrittenYet
```
"""


@dataclass(frozen=True)
class Entry:
    """What the start page and the syllabus say of a notebook."""

    assignment: Assignment
    title: str
    summary: str
    minutes: int
    exercises: int
    written: int
    points: float
    goals: str

    @property
    def name(self) -> str:
        return self.assignment.name

    @property
    def due(self) -> str:
        due = self.assignment.due
        text = f"{due:%d %b %Y, %H:%M} {due.tzname()}".lstrip("0") if due else ""
        return text.replace(" ", "\N{NO-BREAK SPACE}")


def entry_of(course: Course, master: Master) -> Entry:
    """Read what a master says of itself in its first cell."""
    title, _, rest = master.cells[0].source.partition("\n")
    paragraphs = [" ".join(part.split()) for part in rest.strip().split("\n\n")]
    minutes = re.findall(r"^\|.*\| *(\d+) *\|$", rest, re.MULTILINE)
    goals = re.search(r"\*\*You will be able to\*\*\n\n((?:[-* ].*\n)+)", rest)
    return Entry(
        assignment=course.assignment(master.name),
        title=title.removeprefix("# ").strip(),
        summary=paragraphs[0],
        minutes=sum(map(int, minutes)),
        exercises=len(master.exercises),
        written=len(master.written),
        points=master.points + sum(master.written.values()),
        goals=goals[1] if goals else "",
    )


def start_page(course: Course, entries: list[Entry], guides: list[str], cards: str) -> str:
    """Return the Markdown of the start page, which holds the tree of all pages."""
    count = IN_WORDS.get(len(entries), str(len(entries)))
    page = START.format(
        title=course.title,
        term=course.term,
        count=count,
        cards=cards,
        notebooks="\n".join(f"notebooks/{entry.name}" for entry in entries),
        guides=GUIDES_TREE.format(names="\n".join(guides)) if guides else "",
    )
    return page.replace("One notebooks", "One notebook")


def cards(entries: list[Entry], runs: dict[str, NotebookNode], pictures: Path) -> str:
    """Return a list of the notebooks in HTML, with the first figure of each.

    Args:
        entries: of the notebooks.
        runs: the executed student copies, by name.
        pictures: the folder `_static/cards`, which the figures are written into.
    """
    pictures.mkdir(parents=True, exist_ok=True)
    items = []
    for entry in entries:
        picture = ""
        if figure := first_figure(runs[entry.name]):
            (pictures / f"{entry.name}.png").write_bytes(base64.b64decode(figure[0]))
            picture = (
                f'<img src="_static/cards/{entry.name}.png" alt="{html.escape(figure[1])}" '
                'loading="lazy">'
            )
        items.append(
            f'<li><a href="notebooks/{entry.name}.html">{picture}'
            f"<strong>{html.escape(entry.title)}</strong></a>"
            f"<p>{html.escape(entry.summary)}</p></li>"
        )
    return '<ul class="cards">' + "\n".join(items) + "</ul>"


def syllabus_page(course: Course, entries: list[Entry]) -> str:
    """Return the Markdown of the syllabus."""
    rows = [
        f"| [{e.title}](notebooks/{e.name}.ipynb) | {e.minutes or ''} | {e.exercises} | "
        f"{e.written} | {e.points:g} | {e.due} |"
        for e in entries
    ]
    if len(entries) > 1:
        totals = [sum(getattr(e, key) for e in entries) for key in ("minutes", "exercises")]
        totals += [sum(e.written for e in entries), sum(e.points for e in entries)]
        rows.append("| **Together** | " + " | ".join(f"**{t:g}**" for t in totals) + " | |")
    topics = [f"\n## {e.title}\n\n{e.summary}\n\n{e.goals}" for e in entries]
    return SYLLABUS.format(
        title=course.title, term=course.term, rows="\n".join(rows), topics="\n".join(topics)
    )


def links_of(name: str) -> str:
    """Return the links below the title of a notebook; the one to Colab is in its header."""
    return (
        f"{{download}}`Download the notebook <../files/{name}.ipynb>` · "
        "{doc}`What its helper module does <../helper>`"
    )


def pictures_of(text: str) -> list[str]:
    """Return the files of the pictures in a guide."""
    return [target for picture, _, target, _ in LINK.findall(text) if picture]


def guide_page(text: str, known: set[str]) -> str:
    """Return a guide of docs/ as a page: a link to a file that the site has not becomes text.

    Args:
        text: Markdown.
        known: the pages that a link may lead to.
    """

    def link(match: re.Match) -> str:
        picture, label, target, _ = match.groups()
        if picture or target in known:
            return match[0]
        return label if label.startswith("`") else f"{label} (`{target.removeprefix('../')}`)"

    return LINK.sub(link, text)
