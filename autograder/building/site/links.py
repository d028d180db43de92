"""Check the links and pictures inside a folder of HTML pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Page:
    """What links need to know of a page.

    Attributes:
        anchors: ids and names that a link may lead to.
        links: all addresses in href and src, except those of form and base.
        remote: addresses of scripts, styles, fonts and pictures on another machine.
        speechless: sources of pictures without an alt attribute.
    """

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    remote: list[str] = field(default_factory=list)
    speechless: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        for key in ("id", "name"):
            if given.get(key):
                self.page.anchors.add(given[key])
        address = given.get("href") or given.get("src")
        if tag == "img" and "alt" not in given:
            self.page.speechless.append(given.get("src", ""))
        if not address:
            return
        self.page.links.append(address)
        loads = tag != "a" and given.get("rel") not in ("canonical", "index", "search", "next")
        if loads and urlsplit(address).netloc:
            self.page.remote.append(address)


def read_page(path: Path) -> Page:
    """Return the links and anchors of a page."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader.page


def problems(folder: Path) -> list[str]:
    """Return a line for every link that leads nowhere, and for what needs a network to be read.

    Links to other machines are not followed.
    """
    pages = {path.resolve(): read_page(path) for path in sorted(folder.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        here = path.relative_to(folder.resolve())
        found += [f"{here}: {address} is on another machine" for address in page.remote]
        found += [f"{here}: the picture {source} has no text" for source in page.speechless]
        for address in dict.fromkeys(page.links):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                found.append(f"{here}: {address} leads to no file")
            elif parts.fragment and target in pages:
                anchor = unquote(parts.fragment)
                if anchor not in pages[target].anchors and anchor != "top":
                    found.append(f"{here}: {address} leads to no place in that page")
    return found
