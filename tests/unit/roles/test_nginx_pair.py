"""Certificates and keys with real faults: badly joined, cut short, too weak, of another pair. Each is refused with the reason."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import NameOID

from tests.unit.roles.modules import load

pair = load("filter/nginx_pair.py")
NOW = datetime.now(UTC)
CERTIFICATE, KEY = "nginx_tls_certificate_file", "nginx_tls_key_file"


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def issue(subject, key, issuer=None, issuer_key=None, begin=-1, days=30, algorithm=None, names=()):
    """Issue a certificate, self-signed without an issuer; ``begin`` and ``days`` count from now; ``names`` are its hosts'."""
    algorithm = algorithm or hashes.SHA256()
    signer = issuer_key or key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer or subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=begin))
        .not_valid_after(NOW + timedelta(days=days))
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ip_address(one)) if one[-1].isdigit() else x509.DNSName(one) for one in names]
            ),
            critical=False,
        )
    return builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else algorithm)


def pem(*certificates):
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


def private(key, encryption=None):
    form = PrivateFormat.PKCS8 if encryption else PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


def curve(kind=ec.SECP256R1):
    return ec.generate_private_key(kind())


ROOT, MIDDLE, OWN, OTHER = curve(), curve(), curve(), curve()
ROOT_CERTIFICATE = issue("root", ROOT)
MIDDLE_CERTIFICATE = issue("middle", MIDDLE, "root", ROOT)
LEAF = issue("shop", OWN, "middle", MIDDLE)
SHORT, GOOD_RSA = (rsa.generate_private_key(65537, bits) for bits in (1024, 2048))
CHAIN = pem(LEAF, MIDDLE_CERTIFICATE)
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
ED25519 = ed25519.Ed25519PrivateKey.generate()
KOBLITZ = curve(ec.SECP256K1)


def pkcs12():
    data = serialize_key_and_certificates(b"shop", OWN, LEAF, None, NoEncryption())
    return data.decode("utf-8", "surrogateescape")


def broken(text):
    """Change characters in the middle of the first block."""
    lines = text.splitlines(keepends=True)
    return "".join([lines[0], "A" * 12 + lines[1][12:], *lines[2:]])


