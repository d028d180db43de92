"""The package is a house with few rooms, and its map names each of them."""

import re
from pathlib import Path

import autograder

PACKAGE = Path(autograder.__file__).parent
MOST_ROOMS, MOST_PLAIN = 9, 8


def named_on_the_map() -> list[str]:
    """Return what the lines of the map name, rooms first."""
    return re.findall(r"^    ([a-z.]+) {2,}\S", autograder.__doc__, re.MULTILINE)


def test_every_file_of_the_package_is_in_a_room_or_a_module_that_the_map_names():
    files = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.is_file()]
    places = {
        path.parts[0].removesuffix(".py") for path in files if "__pycache__" not in path.parts
    }
    assert places == {"__init__", *named_on_the_map()}


def test_there_are_few_rooms_and_few_modules_beside_them():
    rooms = [path for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()]
    plain = [path for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]
    assert len(rooms) <= MOST_ROOMS
    assert len(plain) <= MOST_PLAIN


def test_every_folder_with_modules_is_a_package_that_says_what_it_is():
    for folder in {path.parent for path in PACKAGE.rglob("*.py")}:
        text = (folder / "__init__.py").read_text(encoding="utf-8")
        assert text.startswith('"""'), folder


def test_the_modules_on_the_way_of_a_submission_exist():
    way = autograder.__doc__.partition("The way of one submission:")[2]
    dotted = re.findall(r"\b([a-z]+)\.([a-z]+)\b", way)
    assert len(dotted) >= 8
    for room, module in dotted:
        place = PACKAGE / room / module
        assert place.is_dir() or place.with_suffix(".py").is_file(), f"{room}.{module}"
