"""What people do with the service, through a browser, from one end to the other."""

import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE
from tests.browser.pages import PICTURE_WIDTH, AdminPage, add_menu_with_picture, draw_picture, place_order

# From the click to the order on the other screen: a second or two, on a machine that is busy with tests.
LIVE_MS = 2_000
# The page looks for a new status every 5 seconds.
STATUS_MS = 8_000


def test_an_order_arrives_without_reloading(customer: Page, admin: AdminPage, artifacts: Path):
    loads = []
    admin.page.on("load", lambda page: loads.append(page.url))

    number = place_order(customer)
    expect(admin.order(number)).to_be_visible(timeout=LIVE_MS)

    expect(admin.order(number)).to_contain_text("Table 3")
    assert loads == []
    customer.screenshot(path=artifacts / "customer-order.png")
    admin.page.screenshot(path=artifacts / "admin-order.png")


def test_a_customer_sees_what_becomes_of_an_order(customer: Page, admin: AdminPage):
    number = place_order(customer)
    own_order = customer.get_by_role("listitem", name=f"Order {number}", exact=True)
    expect(own_order).to_contain_text("Received")

    admin.order(number).get_by_role("button", name="Start cooking").click()
    expect(own_order).to_contain_text("Preparing", timeout=STATUS_MS)

    admin.order(number).get_by_role("button", name="Mark as served").click()
    expect(own_order).to_contain_text("Served", timeout=STATUS_MS)


def test_an_order_placed_while_the_stream_was_down_is_not_missed(customer: Page, admin: AdminPage):
    admin.cut_stream()
    expect(admin.live_sign).to_be_hidden()
    number = place_order(customer)
    expect(admin.order(number)).to_be_hidden()

    admin.mend_stream()
    expect(admin.live_sign).to_be_visible(timeout=10_000)
    expect(admin.order(number)).to_be_visible(timeout=LIVE_MS)


def test_only_who_has_scanned_the_tables_code_orders(
    new_page: Callable[[dict[str, int]], Page], site: str, admin: AdminPage
):
    admin.page.get_by_role("link", name="Tables").click()
    tile = admin.page.get_by_role("listitem", name="Table 4", exact=True)
    tile.get_by_text("QR code").click()
    expect(tile.get_by_role("img", name="QR code of table 4")).to_be_visible()
    link = tile.get_by_role("link", name="Open the table's page")
    before = link.get_attribute("href")

    guest = new_page(PHONE)
    guest.goto(before.partition("#")[0])
    told = guest.get_by_role("status").filter(has_text="Scan the code at your table")
    expect(guest.get_by_role("heading", level=3).first).to_be_visible()
    expect(told).to_be_visible()
    expect(guest.get_by_role("button", name="Add")).to_have_count(0)
    guest.goto(before)  # the same page with a code: as when it is scanned while the page is open
    expect(told).to_be_hidden()
    assert "code" not in guest.url, "the address that people pass on carries the code"

    admin.page.once("dialog", lambda dialog: dialog.accept())
    tile.get_by_role("button", name="New code").click()
    expect(link).not_to_have_attribute("href", before)
    guest.get_by_role("button", name="Add").first.click()
    guest.get_by_role("button", name="Cart, 1 item").click()
    guest.get_by_role("button", name="Place order").click()
    expect(told).to_be_visible()
    guest.goto(link.get_attribute("href"))
    guest.get_by_role("button", name="Cart, 1 item").click()
    guest.get_by_role("button", name="Place order").click()
    expect(guest.get_by_role("status").filter(has_text="Thank you")).to_be_visible()


def test_a_picture_of_a_new_menu_is_shown_to_customers(customer: Page, admin: AdminPage, artifacts: Path):
    name = f"Bibimbap 비빔밥 {time.strftime('%H:%M:%S')}"
    add_menu_with_picture(admin.page, name, picture=draw_picture(admin.page))
    tile = admin.page.get_by_role("listitem", name=name)
    expect(tile.get_by_role("img")).to_have_js_property("naturalWidth", PICTURE_WIDTH)
    tile.scroll_into_view_if_needed()
    admin.page.screenshot(path=artifacts / "admin-menu.png")

    customer.reload()
    picture = customer.get_by_role("img", name=name)
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("naturalWidth", PICTURE_WIDTH)
    customer.screenshot(path=artifacts / "customer-menu.png")
