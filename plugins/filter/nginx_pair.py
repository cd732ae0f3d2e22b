# Copyright: Table Order Infrastructure
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt)
"""Filters that find a certificate or a key that nginx, its OpenSSL or every browser would refuse, and put a chain in order.

Problems are a list of sentences, empty for a valid pair. No sentence contains a part of the key.
"""

from __future__ import annotations

import re
import ssl
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ansible.errors import AnsibleFilterError
from ansible.module_utils.basic import missing_required_lib

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    CRYPTOGRAPHY = True
except ImportError:
    CRYPTOGRAPHY = False

CERTIFICATE = "nginx_tls_certificate_file"
KEY = "nginx_tls_key_file"
CURVES = ("secp256r1", "secp384r1", "secp521r1")
# OpenSSL's security level 2, the default of Debian and Amazon Linux, refuses certificates signed with these.
BROKEN_HASHES = ("md5", "sha1")
MARKER = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]+)-----")
ACCEPTED = {
    CERTIFICATE: "PEM, the host's own certificate and its chain",
    KEY: "PEM, without a passphrase",
}
ANOTHER_FORM = {
    CERTIFICATE: "DER becomes PEM with: openssl x509 -inform DER -in FILE; PKCS#12 with: openssl pkcs12 -in FILE -nokeys; "
    "PKCS#7 with: openssl pkcs7 -print_certs -in FILE",
    KEY: "DER becomes PEM with: openssl pkey -inform DER -in FILE; PKCS#12 with: openssl pkcs12 -in FILE -nocerts -noenc",
}


# The beginning of a PKCS#12 file, whose first element is its version, 3; any other binary file is taken for DER.
PKCS12 = re.compile(rb"0(?:[\x00-\x80]|\x81.|\x82..|\x83...)\x02\x01\x03", re.DOTALL)
SOON = timedelta(days=30)


class RefusalError(Exception):
    """A problem, as a sentence for the operator."""


class Given(NamedTuple):
    """One of the two files: the setting's name, the file's name and the file's content."""

    setting: str
    file: str
    text: str

    def refuse(self, reason: str) -> RefusalError:
        """Return the refusal that names the setting and the file."""
        return RefusalError(f"{self.setting} is {self.file!r}, {reason}")


def _blocks(given: Given) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each PEM block. OpenSSL compares whole lines, and stops at or skips an unexpected one."""
    data = given.text.encode(errors="surrogateescape")
    if PKCS12.match(data) or (data.startswith(b"0") and b"-----BEGIN" not in data):
        form = "PKCS#12" if PKCS12.match(data) else "DER"
        raise given.refuse(
            f"which is {form}. Accepted: {ACCEPTED[given.setting]}. {ANOTHER_FORM[given.setting]}"
        )
    kind, lines = None, []
    for number, line in enumerate(given.text.splitlines(), 1):
        marker = MARKER.fullmatch(line.rstrip())
        if marker is None and re.search(r"-----\s*(BEGIN|END)|(BEGIN|END) [A-Z0-9 ]+-----", line):
            raise given.refuse(
                f"whose line {number} is not exactly one PEM marker. Files were joined without a line break, or saved with a "
                "byte order mark. Put each -----BEGIN and each -----END marker on its own line."
            )
        if marker is None:
            lines.append(line)
        elif (marker[1] == "BEGIN") == (kind is None) and kind in (None, marker[2]):
            lines = [line] if kind is None else [*lines, line]
            if kind is not None:
                yield kind, "\n".join([*lines, ""])
            kind = marker[2] if kind is None else None
        else:
            raise given.refuse(
                f"whose line {number} ends a block that did not begin. Copy the complete file again."
            )
    if kind is not None:
        raise given.refuse(
            "whose last block is cut short: its -----END line is missing. Copy the complete file again."
        )


def _certificates(given: Given) -> list[x509.Certificate]:
    blocks = list(_blocks(given))
    if any("PRIVATE KEY" in kind for kind, _dummy in blocks) and any(
        kind == "CERTIFICATE" for kind, _dummy in blocks
    ):
        raise given.refuse(
            f"which also holds a private key. Ansible shows this file's differences. Move the key into {KEY}'s file."
        )
    others = sorted({kind for kind, _dummy in blocks} - {"CERTIFICATE"})
    if others or not blocks:
        raise given.refuse(
            f"which holds no certificate{' but a ' + ' and a '.join(others).lower() if others else ''}. "
            f"Accepted: {ACCEPTED[CERTIFICATE]}. {ANOTHER_FORM[CERTIFICATE]}"
        )
    found = []
    for number, (_dummy, text) in enumerate(blocks, 1):
        try:
            found.append(x509.load_pem_x509_certificate(text.encode()))
            found[-1].public_key()
        except (ValueError, UnsupportedAlgorithm):
            raise given.refuse(
                f"whose certificate {number} of {len(blocks)} is broken. Copy the complete file again."
            ) from None
    return found


def _key(given: Given) -> PublicKeyTypes:
    """Return the public half of the key."""
    keys = [(kind, text) for kind, text in _blocks(given) if kind.endswith("PRIVATE KEY")]
    if len(keys) != 1:
        raise given.refuse(
            f"which holds {'no' if not keys else 'more than one'} private key. Accepted: {ACCEPTED[KEY]}. {ANOTHER_FORM[KEY]}"
        )
    try:
        return load_pem_private_key(keys[0][1].encode(), password=None).public_key()
    except TypeError:
        raise given.refuse(
            "whose key has a passphrase. nginx starts unattended. Remove the passphrase with: openssl pkey -in KEY -out NEW"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise given.refuse(
            f"whose private key is broken. Accepted: {ACCEPTED[KEY]}. Copy the complete file again."
        ) from None


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _text(text: str, certificates: list[x509.Certificate]) -> str:
    """Return the certificates in PEM; ``text`` itself if they are there in this order."""
    if _certificates(Given(CERTIFICATE, "", text)) == certificates:
        return text
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "without a subject"


def _weakness(certificate: x509.Certificate) -> str | None:
    """Return why OpenSSL or every browser refuses the certificate, or None."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            return f"has an RSA key of {key.key_size} bits; at least 2048 are needed"
    elif not isinstance(key, ec.EllipticCurvePublicKey):
        return "has neither an RSA nor an EC key, which browsers do not accept"
    elif key.curve.name not in CURVES:
        return f"has a key on the curve {key.curve.name}; accepted are P-256, P-384 and P-521"
    own = certificate.issuer == certificate.subject
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "has a signature algorithm unknown to OpenSSL"
    if not own and algorithm is not None and algorithm.name in BROKEN_HASHES:
        return f"is signed with {algorithm.name.upper()}; SHA-256 or better is needed"
    return None


