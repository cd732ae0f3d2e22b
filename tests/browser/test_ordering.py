"""What people do with the service, through a browser, from one end to the other."""

import re
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.pages import (
    COUNT_TONES,
    PICTURE_WIDTH,
    AdminPage,
    Credentials,
    add_menu_with_picture,
    confirm,
    draw_picture,
    edit_menu,
    log_in,
    place_order,
)

# From the click to the order on the other screen: a second or two, on a machine that is busy with tests.
LIVE_MS = 2_000
# The page looks for a new status every 5 seconds.
STATUS_MS = 8_000
ADD = re.compile(" 담기$")


def test_an_order_arrives_without_reloading(customer: Page, admin: AdminPage, artifacts: Path):
    loads = []
    admin.page.on("load", lambda page: loads.append(page.url))

    number = place_order(customer)
    expect(admin.order(number)).to_be_visible(timeout=LIVE_MS)

    expect(admin.order(number)).to_contain_text("3번 테이블")
    assert loads == []
    customer.screenshot(path=artifacts / "customer-order.png")
    admin.page.screenshot(path=artifacts / "admin-order.png")


def test_a_customer_sees_what_becomes_of_an_order(customer: Page, admin: AdminPage):
    number = place_order(customer)
    own_order = customer.get_by_role("listitem", name=f"주문 {number}", exact=True)
    expect(own_order).to_contain_text("접수")

    admin.order(number).get_by_role("button", name="조리 시작").click()
    expect(own_order).to_contain_text("조리 중", timeout=STATUS_MS)

    admin.order(number).get_by_role("button", name="서빙 완료").click()
    expect(own_order).to_contain_text("완료", timeout=STATUS_MS)


def test_the_other_language_is_chosen_once(customer: Page):
    html = customer.locator("html")
    expect(customer.get_by_text("3번 테이블")).to_be_visible()
    expect(html).to_have_attribute("lang", "ko")

    customer.get_by_role("button", name="English").click()
    expect(customer.get_by_text("Table 3", exact=True)).to_be_visible()
    customer.reload()
    expect(customer.get_by_text("Table 3", exact=True)).to_be_visible()
    expect(html).to_have_attribute("lang", "en")
    expect(customer.get_by_text("테이블", exact=False)).to_have_count(0)

    customer.get_by_role("button", name="한국어").click()
    expect(customer.get_by_text("3번 테이블")).to_be_visible()