GOOD = {
    "self-signed": (pem(issue("shop", OWN)), private(OWN)),
    "with its chain": (CHAIN, private(OWN)),
    "with its root, too": (pem(LEAF, MIDDLE_CERTIFICATE, ROOT_CERTIFICATE), private(OWN)),
    "line ends of Windows": (CHAIN.replace("\n", "\r\n"), private(OWN).replace("\n", "\r\n")),
    "authority first": (pem(MIDDLE_CERTIFICATE, LEAF), private(OWN)),
    "root before its middle": (pem(LEAF, ROOT_CERTIFICATE, MIDDLE_CERTIFICATE), private(OWN)),
    "root first": (pem(ROOT_CERTIFICATE, MIDDLE_CERTIFICATE, LEAF), private(OWN)),
    "certificate twice": (pem(LEAF, LEAF, MIDDLE_CERTIFICATE, MIDDLE_CERTIFICATE), private(OWN)),
    "no line break at the end": (CHAIN.rstrip(), private(OWN).rstrip()),
    "texts between": (f"subject=shop\n{pem(LEAF)}\n# middle\n{pem(MIDDLE_CERTIFICATE)}", private(OWN)),
    "parameters before the key": (CHAIN, PARAMETERS + private(OWN)),
    "RSA": (pem(issue("shop", GOOD_RSA)), private(GOOD_RSA)),
    "a curve of 521 bits": (lambda: (k := curve(ec.SECP521R1), pem(issue("shop", k)), private(k))[1:]),
}
REFUSED = {
    "joined without a line break": (
        pem(LEAF).rstrip() + pem(MIDDLE_CERTIFICATE),
        private(OWN),
        ["line break", CERTIFICATE],
    ),
    "cut short in the chain": (CHAIN[:-200], private(OWN), ["cut short", CERTIFICATE]),
    "cut short in a marker": (CHAIN[:-8], private(OWN), ["marker", CERTIFICATE]),
    "begun twice": (CHAIN[:300] + "\n" + CHAIN, private(OWN), ["a block that did not begin", CERTIFICATE]),
    "byte order mark": ("\ufeff" + CHAIN, private(OWN), ["byte order mark", CERTIFICATE]),
    "byte order mark before the key": (CHAIN, "\ufeff" + private(OWN), ["byte order mark", KEY]),
    "blank before a marker": (
        CHAIN.replace("-----BEGIN", " -----BEGIN"),
        private(OWN),
        ["marker", CERTIFICATE],
    ),
    "broken certificate": (broken(pem(LEAF)), private(OWN), ["certificate 1 of 1 is broken", CERTIFICATE]),
    "broken in the chain": (
        pem(LEAF) + broken(pem(MIDDLE_CERTIFICATE)),
        private(OWN),
        ["2 of 2 is broken", CERTIFICATE],
    ),
    "broken key": (CHAIN, broken(private(OWN)), ["private key is broken", KEY]),
    "key cut short": (CHAIN, private(OWN)[:-40], ["cut short", KEY]),
    "key of another": (CHAIN, private(OTHER), ["do not belong together", CERTIFICATE, KEY]),
    "two keys": (CHAIN, private(OWN) + private(OTHER), ["more than one", KEY]),
    "passphrase": (CHAIN, private(OWN, BestAvailableEncryption(b"x")), ["passphrase", KEY]),
    "key in the certificate's file": (
        CHAIN + private(OWN),
        private(OWN),
        ["also holds a private key", CERTIFICATE],
    ),
    "certificate for a key": (CHAIN, CHAIN, ["no private key", KEY]),
    "PKCS#12": (pkcs12(), private(OWN), ["which is PKCS#12", "pkcs12 -in FILE -nokeys", CERTIFICATE]),
    "PKCS#12 for a key": (CHAIN, pkcs12(), ["which is PKCS#12", "pkcs12 -in FILE -nocerts", KEY]),
    "DER": (
        LEAF.public_bytes(Encoding.DER).decode("utf-8", "surrogateescape"),
        private(OWN),
        ["which is DER", "x509 -inform DER", CERTIFICATE],
    ),
    "PKCS#7": (
        serialize_certificates([LEAF], Encoding.PEM).decode(),
        private(OWN),
        ["but a pkcs7", "pkcs7 -print_certs", CERTIFICATE],
    ),
    "a request for a certificate": (
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        private(OWN),
        ["certificate request", CERTIFICATE],
    ),
    "chain of another": (pem(LEAF, issue("middle", OTHER)), private(OWN), ["is not its issuer", CERTIFICATE]),
    "RSA of 1024": (pem(issue("shop", SHORT)), private(SHORT), ["1024 bits", "2048", CERTIFICATE]),
    "weak authority": (
        pem(issue("shop", OWN, "weak", SHORT), issue("weak", SHORT)),
        private(OWN),
        ["CN=weak", "1024 bits", CERTIFICATE],
    ),
    "unknown curve": (pem(issue("shop", KOBLITZ)), private(KOBLITZ), ["secp256k1", "P-256", CERTIFICATE]),
    "no browser's algorithm": (
        pem(issue("shop", ED25519)),
        private(ED25519, NoEncryption()),
        ["browsers do not accept", CERTIFICATE],
    ),
    "expired": (
        pem(issue("shop", OWN, begin=-9, days=-1)),
        private(OWN),
        ["CN=shop expired", CERTIFICATE],
    ),
    "not yet valid": (pem(issue("shop", OWN, begin=2)), private(OWN), ["valid only from", CERTIFICATE]),
    "expired authority": (
        pem(LEAF, issue("middle", MIDDLE, "root", ROOT, begin=-9, days=-1)),
        private(OWN),
        ["CN=middle expired", CERTIFICATE],
    ),
}


def say(certificate, key):
    return pair.pair_problems(certificate, key, "/given/shop.pem", "/given/shop.key")


@pytest.mark.parametrize("case", GOOD)
def test_a_pair_that_nginx_takes_is_taken(case):
    given = GOOD[case]
    assert say(*(given() if callable(given) else given)) == []


@pytest.mark.parametrize("case", REFUSED)
def test_a_pair_that_nginx_or_browsers_refuse_is_refused(case):
    certificate, key, parts = REFUSED[case]
    said = say(certificate, key)
    assert len(said) == 1
    for part in [*parts, "/given/shop."]:
        assert part in said[0]
    assert "PRIVATE KEY-" not in said[0]
    assert not [line for line in key.splitlines()[1:-1] if len(line) > 8 and line in said[0]]


@pytest.mark.parametrize("case", [*GOOD, "chain of another"])
def test_nginx_gets_a_chain_in_order(case):
    given = (GOOD | REFUSED)[case]
    certificate, key = (given() if callable(given) else given)[:2]
    ordered = pair.ordered_chain(certificate, key)
    shuffled = case in SHUFFLED
    assert (ordered == certificate) is not shuffled
    if shuffled:
        assert pem(*(LEAF, MIDDLE_CERTIFICATE, ROOT_CERTIFICATE)[: 3 if "root" in case else 2]) == ordered


