"""The filters of the host roles; systemd itself reads the environment file in molecule/fastapi_app."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.table_order.infra.plugins.module_utils.fastapi_app_release import Health, Site

PLUGINS = Path(__file__).parents[3] / "plugins"


def load(path: str):
    specification = importlib.util.spec_from_file_location(Path(path).stem, PLUGINS / path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


ENVIRONMENT = load("filter/fastapi_app_environment.py")
SCRAM = load("filter/db_migrate_scram.py")

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


APPLICATION = """
import os
from dotenv import load_dotenv
from pydantic_settings import BaseSettings, SettingsConfigDict

class Settings(BaseSettings):
    value: str
    model_config = SettingsConfigDict(env_file=".env", extra="forbid")

load_dotenv(override=True)
assert os.environ["VALUE"] == Settings().value
print(os.environ["VALUE"], end="")
"""


@pytest.mark.parametrize("value", [*VALUES, "${HOME}", "it's $5 `a`", "a\tb\\"])
def test_an_application_with_dotenv_and_pydantic_gets_each_value_byte_for_byte(value, tmp_path):
    """Both read a .env in the working directory or above: expand ${NAME}, unescape otherwise, refuse names without a field."""
    release, home = (
        tmp_path / "releases/a",
        {"home": tmp_path, "state": tmp_path, "logs": tmp_path, "flag": tmp_path},
    )
    (release / "backend").mkdir(parents=True)
    (release / "backend/main.py").write_text(APPLICATION)
    fields = dict.fromkeys(Site._fields, "") | home | {"health": Health(*[""] * 7)}
    written = ENVIRONMENT.environment_file({"RELEASE_ID": "a", "VALUE": value})
    Site(**fields).env_file("a").write_text(written)
    # In place of systemd, which only Molecule has.
    command = f"set -a; . {release}/environment; exec {sys.executable} main.py"
    read = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=True, env={}, cwd=release / "backend"
    )
    assert read.stdout == value


def test_numbers_and_booleans_become_text():
    written = ENVIRONMENT.environment_file({"B": True, "A": 8000, "C": 0.5})
    assert written == 'A="8000"\nB="true"\nC="0.5"'


CHANGES = {
    "nothing": ({"A": "$x `y`", "B": "1"}, {"B": 1, "A": "$x `y`"}, []),
    "each": (
        {"GONE": "tiger-1", "B": "tiger-2", "C": ""},
        {"B": "tiger-3", "C": "", "NEW": "x"},
        ["changed B", "removed GONE", "added   NEW"],
    ),
    "an empty value": ({"A": "x"}, {"A": ""}, ["changed A"]),
    "a value with an =, or a line separator of Unicode": ({"A": "b=c"}, {"A": "b=d\u2028E=x"}, ["changed A"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_a_changed_environment_is_told_by_names_without_values(case):
    live, wanted, lines = CHANGES[case]
    files = [
        f'# managed=\nRELEASE_ID="{number}"\n{ENVIRONMENT.environment_file(given)}\n'
        for number, given in enumerate((live, wanted))
    ]
    assert ENVIRONMENT.environment_changes(*files) == lines


@pytest.mark.parametrize(
    ("own", "live", "kept"),
    [
        (
            {"URL": "old", "LEVEL": "info", "OTHER": "a=URL"},
            {"URL": "new", "LEVEL": "debug"},
            {"URL": "new", "LEVEL": "info", "OTHER": "a=URL"},
        ),
        # Added since, and removed since.
        ({"A": "1", "Z": "2"}, {"KEY": "k", "X": "y"}, {"A": "1", "KEY": "k", "Z": "2"}),
        ({"A": "1", "KEY": "k"}, {"A": "2"}, {"A": "1"}),
        ({"URL": "김치\u2028KEY=x"}, {"URL": "$`\\"}, {"URL": "$`\\"}),
    ],
)
def test_a_rollback_keeps_the_variables_of_the_live_release_that_it_names(own, live, kept):
    own_file, live_file, kept_file = (
        f'# managed=\nRELEASE_ID="{number}"\n{ENVIRONMENT.environment_file(given)}\n'
        for number, given in ((1, own), (2, live), (1, kept))
    )
    assert ENVIRONMENT.environment_kept(own_file, live_file, ["URL", "KEY"]) == kept_file
    assert ENVIRONMENT.environment_kept(own_file, live_file, []) == own_file
    assert ENVIRONMENT.environment_kept(own_file[:-1], own_file, ["URL"]) == own_file[:-1]


def test_a_value_that_an_earlier_version_wrote_in_single_quotes_has_not_changed():
    assert ENVIRONMENT.environment_changes("A='$x'", ENVIRONMENT.environment_file({"A": "$x"})) == []


SAID = {
    "a value": ("key sesame-open-1 refused", {"KEY": "sesame-open-1"}, "key ******** refused"),
    "the longer of two": (
        "sesame-open-1 and sesame-open",
        {"A": "sesame-open", "B": "sesame-open-1"},
        "******** and ********",
    ),
    "a number": ("pin 1234567890", {"PIN": 1234567890}, "pin ********"),
    "short values are words": ("mode on, port 8000", {"MODE": "on", "PORT": 8000, "DEBUG": True}, "mode on, port 8000"),
    "an empty value": ("all is well", {"KEY": ""}, "all is well"),
    "a value as a whole address": ("to redis://:pw@host/0", {"URL": "redis://:pw@host/0"}, "to ********"),
    "a password of an address": ("postgresql://app:tiger@db:5432/shop?x=1", {}, "postgresql://app:********@db:5432/shop?x=1"),
    "a password without a user": ("redis://:tiger@cache:6379/0", {}, "redis://:********@cache:6379/0"),
    "a password with signs": ("mysql://app:ti%40g$er/:#!@db", {}, "mysql://app:********@db"),
    "a password with an @": ("postgresql://app:x@tiger@db/shop refused", {}, "postgresql://app:********@db/shop refused"),
    "a token of an address": ("https://tiger@registry/simple refused", {}, "https://********@registry/simple refused"),
    "several addresses": ("a://u:tiger@x and b://v:tiger@y", {}, "a://u:********@x and b://v:********@y"),
    "no password": ("http://127.0.0.1:8000/api and ann@example.org", {}, "http://127.0.0.1:8000/api and ann@example.org"),
    "several lines": ("one: sesame-open\ntwo: sesame-open\n", {"KEY": "sesame-open"}, "one: ********\ntwo: ********\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_secrets_in_output_are_redacted(case):
    said, environment, shown = SAID[case]
    assert ENVIRONMENT.without_secrets(said, environment) == shown


def test_the_last_lines_of_output_and_errors_are_shown_without_secrets_and_controls():
    """poetry prints the cause to its output, pip to its errors, after hundreds of warnings."""
    warnings = "".join(f"warning {number}\n" for number in range(240))
    printed = {
        "msg": "non-zero return code",
        "stdout": "\x1b[31mPackage \tshop not found\x1b[0m  \r\n\nkey sesame-open\n",
        "stderr": warnings,
        "log": ["a line"],
        "journal": [],
    }
    lines = ENVIRONMENT.diagnostics(printed, {"KEY": "sesame-open"}).split("\n")
    assert lines[:5] == [
        *(
            "non-zero return code",
            "The last lines of the output:",
            "Package \tshop not found",
            "key ********",
        ),
        "The last lines of the errors:",
    ]
    assert lines[5:-2] == warnings.splitlines()[-40:]
    assert lines[-2:] == ["The last lines of the log:", "a line"]
    assert ENVIRONMENT.diagnostics({"msg": "The checksum did not match"}) == "The checksum did not match"


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
