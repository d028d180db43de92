"""The web site as people see it: in Chromium, wide and narrow, light and dark, by keyboard."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.browser import browser_page, keep, needs_chromium
from tests.support.small_site import small_site  # noqa: F401

pytestmark = [pytest.mark.slow, needs_chromium]
PAGES = ("index", "syllabus", "helper", "students", "notebooks/01_mini")


@pytest.fixture(scope="module")
def page():
    with browser_page(width=1280, height=900) as page:
        yield page


@pytest.fixture
def open_page(page, small_site):  # noqa: F811
    """A function that opens a page of the site, and fails the test for what the console says."""
    said = []

    def listen(message):
        if message.type in ("error", "warning"):
            said.append(message.text)

    def failed(request):
        said.append(request.url)

    def open_one(name, width=1280, scheme="light"):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.goto((small_site / f"{name}.html").as_uri())
        # MathJax is there on pages with formulas alone.
        page.wait_for_function(
            "!document.querySelector('script[src*=MathJax]') || "
            "(window.MathJax && MathJax.isReady && !MathJax.Hub.queue.pending)"
        )
        return page

    page.on("console", listen)
    page.on("requestfailed", failed)
    yield open_one
    page.remove_listener("console", listen)
    page.remove_listener("requestfailed", failed)
    assert said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_window(open_page, name, width, scheme):
    page = open_page(name, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("h1").count() == 1
    assert page.locator("img:not([alt])").count() == 0
    for picture in page.locator("article img").all():
        assert picture.evaluate("it => it.naturalWidth > 0 && it.alt.length > 0")
    keep(page, f"site-{name.replace('/', '-')}-{width}-{scheme}")


def test_formulas_are_drawn_from_files_of_the_site(open_page):
    page = open_page("notebooks/01_mini")
    page.wait_for_selector("div.math .MathJax")
    assert page.locator("span.math .MathJax").count() == 1
    assert page.locator(".MathJax [class=mi]", has_text="ℝ").count() == 1
    assert page.locator(".MathJax[tabindex='0']").count() == 0
    # What screen readers read.
    assert page.locator(".MJX_Assistive_MathML math").count() == 2


def test_the_site_is_walked_with_the_keyboard(open_page):
    page = open_page("index")
    seen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.textContent.trim()"))
        if page.evaluate("document.activeElement.closest('.cards') !== null"):
            break
    assert "Skip to content" in seen[0]
    page.keyboard.press("Enter")
    page.wait_for_url("**/notebooks/01_mini.html")
    hints = page.locator("summary", has_text="Hints: if you see")
    hints.focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("look again.").is_visible()
    check = page.locator("details.hide summary").first
    check.focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("doubles_two").is_visible()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *anything):
        pass


def test_the_search_finds_a_word(page, small_site):  # noqa: F811
    """On a server: from a file Chromium does not let a page read what it has found."""
    handler = functools.partial(_Quiet, directory=small_site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        page.locator("input[name=q]").first.fill("colour-blind")
        page.keyboard.press("Enter")
        page.wait_for_selector("#search-results li a")
        found = page.locator("#search-results").inner_text().lower()
        server.shutdown()
    assert "helper module" in found
