"""AWS's decision from IAM policies: an applicable Deny, else an applicable Allow, else no.

Supports the parts of the language in iam/ and the server's role; an unknown part raises UnknownError, so that
no unknown part passes by accident.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]
STATEMENT_KEYS = {"Sid", "Effect", "Action", "Resource", "Condition"}
# Operator -> whether it compares patterns, and whether it is true when nothing matches.
OPERATORS = {
    "StringEquals": (False, False),
    "StringNotEquals": (False, True),
    "StringLike": (True, False),
    "StringNotLike": (True, True),
    "ArnEquals": (True, False),
    "ArnLike": (True, False),
    "ArnNotLike": (True, True),
    "Bool": (False, False),
}


class UnknownError(Exception):
    """A part of a policy, or of a request, that this evaluator does not know."""


@dataclass(frozen=True)
class Need:
    """One permission that a request needs: an action on a resource, and the values of condition keys."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def allowed(need: Need, identity: Iterable[Document], boundary: Document | None = None) -> bool:
    """Return whether the policies of an identity, within its boundary, allow it."""
    effects = _effects(need, identity)
    within = {"Allow"} if boundary is None else _effects(need, [boundary])
    return "Allow" in effects & within and "Deny" not in effects | within


def _effects(need: Need, documents: Iterable[Document]) -> set[str]:
    return {
        statement["Effect"]
        for document in documents
        for statement in as_list(document["Statement"])
        if applies(statement, need)
    }


def applies(statement: Document, need: Need) -> bool:
    """Return whether a statement applies to this action, this resource and this context. Raises UnknownError."""
    if unknown := statement.keys() - STATEMENT_KEYS:
        raise UnknownError(f"a statement with {', '.join(sorted(unknown))}")
    return (
        any(matches(pattern.lower(), need.action.lower()) for pattern in as_list(statement["Action"]))
        and any(matches(pattern, need.resource) for pattern in as_list(statement["Resource"]))
        and all(
            _holds(operator, key, as_list(values), need.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, key: str, values: list[Any], context: Mapping[str, str]) -> bool:
    if operator not in OPERATORS:
        raise UnknownError(f"the condition operator {operator}")
    patterns, negated = OPERATORS[operator]
    given = {name.lower(): value for name, value in context.items()}.get(key.lower())
    if given is None:
        return negated  # a key that the request has not
    texts = [str(value).lower() if isinstance(value, bool) else value for value in values]
    if any("${" in text for text in texts):
        raise UnknownError(f"a policy variable in {', '.join(texts)}")
    found = any(matches(text, given) if patterns else text == given for text in texts)
    return found != negated


def as_list[T](value: T | list[T]) -> list[T]:
    """Return a policy's value, or list of values, as a list."""
    return value if isinstance(value, list) else [value]


def matches(pattern: str, value: str) -> bool:
    """Return whether a pattern with * and ? matches a value, case-sensitive."""
    return bool(re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value, re.DOTALL))
