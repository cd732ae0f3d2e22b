"""The rendered units of the application."""

import pytest

from tests.unit.tasks import find
from tests.unit.test_settings_wired import Scope


@pytest.mark.parametrize("instance", ["service", "candidate"])
def test_a_slow_worker_is_not_killed_at_the_start(instance):
    """By default uvicorn kills workers that do not answer within 5 s; on a busy server a start takes longer."""
    unit = Scope("fastapi_app").see(
        (Scope("fastapi_app").role / "templates/backend.service.j2").read_text(),
        __fastapi_app_instance="{{ __fastapi_app_instances." + instance + " }}",
    )
    assert unit.splitlines().count("Environment=UVICORN_TIMEOUT_WORKER_HEALTHCHECK=30") == 1


@pytest.mark.parametrize("instance", ["service", "candidate"])
@pytest.mark.parametrize("server", ["uvicorn", "gunicorn", "hypercorn"])
def test_idle_connections_outlive_those_of_nginx(server, instance):
    """Otherwise a request meets a connection that is just being closed, and a guest gets a 502."""
    scope = Scope("fastapi_app", fastapi_app_server=server)
    unit = scope.see(
        (scope.role / "templates/backend.service.j2").read_text(),
        __fastapi_app_instance="{{ __fastapi_app_instances." + instance + " }}",
    )
    said = {
        "uvicorn": "Environment=UVICORN_TIMEOUT_KEEP_ALIVE=75",
        "gunicorn": 'Environment="GUNICORN_CMD_ARGS=--keep-alive 75"',
        "hypercorn": " --workers 2 --keep-alive 75 ",
    }[server]
    assert said in (unit if server == "hypercorn" else unit.splitlines())


@pytest.mark.parametrize("instance", ["service", "candidate"])
@pytest.mark.parametrize(
    ("server", "command", "allowed"),
    [("gunicorn", "x", 1), ("uvicorn", "gunicorn admin:app", 1), ("uvicorn", "celery --app=app worker", 0)],
)
def test_workers_of_an_old_gunicorn_may_set_their_own_user(server, command, allowed, instance):
    """gunicorn 20 calls setuid without need, and its workers ended with PermissionError: after the migration, before the switch."""
    processes = [{"name": "other", "command": command}]
    scope = Scope("fastapi_app", fastapi_app_server=server, fastapi_app_processes=processes)
    lines = scope.see(
        (scope.role / "templates/backend.service.j2").read_text(),
        __fastapi_app_instance="{{ __fastapi_app_instances." + instance + " }}",
    ).splitlines()
    assert lines.count("SystemCallFilter=setuid") == allowed
    if allowed:  # systemd takes the lines in their order
        assert lines.index("SystemCallFilter=~@privileged") < lines.index("SystemCallFilter=setuid")


def process(**item: str | int) -> list[str]:
    """Return the lines of the unit of an item of fastapi_app_processes."""
    scope = Scope("fastapi_app", item=item)
    template = (scope.role / "templates/backend.service.j2").read_text()
    return scope.see(template, __fastapi_app_instance="{{ __fastapi_app_instances.process }}").splitlines()


def test_a_worker_runs_all_the_time_from_the_live_release():
    unit = process(name="worker", command="celery --app=app worker", stop_seconds=60, memory_max="1G")
    for line in (
        "ExecStart=/opt/table-order/backend/venv/bin/celery --app=app worker",
        "ConditionFileIsExecutable=/opt/table-order/backend/venv/bin/celery",
        "EnvironmentFile=/var/lib/table-order/service.env",
        "StandardOutput=append:/opt/table-order/logs/worker.log",
        "User=table-order",
        "Type=exec",
        "Restart=always",
        "TimeoutStopSec=60",
        "MemoryMax=1G",
        "ProtectSystem=strict",
        "WantedBy=multi-user.target",
    ):
        assert unit.count(line) == 1, line
    assert not [line for line in unit if ".socket" in line]


