"""How the tests reach the database, and apply the role again with other settings."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

ENGINE = os.environ.get("TABLE_ORDER_CONTAINER_ENGINE", "podman")
SERVER = "table-order-molecule-db_migrate"
DATABASE = "table-order-molecule-db_migrate-database"
PROJECT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
VERSIONS = "/opt/table-order/backend/migrations/versions"


def run_sql(statement: str, role: str = "rdsadmin", database: str = "tableorder") -> str:
    """Run SQL inside the database's container, as superuser or after SET ROLE; errors are returned like answers."""
    command = [ENGINE, "exec", DATABASE, "psql", "--username=rdsadmin", f"--dbname={database}", "-qtA"]
    command += ["--command", f"SET ROLE {role}", "--command", statement]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return (run.stdout + run.stderr).strip()


def start_playbook(playbook: Path, *arguments: str) -> subprocess.Popen:
    """Start a playbook with the scenario's inventory, on the first server only."""
    command = [
        "ansible-playbook",
        f"--inventory={PROJECT / 'molecule/shared/inventory'}",
        f"--limit={SERVER}",
    ]
    command += [f"--inventory={SCENARIO / 'inventory'}", str(playbook), *arguments]
    # Molecule asks for colours, whose codes would stand between words.
    environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "true"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.fixture(scope="session")
def sql():
    return run_sql


@pytest.fixture
def start():
    """Start the role on the first server; its wait() returns the exit status, the number of changes and the output."""

    class Run:
        def __init__(self, *arguments: str):
            self.process = start_playbook(SCENARIO / "converge.yml", *arguments)

        def wait(self) -> tuple[int, int, str]:
            output, _ = self.process.communicate()
            changes = re.search(r"changed=(\d+)", output)
            return self.process.returncode, int(changes[1]) if changes else -1, re.sub(r"\s+", " ", output)

    return Run


@pytest.fixture(scope="session")
def try_cases(tmp_path_factory):
    """Apply the role once for each case, all in one playbook; returns the messages of those that failed, and the output.

    A case has "vars", and may have "variants": migrations that the release has for its time.
    """

    def run(cases: dict[str, dict[str, Any]]) -> tuple[dict[str, str], str]:
        folder = tmp_path_factory.mktemp("cases")
        tasks = []
        for name, case in cases.items():
            variants = case.get("variants", [])
            remember = f"{{{{ results | default({{}}) | combine({{{name!r}: ansible_failed_result.msg}}) }}}}"
            source, target = f"{SCENARIO}/files/variants/{{{{ item }}}}", f"{VERSIONS}/{{{{ item }}}}"
            copy = {"ansible.builtin.copy": {"src": source, "dest": target, "mode": "0644"}, "loop": variants}
            remove = {"ansible.builtin.file": {"path": target, "state": "absent"}, "loop": variants}
            tasks += [
                copy,
                {
                    "block": [
                        {
                            "ansible.builtin.include_role": {"name": "db_migrate"},
                            "vars": {"db_migrate_connect_tries": 1, **case["vars"]},
                        }
                    ],
                    "rescue": [{"ansible.builtin.set_fact": {"results": remember}}],
                },
                remove,
            ]
        results = folder / "results.json"
        write = {"content": "{{ results | to_json }}", "dest": str(results), "mode": "0600"}
        tasks.append({"ansible.builtin.copy": write, "delegate_to": "localhost"})
        playbook = folder / "cases.yml"
        playbook.write_text(json.dumps([{"hosts": "molecule", "gather_facts": False, "tasks": tasks}]))
        process = start_playbook(playbook)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        found = json.loads(results.read_text())
        return {name: re.sub(r"\s+", " ", message) for name, message in found.items()}, output

    return run
