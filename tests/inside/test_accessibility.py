"""Who does not see the pictures, or not their colours, or uses no mouse, can work the notebooks.

Working without a mouse is tried in tests/inside/test_in_jupyterlab.py.
"""

import ast
import itertools
import re

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from autograder.course.config import load_course
from autograder.inside.student.course_helper import COLOURS
from tests.support.course import ROOT

NAMES = load_course(ROOT).names
# Maps whose lightness rises all the way, and one of purple and orange around white.
COLOUR_MAPS = {"viridis", "magma", "gray", "Greys", "Blues", "Oranges", "PuOr"}
# Greys differ in lightness alone; the last is COLOURS[1], darker, for small text.
PLAIN_COLOURS = {"black", "white", "none", "#A23B00"}
COLOUR_ARGUMENTS = {"c", "color", "colors", "ec", "edgecolor", "edgecolors", "facecolor", "fc"}
COLOUR_ARGUMENTS |= {"markeredgecolor", "markerfacecolor", "mec", "mfc"}
# Machado, Oliveira and Fernandes (2009), severity 1: linear RGB as these readers see it.
VISION = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TOLD_APART = 8.0  # CIEDE2000; 1 is the least that a trained eye sees in large fields


def prose(built, name):
    return [cell.source for cell in built[name].student.cells if cell.cell_type == "markdown"]


@pytest.mark.parametrize("name", NAMES)
def test_pictures_in_the_text_have_alternative_text(built, name):
    text = "\n".join(prose(built, name))
    pictures = re.findall(r"!\[([^\]]*)\]", text)
    assert pictures  # the link to Colab is one
    assert all(len(alternative.strip()) >= 5 for alternative in pictures)
    for tag in re.findall(r"<img\b[^>]*>", text, re.IGNORECASE):
        assert re.search(r'\balt="[^"]{5,}"', tag), tag


@pytest.mark.parametrize("name", NAMES)
def test_headings_go_down_one_level_at_a_time(built, name):
    levels = [1]
    for text in prose(built, name):
        without_code = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)
        levels += [len(marks) for marks in re.findall(r"^(#+) ", without_code, re.MULTILINE)]
    assert all(below <= above + 1 for above, below in itertools.pairwise(levels))


@pytest.mark.parametrize("name", NAMES)
def test_figures_use_the_palette(built, name):
    cells = [cell for cell in built[name].master.cells if cell.is_code]
    trees = [ast.parse(cell.source) for cell in cells]
    names = {n.id for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Name)}
    assert "use_course_style" in names
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.keyword) and node.arg == "cmap":
            for map_name in strings(node.value):
                assert map_name.removesuffix("_r") in COLOUR_MAPS
        elif isinstance(node, ast.keyword) and node.arg in COLOUR_ARGUMENTS:
            assert all(is_safe(colour) for colour in strings(node.value)), ast.unparse(node)
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("colormaps"):
            assert ast.literal_eval(node.slice).removesuffix("_r") in COLOUR_MAPS


def strings(node):
    return [
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]


def is_safe(colour: str) -> bool:
    return colour in PLAIN_COLOURS | set(COLOURS) or re.fullmatch(r"0?\.\d+|[01]", colour)


@pytest.mark.parametrize("vision", VISION)
def test_the_palette_can_be_told_apart(vision):
    srgb = np.array([[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in COLOURS])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(VISION[vision]).T, 0, 1)
    seen = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(seen)
    for (one, a), (other, b) in itertools.combinations(zip(COLOURS, lab, strict=True), 2):
        assert deltaE_ciede2000(a, b) > TOLD_APART, f"{one} and {other}"