@pytest.mark.parametrize(
    ("begin", "days", "soon"),
    [(-60, 29, True), (-60, 31, False), (-3.5, 2.5, False), (-4.5, 1.5, True), (-1, 89, False)],
)
def test_a_certificate_that_expires_soon_is_said(begin, days, soon):
    said = pair.expiry_warnings(pem(issue("shop", OWN, begin=begin, days=days)), "/given/shop.pem")
    assert [("'/given/shop.pem', whose certificate CN=shop expires at" in one) for one in said] == soon * [
        True
    ]


def test_of_an_unreadable_certificate_nothing_is_said():
    assert pair.expiry_warnings("", "/given/shop.pem") == []


# As nginx does not take them; a file of the host stays as it is.
SHUFFLED = ("authority first", "root before its middle", "root first", "certificate twice")


@pytest.mark.parametrize("case", SHUFFLED)
def test_a_chain_of_the_host_must_be_in_order(case):
    assert "is not its issuer" in pair.certificate_problems(GOOD[case][0], "/given/shop.pem")[0]


@pytest.mark.parametrize("case", sorted(set(GOOD) - set(SHUFFLED)))
def test_a_certificate_of_the_host_is_taken_without_its_key(case):
    given = GOOD[case]() if callable(GOOD[case]) else GOOD[case]
    assert pair.certificate_problems(given[0], "/given/shop.pem") == []


# Of a host's file only the certificates are read, and its key stays there.
OF_THE_HOST = (
    "expired",
    "not yet valid",
    "chain of another",
    "RSA of 1024",
    "weak authority",
    "broken in the chain",
    "PKCS#12",
)


@pytest.mark.parametrize("case", OF_THE_HOST)
def test_a_certificate_of_the_host_that_browsers_refuse_is_refused(case):
    certificate, _, said = REFUSED[case]
    problems = " ".join(pair.certificate_problems(certificate, "/given/shop.pem"))
    assert [word for word in said if word not in problems] == []


@pytest.mark.parametrize("digest", ["md5", "sha1"])
def test_a_broken_hash_is_refused_but_of_a_root(tmp_path, digest):
    """The library signs with neither, so openssl does."""
    for file, text in (("root.key", private(GOOD_RSA)), ("own.key", private(OWN))):
        (tmp_path / file).write_text(text)
    for arguments in (
        f"req -x509 -new -key root.key -subj /CN=root -days 9 -{digest} -out root.pem",
        "req -new -key own.key -subj /CN=shop -out own.csr",
        f"x509 -req -in own.csr -CA root.pem -CAkey root.key -CAcreateserial -{digest} -days 3 -out own.pem",
    ):
        subprocess.run(["openssl", *arguments.split()], cwd=tmp_path, check=True, capture_output=True)
    root, leaf = (tmp_path / "root.pem").read_text(), (tmp_path / "own.pem").read_text()
    assert f"CN=shop is signed with {digest.upper()}" in say(leaf + root, private(OWN))[0]
    assert say(pem(issue("shop", OWN, "root", GOOD_RSA)) + root, private(OWN)) == []


def test_openssl_has_the_last_word(monkeypatch):
    """What the looks before it let pass, such as a short key, OpenSSL itself refuses at the hosts' level."""
    monkeypatch.setattr(pair, "_problems_of_each", lambda *_: [])
    assert "EE_KEY_TOO_SMALL" in say(pem(issue("shop", SHORT)), private(SHORT))[0]


@pytest.mark.parametrize(
    ("names", "asked", "refused"),
    [
        (["shop.example.org"], "_", ""),
        (["shop.example.org"], "Shop.example.org", ""),
        (["*.example.org"], "shop.example.org", ""),
        (["*.example.org"], "*.example.org", ""),
        (["*.example.org"], "a.shop.example.org", "a.shop.example.org"),
        (["shop.example.org"], "shop.example.org www.example.org", "www.example.org"),
        (["shop.example.org", "203.0.113.7"], "shop.example.org 203.0.113.7", ""),
        ([], "shop.example.org", "no host name"),
    ],
)
def test_a_certificate_covers_the_names_that_are_served(names, asked, refused):
    problems = pair.name_problems(pem(issue("x", OWN, names=names)), asked, "/shop.crt")
    assert bool(problems) == bool(refused)
    assert all(refused in problem and "table_order_host_name" in problem for problem in problems)
