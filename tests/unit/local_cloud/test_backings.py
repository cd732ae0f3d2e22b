"""The containers of servers, databases and caches follow the API: what podman is told, by a stand-in that notes it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
TOLD = """\
network: network create vpc, network inspect vpc
server is launched: image image, create server, cp server, start server, inspect server, exec server
server, stop: stop server
server, start: start server, inspect server
server, reboot: stop server, start server, inspect server
server, image: stop server, commit server, start server, inspect server
server, root volume: stop server, rm server, create server, cp server, start server, inspect server
server, image is deregistered: untag image
server, terminate: rm server
database is created: create database, cp database, start database, exec database, exec database, commit database
database, password: exec database
database, class: stop database, cp database, start database, exec database
database, no backups: untag image
database, backups: commit database
database, stop: exec database, stop database
database, start: cp database, start database, exec database
database, reboot: stop database, cp database, start database, exec database
database, snapshot: commit database
database is restored: create database, cp database, start database, exec database, commit database
database is restored to a time: create database, cp database, exec database, cp database, cp database, cp database, \
cp database, start database, exec database, commit database
database, renamed: network disconnect vpc, network connect vpc, cp database, stop database, start database, \
exec database
database, deleted but for its backups: exec database, commit database, rm database
database is restored from them: create database, cp database, create database, cp database, cp database, cp database, \
rm database, cp database, start database, exec database, commit database
they are deleted: untag image, untag image
database four is deleted: untag image, rm database
database two is deleted: untag image, rm database
database one is deleted: untag image, rm database
snapshot is deleted: untag image
cache is created: create cache, cp cache, start cache, exec cache
cache, token: exec cache
cache, node type: exec cache
cache is deleted: rm cache
network is deleted: network rm vpc
"""


def test_containers_follow_the_api():
    # A process of its own: the backings change moto's classes for good.
    command = [sys.executable, "-m", "tests.unit.local_cloud.backings_run"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    assert done.stdout == TOLD
