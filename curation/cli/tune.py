"""`curation tune`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.cli.options import DatasetArgument
from curation.counted import counted

if TYPE_CHECKING:
    from curation.tune.access import Access
    from curation.tune.session import Session

NAME = "tune"
PORT = 8420


def command(
    dataset: DatasetArgument,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Config file with filters, which is saved to; else ./pipelines.yaml. Made where it is not there.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond this machine only with the token that is printed.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = PORT,
    token: Annotated[
        bool, typer.Option("--token", help="Ask for a token on this machine too: other people may work on it.")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
) -> None:
    """Tune the thresholds of a filter in the browser: see what they keep and drop, and save it by name.

    It runs until Ctrl-C. On a machine without a screen, reach it through a tunnel: `ssh -L 8420:127.0.0.1:8420 HOST`.

    Example: `curation tune dataset --config pipelines.yaml`
    """
    from curation.cli.console import table_console
    from curation.dataset.description import read_description
    from curation.dataset.storage import Storage
    from curation.tune.access import Access
    from curation.tune.app import tune_app
    from curation.tune.serving import listen, page_url, serve
    from curation.tune.session import Session

    storage = Storage(dataset)
    read_description(storage)
    listener = listen(host, port)
    port = listener.getsockname()[1]
    access = Access.of(host, port, with_token=token)
    console = table_console()
    with console.status(f"reading {dataset} …"):
        session = Session(storage, config)
    url = page_url(host, port, access.token)

    def started() -> None:
        _tell(session, access, url, port)
        if not no_browser and _has_screen():
            import webbrowser

            webbrowser.open(url)

    serve(tune_app(session, access), listener, started)
    print("stopped")


def _tell(session: Session, access: Access, url: str, port: int) -> None:
    if session.target.is_file():
        print(session.cannot_save or f"filters are saved to {session.target}")
    else:
        print(f"{session.target} is not there yet; the first filter that is saved makes it")
    print(f"{counted(len(session.opened.table), 'clip')}: {url}")
    if os.environ.get("SSH_CONNECTION"):
        server = os.environ["SSH_CONNECTION"].split()[2]
        print(f"from where you sit: ssh -L {port}:127.0.0.1:{port} {server}, then open {url}")
    if access.any_address:
        print("this address is not encrypted: prefer a tunnel (ssh -L) where others can listen in")
    print("Ctrl-C ends it", flush=True)


def _has_screen() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
