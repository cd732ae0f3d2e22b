"""RDS: an instance is a container with PostgreSQL 15, reachable under its endpoint's name in its VPC."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.subnets import Subnet
from moto.rds.exceptions import InvalidParameterValue
from moto.rds.models import DBInstance, RDSBackend, rds_backends

from local_cloud.backing import IMAGE, START_TIMEOUT, Interface, attach, network_options
from local_cloud.backups import Backups, Source, log_marker
from local_cloud.cloud import Cloud
from local_cloud.containers import ContainerError, File
from local_cloud.patching import Original, after, around
from local_cloud.shims.rds import automated_backups
from local_cloud.shims.rds.changes import TAKEN, apply
from local_cloud.shims.rds.parameter_groups import catalogue, parameter_values

log = logging.getLogger("local_cloud")

# Changes with a restart, by moto's names.
RESTARTING = {"db_instance_class", "engine_version", "ca_certificate_identifier"}
# The port is part of the socket's name; the fourth line of the PID file has the running server's.
PSQL = (
    'exec psql --port="$(sed -n 4p /var/lib/postgresql/data/postmaster.pid)" --no-psqlrc --quiet --set=ON_ERROR_STOP=1'
    " --tuples-only --no-align --username=rdsadmin --dbname=postgres"
)


@dataclasses.dataclass
class Server:
    """The backing of an instance."""

    container: str
    interface: Interface


class Databases:
    """The containers behind the account's database instances."""

    def __init__(self, cloud: Cloud) -> None:
        """Hook into moto's life cycle of RDS."""
        self.cloud = cloud
        self.servers: dict[str, Server] = {}
        self.backups = Backups(cloud)
        cloud.on_reset.append(self.servers.clear)
        _install(self)

    def server(self, instance: DBInstance) -> Server | None:
        """The server of an instance; None for an engine that is not backed."""
        return self.servers.get(instance.dbi_resource_id)

    def refuse_unknown_engine(self, values: dict[str, Any]) -> None:
        """Raise InvalidParameterValue for an engine or a version that has no image on this machine."""
        engine, version = values.get("engine"), str(values.get("engine_version") or "15")
        if engine != "postgres" or version.partition(".")[0] != "15":
            raise InvalidParameterValue(
                f"The local cloud cannot run {engine} {version}. It runs postgres 15 (Engine, EngineVersion)."
            )

    # -- life cycle --------------------------------------------------------------------------------

    def create(self, instance: DBInstance) -> None:
        """Start a new server in the background: creating, then available."""
        interface = attach(self._subnet(instance), instance.vpc_security_group_ids, "RDSNetworkInterface")
        name = f"{self.cloud.settings.container_prefix}-{instance.dbi_resource_id.lower()}"
        server = self.servers[instance.dbi_resource_id] = Server(name, interface)
        instance.status = "creating"
        self.backups.awaits_base(instance)

        source = self.backups.take_source()

        def work() -> None:
            with self.cloud.lock:
                options = network_options(self.cloud.network, interface, [instance.address])
                files = self._files(instance)
            # SIGINT is PostgreSQL's fast shutdown; SIGTERM waits for every client to leave.
            options += ["--stop-signal=SIGINT", "--shm-size=128m"]
            self.cloud.podman.make(
                name, source.image if source else IMAGE, ["start-postgresql"], options=options, files=files
            )
            if source and (source.container or source.log):
                self._bring_log(source, name)
            self._start(server)
            if source is None:
                self._sql(server, bootstrap_sql(instance))
            self.cloud.wait("database")
            if instance.backup_retention_period:
                self.show(instance, "backing-up", "backup")
            self._available(instance)
            self.backups.save_base(instance, name)

        self._later(instance, f"created at {interface.address}", work)

    def _bring_log(self, source: Source, container: str) -> None:
        if source.container:
            log_marker(lambda statements: self._run_sql(source.container, statements))
        self.backups.bring_log(source, container)

    def queue(self, server: Server) -> str:
        """The key that orders slow work on a server."""
        return f"database {server.container}"

    def _subnet(self, instance: DBInstance) -> Subnet:
        """The subnet group's subnet in the instance's zone; without a group, the default VPC's."""
        group = getattr(instance, "db_subnet_group", None)
        if group:
            return next(one for one in group._subnets if one.availability_zone == instance.availability_zone)
        ec2 = ec2_backends[instance.account_id][instance.region]
        return ec2.get_default_subnets()[instance.availability_zone]

    def _later(self, instance: DBInstance, what: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception:
                instance.status = "failed"
                raise

        server = self.servers[instance.dbi_resource_id]
        self.cloud.later(self.queue(server), f"{instance.db_instance_identifier} {what}", run)

    def show(self, instance: DBInstance, state: str, kind: str) -> None:
        """Show a state during the settings' delay of its cause (`kind`, one of settings.DELAYED)."""
        if self.cloud.delays[kind]:
            self._set(instance, state)
            self.cloud.wait(kind)

    def _set(self, instance: DBInstance, state: str) -> None:
        """Set a state; an instance in deletion stays so."""
        with self.cloud.lock:
            if instance.status != "deleting":
                instance.status = state

    def _available(self, instance: DBInstance) -> None:
        self._set(instance, "available")

    def start(self, instance: DBInstance) -> None:
        """Start a stopped server in the background."""
        server = self.server(instance)
        if server is None:
            return
        instance.status = "starting"

        def work() -> None:
            self._configure(instance, server, note_as_applied=True)
            self._start(server)
            self.backups.stopped.pop(instance.dbi_resource_id, None)
            self._available(instance)

        self._later(instance, "started", work)

    def stop(self, instance: DBInstance) -> None:
        """Stop a server in the background."""
        server = self.server(instance)
        if server is None:
            return
        instance.status = "stopping"

        def work() -> None:
            self.backups.stopped[instance.dbi_resource_id] = automated_backups.now()
            self._mark_log(server)
            self.cloud.podman.stop(server.container, seconds=20)
            self._set(instance, "stopped")

        self._later(instance, "stopped", work)

    def reboot(self, instance: DBInstance) -> None:
        """Restart a server in the background; static parameters take effect."""
        server = self.server(instance)
        if server is None:
            return
        instance.status = "rebooting"

        def work() -> None:
            self.cloud.podman.stop(server.container, seconds=20)
            self._configure(instance, server, note_as_applied=True)
            self._start(server)
            self._available(instance)

        self._later(instance, "rebooted", work)

    def delete(self, backend: RDSBackend, instance: DBInstance) -> None:
        """Remove a server in the background; the API shows it as deleting until it is gone."""
        server = self.server(instance)
        if server is None:
            return
        backend.databases[instance.db_instance_identifier] = instance
        instance.status = "deleting"
        kept = automated_backups.retained(backend).get(instance.dbi_resource_id)
        if kept:
            kept.in_deletion = True

        def work() -> None:
            if kept:
                self._mark_log(server)
                self.backups.retain(instance, server.container)
            else:
                self.backups.drop_base(instance)
            self.cloud.podman.remove(server.container)
            with self.cloud.lock:
                server.interface.release()
                self.servers.pop(instance.dbi_resource_id, None)
                backend.databases.pop(instance.db_instance_identifier, None)
                if kept:
                    kept.in_deletion = False

        self._later(instance, "deleted", work)

    # -- changes -----------------------------------------------------------------------------------

    def move_groups(self, instance: DBInstance, groups: list[str]) -> None:
        """Give a running server other security groups."""
        server = self.server(instance)
        if server and groups:
            ec2 = server.interface.record.ec2_backend
            ec2.modify_network_interface_attribute(server.interface.record.id, groups)

    def take(self, backend: RDSBackend, instance: DBInstance, late: dict[str, Any]) -> bool:
        """Make changes (moto's names and values) in the background; False without a server.

        AWS: the instance is shown as available for a while before it begins (R19).
        """
        server = self.server(instance)
        if server is None:
            return False

        def work() -> None:
            self.cloud.wait("reaction")
            if "master_user_password" in late:
                self._change_password(instance, server, late["master_user_password"])
            if "new_db_instance_identifier" in late:
                self._rename(backend, instance, server, late)
            else:
                self._change(backend, instance, server, late)
            self._available(instance)

        self._later(instance, f"changed ({', '.join(sorted(late))})", work)
        return True

    def _change_password(self, instance: DBInstance, server: Server, password: str) -> None:
        self._set(instance, "resetting-master-credentials")
        self._sql(server, f"ALTER ROLE {identifier(instance.master_username)} PASSWORD {literal(password)};")

    def _change(
        self, backend: RDSBackend, instance: DBInstance, server: Server, late: dict[str, Any]
    ) -> None:
        """Show a change of the class, the storage or the backups as RDS does, with the restart of a new class or version."""
        if late.keys() - {"master_user_password"}:
            self._set(instance, "modifying")
            self.cloud.wait("modification")
        if late.keys() & RESTARTING:
            self.cloud.podman.stop(server.container, seconds=20)
            self._configure(instance, server)
            self._start(server)
        grown = late.get("allocated_storage", 0) > instance.allocated_storage
        with self.cloud.lock:
            apply(backend, instance, late)
            if late.get("backup_retention_period"):
                self.backups.awaits_base(instance)
        if late.get("backup_retention_period"):
            self.show(instance, "backing-up", "backup")
            self.backups.save_base(instance, server.container)
        elif "backup_retention_period" in late:
            self.backups.drop_base(instance)
        if grown:
            self.show(instance, "storage-optimization", "optimization")

    # AWS: the old name is gone at once, the new one comes late, after a reboot; until then the instance has its old name in the
    # API (R15, R17).
    def _rename(
        self, backend: RDSBackend, instance: DBInstance, server: Server, late: dict[str, Any]
    ) -> None:
        """Set the server's new name, with a certificate for it."""
        self._set(instance, "renaming")
        network = self.cloud.network.vpcs[server.interface.subnet.vpc_id].name
        self.cloud.podman.call("network", "disconnect", network, server.container)
        self.cloud.wait("rename")
        with self.cloud.lock:
            apply(backend, instance, late)
        self._set(instance, "rebooting")
        self.cloud.podman.call(
            "network",
            "connect",
            f"--alias={instance.address}",
            f"--ip={server.interface.address}",
            f"--mac-address={server.interface.record.mac_address}",
            network,
            server.container,
        )
        self._configure(instance, server)
        self.cloud.podman.stop(server.container, seconds=20)
        self._start(server)

    def parameters_changed(self, group_name: str, parameters: list[dict[str, Any]]) -> None:
        """Apply at once the parameters (as ModifyDBParameterGroup has them) whose apply method is immediate."""
        immediate = {one["ParameterName"] for one in parameters if one.get("ApplyMethod") == "immediate"}
        backends = {server.interface.record.ec2_backend.account_id for server in self.servers.values()}
        if not immediate or not backends:
            return
        for instance in self._instances():
            if instance.db_parameter_group_name == group_name and instance.status == "available":
                wanted = parameter_values(instance)
                instance.applied_parameters |= {name: wanted[name] for name in immediate if name in wanted}
                self._reload(instance)

    def _instances(self) -> list[DBInstance]:
        return list(rds_backends[self.cloud.settings.account][self.cloud.settings.region].databases.values())

    def _reload(self, instance: DBInstance) -> None:
        server = self.server(instance)
        if server is None:
            return

        def work() -> None:
            self._configure(instance, server)
            self._sql(server, "SELECT pg_reload_conf();")

        self._later(instance, "parameters applied", work)

    # -- inside the container ----------------------------------------------------------------------

    def _configure(self, instance: DBInstance, server: Server, *, note_as_applied: bool = False) -> None:
        with self.cloud.lock:
            if note_as_applied:
                instance.applied_parameters = parameter_values(instance)
                instance.parameter_group_change = None
            files = self._files(instance)
        self.cloud.podman.copy(server.container, files)

    def _files(self, instance: DBInstance) -> list[File]:
        certificate = self.cloud.authority.issue([instance.address])
        return [
            File("/etc/postgresql/conf.d/50-instance.conf", settings_text(instance)),
            File("/etc/postgresql/pg_hba.conf", access_text(instance)),
            File("/etc/postgresql/server.crt", certificate.certificate),
            # The start script changes the owner to PostgreSQL's user.
            File("/etc/postgresql/server.key", certificate.key, 0o600),
        ]

    def _mark_log(self, server: Server) -> None:
        log_marker(lambda statements: self._sql(server, statements))

    def _sql(self, server: Server, statements: str) -> str:
        return self._run_sql(server.container, statements)

    def _run_sql(self, container: str, statements: str) -> str:
        """Run SQL as the superuser, over the container's own socket. Secrets go through standard input."""
        quiet = "SET log_min_error_statement = 'panic'; SET log_statement = 'none';\n"
        return self.cloud.podman.exec(container, "sh", "-c", PSQL, stdin=(quiet + statements).encode())

    def _start(self, server: Server) -> None:
        """Start the container, and return once the server accepts writes."""
        self.cloud.podman.start(server.container)
        self.cloud.network.prepare_bridge(server.interface.subnet.vpc_id)
        self._wait(server)

    def _wait(self, server: Server) -> None:
        """Return once the server accepts writes. Raises ContainerError."""
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                # A restored server first replays its log, and answers reads meanwhile.
                if self._sql(server, "SELECT pg_is_in_recovery();").strip() == "f":
                    return
            except ContainerError:
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline or self.cloud.closing.wait(0.2):
                raise ContainerError(f"{server.container} does not become ready")


def identifier(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def bootstrap_sql(instance: DBInstance) -> str:
    """RDS's content of a new instance: the master user, without superuser rights, and the database."""
    master = identifier(instance.master_username)
    statements = [
        "CREATE ROLE rds_superuser NOLOGIN;",
        "GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO rds_superuser WITH ADMIN OPTION;",
        f"CREATE ROLE {master} LOGIN CREATEDB CREATEROLE IN ROLE rds_superuser "
        f"PASSWORD {literal(instance._master_user_password)};",
        f"ALTER DATABASE postgres OWNER TO {master};",
        "CREATE DATABASE rdsadmin; REVOKE ALL ON DATABASE rdsadmin FROM PUBLIC;",
    ]
    if instance.db_name and instance.db_name != "postgres":
        statements.append(f"CREATE DATABASE {identifier(instance.db_name)} OWNER {master};")
    return "\n".join(statements)


def settings_text(instance: DBInstance) -> str:
    """postgresql.conf: the endpoint's port and certificate, and the parameters that are in effect."""
    (group,) = instance.db_parameter_groups()
    known = catalogue(group.family)
    lines = [
        "ssl = on",
        "ssl_cert_file = '/etc/postgresql/server.crt'",
        "ssl_key_file = '/etc/postgresql/server.key'",
        f"port = {instance.port}",
        # The data ends with the local cloud, so a power cut needs no durability.
        "fsync = off",
        # Keep the whole log, which point-in-time restores replay.
        "wal_keep_size = '1TB'",
    ]
    lines += [
        f"{name} = {literal(value)}"
        for name, value in sorted(instance.applied_parameters.items())
        if name in known and not name.startswith("rds.")
    ]
    return "\n".join(lines) + "\n"


def access_text(instance: DBInstance) -> str:
    """pg_hba.conf: the superuser from inside only, everyone else with a password, over TLS if forced."""
    forced = instance.applied_parameters.get("rds.force_ssl", "1") == "1"
    return (
        "local all all trust\n"
        "host all rdsadmin all reject\n"
        f"{'hostssl' if forced else 'host'} all all all scram-sha-256\n"
    )


# -- moto's life cycle calls -----------------------------------------------------------------------


def _install(databases: Databases) -> None:
    """Connect moto's RDS calls to the backing."""
    cloud = databases.cloud

    @around(RDSBackend, "create_db_instance")
    def create(original: Original, backend: RDSBackend, values: dict[str, Any]) -> object:
        if backend.region_name == cloud.settings.region:
            databases.refuse_unknown_engine(values)
        instance = original(backend, values)
        databases.create(instance)
        return instance

    TAKEN.append(databases.take)
    after(
        RDSBackend,
        "modify_db_instance",
        lambda instance, _, __, values: databases.move_groups(
            instance, values.get("vpc_security_group_ids") or []
        ),
    )
    after(RDSBackend, "start_db_instance", lambda instance, *_: databases.start(instance))
    after(RDSBackend, "stop_db_instance", lambda instance, *_: databases.stop(instance))
    after(RDSBackend, "reboot_db_instance", lambda instance, *_: databases.reboot(instance))
    after(
        RDSBackend,
        "delete_db_instance",
        lambda instance, backend, *_, **__: databases.delete(backend, instance),
    )

    @around(RDSBackend, "modify_db_parameter_group")
    def parameters_changed(original: Original, backend: RDSBackend, name: str, parameters: Any) -> object:  # noqa: ANN401
        parameters = list(parameters)
        group = original(backend, name, parameters)
        databases.parameters_changed(group.name, parameters)
        return group
