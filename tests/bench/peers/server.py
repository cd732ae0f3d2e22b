"""For pyinfra: the items that configure.yml keeps on the tests' server, as a yardstick for a run that changes nothing.

``tests/bench/unchanged.py`` fetches the files' contents from the server beforehand, into the directory BENCH_FILES.
"""

import os
from pathlib import Path

from pyinfra.operations import apt, files, server, systemd

FILES = Path(os.environ["BENCH_FILES"])
HOME, STATE, TLS = "/opt/table-order", "/var/lib/table-order", "/etc/nginx/tls"

apt.packages(
    name="Packages",
    packages=[
        "nginx",
        "git",
        "logrotate",
        "openssl",
        "postgresql-client",
        "redis-tools",
        "python3.11",
        "python3.11-venv",
    ],
)
for user in ("table-order", "table-order-build", "table-order-migrate"):
    server.user(  # noqa: S604 - a login shell
        name=f"User {user}", user=user, home=HOME, shell="/usr/sbin/nologin", system=True, ensure_home=False
    )
for path, owner, mode in (
    (HOME, "root", "755"),
    (f"{HOME}/releases", "root", "755"),
    (f"{HOME}/logs", "root", "755"),
    (f"{HOME}/cache", "table-order-build", "700"),
    (STATE, "root", "700"),
    (TLS, "root", "700"),
    ("/run/table-order", "root", "755"),
    ("/var/cache/table-order-packages", "root", "755"),
):
    files.directory(name=f"Directory {path}", path=path, user=owner, group=owner, mode=mode)
for path, owner, group in (
    (f"{HOME}/logs/nginx-access.log", "www-data", "adm"),
    (f"{HOME}/logs/nginx-error.log", "www-data", "adm"),
    (f"{HOME}/logs/fastapi.log", "root", "table-order"),
):
    files.file(name=f"Log {path}", path=path, user=owner, group=group, mode="640")
for source in sorted(path for path in FILES.rglob("*") if path.is_file()):
    target = f"/{source.relative_to(FILES)}"
    files.put(name=f"File {target}", src=str(source), dest=target, user="root", group="root", mode="644")
for unit in (
    "nginx.service",
    "logrotate.timer",
    "table-order-backend.socket",
    "table-order-backend.service",
    "amazon-cloudwatch-agent.service",
):
    systemd.service(name=f"Unit {unit}", service=unit, running=True, enabled=True)