def test_the_status_says_how_to_follow_the_logs_of_all_processes():
    scope = Scope(
        "fastapi_app", fastapi_app_processes=[{"name": "worker", "command": "x"}], fastapi_app_service="shop"
    )
    nothing = {
        "live": "",
        "previous": "",
        "units": {},
        "candidate_live": False,
        "lock": {},
        "history": [],
        "releases": {},
    }
    shown = scope.see(
        (scope.role / "templates/status.j2").read_text(), __fastapi_app_info=nothing, __fastapi_app_health={}
    )
    logs = "/opt/table-order/logs/fastapi.log /opt/table-order/logs/worker.log"
    assert (
        f"Logs       sudo tail --follow=name {logs}\n           sudo journalctl --follow --unit=shop.service\n"
        in shown
    )


def test_an_empty_setting_is_an_omitted_one():
    unit = process(name="worker", command="x", schedule=None, stop_seconds=None, memory_max=None)
    assert "Restart=always" in unit
    assert "TimeoutStopSec=30" in unit
    assert not [line for line in unit if "None" in line]
    assert Scope("fastapi_app", fastapi_app_processes=[{"name": "a", "command": "x", "schedule": None}]).see(
        "{{ __fastapi_app_process_units }}"
    ) == ["a.service"]


def test_the_program_of_each_command_is_looked_for_before_the_switch():
    """After it the release would be live, and each run would fail."""
    looked = find(
        "roles/fastapi_app/tasks/check.yml", "Find the programs of the other processes and the commands"
    )
    scope = Scope(
        "fastapi_app",
        fastapi_app_processes=[{"name": "worker", "command": "celery worker"}],
        fastapi_app_before_switch=["python -m app.seed"],
        fastapi_app_after_switch=["clear"],
        __fastapi_app_path="/srv/x",
    )
    commands = scope.see(looked.keywords["loop"])
    assert [scope.see(looked.arguments["path"], item=command) for command in commands] == [
        f"/srv/x/backend/venv/bin/{program}" for program in ("celery", "python", "clear")
    ]


def test_a_job_is_started_by_its_timer_only():
    unit = process(name="report", command="python -m app.report", schedule="hourly")
    assert "Type=oneshot" in unit
    assert "TimeoutStopSec=30" in unit
    assert not [line for line in unit if line.startswith(("Restart", "WantedBy", "MemoryMax"))]


@pytest.mark.parametrize(
    ("server", "listens"),
    [
        ("uvicorn", ("--fd 3", "--host 127.0.0.1 --port 8001")),
        ("hypercorn", ("--bind fd://3", "--bind 127.0.0.1:8001")),
        ("gunicorn", ("", "--bind 127.0.0.1:8001")),
    ],
)
def test_each_server_gets_the_socket_and_the_candidate_a_port(server, listens):
    for instance, listen in zip(("service", "candidate"), listens, strict=True):
        scope = Scope("fastapi_app", fastapi_app_server=server, fastapi_app_arguments=["--x"])
        command = scope.see("{{ __fastapi_app_instances." + instance + ".command }}")
        own = ["--keep-alive", "75"] if server == "hypercorn" else []
        assert command.split() == [server, "app.main:app", *listen.split(), "--workers", "2", *own, "--x"]


@pytest.mark.parametrize("instance", ["service", "candidate"])
@pytest.mark.parametrize(("url", "given"), [("https://authorities.example/ca.pem", True), ("", False)])
def test_drivers_get_the_authorities_of_the_database_where_a_url_names_none(instance, url, given):
    """SQLAlchemy's asyncpg knows no sslrootcert. The application's own environment, the file, comes later and wins."""
    scope = Scope("fastapi_app", fastapi_app_database_ca_url=url)
    lines = scope.see(
        (scope.role / "templates/backend.service.j2").read_text(),
        __fastapi_app_instance="{{ __fastapi_app_instances." + instance + " }}",
    ).splitlines()
    wanted = ["Environment=PGSSLMODE=verify-full", "Environment=PGSSLROOTCERT=/etc/ssl/certs/rds-ca.pem"]
    assert [line for line in lines if "PGSSL" in line] == (wanted if given else [])
    file = next(place for place, line in enumerate(lines) if line.startswith("EnvironmentFile="))
    assert all(lines.index(line) < file for line in wanted if given)


