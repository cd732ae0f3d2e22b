"""The check before the migration: what uvicorn could not start is refused, what the migration may bring is not."""

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


def check(
    folder: Path, source: str, *arguments: str, app: str = "main:app", lifespan: str = "lifespan"
) -> tuple[int, str]:
    """Run the program as the role does; returns its status and what it says."""
    (folder / "main.py").write_text(textwrap.dedent(source))
    command = [sys.executable, "-", lifespan, app, *ARGUMENTS, *arguments]
    with PROGRAM.open() as program:
        run = subprocess.run(
            command, cwd=folder, stdin=program, capture_output=True, text=True, timeout=120, check=False
        )
    return run.returncode, run.stderr


def test_an_application_starts_and_ends_its_lifespan(tmp_path):
    assert check(tmp_path, PLAIN.format(start="pass")) == (0, "")
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
def test_what_the_migration_may_bring_is_no_failure(tmp_path, start):
    (tmp_path / "psycopg.py").write_text(textwrap.dedent(DRIVER))
    wrapped = """
    def wrapped():
        import psycopg
        try:
            raise psycopg.Error("no table")
        except psycopg.Error as error:
            raise RuntimeError("no settings") from error
    """
    status, error = check(tmp_path, wrapped + FAILING.format(start=start))
    assert (status, error[:31]) == (0, "Not judged before the migration"), error


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
    ("lifespan", "arguments"), [("no-lifespan", []), ("lifespan", ["--lifespan", "off"])]
)
def test_the_lifespan_may_be_left_out(tmp_path, lifespan, arguments):
    assert check(tmp_path, FAILING.format(start="raise KeyError('x')"), *arguments, lifespan=lifespan) == (
        0,
        "",
    )
