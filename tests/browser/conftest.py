"""A browser for a site that is running; where it is and who may log in comes from the environment.

TABLE_ORDER_URL             for example http://127.0.10.1
TABLE_ORDER_ADMIN_USERNAME  an administrator of one store
TABLE_ORDER_ADMIN_PASSWORD
TABLE_ORDER_ARTIFACTS       where screenshots go; .state/artifacts when not given
TABLE_ORDER_BROWSER         the browser; /usr/bin/chromium when not given
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

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


@pytest.fixture(scope="session")
def site() -> str:
    """The address of the site, without a slash at its end."""
    return setting("TABLE_ORDER_URL").rstrip("/")


@pytest.fixture(scope="session")
def credentials() -> Credentials:
    return Credentials(setting("TABLE_ORDER_ADMIN_USERNAME"), setting("TABLE_ORDER_ADMIN_PASSWORD"))


@pytest.fixture(scope="session")
def artifacts() -> Path:
    folder = Path(os.environ.get("TABLE_ORDER_ARTIFACTS") or REPOSITORY / ".state/artifacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = os.environ.get("TABLE_ORDER_BROWSER", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[[dict[str, int]], Page]]:
    """Open pages of people who share nothing: each has cookies and storage of its own."""
    contexts = []

    def open_page(viewport: dict[str, int]) -> Page:
        # A local site has a certificate that it signed itself; verify.yml looks at certificates.
        contexts.append(browser.new_context(viewport=viewport, ignore_https_errors=True))
        return contexts[-1].new_page()

    yield open_page
    for context in contexts:
        context.close()


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
    page.goto(f"{site}/?store={admin.store_id}&table=3")
    return page
