"""The filters of the host roles; systemd itself reads the environment file in molecule/fastapi_app."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

ROLES = Path(__file__).parents[3] / "roles"


def load(path: str):
    specification = importlib.util.spec_from_file_location(Path(path).stem, ROLES / path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


ENVIRONMENT = load("fastapi_app/filter_plugins/fastapi_app_environment.py")
SCRAM = load("db_migrate/filter_plugins/db_migrate_scram.py")

VALUES = [
    "",
    " ",
    "$HOME ${HOME} $(id)",
    "a\\b\\\\",
    "\\",
    '"',
    "'",
    "`id`",
    "# no comment",
    "100%",
    "김치찌개",
    "a=b;c",
    "!x",
]


@pytest.mark.parametrize("value", VALUES)
def test_a_shell_reads_back_what_was_written(value, tmp_path):
    file = tmp_path / ".env"
    file.write_text(ENVIRONMENT.environment_file({"VALUE": value}) + "\n")
    read = subprocess.run(
        ["sh", "-c", f'. {file}; printf %s "$VALUE"'], capture_output=True, text=True, check=True, env={}
    )
    assert read.stdout == value


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"A": "x\ny"}, "A holds a line break"),
        ({"A": "x\ry"}, "A holds a line break"),
        ({"A": "x\0y"}, "A holds a line break or a zero byte"),
        ({"A": None}, "A is a NoneType"),
        ({"A": ["x"]}, "A is a list"),
        ({"A B": "x"}, "'A B' is no variable's name"),
        ({"1A": "x"}, "'1A' is no variable's name"),
        ({"RELEASE_ID": "x"}, "RELEASE_ID cannot be set"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_name(entry, problem):
    problems = ENVIRONMENT.environment_problems(entry)
    assert [text for text in problems if text.startswith(problem)]
    assert "x\ny" not in problems[0]


def test_numbers_and_booleans_are_texts():
    written = ENVIRONMENT.environment_file({"B": True, "A": 8000, "C": 0.5})
    assert written == 'A="8000"\nB="true"\nC="0.5"'
    assert ENVIRONMENT.environment_problems({"B": True, "A": 8000, "C": 0.5}) == []


def test_scram_verifier_is_postgresqls():
    # Written by PostgreSQL 15 for: CREATE ROLE r PASSWORD 'pencil' (SELECT rolpassword FROM pg_authid).
    verifier = (
        "SCRAM-SHA-256$4096:Ex5wzVi620bm4gmUcB6xUw==$"
        "nPvCosGYJnFBwJnOMuRhtvTLa1HaOAkHlJAuMVoIkwA=:"
        "A0n6wJ6DT/JPFSEtWnFzcfTwsdqa7CIj5XitD+3vS/E="
    )
    salt = SCRAM.base64.b64decode(verifier.split("$")[1].split(":")[1])
    assert SCRAM.scram_verifier("pencil", salt) == verifier
    assert SCRAM.scram_verifier("Pencil", salt) != verifier
    assert SCRAM.scram_verifier("pencil") != SCRAM.scram_verifier("pencil")
