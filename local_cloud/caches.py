"""ElastiCache: a replication group or a cluster is a container with Redis 7, reachable in its VPC."""

from __future__ import annotations

import dataclasses
import logging
import socket
import time
from collections.abc import Callable
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.subnets import Subnet
from moto.elasticache.exceptions import InvalidParameterValueException
from moto.elasticache.models import CacheCluster, ElastiCacheBackend, ReplicationGroup

from local_cloud.backing import IMAGE, START_TIMEOUT, Interface, attach, network_options
from local_cloud.cloud import Cloud
from local_cloud.containers import ContainerError, File
from local_cloud.patching import Original, after, around
from local_cloud.shims.elasticache import hooks
from local_cloud.shims.elasticache.hooks import Resource
from local_cloud.shims.elasticache.replication_groups import endpoint_names, members

log = logging.getLogger("local_cloud")

SOCKET = "/var/lib/redis/redis.sock"  # without TLS, for haproxy and for ourselves
RELOAD = 1.0  # seconds until haproxy has read its settings again
FRONT = "/etc/haproxy/cache.cfg"


@dataclasses.dataclass
class Server:
    """The backing of a resource."""

    container: str
    interface: Interface
    port: int


class Caches:
    """The containers behind the account's caches, one for each group or single cluster.

    The replicas of a group answer from the same container: their names resolve to it.
    """

    def __init__(self, cloud: Cloud) -> None:
        """Hook into moto's life cycle of ElastiCache."""
        self.cloud = cloud
        self.servers: dict[str, Server] = {}
        cloud.on_reset.append(self.servers.clear)
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
                options = network_options(self.cloud.network, interface, host_names(resource))
                files = self._files(resource)
            self.cloud.podman.run(name, IMAGE, ["start-redis"], options=options, files=files)
            self.cloud.network.prepare_bridge(interface.subnet.vpc_id)
            self._wait(server)
            self.cloud.wait("cache")
            self._set_status(backend, resource, "available")

        self._later(backend, resource, f"created at {interface.address}", work)

    def _subnet(self, backend: ElastiCacheBackend, resource: Resource) -> Subnet:
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
        changes: dict[str, Any],
        previous: dict[str, Any],
    ) -> None:
        """Modify a resource in the background: modifying, then available; the data stays.

        `changes` and `previous` hold the changed attributes, as they are and as they were.
        """
        server = self.servers.get(_name(resource))
        if server is None or not changes:
            return
        if changes.get("security_group_ids"):
            ec2 = server.interface.record.ec2_backend
            ec2.modify_network_interface_attribute(server.interface.record.id, changes["security_group_ids"])
        self._set_status(backend, resource, "modifying")

        def work() -> None:
            if "auth_token_strategy" in changes:
                commands = token_commands(
                    None if previous["auth_open"] else previous["auth_token"],
                    changes["auth_token"],
                    "OPEN" if changes["auth_open"] else changes["auth_token_strategy"],
                )
                self.cloud.podman.exec(server.container, "redis-cli", "-s", SOCKET, stdin=commands.encode())
            if "cache_node_type" in changes:
                self.cloud.wait("cache")
                token = (
                    None if getattr(resource, "auth_open", False) else getattr(resource, "auth_token", None)
                )
                self.cloud.podman.exec(
                    server.container, "redis-cli", "-s", SOCKET, stdin=disconnect_commands(token).encode()
                )
            if "transit_encryption_enabled" in changes:
                self._renew_front(server, resource)
            self._set_status(backend, resource, "available")

        self._later(backend, resource, f"modified ({', '.join(sorted(changes))})", work)

    def _renew_front(self, server: Server, resource: Resource) -> None:
        """Apply the resource's access settings to new connections; open ones stay."""
        self.cloud.podman.copy(server.container, [File(FRONT, front_text(resource))])
        self.cloud.podman.exec(server.container, "sh", "-c", 'kill -USR2 "$(cat /run/haproxy.pid)"')
        self.cloud.closing.wait(RELOAD)

    def delete(self, backend: ElastiCacheBackend, resource: Resource, forget: Callable[[], None]) -> bool:
        """Remove a server in the background, then delete the resource; False without a server."""
        server = self.servers.pop(_name(resource), None)
        if server is None:
            return False

        def work() -> None:
            self.cloud.podman.remove(server.container)
            with self.cloud.lock:
                server.interface.release()
                forget()

        self._later(backend, resource, "deleted", work)
        return True

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
        """redis.conf; for a group also a certificate for all names, and haproxy's settings."""
        files = [File("/etc/redis/local.conf", settings_text(resource))]
        if isinstance(resource, ReplicationGroup):
            certificate = self.cloud.authority.issue(host_names(resource))
            files += [
                File("/etc/redis/server.crt", certificate.certificate),
                # The start script changes the owner to Redis's user.
                File("/etc/redis/server.key", certificate.key, 0o600),
                File(FRONT, front_text(resource)),
            ]
        return files

    def _wait(self, server: Server) -> None:
        """Return once Redis itself answers, not only haproxy. Raises TimeoutError."""
        deadline = time.monotonic() + START_TIMEOUT
        while not self.cloud.closing.wait(0.1):
            try:
                self.cloud.podman.exec(server.container, "redis-cli", "-s", SOCKET, "ping")
                socket.create_connection((server.interface.address, server.port), timeout=1).close()
            except (OSError, ContainerError):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"Redis at {server.interface.address} does not answer") from None
            else:
                return


