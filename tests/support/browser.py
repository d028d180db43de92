"""A JupyterLab and a Chromium for tests that look at what people see.

The browser is the one of the machine; none is ever downloaded.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, TimeoutError, sync_playwright

from tests.support.course import ROOT

SCREENSHOTS = ROOT / "build" / "screenshots"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
START_SECONDS = 120.0
IDLE_SECONDS = 60.0
SETTINGS = {
    # Else cells outside of the window are not in the page, and nothing can be said of them.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None,
    reason="NO BROWSER: nothing was tried in Chromium. Install one, such as Debian's: "
    "apt-get install chromium",
)


@contextlib.contextmanager
def jupyterlab(folder: Path, **environment: str) -> Iterator[str]:
    """Run a JupyterLab of this environment on a folder; give its address.

    It has settings, kernels' files and workspaces of its own, no token, and listens on this
    machine alone.

    Args:
        folder: what it shows.
        environment: variables of its process and of its kernels.
    """
    with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as name:
        own = Path(name)
        for setting, values in SETTINGS.items():
            path = own / "settings" / f"{setting}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            f"--ServerApp.root_dir={folder}",
            f"--ServerApp.port={_free_port()}",
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.disable_check_xsrf=True",
            "--IdentityProvider.token=",
        ]
        rooms = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("COURSE_")}
        variables = {key: str(own / room) for key, room in rooms.items()}
        with (own / "log").open("w") as log:
            server = subprocess.Popen(
                command,
                cwd=folder,
                env=inherited | variables | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield _address(server, own)
        finally:
            server.terminate()
            server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _address(server: subprocess.Popen, own: Path) -> str:
    """Wait for the file in which the server says where it is."""
    said = own / "runtime" / f"jpserver-{server.pid}.json"
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            return f"http://127.0.0.1:{json.loads(said.read_text())['port']}"
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{(own / 'log').read_text()}")


@contextlib.contextmanager
def browser_page(width: int = 1280, height: int = 1600) -> Iterator[Page]:
    """Open an empty page in the machine's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser.new_page(viewport={"width": width, "height": height})
        finally:
            browser.close()


def keep(shown, name: str) -> Path:
    """Keep a picture of a page, or of an element of it, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    shown.screenshot(path=path)
    return path


def keep_whole(page: Page, name: str) -> Path:
    """Keep one tall picture of a whole notebook."""
    cells = page.locator(".jp-WindowedPanel-outer:visible")
    size = page.viewport_size
    page.set_viewport_size({**size, "height": cells.evaluate("it => it.scrollHeight") + 200})
    page.wait_for_timeout(1000)  # JupyterLab lays its panels out anew
    cells.evaluate("it => { it.scrollTop = 0 }")
    try:
        return keep(page.locator(".jp-NotebookPanel:visible"), name)
    finally:
        page.set_viewport_size(size)


def open_notebook(page: Page, address: str, path: str) -> None:
    """Open a notebook in JupyterLab and wait until its kernel is ready.

    Now and then JupyterLab misses what the kernel says of itself; people open the page again.
    """
    idle = page.locator("#jp-main-statusbar").get_by_text("| Idle")
    for attempt in range(3):
        page.goto(f"{address}/lab/tree/{path}?reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=START_SECONDS * 1000)
        # Cells that are run before the kernel has answered once are forgotten.
        try:
            idle.wait_for(timeout=IDLE_SECONDS * 1000)
            return
        except TimeoutError:
            keep(page, f"not-idle-{attempt}")
            end_kernels(page, address)
    raise RuntimeError(f"no kernel got ready for {path}: look at {SCREENSHOTS}/not-idle-*.png")


def choose(page: Page, menu: str, entry: str) -> None:
    """Choose an entry of JupyterLab's menu bar with the mouse."""
    page.locator(f'.lm-MenuBar-itemLabel:text-is("{menu}")').click()
    page.locator(f'.lm-Menu-itemLabel:text-is("{entry}")').click()


def wait_until_run(page: Page, seconds: float) -> None:
    """Wait until no cell is running or waiting to be run."""
    page.wait_for_function(
        """() => {
            const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
            const texts = prompts.map(prompt => prompt.textContent);
            const idle = document.querySelector(
                '.jp-Notebook-ExecutionIndicator[data-status=idle]');
            const begun = texts.some(text => /\\d/.test(text));
            return idle && begun && !texts.some(text => text.includes('*'));
        }""",
        timeout=seconds * 1000,
    )


def prompts(page: Page) -> list[str]:
    """Return what stands beside each code cell: a number in brackets once it has run."""
    return page.locator(".jp-CodeCell .jp-InputPrompt").all_text_contents()


def outputs(page: Page) -> list[str]:
    """Return the lines of the outputs of all cells."""
    texts = page.locator(".jp-OutputArea-output").all_inner_texts()
    return [line for text in texts for line in text.splitlines()]


def end_kernels(page: Page, address: str) -> None:
    """Shut down all kernels, so that they do not keep memory from the next test."""
    for kernel in page.request.get(f"{address}/api/kernels").json():
        page.request.delete(f"{address}/api/kernels/{kernel['id']}")