def test_cart_and_orders_are_reached_with_the_keyboard(customer: Page):
    opener = customer.get_by_role("button", name="내 주문")
    opener.press("Enter")
    orders, cart = (customer.get_by_role("tab", name=name) for name in ("내 주문", "장바구니"))
    expect(orders).to_be_focused()
    customer.keyboard.press("ArrowRight")
    expect(cart).to_be_focused()
    expect(customer.get_by_role("tabpanel", name="장바구니")).to_be_visible()

    customer.keyboard.press("Escape")
    expect(customer.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()


def test_new_orders_are_heard_where_the_sound_was_turned_on(customer: Page, admin: AdminPage):
    admin.page.add_init_script(COUNT_TONES)
    sound = admin.page.get_by_role("button", name="새 주문 알림음")
    expect(sound).to_have_attribute("aria-pressed", "false")
    sound.click()
    admin.page.reload()
    expect(sound).to_have_attribute("aria-pressed", "true")
    expect(admin.live_sign).to_be_visible()
    admin.page.get_by_role("heading", level=1).click()

    place_order(customer)
    expect(admin.page.get_by_role("status").filter(has_text="새 주문 1건: 테이블 3")).to_be_attached()
    admin.page.wait_for_function("window.tones === 2", timeout=LIVE_MS)


def test_an_order_placed_while_the_stream_was_down_is_not_missed(customer: Page, admin: AdminPage):
    admin.cut_stream()
    expect(admin.live_sign).to_be_hidden()
    number = place_order(customer)
    expect(admin.order(number)).to_be_hidden()

    admin.mend_stream()
    expect(admin.live_sign).to_be_visible(timeout=10_000)
    expect(admin.order(number)).to_be_visible(timeout=LIVE_MS)


def test_the_page_says_that_it_is_not_live_and_looks_more_often(admin: AdminPage):
    admin.say(live=False)
    expect(admin.not_live_sign).to_be_visible()
    expect(admin.live_sign).to_be_hidden()
    with admin.page.expect_request("**/api/admin/orders?status=pending**", timeout=8_000):
        pass

    admin.say(live=True)
    expect(admin.live_sign).to_be_visible()


def test_only_who_has_scanned_the_tables_code_orders(
    new_page: Callable[[dict[str, int]], Page], site: str, admin: AdminPage
):
    admin.page.get_by_role("link", name="테이블").click()
    tile = admin.page.get_by_role("listitem", name="4번 테이블", exact=True)
    tile.get_by_text("QR 코드").click()
    expect(tile.get_by_role("img", name="4번 테이블의 QR 코드")).to_be_visible()
    link = tile.get_by_role("link", name="테이블 페이지 열기")
    before = link.get_attribute("href")

    guest = new_page(PHONE)
    guest.goto(before.partition("#")[0])
    told = guest.get_by_role("status").filter(has_text="QR 코드를 스캔해 주세요")
    expect(guest.get_by_role("heading", level=3).first).to_be_visible()
    expect(told).to_be_visible()
    expect(guest.get_by_role("button", name=ADD)).to_have_count(0)
    guest.goto(before)  # the same page with a code: as when it is scanned while the page is open
    expect(told).to_be_hidden()
    assert "code" not in guest.url, "the address that people pass on carries the code"

    tile.get_by_role("button", name="새 코드").click()
    confirm(admin.page, "새 코드")
    expect(link).not_to_have_attribute("href", before)
    guest.get_by_role("button", name=ADD).first.click()
    guest.get_by_role("button", name="장바구니, 1개").click()
    guest.get_by_role("button", name="주문하기").click()
    expect(told).to_be_visible()
    guest.goto(link.get_attribute("href"))
    guest.get_by_role("button", name="장바구니, 1개").click()
    guest.get_by_role("button", name="주문하기").click()
    expect(guest.get_by_role("status").filter(has_text="감사합니다")).to_be_visible()


def test_a_new_menu_and_its_picture_are_shown_and_edited(customer: Page, admin: AdminPage, artifacts: Path):
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

    before = picture.get_attribute("src")
    edit_menu(admin.page, name, f"{name} 곱빼기", price=12_500, picture=draw_picture(admin.page))
    customer.reload()
    card = customer.get_by_role("listitem", name=f"{name} 곱빼기", exact=True)
    expect(card).to_contain_text("12,500원")
    expect(card.get_by_role("img")).not_to_have_attribute("src", before)


def test_an_operator_resets_a_password_locks_an_account_and_closes_a_store(
    new_page: Callable[[dict[str, int]], Page], site: str, superadmin: Credentials
):
    operator, clerk = new_page(DESKTOP), new_page(DESKTOP)
    operator.goto(f"{site}/superadmin/")
    operator.get_by_label("아이디").fill(superadmin.username)
    operator.get_by_label("비밀번호").fill("a wrong password")
    operator.get_by_role("button", name="로그인").click()
    expect(operator.get_by_role("alert")).to_have_text("아이디 또는 비밀번호가 올바르지 않습니다.")
    log_in(operator, superadmin)
    now = time.strftime("%H%M%S")
    account = Credentials(f"clerk-{now}", f"a new password {now}")
    form = operator.get_by_role("form", name="매장 열기")
    form.get_by_label("매장 이름").fill(f"분점 {now}")
    form.get_by_role("button", name="매장 열기").click()
    store = operator.get_by_role("listitem", name=f"분점 {now}")
    store.get_by_text("관리자 추가").first.click()
    store.get_by_label("아이디").fill(account.username)
    store.get_by_label("비밀번호").fill("the first password")
    store.get_by_role("button", name="관리자 추가").click()

    store.get_by_role("button", name="비밀번호 재설정").click()
    operator.get_by_role("dialog").get_by_label("새 비밀번호").fill(account.password)
    operator.get_by_role("dialog").get_by_role("button", name="저장").click()
    expect(store.get_by_role("status").filter(has_text="비밀번호를 바꾸었습니다")).to_be_visible()
    clerk.goto(f"{site}/admin/")
    expect(log_in(clerk, account).live_sign).to_be_visible(timeout=10_000)

    store.get_by_role("button", name="잠그기").click()
    confirm(operator, "잠그기")
    expect(store.get_by_text("잠김")).to_be_visible()
    expect(clerk.get_by_text("다시 로그인해 주세요.")).to_be_visible(timeout=LIVE_MS * 5)

    store.get_by_role("button", name="매장 닫기").click()
    confirm(operator, "매장 닫기")
    expect(store.get_by_text("닫힘")).to_be_visible()
