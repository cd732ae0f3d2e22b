"""A browser for a site that is running; where it is and who may log in comes from the environment.

TABLE_ORDER_URL             for example https://127.0.20.1
TABLE_ORDER_CERTIFICATE     the self-signed certificate (PEM) that the site may show; without it, one that the system trusts
TABLE_ORDER_ADMIN_USERNAME  an administrator of one store
TABLE_ORDER_ADMIN_PASSWORD
TABLE_ORDER_SUPERADMIN_USERNAME, TABLE_ORDER_SUPERADMIN_PASSWORD  who runs all stores
TABLE_ORDER_ARTIFACTS       where screenshots go; .state/artifacts when not given
TABLE_ORDER_BROWSER         the browser; /usr/bin/chromium when not given
"""

import base64
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.pages import REMEMBER_STREAMS, AdminPage, Credentials, log_in

REPOSITORY = Path(__file__).parents[2]
BROWSER_ARGUMENTS = [
    "--no-sandbox",  # Chromium refuses its sandbox as root, which is what a container's tests run as
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 860}


def setting(name: str) -> str:
    """Return what the environment says; fail the test that needs it when it says nothing."""
    value = os.environ.get(name)
    if not value:
        pytest.fail(f"Set {name}: these tests need a running site, see {Path(__file__).name}.", pytrace=False)
    return value


def trust(certificate: str) -> list[str]:
    """Return Chromium's option to accept exactly one self-signed certificate (PEM), by its key."""
    if not certificate:
        return []
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = base64.b64encode(hashlib.sha256(spki).digest()).decode()
    return [f"--ignore-certificate-errors-spki-list={digest}"]


@pytest.fixture(scope="session")
def site() -> str:
    """The address of the site, without a slash at its end."""
    return setting("TABLE_ORDER_URL").rstrip("/")


@pytest.fixture(scope="session")
def credentials() -> Credentials:
    return Credentials(setting("TABLE_ORDER_ADMIN_USERNAME"), setting("TABLE_ORDER_ADMIN_PASSWORD"))


@pytest.fixture(scope="session")
def superadmin() -> Credentials:
    return Credentials(setting("TABLE_ORDER_SUPERADMIN_USERNAME"), setting("TABLE_ORDER_SUPERADMIN_PASSWORD"))


@pytest.fixture(scope="session")
def artifacts() -> Path:
    directory = Path(os.environ.get("TABLE_ORDER_ARTIFACTS") or REPOSITORY / ".state/artifacts")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = os.environ.get("TABLE_ORDER_BROWSER", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        arguments = [*BROWSER_ARGUMENTS, *trust(os.environ.get("TABLE_ORDER_CERTIFICATE", ""))]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[[dict[str, int]], Page]]:
    """Open pages of separate users, each with its own cookies and storage, of which the site's headers refuse no part."""
    contexts, refused = [], []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Permissions policy" in message.text:
            refused.append(message.text)

    def open_page(viewport: dict[str, int]) -> Page:
        contexts.append(browser.new_context(viewport=viewport))
        contexts[-1].on("console", note)
        return contexts[-1].new_page()

    yield open_page
    for context in contexts:
        context.close()
    assert refused == []


@pytest.fixture
def admin(new_page: Callable[[dict[str, int]], Page], site: str, credentials: Credentials) -> AdminPage:
    """An administrator at a desk, who logged in and watches the orders."""
    page = new_page(DESKTOP)
    page.add_init_script(REMEMBER_STREAMS)
    page.goto(f"{site}/admin/")
    admin = log_in(page, credentials)
    expect(admin.live_sign).to_be_visible()
    return admin


@pytest.fixture
def customer(new_page: Callable[[dict[str, int]], Page], site: str, admin: AdminPage) -> Page:
    """A customer with a phone at table 3 of the administrator's store."""
    page = new_page(PHONE)
    page.goto(f"{site}/?store={admin.store_id}&table=3#code={admin.code(3)}")
    return page
