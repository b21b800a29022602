"""`curation tune` as a user starts it and ends it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.curation.tune.server import TuneProcess

Curation = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_from_start_to_ctrl_c(playable: Path, tmp_path: Path, by: signal.Signals) -> None:
    with TuneProcess(playable, tmp_path, SSH_CONNECTION="10.0.0.1 5000 10.0.0.9 22") as server:
        assert "filters.yaml is not there yet" in server.printed
        assert f"ssh -L {server.port}:127.0.0.1:{server.port} 10.0.0.9" in server.printed
        with urllib.request.urlopen(server.url) as page:
            assert b"<title>" in page.read()
        with urllib.request.urlopen(f"{server.url}api/dataset") as answer:
            assert b'"clips":40' in answer.read()
        with socket.create_connection(("127.0.0.1", server.port)):  # one that never asks anything holds nothing up
            server.process.send_signal(by)
            rest, errors = server.process.communicate(timeout=30)
    assert (server.process.returncode, rest, errors) == (0, "stopped\n", "")


def test_what_cannot_be_started(curation_here: Curation, playable: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = curation_here("tune", playable, "--port", port)
        assert (refused.returncode, f"--port {port}: is taken" in refused.stderr) == (2, True)
    nowhere = curation_here("tune", tmp_path / "none")
    assert (nowhere.returncode, "not a dataset" in nowhere.stderr) == (2, True)
    elsewhere = curation_here("tune", playable, "--host", "203.0.113.7", "--port", "0")
    assert (elsewhere.returncode, "--host 203.0.113.7" in elsewhere.stderr) == (2, True)
    (tmp_path / "wrong.yaml").write_text("filters: [\n")
    wrong = curation_here("tune", playable, "--port", "0", "--config", tmp_path / "wrong.yaml")
    assert (wrong.returncode, "not valid YAML" in wrong.stderr) == (2, True)


def test_the_page_is_in_the_package() -> None:
    """As files beside the code, which is what the wheel holds."""
    code = "from curation.tune.app import _page; print(sorted(_page()))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/").stdout
    for name in ("index.html", "main.js", "base.css", "icon.svg"):
        assert name in out


@pytest.mark.parametrize(
    ("host", "port", "token", "url"),
    [
        ("127.0.0.1", 1, None, "http://127.0.0.1:1/"),
        ("0.0.0.0", 1, "x", "http://127.0.0.1:1/?token=x"),
        ("::1", 1, None, "http://[::1]:1/"),
    ],
)
def test_the_address_that_is_printed(host: str, port: int, token: str | None, url: str) -> None:
    from curation.tune.serving import page_url

    assert page_url(host, port, token) == url
