"""The check before the migration: what the server could not start is refused, what the migration may bring is not."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "roles/fastapi_app/files/start_check.py"
ARGUMENTS = [
    "--host",
    "127.0.0.1",
    "--port",
    "9001",
    "--workers",
    "2",
    "--proxy-headers",
    "--timeout-graceful-shutdown",
    "5",
]
PLAIN = """
    async def app(scope, receive, send):
        assert scope["type"] == "lifespan"
        {start}
        await receive()
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        open("ended", "w").close()
"""
# As Starlette answers an error of a lifespan.
FAILING = """
    async def app(scope, receive, send):
        await receive()
        try:
            {start}
        except BaseException:
            await send({{"type": "lifespan.startup.failed", "message": "it failed"}})
            raise
"""
DRIVER = """
    class Error(Exception): pass
    class OperationalError(Error): pass
"""


# What the role gives each server besides the application, and the arguments of its own.
GUNICORN = ["--bind", "127.0.0.1:9001", "--workers", "2", "--worker-class=uvicorn_worker.UvicornWorker"]
HYPERCORN = ["--bind", "127.0.0.1:9001", "--workers", "2", "--keep-alive", "75"]
SERVERS = {
    "uvicorn": ("uvicorn", ARGUMENTS),
    "gunicorn": ("gunicorn", GUNICORN),
    "gunicorn's own worker": ("gunicorn", [*GUNICORN[:4], "--worker-class=asgi"]),
    "hypercorn": ("hypercorn", HYPERCORN),
}


@pytest.fixture(params=SERVERS)
def server(request):
    return request.param


def check(
    folder: Path,
    source: str,
    *arguments: str,
    app: str = "main:app",
    lifespan: str = "lifespan",
    server: str = "uvicorn",
) -> tuple[int, str]:
    """Run the program as the role does; returns its status and what it says."""
    (folder / "main.py").write_text(textwrap.dedent(source))
    program, own = SERVERS[server]
    command = [sys.executable, "-", lifespan, program, app, *own, *arguments]
    with PROGRAM.open() as file:
        run = subprocess.run(
            command, cwd=folder, stdin=file, capture_output=True, text=True, timeout=120, check=False
        )
    return run.returncode, run.stderr


def test_an_application_starts_and_ends_its_lifespan(tmp_path, server):
    assert check(tmp_path, PLAIN.format(start="pass"), server=server) == (0, "")
    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize(
    ("source", "arguments", "said"),
    [
        ("import os; os.environ['NEEDED_KEY']", [], "KeyError: 'NEEDED_KEY'"),
        ("def make(): raise KeyError('NEEDED_KEY')", ["--factory"], "KeyError: 'NEEDED_KEY'"),
        ("def make(needed): pass", ["--factory"], "missing 1 required positional argument"),
        (FAILING.format(start="raise KeyError('NEEDED_KEY')"), [], "KeyError: 'NEEDED_KEY'"),
        (FAILING.format(start="open('/nowhere/file')"), [], "No such file or directory: '/nowhere/file'"),
        (FAILING.format(start="raise SystemExit(3)"), [], "SystemExit: 3"),
        (PLAIN.format(start="raise KeyError('NEEDED_KEY')"), ["--lifespan", "on"], "KeyError: 'NEEDED_KEY'"),
        ("import nothing_of_this_name", [], "No module named 'nothing_of_this_name'"),
        ("other = 1", [], 'Attribute "app" not found in module "main"'),
        (
            PLAIN.format(start="pass"),
            ["--no-such-option"],
            "refuses its arguments: No such option",
        ),
        (PLAIN.format(start="pass"), ["--workers", "many"], "Correct fastapi_app_arguments"),
        (PLAIN.format(start="pass"), ["--app-dir", "elsewhere"], 'Could not import module "main"'),
    ],
)
def test_what_cannot_start_is_refused_with_the_reason(tmp_path, source, arguments, said):
    app = "main:make" if "--factory" in arguments else "main:app"
    status, error = check(tmp_path, source, *arguments, app=app)
    assert status == 1, error
    assert said in error


@pytest.mark.parametrize(
    "start",
    [
        "import psycopg; raise psycopg.OperationalError('role shop_app does not exist')",
        "raise ConnectionRefusedError(111, 'refused')",
        "raise ExceptionGroup('pool', [TimeoutError()])",
        "import main; main.wrapped()",
    ],
)
def test_what_the_migration_may_bring_is_no_failure(tmp_path, start, server):
    (tmp_path / "psycopg.py").write_text(textwrap.dedent(DRIVER))
    wrapped = """
    def wrapped():
        import psycopg
        try:
            raise psycopg.Error("no table")
        except psycopg.Error as error:
            raise RuntimeError("no settings") from error
    """
    status, error = check(tmp_path, wrapped + FAILING.format(start=start), server=server)
    assert (status, error[:31]) == (0, "Not judged before the migration"), error


@pytest.mark.parametrize(
    ("server", "source", "arguments", "app", "said"),
    [
        (server, source, arguments, app, said)
        for server in SERVERS
        if server != "uvicorn"
        for source, arguments, app, said in [
            ("import os; os.environ['NEEDED_KEY']", [], "main:app", "KeyError: 'NEEDED_KEY'"),
            ("def make(): raise KeyError('NEEDED_KEY')", [], "main:make()", "KeyError: 'NEEDED_KEY'"),
            (FAILING.format(start="raise KeyError('NEEDED_KEY')"), [], "main:app", "KeyError: 'NEEDED_KEY'"),
            ("import nothing_of_this_name", [], "main:app", "No module named 'nothing_of_this_name'"),
            ("other = 1", [], "main:app", "main"),
            (PLAIN.format(start="pass"), ["--no-such-option"], "main:app", "Correct fastapi_app_arguments"),
            (PLAIN.format(start="pass"), ["--workers", "many"], "main:app", "refuses its arguments"),
            (PLAIN.format(start="pass"), ["--worker-class=none"], "main:app", "refuses its arguments"),
            (PLAIN.format(start="pass"), ["--config=none.py"], "main:app", "none.py"),
        ]
    ]
    + [
        ("gunicorn", PLAIN.format(start="pass"), ["--worker-class=sync"], "main:app", "SyncWorker cannot run an ASGI"),
        ("gunicorn", PLAIN.format(start="pass"), ["--chdir=elsewhere"], "main:app", "elsewhere"),
        ("gunicorn's own worker", PLAIN.format(start="1/0"), ["--asgi-lifespan=on"], "main:app", "ZeroDivisionError"),
        ("hypercorn", "def make(): pass", [], "main:make", "main:make is no ASGI application. A factory is called"),
        ("hypercorn", PLAIN.format(start="pass"), ["--worker-class=trio"], "main:app", "No module named 'trio'"),
    ],
)  # fmt: skip
def test_what_another_server_cannot_start_is_refused(tmp_path, server, source, arguments, app, said):
    status, error = check(tmp_path, source, *arguments, app=app, server=server)
    assert status == 1, error
    assert said in error


def test_a_factory_is_called(tmp_path, server):
    made = "\ndef make():\n    open('made', 'w').close()\n    return app\n"
    app, arguments = ("main:make", ["--factory"]) if server == "uvicorn" else ("main:make()", [])
    source = textwrap.dedent(PLAIN.format(start="pass")) + made
    assert check(tmp_path, source, *arguments, app=app, server=server) == (0, "")
    assert (tmp_path / "made").exists()
    assert (tmp_path / "ended").exists()


def test_gunicorns_own_settings_hold(tmp_path):
    """Those of its file, of GUNICORN_CMD_ARGS' kind, and those that --check-config leaves out."""
    (tmp_path / "gunicorn.conf.py").write_text('worker_class = "workers.Quiet"\nraw_env = ["NEEDED_KEY=1"]\n')
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/beside.py").write_text("")
    (tmp_path / "workers.py").write_text(
        "from uvicorn_worker import UvicornWorker\n"
        "class Quiet(UvicornWorker):\n    CONFIG_KWARGS = {'lifespan': 'off', 'factory': True}\n"
    )
    source = """
        import os, beside
        os.environ["NEEDED_KEY"]
        def make():
            open("made", "w").close()
            async def app(scope, receive, send):
                raise AssertionError(scope)
            return app
    """
    SERVERS["of the file"] = ("gunicorn", GUNICORN[:4])
    try:
        assert check(tmp_path, source, "--pythonpath=lib", app="main:make", server="of the file") == (0, "")
    finally:
        del SERVERS["of the file"]
    assert (tmp_path / "made").exists()


def test_threads_that_an_application_leaves_are_not_waited_for(tmp_path):
    start = "import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()"
    assert check(tmp_path, PLAIN.format(start=start)) == (0, "")


def test_a_lifespan_that_waits_is_not_waited_for(tmp_path):
    source = "import __main__, time; __main__.LIFESPAN_SECONDS = 1\n" + textwrap.dedent(
        FAILING.format(start="time.sleep(600)")
    )
    status, error = check(tmp_path, source)
    assert (status, "has not started within 1 s" in error) == (0, True), error


@pytest.mark.parametrize(
    ("server", "lifespan", "arguments"),
    [
        *((server, "no-lifespan", []) for server in SERVERS),
        ("uvicorn", "lifespan", ["--lifespan", "off"]),
        ("gunicorn's own worker", "lifespan", ["--asgi-lifespan=off"]),
    ],
)
def test_the_lifespan_may_be_left_out(tmp_path, server, lifespan, arguments):
    source = FAILING.format(start="raise KeyError('x')")
    assert check(tmp_path, source, *arguments, lifespan=lifespan, server=server) == (0, "")
