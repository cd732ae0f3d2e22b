"""One local cloud: its settings, its lock, its log, and the backings of its resources."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
from collections.abc import Callable

from moto.ec2.models.instances import Instance

from local_cloud.certificates import Authority
from local_cloud.containers import Podman
from local_cloud.faults import Faults
from local_cloud.guard import Guard
from local_cloud.lag import Lag
from local_cloud.network import Network
from local_cloud.settings import Settings
from local_cloud.stops import Stops

log = logging.getLogger("local_cloud")

# Finds the server with a private address.
type ServerAt = Callable[[str], Instance | None]


class Cloud:
    """What the parts share.

    `lock` is held while moto answers a request and while a backing changes moto's state: moto's
    models are not made for threads, and one request takes milliseconds. Slow work (containers)
    runs without it, in `later`.
    """

    def __init__(self, settings: Settings, podman: Podman | None = None) -> None:
        """Create the parts, without a change on the host."""
        self.settings = settings
        self.delays = dict(settings.delays)
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self.podman = podman or Podman(settings.container_prefix)
        self.network = Network(settings, self.podman)
        self.faults = Faults()
        self.lag = Lag()
        self.stops = Stops()
        self.guard = Guard(settings.account, self.lock)
        self.authority = Authority(f"Local cloud {settings.name}: databases and caches")
        self.queues: dict[str, concurrent.futures.ThreadPoolExecutor] = {}
        self.on_reset: list[Callable[[], None]] = [self.lag.forget]

    def later(self, resource: str, what: str, work: Callable[[], None]) -> None:
        """Do slow work in the background: in order for one resource, in parallel for different ones."""

        def run() -> None:
            if self.closing.is_set():
                return
            try:
                work()
            except Exception:
                if self.closing.is_set():
                    log.info("%s: %s was interrupted", resource, what)
                else:
                    log.exception("%s: %s failed", resource, what)
            else:
                log.info("%s: %s", resource, what)

        with self.lock:
            queue = self.queues.get(resource)
            if queue is None:
                queue = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix=resource)
                self.queues[resource] = queue
            queue.submit(run)

    def wait(self, kind: str) -> None:
        """Wait as long as the settings delay this kind of resource, in seconds, or until the end."""
        self.closing.wait(self.delays[kind])

    def drain(self) -> None:
        """Drop queued work, and wait for running work."""
        self.closing.set()
        for queue in list(self.queues.values()):
            queue.shutdown(wait=True, cancel_futures=True)
        self.queues.clear()

    def reset(self) -> None:
        """Empty the account's backings, as POST /moto-api/reset empties the account."""
        self.drain()
        self.remove_leftovers()
        for forget in self.on_reset:
            forget()
        self.closing.clear()
        log.info("reset: the account is empty")

    def remove_leftovers(self) -> list[str]:
        """Remove all containers, networks and firewall rules of this cloud; returns a line for each kind."""
        removed = self.podman.remove_everything()
        if self.network.firewall.remove():
            removed.append("firewall rules")
        self.network.forget()
        for line in removed:
            log.info("removed %s", line)
        return removed
