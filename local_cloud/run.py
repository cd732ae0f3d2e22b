"""One life of a local cloud, from an empty host to an empty host."""

from __future__ import annotations

import logging
import threading

import local_cloud.shims  # noqa: F401 - imported for its effect on moto
from local_cloud import server_images, snapshots
from local_cloud.caches import Caches
from local_cloud.cloud import Cloud
from local_cloud.databases import Databases
from local_cloud.instances import Instances
from local_cloud.server import Application, Listeners
from local_cloud.settings import Settings

log = logging.getLogger("local_cloud")


def run(settings: Settings) -> int:
    """Serve until interrupted; returns the exit code."""
    cloud = Cloud(settings)
    for line in cloud.remove_leftovers():
        log.info("left behind by the last run and removed: %s", line)
    instances = Instances(cloud)
    server_images.install(instances)
    snapshots.install(Databases(cloud))
    Caches(cloud)
    listeners = Listeners(Application(cloud, instances.by_private_address), settings.port)
    cloud.network.on_gateways = listeners.follow
    log.info("the local cloud %s answers at %s", settings.name, settings.url)
    warm_up(instances)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        log.info("stopping")
    finally:
        cloud.drain()
        cloud.remove_leftovers()
    return 0


def warm_up(instances: Instances) -> None:
    """Load EC2's catalogues (images, instance types) before the first request has to wait for them."""

    def load() -> None:
        with instances.cloud.lock:
            instances.backend.describe_images(ami_ids=[])

    threading.Thread(target=load, daemon=True).start()