@pytest.mark.parametrize("url", ["https://authorities.example/ca.pem", ""])
def test_python_takes_text_for_utf_8_whatever_the_locale_of_the_host(url):
    scope = Scope(
        "fastapi_app",
        fastapi_app_database_ca_url=url,
        __fastapi_app_path="/x",
        __fastapi_app_cutover={"to": "x"},
    )
    unit = scope.see(
        (scope.role / "templates/backend.service.j2").read_text(),
        __fastapi_app_instance="{{ __fastapi_app_instances.service }}",
    ).splitlines()
    assert unit.index("Environment=PYTHONUTF8=1") < unit.index(
        "EnvironmentFile=/var/lib/table-order/service.env"
    )
    assert "--setenv=PYTHONUTF8=1" in scope.see("{{ __fastapi_app_start_command }}")


@pytest.mark.parametrize(
    ("server", "own"),
    [
        ("uvicorn", ["--host", "127.0.0.1", "--port", "8001", "--workers", "2"]),
        ("gunicorn", ["--bind", "127.0.0.1:8001", "--workers", "2"]),
        ("hypercorn", ["--bind", "127.0.0.1:8001", "--workers", "2", "--keep-alive", "75"]),
    ],
)
def test_the_check_before_the_migration_has_the_arguments_of_the_candidate(server, own):
    scope = Scope(
        "fastapi_app",
        fastapi_app_server=server,
        fastapi_app_asgi="src:make()",
        fastapi_app_arguments=["--x", "a b"],
        __fastapi_app_path="/opt/table-order/releases/x",
        __fastapi_app_cutover={"to": "x"},
    )
    command = [str(one) for one in scope.see("{{ __fastapi_app_start_command }}")]
    python = command.index("/opt/table-order/releases/x/backend/venv/bin/python")
    assert command[python + 1 :] == ["-", "lifespan", server, "src:make()", *own, "--x", "a b"]
    candidate = scope.see("{{ __fastapi_app_instances.candidate.command }}").split()
    assert candidate == [server, "src:make()", *own, "--x", "a", "b"]


def test_each_process_sees_the_shared_directories_in_its_release():
    """systemd mounts them, so that a path of the application stays below its directory: StaticFiles follows no link out of it."""
    shared = {
        "fastapi_app_shared_directories": ["uploads", "var/cache"],
        "__fastapi_app_path": "/opt/table-order/releases/x",
        "__fastapi_app_cutover": {"to": "x"},
    }
    scope = Scope("fastapi_app", item={"name": "worker", "command": "x"}, **shared)
    template = (scope.role / "templates/backend.service.j2").read_text()
    mounts = [f"BindPaths=/opt/table-order/shared/{one}:%s/{one}" for one in ("uploads", "var/cache")]
    for instance, backend in (("service", "backend"), ("process", "backend"), ("candidate", "candidate")):
        unit = scope.see(
            template, __fastapi_app_instance="{{ __fastapi_app_instances." + instance + " }}"
        ).splitlines()
        assert [line for line in unit if line.startswith("BindPaths")] == [
            one % f"/opt/table-order/{backend}" for one in mounts
        ]
    command = scope.see("{{ __fastapi_app_start_command }}")
    assert [one for one in map(str, command) if "BindPaths" in one] == [
        f"--property={one % '/opt/table-order/releases/x/backend'}" for one in mounts
    ]


def test_root_owns_each_directory_above_a_shared_one():
    """In one that was shared before, and so is the service's, it could replace the next part by a link, which root would follow."""
    scope = Scope("fastapi_app", fastapi_app_shared_directories=["uploads", "app/static/uploads", "app/var"])
    assert scope.see("{{ __fastapi_app_shared_parents }}") == [
        "/opt/table-order/shared",
        "/opt/table-order/shared/app",
        "/opt/table-order/shared/app/static",
    ]
    assert Scope("fastapi_app").see("{{ __fastapi_app_shared_parents }}") == []


@pytest.mark.parametrize(
    ("status", "said"),
    [(226, "systemd started no process (status 226)"), (200, "status 200"), (1, None), (250, None)],
)
def test_a_process_that_systemd_did_not_start_is_told_from_one_that_failed(status, said):
    """Without a process there is no output, only the journal: a missing writable path would have no reason."""
    scope = Scope("fastapi_app", fastapi_app_service="shop", __fastapi_app_start={"rc": status})
    shown = scope.see("{{ __fastapi_app_start_refused }}")
    assert (said in shown and "journalctl --unit=shop-check" in shown) if said else shown == ""
