"""The look at the public address, at a server of this process."""

from __future__ import annotations

import http.server
import json
import ssl
import threading

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.table_order.infra.plugins.modules import public_address_info as module

from local_cloud.certificates import Authority

NOBODY = 1  # tcpmux: nothing listens there


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked for."""

    def do_GET(self):
        self.server.asked.append((self.headers["Host"], self.path))
        self.send_response(503)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(params=[False, True], ids=["http", "https"])
def served(request, tmp_path):
    """Return a server that answers 503, with or without TLS."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.tls = [], request.param
    if request.param:
        pair = Authority("unit").issue(["another.example"])
        (tmp_path / "pair").write_bytes(pair.certificate + pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "pair")
        server.names = []
        context.sni_callback = lambda _socket, name, _context: server.names.append(name)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def look(**options):
    given = {
        "address": "127.0.0.1",
        "host_name": "",
        "tls": False,
        "path": "/api/health",
        "ssh_port": NOBODY,
        "seconds": 2,
    }
    return module.look(given | options)


def test_it_asks_the_address_for_the_host_name(served):
    port = served.server_port
    found = look(port=port, tls=served.tls, host_name="shop.example.org", ssh_port=port)
    assert found.pop("milliseconds") >= 0
    scheme = "https" if served.tls else "http"
    assert found == {
        "url": f"{scheme}://shop.example.org:{port}/api/health",
        "status": 503,
        "error": "",
        "ssh": "",
    }
    assert served.asked == [("shop.example.org", "/api/health")]
    if served.tls:
        assert "shop.example.org" in served.names


def test_a_closed_port_is_told():
    found = look(port=NOBODY)
    assert (found["status"], found["error"], found["ssh"]) == (0, "Connection refused", "Connection refused")


@pytest.mark.parametrize(
    ("tls", "port", "url"), [(True, 443, "https://127.0.0.1/"), (False, 80, "http://127.0.0.1/")]
)
def test_the_usual_ports_are_not_shown(tls, port, url, monkeypatch):
    monkeypatch.setattr(
        module.socket, "create_connection", lambda *_: (_ for _ in ()).throw(TimeoutError("timed out"))
    )
    found = look(tls=tls, port=port, path="/")
    assert (found["url"], found["error"]) == (url, "timed out")


def test_what_is_no_http_is_told(served):
    found = look(port=served.server_port, tls=not served.tls)
    assert found["status"] == 0
    assert found["error"]


def test_the_module_returns_what_its_document_says(capsys):
    with patch_module_args({"address": "127.0.0.1", "port": NOBODY}), pytest.raises(SystemExit):
        module.main()
    result = json.loads(capsys.readouterr().out)
    assert yaml.safe_load(module.RETURN).keys() == result.keys() - {"changed", "invocation"}
