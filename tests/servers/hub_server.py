"""A stand-in of the Hugging Face hub: uploads and downloads as its client makes them, over plain HTTP.

It knows repositories, the question which files are large, Git LFS, the commit that joins everything, the list of a
repository's files, and each of them.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_LARGE = (".safetensors", ".jpg", ".png")
_COMMIT = "a" * 40


@dataclass
class Hub:
    """Its address, what it was given (files by repository, variables of Spaces), and the names of files it sent."""

    url: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)
    variables: list[tuple[str, Any]] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    refuses: bool = False


class _Server(ThreadingHTTPServer):
    """A server that knows the hub it stands in for."""

    hub: Hub


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if "/resolve/" in path:
            self.send_file(*path.strip("/").split("/resolve/"))
        elif "/tree/" in path:
            files = self.server.hub.files.get(_repository(path), {})
            self.answer([{"type": "file", "path": n, "size": len(d), "oid": "0" * 40} for n, d in files.items()])
        else:
            self.answer({"id": _repository(path), "sha": _COMMIT, "siblings": []})

    def send_file(self, repository: str, rest: str) -> None:
        name = rest.partition("/")[2]
        data = self.server.hub.files.get(f"models/{repository}", {}).get(name)
        if data is None:
            self.answer({"error": "Entry not found"}, 404)
            return
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", _COMMIT)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.server.hub.sent.append(name)
            self.wfile.write(data)

    def do_PUT(self) -> None:
        data, digest = self.body(), self.path.rpartition("/")[2]
        assert hashlib.sha256(data).hexdigest() == digest
        self.server.hub.blobs[digest] = data
        self.answer({})

    def do_POST(self) -> None:
        hub, path, body = self.server.hub, urlsplit(self.path).path, self.body()
        if hub.refuses:
            self.answer({"error": "not yours"}, 403)
        elif path.endswith("/commit/main"):
            self.answer(_commit(hub, _repository(path), body))
        else:
            self.answer(_replied(hub, path, json.loads(body)))

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def answer(self, content: object, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving_hub() -> Iterator[Hub]:
    """Serve on a free port of this machine until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.hub = Hub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _replied(hub: Hub, path: str, content: Any) -> dict[str, Any]:  # noqa: ANN401
    """The answer to a POST of JSON."""
    if path == "/api/repos/create":
        hub.created.append(content)
        kind = "spaces/" if content.get("type") == "space" else ""
        return {"url": f"{hub.url}/{kind}{content.get('organization', 'me')}/{content['name']}"}
    if path.endswith("/preupload/main"):
        return {"files": [_mode(file["path"]) for file in content["files"]]}
    if path.endswith(".git/info/lfs/objects/batch"):
        return {"transfer": "basic", "objects": [_action(hub, one) for one in content["objects"]]}
    if path.endswith("/variables"):
        hub.variables.append((path, content))
        return {content["key"]: {"value": content["value"]}}
    return {"errors": [], "warnings": []}


def _repository(path: str) -> str:
    """What is between /api/ and the action: "spaces/org/name"."""
    return "/".join(path.strip("/").split("/")[1:4])


def _mode(name: str) -> dict[str, Any]:
    return {"path": name, "uploadMode": "lfs" if name.endswith(_LARGE) else "regular", "shouldIgnore": False}


def _action(hub: Hub, one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "actions": {"upload": {"href": f"{hub.url}/lfs/{one['oid']}"}}}


def _commit(hub: Hub, repository: str, body: bytes) -> dict[str, Any]:
    """Take over a commit: one JSON object per line."""
    files = hub.files.setdefault(repository, {})
    for line in body.decode().splitlines():
        entry = json.loads(line)
        value = entry["value"]
        if entry["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        if entry["key"] == "lfsFile":
            assert len(hub.blobs[value["oid"]]) == value["size"]
            files[value["path"]] = hub.blobs[value["oid"]]
        if entry["key"] == "deletedFile":
            del files[value["path"]]
    address = f"{hub.url}/{repository}/commit/{_COMMIT}"
    return {"success": True, "commitUrl": address, "commitOid": _COMMIT, "hookOutput": ""}
