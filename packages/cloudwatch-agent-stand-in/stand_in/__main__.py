"""Command line: check a configuration, or run the agent.

usage: python3 -m stand_in check FILE | run CONFIG_DIRECTORY STATE_FILE LOG_FILE
"""

import logging
import os
import pwd
import signal
import sys
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

import boto3
from botocore.client import BaseClient
from botocore.config import Config as BotoConfig

from stand_in.agent import Agent
from stand_in.config import Config, ConfigError, load


def main() -> int:
    """Run the command of the arguments. Return the exit status."""
    match sys.argv[1:]:
        case ["check", path]:
            load(Path(path))
        case ["run", directory, state_file, log_file]:
            run(Path(directory), Path(state_file), Path(log_file))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


def run(directory: Path, state_file: Path, log_file: Path) -> None:
    """Run the agent until SIGTERM.

    Raises:
        ConfigError: if there is more than one configuration, or it is invalid.
    """
    paths = [path for path in sorted(directory.iterdir()) if path.suffix != ".tmp"]
    if not paths:
        print("There is no configuration. Run: amazon-cloudwatch-agent-ctl -a fetch-config -c file:PATH -s")
        return
    if len(paths) > 1:
        raise ConfigError(f"{directory}: the stand-in reads one configuration, not {len(paths)}")
    config = load(paths[0])
    become(config.run_as_user, state_file, log_file)
    handler = RotatingFileHandler(log_file, maxBytes=10_000_000, backupCount=2)
    logging.basicConfig(
        handlers=[handler], level=logging.INFO, format="%(asctime)sZ %(levelname).1s! %(message)s"
    )
    logging.info("STAND-IN for the CloudWatch agent, with %s as %s", paths[0], config.run_as_user)
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stop.append(number))
    Agent(config, state_file, client_factory(config)).run(lambda: bool(stop))


def client_factory(config: Config) -> Callable[[str], BaseClient]:
    """Return a function from a service's name to a boto3 client. Debian 12's boto3 ignores AWS_ENDPOINT_URL."""
    session = boto3.session.Session(region_name=config.region)
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or None
    # One attempt: the loop repeats soon, and a waiting source would delay the others.
    once = BotoConfig(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30)
    return lambda service: session.client(service, endpoint_url=endpoint, config=once)


def become(name: str, *files: Path) -> None:
    """Switch to another user with all its groups, and make that user the owner of the files' directories."""
    if name == "root":
        return
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise ConfigError(f"agent.run_as_user: there is no user '{name}'") from None
    for directory in {file.parent for file in files}:
        for path in (directory, *directory.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)
    os.initgroups(name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


try:
    sys.exit(main())
except ConfigError as error:
    sys.exit(f"the configuration is refused: {error}")
