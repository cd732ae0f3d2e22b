# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Tell from the text of an error what an operator can do about a call that AWS refused or did not answer."""

from __future__ import annotations

import re

DENIED = (
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
)
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
THROTTLED = (
    "BandwidthLimitExceeded",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
)
BROKEN = (
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
)
# What botocore says without an answer of AWS.
NO_CREDENTIALS = (
    r"SSO session [\w ]*has expired|Unable to locate credentials|Error when retrieving (credentials|token)"
)
UNREACHABLE = r"Could not connect to the endpoint URL|(Connect|Read) timeout on endpoint URL|Connection was closed before"
ADVICE = (
    (
        EXPIRED,
        NO_CREDENTIALS,
        "The credentials have expired. Sign in again (such as aws sso login), and run the same command again; it continues.",
    ),
    (
        THROTTLED,
        "",
        "AWS refused it as one of too many requests, several times. Run the same command again in some minutes; it continues.",
    ),
    (
        BROKEN,
        UNREACHABLE,
        "AWS failed, or could not be reached, several times. Run the same command again in some minutes; it continues.",
    ),
    (
        DENIED,
        "",
        "The credentials may not do this. Render and attach the policies again (scripts/policy), and run the same command "
        "again; it continues.",
    ),
)


def known(text: str) -> tuple[str, str]:
    """Return the code in a text of AWS's or botocore's, or botocore's words, and the advice; both are "" for another error."""
    for codes, words, advice in ADVICE:
        # In botocore's parentheses, and in those of this project's messages: other programs have such words, too.
        pattern = rf"\(({'|'.join(codes)})\)" + (f"|{words}" if words else "")
        if found := re.search(pattern, text):
            return found[0].strip("()"), advice
    return "", ""
