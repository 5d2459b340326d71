# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""HTTP through the API server to what a Service stands for: every method, and links that lead back."""
import pytest

from api import API
from extension_server import Handler, Server

PAGE = b"""<!-- it's a page --><a class="x" href="/next?a=1">1</a><img src='/pic.png'><a href="rel">2</a>
<a href="http://example.com/far">3</a><script>if (1 < "2") {}</script><p title="/not">4</p>"""


class Site(Handler):
    def serve(self):
        if self.path.startswith("/page"):
            return self.answer(200, PAGE, "text/html; charset=utf-8")
        if self.path.startswith("/moved"):
            return self.answer(302, b"", Location="/new/place?q=1")
        said = {"method": self.command, "path": self.path, "body": self.body().decode(), "uri": self.headers.get("X-Forwarded-Uri")}
        return self.answer(200, said, X_Method=self.command)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = serve


@pytest.fixture
def site(kubectl):
    server = Server(Site)
    kubectl.apply(server.service("site"), server.slice("site"))
    yield f"/api/v1/namespaces/{kubectl.namespace}/services/site:https/proxy"
    server.close()


def raw(method, path, body=None):
    """Status, headers and text."""
    api = API()
    connection = api.connect(api.pair.name)
    connection.request(method, path, body)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


@pytest.mark.parametrize("method", ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"])
def test_methods_pass(site, method):
    body = "hello" if method in ("PATCH", "POST", "PUT") else None
    status, headers, text = raw(method, f"{site}/some/path?x=%2F", body)
    assert (status, headers["X-Method"]) == (200, method)
    if method != "HEAD":
        for word in (f'"method": "{method}"', '"path": "/some/path?x=%2F"', f'"body": "{body or ""}"', f'"uri": "{site}/some/path"'):
            assert word in text, text


def test_links_lead_back(site):
    assert raw("GET", site)[1]["Location"] == f"{site}/"
    assert raw("HEAD", f"{site}?a=b")[1]["Location"] == f"{site}/?a=b"
    assert raw("GET", f"{site}/moved")[1]["Location"] == f"{site}/new/place?q=1"
    status, headers, text = raw("GET", f"{site}/page")
    wanted = PAGE.decode().replace('"/next', f'"{site}/next').replace("'/pic", f"'{site}/pic")
    assert (status, text) == (200, wanted)
    assert int(headers["Content-Length"]) == len(text)
