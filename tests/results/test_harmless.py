"""Of the HTML in a student's text remains what formats it, however it is written."""

import re
import time
from html.parser import HTMLParser

import pytest

from autograder.course.compose import COLAB_BADGE
from autograder.results.feedback import harmless
from tests.support.hostile import hostile_texts

# Written down here once more: what the code under test allows is not what it should allow.
ELEMENTS = """
    a abbr acronym b blockquote br caption code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i
    img ins kbd li mark ol p pre s section small span strong sub summary sup table tbody td th thead
    tr u ul
"""
NAMES = "align alt class colspan height href id open rowspan src start style title width"
TAGS, ATTRIBUTES = set(ELEMENTS.split()), set(NAMES.split())


class Seen(HTMLParser):
    """What an HTML parser finds: elements with their attributes, and the text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.odd: list[str] = []  # comments, declarations and processing instructions
        self.pieces: list[str] = []  # of text, each between two tags
        self.feed(markup)
        self.close()

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, {name: value or "" for name, value in attributes}))

    def handle_data(self, data):
        self.pieces.append(data)

    def handle_comment(self, data):
        self.odd.append(data)

    handle_decl = unknown_decl = handle_pi = handle_comment


def address_of(value: str) -> str:
    """Return an address as a browser reads it: without the characters that it skips."""
    return re.sub(r"[\x00-\x20\u00a0\ufeff]", "", value).lower().replace("\\", "/")


def assert_harmless(page: str) -> None:
    seen = Seen(page)
    assert not seen.odd
    for tag, attributes in seen.elements:
        assert tag in TAGS
        assert attributes.keys() <= ATTRIBUTES
        assert "href" not in attributes or tag == "a"
        assert "src" not in attributes or tag == "img"
        link, picture = (address_of(attributes.get(name, "")) for name in ("href", "src"))
        scheme = re.match(r"[^/?#]*:", link)
        assert scheme is None or scheme[0].startswith(("http:", "https:", "mailto:"))
        assert not link.startswith("/") and not picture.startswith("/")
        assert ":" not in picture or re.match(r"data:image/(png|jpeg|gif);base64,", picture)
        style = attributes.get("style", "text-align: left")
        assert re.fullmatch(r"text-align: (left|right|center|justify|start|end)", style)
    # MathJax reads a command in one piece.
    assert not [piece for piece in seen.pieces if re.search(r"\\(href|mmlToken)", piece)]
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]", page)


TEXTS = list(hostile_texts())


def test_there_are_many_hostile_texts():
    assert len(TEXTS) == len(set(TEXTS)) > 500


def test_no_hostile_text_does_more_than_format():
    for text in TEXTS:
        page = harmless(text)
        try:
            assert_harmless(page)
            # A parser that mends a page may make something else of it.
            assert_harmless(harmless(page))
            again = Seen(harmless(page)).elements
            assert not [element for element in again if element not in Seen(page).elements]
        except AssertionError as error:
            raise AssertionError(f"{text!r} became {page!r}") from error


def test_hostile_texts_are_harmless_one_behind_the_other():
    """What one leaves open the next one may use."""
    for first, second in zip(TEXTS, TEXTS[7:], strict=False):
        assert_harmless(harmless(first + second))


@pytest.mark.parametrize(
    "text",
    [
        '<p style="text-align: right">x</p>',
        '<h2 id="a">A <a class="anchor-link" href="#a">¶</a></h2>',
        '<a href="https://example.org/?a=1&amp;b=2">x</a> <a href="mailto:a@b.example">y</a>',
        '<img alt="x" src="plot.png"/>',
        f'<img alt="x" src="{COLAB_BADGE}"/>',
        '<img alt="x" src="data:image/png;base64,aGFsbG8="/>',
        '<table><thead><tr><th align="left">a</th></tr></thead><tbody><tr><td colspan="2">1</td>'
        "</tr></tbody></table>",
        '<details open=""><summary>s</summary><p>x<sub>1</sub></p></details>',
        '<pre><code class="language-python">if a &lt; b &amp; c: pass\n</code></pre>',
        "$a &lt; b$ and $\\alpha_1$ ü €",
        '<ol start="3"><li>x</li></ol><hr/><blockquote><p>y<br/>z</p></blockquote>',
    ],
)
def test_what_formats_stays_as_it_is(text):
    assert harmless(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<svg> I mean the picture <b>here</b>", "I mean the picture here"),
        ("<template>and all that follows", "and all that follows"),
        ("<textarea>a</textarea><title>b</title><script>c</script><style>d</style>", "abcd"),
        ("<math><mi>x</mi><mo>+</mo></math>", "x+"),
        ("<plaintext>one <i>two</i>", "one two"),
        ("it is a <b", "it is a <b"),
        ("1 < 2 <3", "1 < 2 <3"),
        ("&lt;script&gt;", "<script>"),
    ],
)
def test_what_a_student_wrote_in_other_elements_can_be_read(text, shown):
    assert Seen(harmless(text)).text.strip() == shown


@pytest.mark.parametrize(
    "text",
    [
        "<div>" * 100_000,
        "<p>" + "".join(f"<b id={n}>" for n in range(5_000)) + "<p>x" * 5_000,
        "<p " + " ".join(f"a{n}" for n in range(100_000)) + ">",
        "<" + "a" * 1_000_000,
        "<p style='" + "; text-align:" * 100_000 + "'>",
    ],
)
def test_a_text_that_takes_long_to_parse_is_shown_as_it_is(text):
    began = time.process_time()
    page = harmless(text)
    assert time.process_time() - began < 5
    assert_harmless(page)
    assert Seen(page).elements == [("pre", {})] and Seen(page).text == text


def test_a_large_picture_in_a_short_text_takes_no_time():
    text = f'<p><img alt="x" src="data:image/png;base64,{"aGFs" * 500_000}"/></p>'
    assert harmless(text) == text
