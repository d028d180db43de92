"""Begin a course: a folder with one small notebook that works as it stands."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from autograder.commands.new_notebook import notebook_files, rendered
from autograder.course.config import load_course
from autograder.errors import CourseError
from autograder.files import replace_file

PACKAGE = "deep-learning-for-images"
NOTEBOOK = "01_moving_averages"
FILES = {
    "course.toml.j2": "course.toml",
    "README.md.j2": "README.md",
    "Makefile.j2": "Makefile",
    "environment.yml.j2": "environment.yml",
    "gitignore.j2": ".gitignore",
    "data_readme.md.j2": "data/README.md",
}


def init_course(folder: Path) -> list[Path]:
    """Write a small course into a folder.

    Args:
        folder: is made; it may be there if it is empty, but for git's own folder.

    Returns:
        the files.

    Raises:
        CourseError: the folder holds files already, or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise CourseError("it is a file; name a new folder", folder)
    if folder.is_dir() and any(path.name != ".git" for path in folder.iterdir()):
        raise CourseError("this folder holds files already; name a new one", folder)
    about = metadata.metadata(PACKAGE)
    words = re.sub(r"[\W_]+", " ", folder.resolve().name).strip() or "course"
    values = {
        "title": words.capitalize(),
        "slug": words.lower().replace(" ", "-"),
        "notebook": NOTEBOOK,
        "package": PACKAGE,
        "version": about["Version"],
        "python": about["Requires-Python"],
        "requirements": sorted(
            line for line in metadata.requires(PACKAGE) or () if "extra ==" not in line
        ),
    }
    texts = {
        folder / name: rendered(f"course/{template}", values) for template, name in FILES.items()
    }
    try:
        for path, text in texts.items():
            replace_file(path, text)
        files = notebook_files(load_course(folder), NOTEBOOK)
        for path, text in files.items():
            replace_file(path, text)
        (folder / "notebooks").mkdir(exist_ok=True)
    except OSError as error:
        raise CourseError(f"cannot be written: {error.strerror}", folder) from None
    return [*texts, *files]
