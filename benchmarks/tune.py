"""How fast `curation tune` answers while a threshold moves, and what it costs to open a large dataset.

    python -m benchmarks.tune [--clips 1000000] [--clips 20000000] [--keep FOLDER] [--no-browser]

The clips are synthetic rows with scores that are spread as real ones are: motion has a long tail, most clips hold no
text, one in fifty lacks a score. Their media are all one short film. A move is one new value of one threshold out of
six rules. Server: from the question to the answer over HTTP on this machine. Browser: from the pointer's event to the
moment when the new count is on the screen, in headless Chromium, found as the tests find it.

20,000,000 clips take 4 GB of disk, and some minutes to be made.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

MOVES = 60
RULES: list[dict[str, Any]] = [
    {"motion_score": {"drop_lowest": "25%"}},
    {"text_area": {"max": 0.07}},
    {"aesthetic_score": {"min": 4.6}},
    {"clip_similarity": {"drop_lowest": "30%"}},
    {"sharpness": {"min": 2, "max": 60}},
    {"duration_s": {"min": 2.5}},
]
STAGES = {
    "optical_flow": "exp(1.1 * {normal}) AS motion_score",
    "text_detection": "CASE WHEN random() < 0.7 THEN 0 ELSE 0.4 * random() * random() END AS text_area",
    "clip_scores": "5 + 0.8 * {normal} AS aesthetic_score, 0.25 + 0.04 * {normal} AS clip_similarity",
    "looks": "exp(2.5 + 0.7 * {normal}) AS sharpness, 255 * random() AS brightness",
}
NORMAL = "(sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))"


def make_dataset(folder: Path, rows: int) -> None:
    """A dataset of ``rows`` clips, ten per video."""
    import duckdb

    from curation.dataset.description import describe
    from curation.dataset.storage import Storage

    for name in ["videos", "clips", "media", *(f"annotations/{stage}" for stage in STAGES)]:
        (folder / name).mkdir(parents=True, exist_ok=True)
    example = Path(__file__).parents[1] / "examples" / "videos" / "big_buck_bunny_trailer.mp4"
    shutil.copy(example, folder / "media" / "example.mp4")
    connection = duckdb.connect(config={"temp_directory": str(folder / "spill"), "memory_limit": "4GB"})
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SELECT setseed(0.5)")
    connection.execute("SET preserve_insertion_order = false")

    def write(name: str, query: str) -> None:
        part = folder / name / "part-000000-x.parquet"
        if not part.exists():  # DuckDB renames it when it is whole
            connection.execute(f"COPY ({query}) TO '{part}' (COMPRESSION zstd)")

    write(
        "clips",
        f"""SELECT md5(i::VARCHAR) AS clip_id, md5('v' || i // 10) AS video_id,
            'videos/' || i // 10 || '.mp4' AS source, (i % 10)::INTEGER AS clip_index,
            (i % 10) * 12.0 AS start_s, (i % 10) * 12.0 + 2 + 9 * random() AS end_s,
            0::BIGINT AS start_pts, 0::BIGINT AS end_pts, '1/90000' AS time_base, 240::BIGINT AS num_frames,
            24.0::DOUBLE AS fps, 1280::INTEGER AS width, 720::INTEGER AS height, false AS has_audio,
            'media/example.mp4' AS media, 1000000::BIGINT AS bytes, true AS verified, 'copy' AS mode, 0.0 AS lost_s
            FROM range({rows}) AS t(i)""",
    )
    for stage, values in STAGES.items():
        columns = ", ".join(
            f"CASE WHEN random() < 0.98 THEN {value.rpartition(' AS ')[0]} END::FLOAT AS {value.rpartition(' AS ')[2]}"
            for value in _split(values.format(normal=NORMAL))
        )
        write(
            f"annotations/{stage}",
            f"SELECT md5(i::VARCHAR) AS clip_id, {columns}, NULL::VARCHAR AS {stage}_error FROM range({rows}) AS t(i)",
        )
    write(
        "videos",
        f"""SELECT md5('v' || i) AS video_id, 'videos/' || i || '.mp4' AS source, 'ok' AS status, 120.0 AS duration_s
            FROM range({max(1, rows // 10)}) AS t(i)""",
    )
    connection.close()
    describe(Storage(str(folder)), {})


def _split(values: str) -> list[str]:
    """At the commas between columns."""
    parts: list[str] = []
    for piece in values.split(", "):
        if parts and " AS " not in parts[-1]:
            parts[-1] += f", {piece}"
        else:
            parts.append(piece)
    return parts


class Server:
    """`curation tune` as a process of its own."""

    def __init__(self, dataset: Path) -> None:
        command = [sys.executable, "-c", "from curation.cli import main; main()"]
        arguments = ["tune", str(dataset), "--port", "0", "--no-browser", "--config", str(dataset / "filters.yaml")]
        began = time.perf_counter()
        self.process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "http://" in line:
                self.url = line.split("clips: ")[1].strip()
                break
        self.seconds_to_open = time.perf_counter() - began

    def memory(self) -> tuple[float, float]:
        """GiB in use now, and at most until now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        values = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith("Vm")}
        return int(values["VmRSS"]) / 2**20, int(values["VmHWM"]) / 2**20

    def ask(self, path: str, body: Any) -> Any:
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}") as answer:
            return json.load(answer)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=20)


def measure_server(server: Server) -> None:
    """Print how long the server takes to answer each question of the page."""
    first = _timed(lambda: server.ask("api/evaluate", {"rules": RULES}))
    columns = [next(iter(rule)) for rule in RULES]
    histograms = [_timed(lambda name=name: server.get(f"api/column?name={name}")) for name in columns]
    shown = [{"name": name} for name in columns]
    moves, bars, galleries = [], [], []
    for step in range(MOVES):
        rules = [*RULES[:2], {"aesthetic_score": {"min": round(4 + step / 50, 3)}}, *RULES[3:]]
        moves.append(_timed(lambda rules=rules: server.ask("api/evaluate", {"rules": rules})))
        if step % 6 == 0:
            bars.append(_timed(lambda rules=rules: server.ask("api/kept", {"rules": rules, "columns": shown})))
            question = {"rules": rules, "rule": 2, "side": "low", "fate": "dropped", "limit": 8}
            galleries.append(_timed(lambda question=question: server.ask("api/gallery", question)))
    _print("first evaluation", [first])
    _print("histogram of a score", histograms)
    _print("a threshold moves, server", moves)
    _print("bars of kept clips, six histograms", bars)
    _print("clips next to a threshold", galleries)


def measure_browser(server: Server) -> None:
    """Print the time from a move of the handle to the new count on the screen, and the memory of the server."""
    try:
        from tests.chromium import REASON, chromium
    except ImportError:
        print("the browser is not measured: no playwright; pip install playwright")
        return
    with chromium() as browser:
        if browser is None:
            print(f"the browser is not measured: {REASON}")
            return
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(server.url)
        handle = page.get_by_role("slider", name="aesthetic_score: least value kept")
        handle.wait_for(timeout=120_000)
        handle.scroll_into_view_if_needed()
        page.locator(".clip").first.wait_for(timeout=120_000)
        page.wait_for_timeout(2000)
        box = handle.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        for step in range(MOVES):
            page.mouse.move(x + 40 + 2 * step, y)
            page.wait_for_timeout(16)
        page.mouse.up()
        page.wait_for_timeout(3000)
        found = page.evaluate("performance.getEntriesByName('threshold move').map(entry => entry.duration / 1000)")
    _print(f"a threshold moves, browser ({len(found)} of {MOVES} moves painted)", found)


def _timed(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _print(what: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(f"| {what} | {1000 * statistics.median(ordered):.0f} ms | {1000 * late:.0f} ms |", flush=True)


def main() -> None:
    """Print a table for each number of clips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, action="append", help="default: 1000000")
    parser.add_argument("--keep", type=Path, help="make the datasets here, and take those that are there")
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for clips in options.clips or [1_000_000]:
            folder = (options.keep or Path(scratch)) / f"tune-{clips}"
            if not (folder / "dataset.json").exists():
                make_dataset(folder, clips)
            (folder / "filters.yaml").write_text(json.dumps({"filters": {"tuned": {"rules": RULES}}}))
            print(f"\n{clips:,} clips\n\n| what | median | 95 % |\n| --- | --- | --- |", flush=True)
            _measure(folder, with_browser=not options.no_browser)


def _measure(folder: Path, *, with_browser: bool) -> None:
    server = Server(folder)
    try:
        print(f"| opened, to the first answer | {server.seconds_to_open:.1f} s | |", flush=True)
        measure_server(server)
        if with_browser:
            measure_browser(server)
        now, most = server.memory()
        print(f"| memory at the end, at most | {now:.2f} GiB | {most:.2f} GiB |", flush=True)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
