"""The list of rules, and how they are run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.aws_rules.recording import Call, Calls

Problems = Iterator[tuple[Call, str]]
Check = Callable[[Calls], Problems]


@dataclass(frozen=True)
class Rule:
    """One thing that AWS refuses, or takes and does damage with."""

    name: str
    because: str  # AWS's error, or what happens without one
    check: Check


@dataclass(frozen=True)
class Violation:
    """A request that breaks a rule."""

    rule: Rule
    call: Call
    message: str

    def __str__(self) -> str:
        return f"{self.rule.name}: {self.call.name}: {self.message} [{self.rule.because}]"


RULES: dict[str, Rule] = {}


def rule(check: Check) -> Check:
    """Register a rule: its function's name, and its docstring as the reason."""
    name, because = check.__name__, " ".join((check.__doc__ or "").split())
    RULES[name] = Rule(name, because, check)
    return check


def check(calls: Calls) -> list[Violation]:
    """Return every violation of every rule."""
    return [Violation(rule, call, message) for rule in RULES.values() for call, message in rule.check(calls)]