def _problems_of_each(given: Given, certificates: list[x509.Certificate], now: datetime) -> Iterator[str]:
    for certificate in certificates:
        reason = _weakness(certificate)
        if reason is None and now > certificate.not_valid_after_utc:
            reason = f"expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        if reason is None and now < certificate.not_valid_before_utc:
            reason = f"is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        if reason is not None:
            yield (
                f"{given.setting} is {given.file!r}, whose certificate {_name(certificate)} {reason}. Request a new certificate."
            )


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _in_order(certificates: list[x509.Certificate], key: bytes) -> list[x509.Certificate]:
    """Return each certificate once: the key's own, its issuer, and so on; at the end those that issued none of them."""
    rest = list(dict.fromkeys(certificates))
    chain: list[x509.Certificate] = []
    following = next((one for one in rest if _spki(one.public_key()) == key), None)
    while following is not None:
        chain.append(following)
        rest.remove(following)
        following = next((one for one in rest if _is_issued_by(chain[-1], one)), None)
    return chain + rest


def _refuse_a_broken_chain(given: Given, certificates: list[x509.Certificate]) -> None:
    for certificate, issuer in pairwise(certificates):
        if not _is_issued_by(certificate, issuer):
            raise given.refuse(
                f"whose chain is invalid: {_name(certificate)} is followed by {_name(issuer)}, which is not its issuer. "
                "Accepted: the host's own certificate, its issuer's and so on; the root may be omitted."
            )


