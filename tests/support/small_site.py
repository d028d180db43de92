"""A web site of one small notebook, which has a formula, a figure and a guide beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.building.site.build import build_site
from autograder.course.config import load_course
from tests.support.course import MINI_MASTER, small_course

SHOWN = """
# %% [markdown]
# ## Doubling in a picture
#
# [![Open in Colab](https://example.org/badge.svg)](https://example.org/mini.ipynb)
#
# $$f(x) = 2\\,x \\quad\\text{for every } x \\in \\mathbb{R}$$
#
# This one stands in a line: $a_1 < b$.
#
# <details><summary>Hints: if you see ...</summary>
#
# - *nothing*: look again.
#
# </details>

# %%
import matplotlib.pyplot as plt

figure, panel = plt.subplots(figsize=(3, 2))
panel.plot([0, 1], [0, 2], label="the double")
panel.set(title="Twice x", xlabel="x", ylabel="double(x)")
panel.legend()
plt.show()

# %%
print("the double of 4 is", double(4))
"""

GUIDE = """\
# Students

Read [the master](../solutions/01_mini.py), then [this](#start).

## Start

Nothing to install.
"""


def make_small_course(root: Path) -> None:
    """Give a small course a notebook with something to see, and a guide."""
    (root / "solutions" / "01_mini.py").write_text(MINI_MASTER + SHOWN)
    (root / "docs").mkdir()
    (root / "docs" / "students.md").write_text(GUIDE)


@pytest.fixture(scope="session")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a built site."""
    place = tmp_path_factory.mktemp("site") / "built"
    with small_course(tmp_path_factory.mktemp("course") / "mini") as root:
        make_small_course(root)
        course = load_course(root)
        build_site(course, course.names, place, lambda line: None)
    return place
