"""A Chromium for tests of pages, driven by playwright; see `REASON` for what to do where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VARIABLE = "CURATION_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REASON = (
    "no Chromium: install one (Debian: apt install chromium; or playwright install chromium),"
    f" or name it in ${VARIABLE}"
)
# It is to talk to the test's own server, and to nobody else.
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser | None]:
    """A headless browser: that of `VARIABLE`, the one that playwright has fetched, or one on the PATH; None without."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        found = [os.environ.get(VARIABLE), own if Path(own).is_file() else None, *map(shutil.which, NAMES)]
        path = next((path for path in found if path), None)
        if path is None:
            yield None
            return
        # Its sandbox does not work for root, whom containers often are.
        arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
