"""How fast `curation tune` answers while a threshold moves, and what it costs to open a large dataset.

    python benchmarks/tune.py                         # 1,000,000 clips: the server, and the browser where one is found
    python benchmarks/tune.py --rows 20000000 --keep /big/disk/clips20m

The clips are synthetic rows with scores that are spread as real ones are (motion has a long tail, most clips hold no
text, one in fifty lacks a score); their media are one short film. A move is one new value of one threshold out of six
rules. Server: from the question to the answer over HTTP on this machine. Browser: from the pointer's event to the
moment when the new count is on the screen (headless Chromium, found as the tests find it).
"""

from __future__ import annotations

import argparse
import json
import os
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
    connection = duckdb.connect(config={"temp_directory": str(folder / "spill")})
    connection.execute("SELECT setseed(0.5)")
    connection.execute("SET preserve_insertion_order = false")

    def write(name: str, query: str) -> None:
        connection.execute(f"COPY ({query}) TO '{folder}/{name}/part-000000-x.parquet' (COMPRESSION zstd)")

    write(
        "clips",
        f"""SELECT md5(i::VARCHAR) AS clip_id, md5('v' || i // 10) AS video_id,
            'videos/' || i // 10 || '.mp4' AS source,
            (i % 10)::INTEGER AS clip_index, (i % 10) * 12.0 AS start_s, (i % 10) * 12.0 + 2 + 9 * random() AS end_s,
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
    first = _timed(lambda: server.ask("api/evaluate", {"rules": RULES}))
    columns = [next(iter(rule)) for rule in RULES]
    histograms = [_timed(lambda name=name: server.get(f"api/column?name={name}")) for name in columns]
    moves, bars, galleries = [], [], []
    for step in range(MOVES):
        rules = [*RULES[:2], {"aesthetic_score": {"min": round(4 + step / 50, 3)}}, *RULES[3:]]
        moves.append(_timed(lambda rules=rules: server.ask("api/evaluate", {"rules": rules})))
        if step % 6 == 0:
            shown = [{"name": name} for name in columns]
            asked = {"rules": rules, "columns": shown}
            bars.append(_timed(lambda asked=asked: server.ask("api/kept", asked)))
            question = {"rules": rules, "rule": 2, "side": "low", "fate": "dropped", "limit": 8}
            galleries.append(_timed(lambda question=question: server.ask("api/gallery", question)))
    _print("first evaluation", [first])
    _print("histogram of a score", histograms)
    _print("a threshold moves, server", moves)
    _print("bars of kept clips, six histograms", bars)
    _print("clips next to a threshold", galleries)


def measure_browser(server: Server) -> None:
    browser_path = find_chromium()
    if browser_path is None:
        print("no Chromium found (or no playwright): the browser is not measured")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(server.url)
        handle = page.get_by_role("slider", name="aesthetic_score: least value kept")
        handle.wait_for(timeout=60_000)
        handle.scroll_into_view_if_needed()
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
        page.wait_for_timeout(1500)
        name = "threshold move"
        found = page.evaluate("name => performance.getEntriesByName(name).map(entry => entry.duration)", name)
        browser.close()
    _print(f"a threshold moves, browser ({len(found)} of {MOVES} moves painted)", [value / 1000 for value in found])


def find_chromium() -> str | None:
    """$CURATION_CHROMIUM, else the one that playwright has fetched, else one on the PATH."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if "CURATION_CHROMIUM" in os.environ:
        return os.environ["CURATION_CHROMIUM"]
    with sync_playwright() as playwright:
        if Path(playwright.chromium.executable_path).is_file():
            return playwright.chromium.executable_path
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


def _timed(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _print(what: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(
        f"{what:60}  median {1000 * statistics.median(ordered):8.1f} ms   p95 {1000 * p95:8.1f} ms   n {len(ordered)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="folder of the dataset; made where it is not there, and kept")
    parser.add_argument("--no-browser", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        if not (folder / "dataset.json").exists():
            print(f"making {arguments.rows:,} clips", flush=True)
            make_dataset(folder, arguments.rows)
        (folder / "filters.yaml").write_text(json.dumps({"filters": {"tuned": {"rules": RULES}}}))
        server = Server(folder)
        try:
            now, most = server.memory()
            print(f"opened in {server.seconds_to_open:.1f} s; memory {now:.2f} GiB, at most {most:.2f} GiB", flush=True)
            measure_server(server)
            if not arguments.no_browser:
                measure_browser(server)
            now, most = server.memory()
            print(f"memory at the end {now:.2f} GiB, at most {most:.2f} GiB")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
