"""`curation tune` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType


class TuneProcess:
    """Listens on a free port; filters are in ``folder``/filters.yaml. ``printed``: up to the address of the page."""

    def __init__(self, dataset: Path, folder: Path, **environment: str) -> None:
        command = [sys.executable, "-c", "from curation.cli import main; main()", "tune", str(dataset)]
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--no-browser", "--config", str(folder / "filters.yaml")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        assert self.process.stdout is not None
        self.printed = ""
        for line in self.process.stdout:
            self.printed += line
            if line.startswith("Ctrl-C"):
                break
        assert "http://" in self.printed, self.process.communicate()
        self.url = self.printed.split("clips: ")[1].split()[0]
        self.port = int(self.url.rstrip("/").rsplit(":", 1)[1])

    def __enter__(self) -> TuneProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()
