"""The server itself: static files and menus against stock nginx and bare uvicorn, and the way of an event to many clients."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from tests.e2e import deployment, site
from tests.load.connection import Connection, LostError, Service
from tests.load.restaurant import Restaurants, Store

SECONDS = 8
CONNECTIONS = 32
STOCK = "/tmp/stock-nginx.conf"  # noqa: S108 - on the server
STOCK_PORT = 8090
OURS = "https://127.0.0.1"
# As the package brings it, without a line of tuning: the yardstick for static files.
STOCK_CONFIGURATION = """worker_processes auto;
pid /tmp/stock-nginx.pid;
events { worker_connections 768; }
http {
  include /etc/nginx/mime.types;
  # The same certificate: a yardstick over plain HTTP would have less to do.
  ssl_certificate CERTIFICATE;
  ssl_certificate_key KEY;
  sendfile on;
  tcp_nopush on;
  gzip on;
  access_log /tmp/stock-nginx.log;
  server { listen 127.0.0.1:8090 ssl; root /opt/table-order/frontend/customer-ui/build; }
}
"""
FAN_OUT = (50, 200, 1000)
REPEATS = 5


def rate(url: str) -> dict[str, float]:
    """Return requests a second and median latency of ``url``, asked inside the server by ab over kept connections."""
    command = f"ab -q -k -t {SECONDS} -n 1000000 -c {CONNECTIONS} {url}"
    said = deployment.server(command)
    found = re.search(r"Requests per second:\s+([\d.]+)", said)
    failed = re.search(r"Non-2xx responses:\s+(\d+)", said)
    assert found, said
    assert not failed, said
    median = re.search(r"50%\s+(\d+)", said)
    return {"requests_per_second": float(found[1]), "p50_ms": float(median[1]) if median else 0.0}


def against() -> dict[str, Any]:
    """Return the rates of nginx as configured here and of the yardsticks, and their ratios."""
    deployment.server("command -v ab || apt-get -qq install -y apache2-utils")
    configuration = STOCK_CONFIGURATION
    for name, directive in (("CERTIFICATE", "ssl_certificate"), ("KEY", "ssl_certificate_key")):
        configuration = configuration.replace(f"{name};", f"{deployment.nginx_names(directive)};")
    deployment.server(f"cat > {STOCK} <<'END'\n{configuration}END\nnginx -c {STOCK}")
    asset = deployment.server("cd /opt/table-order/frontend/customer-ui/build && ls assets/*.js | head -1")
    menus = "/api/menus?store_id=1"
    try:
        ours, stock = rate(f"{OURS}/{asset}"), rate(f"https://127.0.0.1:{STOCK_PORT}/{asset}")
        through, bare = rate(f"{OURS}{menus}"), rate(f"http://127.0.0.1:8000{menus}")
    finally:
        deployment.server("kill $(cat /tmp/stock-nginx.pid); rm -f /tmp/stock-nginx.*")
    return {
        "static file, this nginx": ours,
        "static file, stock nginx": stock,
        "static file, ratio": {
            "ours_to_stock": round(ours["requests_per_second"] / stock["requests_per_second"], 2)
        },
        "menus, through nginx": through,
        "menus, bare uvicorn": bare,
        "menus, ratio": {
            "through_to_bare": round(through["requests_per_second"] / bare["requests_per_second"], 2)
        },
    }


async def fan_out(service: Service, store: Store, clients: int) -> dict[str, float]:
    """Return the time from an order's sending to its event at the last of ``clients``: median and worst of some orders."""
    arrived: list[float] = []
    ready: list[int] = []

    async def listen() -> None:
        connection = await Connection.open(service)
        headers = {"Authorization": f"Bearer {store.token}"}
        try:
            async for piece in connection.stream("/api/admin/orders/stream", headers):
                if not piece:
                    ready.append(1)
                arrived.extend([time.monotonic()] * piece.count(b"event: order_created"))
        except LostError:
            return

    tasks = []
    for number in range(clients):
        tasks.append(asyncio.create_task(listen()))
        if number % 25 == 24:
            await asyncio.sleep(0.2)
    while len(ready) < clients:
        await asyncio.sleep(0.1)
    taken = []
    sender = await Connection.open(service)
    for number in range(REPEATS):
        arrived.clear()
        began = time.monotonic()
        answer = await sender.request("POST", "/api/orders", store.headers(number), store.order(number))
        assert answer.status == 201, answer
        while len(arrived) < clients:
            assert time.monotonic() - began < 30, f"{len(arrived)} of {clients} got the event"
            await asyncio.sleep(0.005)
        taken.append(round((max(arrived) - began) * 1000))
        await asyncio.sleep(0.5)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"median_ms": sorted(taken)[len(taken) // 2], "worst_ms": max(taken)}


def measure() -> dict[str, Any]:
    """Return everything that is measured of the server."""
    result = against()
    application = site.secrets()["table-order/app/settings"]
    url = site.url()
    service = Service.of(url, deployment.certificate())
    restaurants = Restaurants(
        url, service, application["superadmin_username"], application["superadmin_password"]
    )
    (store,) = restaurants.make(1)
    try:
        for clients in FAN_OUT:
            result[f"order to the last of {clients} streams"] = asyncio.run(fan_out(service, store, clients))
    finally:
        restaurants.remove()
    return result
