"""Print what a recording breaks: python -m tests.aws_rules RECORDING."""

import sys

from tests.aws_rules import RULES, check, load, writes


def main(arguments: list[str]) -> int:
    """Print a table of rules, and return 1 when one is broken."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    calls = load(arguments[0])
    violations = check(calls)
    width = max(len(name) for name in RULES)
    for name in RULES:
        broken = [violation for violation in violations if violation.rule.name == name]
        print(f"{name:{width}}  {'BROKEN' if broken else 'ok'}")
        for violation in broken:
            print(f"{'':{width}}  {violation.call.name}: {violation.message}")
            print(f"{'':{width}}  {violation.rule.because}")
    print(f"{len(calls)} calls, {len(writes(calls))} of them writes, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