def _name(resource: Resource) -> str:
    return resource.cache_cluster_id if isinstance(resource, CacheCluster) else resource.replication_group_id


def host_names(resource: Resource) -> list[str]:
    """Every host name under which the resource answers: a group's with and without TLS, as it may change."""
    if isinstance(resource, CacheCluster):
        return [resource.endpoint["address"]]
    names = []
    for tls in (True, False):
        primary, reader, nodes = endpoint_names(resource, tls=tls)
        names += [primary, reader, *nodes.values()]
    return names


def settings_text(resource: Resource) -> str:
    """redis.conf: nothing on disk, as with no backups. A group's Redis is reached by way of `front_text`."""
    lines = [
        "protected-mode no",
        "dir /var/lib/redis",
        'save ""',
        "appendonly no",
        f"unixsocket {SOCKET}",
    ]
    if isinstance(resource, CacheCluster):
        lines += ["bind *", f"port {resource.port}"]
    else:
        lines += [
            "bind 127.0.0.1",
            "port 0",
            f"tls-port {_inner_port(resource)}",
            "tls-cert-file /etc/redis/server.crt",
            "tls-key-file /etc/redis/server.key",
            "tls-auth-clients no",
        ]
    token = getattr(resource, "auth_token", None)
    if token:
        lines.append(f'requirepass "{token}"')
    return "\n".join(lines) + "\n"


def _inner_port(resource: Resource) -> int:
    return 16380 if int(resource.port) == 16379 else 16379


# AWS: in the mode "preferred" clients with and without TLS are served at one port.
def front_text(resource: Resource) -> str:
    """haproxy's settings: the connections that a group accepts at its port, without a timeout."""
    mode = resource.transit_encryption_mode if resource.transit_encryption_enabled else None
    choice = {
        None: ["default_backend plain"],
        "required": ["default_backend tls"],
        "preferred": [
            "tcp-request inspect-delay 5s",
            "tcp-request content accept if { req.ssl_hello_type 1 }",
            # The first byte of TLS is 22; no command of Redis begins with it.
            "tcp-request content accept if { req.len gt 0 } !{ req.payload(0,1),hex -m str 16 }",
            "use_backend tls if { req.ssl_hello_type 1 }",
            "default_backend plain",
        ],
    }[mode]
    lines = [
        "global",
        "  maxconn 2000",
        "defaults",
        "  mode tcp",
        "  timeout connect 5s",
        "  timeout client 24d",
        "  timeout server 24d",
        "frontend cache",
        f"  bind *:{resource.port}",
        *(f"  {line}" for line in choice),
        "backend plain",
        f"  server redis unix@{SOCKET}",
        "backend tls",
        f"  server redis 127.0.0.1:{_inner_port(resource)}",
    ]
    return "\n".join(lines) + "\n"


# Differs from AWS: while OPEN, Redis takes any password of the user "default", and refuses AUTH without a user's name.
def token_commands(previous: str | None, token: str | None, strategy: str) -> str:
    """redis-cli's commands to rotate, set or delete the AUTH token; OPEN: beside no password."""
    kept = f'resetpass ">{previous}" ' if previous != token else ""
    change = {
        "OPEN": "ACL SETUSER default nopass",
        # AWS: two tokens at most, the one before and the new one (C5).
        "ROTATE": f'ACL SETUSER default {kept}">{token}"',
        "SET": f'ACL SETUSER default resetpass ">{token}"',
        "DELETE": "ACL SETUSER default nopass",
    }[strategy]
    return (f'AUTH "{previous}"\n' if previous else "") + change + "\n"


# AWS: with another node type the endpoint stays, the data too, and clients must connect again (C1).
def disconnect_commands(token: str | None) -> str:
    """redis-cli's commands to end every client's connection."""
    return (f'AUTH "{token}"\n' if token else "") + "CLIENT KILL TYPE normal\nCLIENT KILL TYPE pubsub\n"


# -- moto's life cycle calls -----------------------------------------------------------------------


def _install(caches: Caches) -> None:
    """Connect moto's ElastiCache calls to the backing."""

    @around(ElastiCacheBackend, "create_cache_cluster")
    def create_cluster(original: Original, backend: ElastiCacheBackend, **values: object) -> object:
        if values.get("engine") == "memcached":
            raise InvalidParameterValueException("The local cloud cannot run memcached; it runs redis 7.")
        return original(backend, **values)

    for name in ("create_replication_group", "create_cache_cluster"):
        after(ElastiCacheBackend, name, lambda resource, backend, **_: caches.create(backend, resource))
    hooks.CHANGED.append(caches.change)
    hooks.DELETED.append(caches.delete)
