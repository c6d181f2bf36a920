"""The page gives no file of its machine away, whatever address is asked for, and shows no uploaded script."""

import http.client
import json
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.security.test_protection import ask
from zsseg.demo.theme import launch_options


def ways_to(secret: Path) -> list[str]:
    """Addresses that would lead to a file outside if any of the usual tricks worked."""
    root = "/".join([".."] * 12)
    plain = str(secret)
    return [
        plain,
        "/" + plain,
        root + plain,
        "./" + root + plain,
        quote(plain, safe=""),
        quote(quote(plain, safe=""), safe=""),
        (root + plain).replace("..", "%2e%2e"),
        (root + plain).replace("/", "\\"),
        "file://" + plain,
        plain + "%00.png",
        plain + "?.png",
        "~/../.." + plain,
    ]


FILES_OF_THE_SERVER = (
    "README.md",
    "app.py",
    "zsseg/demo/server.py",
    ".git/config",
    "requirements.txt",
    "training/LOG.md",
)


def test_the_page_gives_no_file_away(url: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the-secret")
    targets = ways_to(secret) + [str(Path.cwd() / name) for name in FILES_OF_THE_SERVER] + list(FILES_OF_THE_SERVER)
    targets += ["/etc/passwd", "/proc/self/environ", "../../etc/passwd"]
    routes = (
        "/gradio_api/file=",
        "/gradio_api/file/",
        "/file=",
        "/static/",
        "/assets/",
        "/svelte/",
        "/custom_component/",
    )
    for route in routes:
        for target in targets:
            try:
                status, _, content = ask(url, "GET", route + quote(target, safe="/%~?:=.\\"))
            except http.client.InvalidURL:
                continue
            assert status in (400, 403, 404, 405, 422) or b"<html" in content.lower(), (route, target)
            assert b"the-secret" not in content
            assert b"root:" not in content


def test_example_photos_are_reached_without_allowing_folders(url: str) -> None:
    """No folder of the server is allowed as a whole: the page's own pictures are copied into the cache."""
    _, _, content = ask(url, "GET", "/config")
    # Gradio's description of its components names some pictures of the web, which only a browser would fetch.
    paths = {path for path in re.findall(r'"path":\s*"([^"]+)"', content.decode()) if path.startswith("/")}
    assert paths
    for path in paths:
        assert ask(url, "GET", f"/gradio_api/file={quote(path)}")[0] == 200
        folder = quote(str(Path(path).parent))
        assert ask(url, "GET", f"/gradio_api/file={folder}")[0] == 403
        assert ask(url, "GET", f"/gradio_api/file={folder}/")[0] == 403
    assert "allowed_paths" not in launch_options()


@pytest.mark.parametrize("name", ["up.html", "up.svg", "up.js", "up.xml", "up.png"])
def test_an_uploaded_script_is_never_shown(url: str, name: str) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="' + name.encode() + b'"\r\n'
        b"Content-Type: text/html\r\n\r\n<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>\r\n--x--\r\n"
    )
    status, _, content = ask(
        url, "POST", "/gradio_api/upload", body, **{"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert status == 200
    (path,) = json.loads(content)
    status, headers, _ = ask(url, "GET", f"/gradio_api/file={quote(path)}")
    assert status == 200
    assert headers["x-content-type-options"] == "nosniff"
    if name != "up.png":
        assert headers["content-disposition"].startswith("attachment")
        assert headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("name", ["../../up.png", "/up.png", "..\\up.png", "a/../../up.png", ".", "..", "up\x00.png"])
def test_an_upload_lands_in_its_own_folder(url: str, name: str) -> None:
    from gradio.utils import get_upload_folder

    body = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\nzz\r\n--x--\r\n'.encode()
    status, _, content = ask(
        url, "POST", "/gradio_api/upload", body, **{"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert status < 500
    for path in json.loads(content) if status == 200 else []:
        assert Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
        assert Path(path).resolve().parent != Path(get_upload_folder()).resolve()


def test_netloc_is_of_this_machine(url: str) -> None:
    assert urlsplit(url).hostname == "127.0.0.1"
