"""What a check depends on is told from the names in cells, rather too much than too little."""

import pytest

from autograder.course.dependencies import names_defined, names_used, needed_for

FUNCTION = "def f(x, y=default):\n    z = x + other\n    return [g(z) for w in range(z)]"


@pytest.mark.parametrize(
    ("source", "used"),
    [
        (FUNCTION, {"f", "default", "other", "g", "range"}),
        ("class C(Base):\n    size = width\n    def m(self):\n        return helper(self)", None),
        ("total = sum(x for x in values)", {"total", "sum", "values"}),
        ("%timeit f(x)", {"timeit", "f", "x"}),
        ("def f(:", {"def", "f"}),
    ],
)
def test_names_used(source, used):
    wanted = used or {"C", "Base", "width", "helper"}
    assert wanted <= names_used(source)
    assert not {"z", "w", "self"} & names_used(source)


@pytest.mark.parametrize(
    ("source", "defined"),
    [
        (FUNCTION, {"f"}),
        ("import torch.nn as nn, os.path\nfrom a import b", {"nn", "os", "b"}),
        ("x, (y, *z) = 1, (2, 3)\nfor i in x:\n    w = i", {"x", "y", "z", "i", "w"}),
        ("if (n := 3):\n    pass\nwith open(p) as file:\n    pass", {"n", "file"}),
        ("model.weight = 1\ntable[key] += 2", {"model", "table", "key"}),
        ("print(x)", set()),
    ],
)
def test_names_defined(source, defined):
    assert names_defined(source) == defined


def test_what_is_needed_is_followed_back_through_cells():
    cells = [
        "import torch",
        "def one(x):\n    return torch.exp(x)",
        "def two(x):\n    return x",
        "shown = two(3)",
        "def three(x):\n    return one(x) + offset",
        "offset = shown",
    ]
    assert needed_for(["one"], cells) == {0, 1}
    assert needed_for(["two"], cells) == {2}
    assert needed_for(["three"], cells) == {0, 1, 2, 3, 4, 5}
    assert needed_for(["nowhere"], cells) == set()
