"""Who is refused, and what can never be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from curation.tune import answers
from curation.tune.access import Access, is_same_origin
from tests.curation.tune.conftest import HOST, Client

CLIP = f"{0:032x}"
RULES: dict[str, Any] = {"rules": []}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "a@127.0.0.1", "", "::1"]
)
def test_a_foreign_host_is_refused(client: TestClient, host: str) -> None:
    """A name that was made to point here (DNS rebinding) is still a foreign one."""
    for path in ("/", "/api/dataset", f"/media/{CLIP}"):
        assert client.get(path, headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1:9", "[::1]:8420", "LOCALHOST"])
def test_a_tunnel_may_have_another_port(client: TestClient, host: str) -> None:
    assert client.get("/api/dataset", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9", "http://localhost:8420", "file://"]
)
def test_a_foreign_origin_is_refused(client: TestClient, origin: str) -> None:
    answer = client.post("/api/evaluate", json=RULES, headers={"origin": origin})
    assert answer.status_code == 403
    assert client.get(f"/media/{CLIP}", headers={"origin": origin}).status_code == 403


def test_the_page_itself_may_ask(client: TestClient) -> None:
    headers = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
    assert client.post("/api/evaluate", json=RULES, headers=headers).status_code == 200


def test_other_sites_can_link_to_the_page_and_embed_nothing(client: TestClient) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    image = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    frame = {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
    assert client.get("/", headers=link).status_code == 200
    assert client.get(f"/posters/{CLIP}", headers=image).status_code == 403
    assert client.get("/", headers=frame).status_code == 403


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [("http://a:1", "a:1", True), ("https://A", "a", True), ("http://a", "a:1", False), ("http://[", "[", False)],
)
def test_origin_and_host(origin: str, host: str, same: bool) -> None:
    assert is_same_origin(origin, host) is same


class TestToken:
    def test_beyond_this_machine_nothing_is_told_without_it(self, client_of: Client) -> None:
        client = client_of("0.0.0.0")
        for path in ("/", "/assets/main.js", "/api/dataset", f"/media/{CLIP}", f"/posters/{CLIP}", "/none"):
            assert client.get(path).status_code == 401
        for shown in ("wrong", "", "é"):
            assert client.get("/", params={"token": shown}).status_code == 401
            header = f"Bearer {shown}".encode()
            assert client.get("/api/dataset", headers={"authorization": header}).status_code == 401

    def test_the_printed_address_opens_the_page_and_a_cookie_the_rest(self, client_of: Client) -> None:
        client = client_of("0.0.0.0")
        token = client.app_state["access"].token
        assert client.get("/", params={"token": token}).status_code == 200
        (cookie,) = list(client.cookies.jar)
        assert cookie.name == "curation_tune_8420"
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "Strict"
        assert client.get("/api/dataset").status_code == 200
        client.cookies.clear()
        assert client.get("/api/dataset").status_code == 401

    def test_only_the_page_takes_it_from_the_address(self, client_of: Client) -> None:
        client = client_of("0.0.0.0")
        assert client.get("/api/dataset", params={"token": client.app_state["access"].token}).status_code == 401

    def test_programs_send_it_as_a_header(self, client_of: Client) -> None:
        client = client_of("0.0.0.0")
        headers = {"authorization": f"Bearer {client.app_state['access'].token}"}
        assert client.get("/api/dataset", headers=headers).status_code == 200

    def test_there_it_also_answers_to_addresses_but_not_to_foreign_names(self) -> None:
        access = Access.of("0.0.0.0", 1, with_token=False)
        assert access.token
        assert access.knows_host("10.1.2.3:1")
        assert not access.knows_host("evil.example:1")

    def test_on_this_machine_it_is_asked_for_on_request(self, client_of: Client) -> None:
        assert client_of(with_token=True).get("/").status_code == 401
        assert Access.of("localhost", 1, with_token=False).token is None
        assert Access.of("10.0.0.1", 1, with_token=False).token is not None


@pytest.mark.parametrize(
    "path",
    [
        "/media/../dataset.json",
        "/media/..%2fdataset.json",
        "/media/%2e%2e/dataset.json",
        "/media//etc/passwd",
        "/media/%2fetc%2fpasswd",
        "/media/",
        "/media",
        "/media/media/v0/v00/" + CLIP + ".mp4",
        f"/media/{CLIP}.mp4",
        f"/media/{CLIP}%00",
        "/posters/..%2fdataset.json",
        "/contact_sheets/v00",
        "/contact_sheets/..%2f..%2fx",
        "/assets/",
        "/assets/../app.py",
        "/assets/..%2fapp.py",
        "/assets/__init__.py",
        "/dataset.json",
        "/api",
    ],
)
def test_only_ids_open_files(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (404, 405)


@pytest.mark.parametrize(
    "media",
    ["../secret.txt", "/etc/passwd", "media/../../secret.txt", "media/link.mp4", "dataset.json", "media", "", None],
)
def test_a_table_cannot_name_files_elsewhere(client_of: Client, dataset: Path, media: str | None) -> None:
    """A dataset may come from somebody else."""
    (dataset.parent / "secret.txt").write_text("secret")
    (dataset / "media" / "link.mp4").symlink_to(dataset.parent / "secret.txt")
    (part,) = (dataset / "clips").glob("*.parquet")
    rows = pq.read_table(part)
    rows = rows.set_column(rows.column_names.index("media"), "media", pa.array([media] * len(rows), pa.string()))
    pq.write_table(rows, part)
    client = client_of(url=str(dataset))
    for folder in ("media", "posters"):
        answer = client.get(f"/{folder}/{CLIP}")
        assert answer.status_code == 404
        assert "secret" not in answer.text


def test_media_on_another_disk_can_be_linked(client_of: Client, dataset: Path) -> None:
    (dataset / "media").rename(dataset.parent / "disk")
    (dataset / "media").symlink_to(dataset.parent / "disk")
    assert client_of(url=str(dataset)).get(f"/media/{CLIP}").status_code == 200


def test_every_answer_keeps_to_this_server(client: TestClient) -> None:
    for path in ("/", "/api/dataset", "/none", f"/media/{CLIP}"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_the_page_names_no_outside_host() -> None:
    folder = Path(answers.__file__).parent / "page"
    for file in folder.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(client: TestClient, method: str) -> None:
    assert client.request(method, "/api/save").status_code == 405


class TestBodies:
    def test_a_filter_name_of_a_million_letters(self, client: TestClient, config: Path) -> None:
        before = config.read_text()
        answer = client.post("/api/save", json={"name": "a" * 1_000_000, **RULES})
        assert answer.status_code == 413
        assert config.read_text() == before

    @pytest.mark.parametrize("name", ["a" * 101, "", "../x", "a/b", "a b", "-x", "x\ny", "é", "\0"])
    def test_a_filter_name_that_is_none(self, client: TestClient, config: Path, name: str) -> None:
        before = config.read_text()
        assert client.post("/api/save", json={"name": name, **RULES}).status_code in (400, 422)
        assert config.read_text() == before

    def test_a_body_that_does_not_tell_its_length(self, client: TestClient) -> None:
        chunks = (b" " * 65536 for _ in range(100))
        answer = client.post("/api/evaluate", content=chunks, headers={"content-type": "application/json"})
        assert answer.status_code == 413

    @pytest.mark.parametrize(
        ("content", "kind", "status"),
        [
            (b'{"rules": []}', "text/plain", 415),
            (b'{"rules": []}', "application/x-www-form-urlencoded", 415),
            (b"{", "application/json", 422),
            (b"[" * 100_000, "application/json", 422),
            (b'{"rules": [], "more": 1}', "application/json", 422),
            (json.dumps({"rules": [{"a": {"min": 1}}] * 65}).encode(), "application/json", 422),
            (b'{"rules": [1]}', "application/json", 422),
            (b"\xff", "application/json", 422),
        ],
    )
    def test_what_is_no_question(self, client: TestClient, content: bytes, kind: str, status: int) -> None:
        answer = client.post("/api/evaluate", content=content, headers={"content-type": kind})
        assert answer.status_code == status
        assert set(answer.json()) == {"error"}


def test_a_fault_of_ours_tells_nothing_of_the_machine(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("/home/somebody/secret")

    monkeypatch.setattr(answers, "evaluation", fail)
    answer = client.post("/api/evaluate", json=RULES)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["content-security-policy"]


def test_sql_reaches_no_file(client: TestClient) -> None:
    sql = "(SELECT count(*) FROM read_text('/etc/passwd')) > 0"
    (row,) = client.post("/api/evaluate", json={"rules": [{"sql": sql}]}).json()["rules"]
    assert "no query can stand in a rule" in row["error"]
