"""ElastiCache: a replication group or a cluster is a container with Redis 7, reachable in its VPC."""

from __future__ import annotations

import dataclasses
import logging
import socket
import time
from collections.abc import Callable
from typing import Any

from moto.ec2.models import ec2_backends
from moto.elasticache.exceptions import InvalidParameterValueException
from moto.elasticache.models import CacheCluster, ElastiCacheBackend, ReplicationGroup

from local_cloud.cloud import Cloud
from local_cloud.containers import File
from local_cloud.databases import IMAGE, START_TIMEOUT
from local_cloud.interfaces import Interface, attach, network_options
from local_cloud.patching import Original, around
from local_cloud.shims.elasticache import members

log = logging.getLogger("local_cloud")

SOCKET = "/var/lib/redis/redis.sock"  # for ourselves, whatever TLS and AUTH say

type Resource = ReplicationGroup | CacheCluster


@dataclasses.dataclass
class Server:
    """What stands behind a resource."""

    container: str
    interface: Interface
    port: int


class Caches:
    """The containers behind the account's caches, one for each group or single cluster.

    The replicas of a group answer from the same container: their names resolve to it.
    """

    def __init__(self, cloud: Cloud) -> None:
        """Take over ElastiCache's life cycle from moto."""
        self.cloud = cloud
        self.servers: dict[str, Server] = {}
        cloud.listeners.append(self.servers.clear)
        _install(self)

    def create(self, backend: ElastiCacheBackend, resource: Resource) -> None:
        """Start a new server in the background: creating, then available."""
        interface = attach(
            self._subnet(backend, resource),
            resource.security_group_ids or [],
            f"ElastiCache {_name(resource)}",
        )
        name = f"{self.cloud.settings.container_prefix}-cache-{_name(resource)}"
        server = self.servers[_name(resource)] = Server(name, interface, int(resource.port))
        self._set_status(backend, resource, "creating")

        def work() -> None:
            with self.cloud.lock:
                options = network_options(self.cloud, interface, host_names(resource))
                files = self._files(resource)
            self.cloud.podman.run(name, IMAGE, ["start-redis"], options=options, files=files)
            self.cloud.network.prepare_bridge(interface.subnet.vpc_id)
            self._wait(server)
            self.cloud.wait("cache")
            self._set_status(backend, resource, "available")

        self._later(backend, resource, f"created at {interface.address}", work)

    def _subnet(self, backend: ElastiCacheBackend, resource: Resource) -> Any:  # noqa: ANN401
        """The first of the subnet group's subnets in the wanted zone, else its first one."""
        ec2 = ec2_backends[backend.account_id][backend.region_name]
        group = backend.cache_subnet_groups.get(resource.cache_subnet_group_name or "")
        if group is None:
            return next(iter(ec2.get_default_subnets().values()))
        subnets = ec2.describe_subnets(subnet_ids=group.subnet_ids)
        first = resource if isinstance(resource, CacheCluster) else members(backend, resource)[0]
        wanted = first.preferred_availability_zone
        return next((one for one in subnets if one.availability_zone == wanted), subnets[0])

    def change(
        self,
        backend: ElastiCacheBackend,
        resource: Resource,
        apply: Callable[[], None],
        changes: dict[str, Any],
    ) -> None:
        """Modify a resource in the background: modifying, then available; the data stays."""
        server = self.servers.get(_name(resource))
        previous_token = getattr(resource, "auth_token", None)
        apply()
        if server is None or not changes:
            return
        if changes.get("security_group_ids"):
            ec2 = server.interface.record.ec2_backend
            ec2.modify_network_interface_attribute(server.interface.record.id, changes["security_group_ids"])
        self._set_status(backend, resource, "modifying")

        def work() -> None:
            if "auth_token_strategy" in changes:
                commands = token_commands(
                    previous_token, changes["auth_token"], changes["auth_token_strategy"]
                )
                self.cloud.podman.exec(server.container, "redis-cli", "-s", SOCKET, stdin=commands.encode())
            self._set_status(backend, resource, "available")

        self._later(backend, resource, f"modified ({', '.join(sorted(changes))})", work)

    def delete(self, backend: ElastiCacheBackend, resource: Resource, forget: Callable[[], None]) -> None:
        """Remove a server in the background, then forget the resource."""
        server = self.servers.pop(_name(resource), None)
        if server is None:
            forget()
            return

        def work() -> None:
            self.cloud.podman.remove(server.container)
            with self.cloud.lock:
                server.interface.release()
                forget()

        self._later(backend, resource, "deleted", work)

    def _later(
        self, backend: ElastiCacheBackend, resource: Resource, what: str, work: Callable[[], None]
    ) -> None:
        def run() -> None:
            try:
                work()
            except Exception:
                self._set_status(backend, resource, "create-failed")
                raise

        self.cloud.later(f"cache {_name(resource)}", what, run)

    def _set_status(self, backend: ElastiCacheBackend, resource: Resource, status: str) -> None:
        with self.cloud.lock:
            if isinstance(resource, CacheCluster):
                resource.cache_cluster_status = status
                return
            resource.status = status
            for node_group in resource.node_groups:
                node_group["status"] = status
            for cluster in members(backend, resource):
                cluster.cache_cluster_status = status

    def _files(self, resource: Resource) -> list[File]:
        """redis.conf, and for TLS a certificate for all the names."""
        files = [File("/etc/redis/local.conf", settings_text(resource))]
        if resource.transit_encryption_enabled:
            certificate = self.cloud.authority.issue(host_names(resource))
            files += [
                File("/etc/redis/server.crt", certificate.certificate),
                # The start script gives it to Redis's user.
                File("/etc/redis/server.key", certificate.key, 0o600),
            ]
        return files

    def _wait(self, server: Server) -> None:
        """Return when the server takes connections. Raises TimeoutError."""
        deadline = time.monotonic() + START_TIMEOUT
        while not self.cloud.closing.wait(0.1):
            try:
                socket.create_connection((server.interface.address, server.port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"Redis at {server.interface.address} does not answer") from None
            else:
                return


def _name(resource: Resource) -> str:
    return resource.cache_cluster_id if isinstance(resource, CacheCluster) else resource.replication_group_id


def host_names(resource: Resource) -> list[str]:
    """Every name under which the resource answers."""
    if isinstance(resource, CacheCluster):
        return [resource.endpoint["address"]]
    node_group = resource.node_groups[0]
    names = [node_group["primary_endpoint"]["address"], node_group["reader_endpoint"]["address"]]
    return names + [member["read_endpoint"]["address"] for member in node_group["node_group_members"]]


def settings_text(resource: Resource) -> str:
    """redis.conf: nothing on disk, as with no backups; TLS instead of plain text where it is asked for."""
    lines = [
        "bind *",
        "protected-mode no",
        "dir /var/lib/redis",
        'save ""',
        "appendonly no",
        f"unixsocket {SOCKET}",
    ]
    if resource.transit_encryption_enabled:
        lines += [
            "port 0",
            f"tls-port {resource.port}",
            "tls-cert-file /etc/redis/server.crt",
            "tls-key-file /etc/redis/server.key",
            "tls-auth-clients no",
        ]
    else:
        lines.append(f"port {resource.port}")
    token = getattr(resource, "auth_token", None)
    if token:
        lines.append(f'requirepass "{token}"')
    return "\n".join(lines) + "\n"


def token_commands(previous: str | None, token: str | None, strategy: str) -> str:
    """What redis-cli is told to rotate, set or delete the AUTH token."""
    change = {
        "ROTATE": f'ACL SETUSER default ">{token}"',
        "SET": f'ACL SETUSER default resetpass ">{token}"',
        "DELETE": "ACL SETUSER default nopass",
    }[strategy]
    return (f'AUTH "{previous}"\n' if previous else "") + change + "\n"


# -- moto's life cycle calls -----------------------------------------------------------------------


def _install(caches: Caches) -> None:
    """Let moto's ElastiCache tell the backing what happens."""

    @around(ElastiCacheBackend, "create_replication_group")
    def create_group(original: Original, backend: ElastiCacheBackend, **values: Any) -> object:  # noqa: ANN401
        group = original(backend, **values)
        caches.create(backend, group)
        return group

    @around(ElastiCacheBackend, "create_cache_cluster")
    def create_cluster(original: Original, backend: ElastiCacheBackend, **values: Any) -> object:  # noqa: ANN401
        if values.get("engine") == "memcached":
            raise InvalidParameterValueException("The local cloud cannot run memcached; it runs redis 7.")
        cluster = original(backend, **values)
        caches.create(backend, cluster)
        return cluster

    @around(ElastiCacheBackend, "apply_cache_changes")
    def change(
        original: Original,
        backend: ElastiCacheBackend,
        resource: Resource,
        targets: list[Any],
        changes: dict[str, Any],
    ) -> None:
        caches.change(backend, resource, lambda: original(backend, resource, targets, changes), changes)

    @around(ElastiCacheBackend, "let_go")
    def let_go(
        _original: Original, backend: ElastiCacheBackend, resource: Resource, forget: Callable[[], None]
    ) -> None:
        caches.delete(backend, resource, forget)