def _refuse_what_openssl_refuses(certificate: Given, key: Given) -> None:
    """Load the pair with OpenSSL at the hosts' security level, the final check before the host's nginx."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=2")
    with tempfile.TemporaryDirectory() as directory:
        files = [Path(directory, "certificate.pem"), Path(directory, "key.pem")]
        for file, given in zip(files, (certificate, key), strict=True):
            file.write_text(given.text)
        try:
            context.load_cert_chain(*files)
        except (ssl.SSLError, OSError) as error:
            reason = getattr(error, "reason", None) or type(error).__name__
            raise certificate.refuse(
                f"which OpenSSL does not load with {key.setting} {key.file!r}: {reason}. Copy both complete files again."
            ) from None


def _judge(certificate: Given, key: Given, now: datetime) -> list[str]:
    certificates, held = _certificates(certificate), _spki(_key(key))
    certificates = _in_order(certificates, held)
    if _spki(certificates[0].public_key()) != held:
        return [
            f"{CERTIFICATE} {certificate.file!r} and {KEY} {key.file!r} do not belong together: no certificate is for this "
            "key. Set the two files of one pair."
        ]
    problems = _chain_problems(certificate, certificates, now)
    if not problems:
        _refuse_what_openssl_refuses(certificate._replace(text=_text(certificate.text, certificates)), key)
    return problems


def _chain_problems(given: Given, certificates: list[x509.Certificate], now: datetime) -> list[str]:
    problems = list(_problems_of_each(given, certificates, now))
    if not problems:
        _refuse_a_broken_chain(given, certificates)
    return problems


def _need_cryptography() -> None:
    if not CRYPTOGRAPHY:
        raise AnsibleFilterError(
            missing_required_lib("cryptography", reason="to check certificates on the controller")
        )


def pair_problems(certificate: object, key: object, certificate_file: str, key_file: str) -> list[str]:
    """Find problems of a certificate and its key. ``certificate`` and ``key`` are the files' texts, empty if unreadable."""
    _need_cryptography()
    given = {CERTIFICATE: (certificate_file, certificate), KEY: (key_file, key)}
    problems = [
        f"{setting} is {file!r}, which cannot be read on the controller. Correct the path, or set nginx_tls_remote for a file "
        "on the host."
        for setting, (file, text) in given.items()
        if not (isinstance(text, str) and text)
    ]
    if problems:
        return problems
    try:
        pair = [Given(setting, file, str(text)) for setting, (file, text) in given.items()]
        return _judge(pair[0], pair[1], datetime.now(UTC))
    except RefusalError as refusal:
        return [str(refusal)]


def certificate_problems(certificate: object, certificate_file: str) -> list[str]:
    """Find problems of a certificate (the text of its file) whose key stays on the host."""
    _need_cryptography()
    given = Given(CERTIFICATE, certificate_file, str(certificate))
    try:
        return _chain_problems(given, _certificates(given), datetime.now(UTC))
    except RefusalError as refusal:
        return [str(refusal)]


def name_problems(certificate: object, server_name: object, certificate_file: str) -> list[str]:
    """Find host names that a certificate (the text of its file) does not cover; ``_`` needs no name."""
    _need_cryptography()
    try:
        leaf = _certificates(Given(CERTIFICATE, certificate_file, str(certificate)))[0]
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        covered = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
        covered += [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    except RefusalError:
        return []  # pair_problems reports it
    except x509.ExtensionNotFound:
        covered = []
    missing = [
        name
        for name in str(server_name).lower().split()
        if name != "_" and name not in covered and f"*.{name.partition('.')[2]}" not in covered
    ]
    return [
        f"{CERTIFICATE} is {certificate_file!r}, whose certificate is for {', '.join(covered) or 'no host name'} and not for "
        f"{name}. Set the certificate of {name}, or correct the name (table_order_host_name, or nginx_server_name)."
        for name in missing
    ]


def ordered_chain(certificate: object, key: object) -> str:
    """Return a certificate and its chain (the text of their file) as nginx needs it: the key's own first."""
    _need_cryptography()
    try:
        certificates = _certificates(Given(CERTIFICATE, "", str(certificate)))
        return _text(str(certificate), _in_order(certificates, _spki(_key(Given(KEY, "", str(key))))))
    except RefusalError:
        return str(certificate)  # pair_problems reports it


def expiry_warnings(certificate: object, certificate_file: str) -> list[str]:
    """Find certificates (the text of their file) that expire within 30 days, or within the last third of their time."""
    _need_cryptography()
    given, now = Given(CERTIFICATE, certificate_file, str(certificate)), datetime.now(UTC)
    try:
        certificates = _certificates(given)
    except RefusalError:
        return []  # pair_problems reports it
    return [
        f"{CERTIFICATE} is {certificate_file!r}, whose certificate {_name(one)} expires at "
        f"{one.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, soon. Renew it and run this role again."
        for one in certificates
        if one.not_valid_after_utc - now < min(SOON, (one.not_valid_after_utc - one.not_valid_before_utc) / 3)
    ]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str] | str]]:
        """Return the filters by name."""
        return {
            "nginx_pair_problems": pair_problems,
            "nginx_certificate_problems": certificate_problems,
            "nginx_name_problems": name_problems,
            "nginx_ordered_chain": ordered_chain,
            "nginx_expiry_warnings": expiry_warnings,
        }
