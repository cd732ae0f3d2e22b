"""Put a load on a site of the local cloud, and print what was lost.

Reads ``{"url", "certificate", "username", "password"}`` (the one certificate, PEM, that an https service may show; a superadmin)
as the first line of standard input, so that no password is an argument. Runs for --seconds, or until standard input ends. Prints
one JSON object: the summary; with --record FILE every request is kept as a line [at, kind, seconds, fault], for a closer look at
a part of the time.

usage: python -m tests.load [--rate 200] [--streams 200] [--stores 20] [--seconds S] [--record FILE] < settings
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import ipaddress
import json
import re
import sys
import urllib.parse
from pathlib import Path

from tests.load.connection import Service
from tests.load.report import summary
from tests.load.restaurant import Restaurants
from tests.load.traffic import Traffic


def local_host(url: str) -> str:
    """Return the host of ``url``; only this machine's own addresses are accepted, because this is a load."""
    host = urllib.parse.urlsplit(url).hostname or ""
    if not ipaddress.ip_address(host).is_loopback:
        sys.exit(f"{url} is not an address of 127.0.0.0/8. This load is for the local cloud only.")
    return host


async def run(traffic: Traffic, arguments: argparse.Namespace) -> None:
    """Let the load run until the time is over or standard input ends."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    if arguments.seconds:
        loop.call_later(arguments.seconds, stopped.set)
    else:
        loop.add_reader(sys.stdin.fileno(), stopped.set)
    await traffic.run(arguments.rate, arguments.streams, stopped)


def main() -> None:
    """Make the stores, run the load, count the orders, remove the stores."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--rate", type=float, default=200, help="requests a second")
    parser.add_argument("--streams", type=int, default=200, help="clients of the event stream")
    parser.add_argument("--stores", type=int, default=20)
    parser.add_argument(
        "--seconds", type=float, default=0, help="0: until standard input ends, an hour at most"
    )
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    settings = json.loads(sys.stdin.readline())
    local_host(settings["url"])
    service = Service.of(settings["url"], settings.get("certificate", ""))
    restaurants = Restaurants(settings["url"], service, settings["username"], settings["password"])
    stores = restaurants.make(arguments.stores)
    page = restaurants.api.open("/")[2].decode()
    asset = (re.findall(r'src="([^"]+)"', page) or ["/"])[0]
    traffic = Traffic(service, stores, asset)
    try:
        print("ready", flush=True)
        asyncio.run(asyncio.wait_for(run(traffic, arguments), 3600))
        stored = {store.id: restaurants.orders(store) for store in stores}
    finally:
        restaurants.remove()
    if arguments.record:
        arguments.record.write_text(
            "".join(json.dumps(dataclasses.astuple(sent)) + "\n" for sent in traffic.record.requests)
        )
    print(json.dumps(summary(traffic.record, stored, arguments.streams), indent=2))


if __name__ == "__main__":
    main()
