"""The pages of the service, as people use them, in Korean unless they choose otherwise."""

import json
import re
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Error, Locator, Page, expect

PICTURE_WIDTH = 640
PICTURE = """
<body style="margin: 0"><svg viewBox="0 0 640 480" width="640" height="480">
  <rect width="640" height="480" fill="#d9b98c"/>
  <circle cx="320" cy="240" r="200" fill="#3a2a20"/><circle cx="320" cy="240" r="172" fill="#f6efe0"/>
  <g stroke="#fff6" stroke-width="3">
    <path d="M320 240V68a172 172 0 0 1 149 86z" fill="#4f7d3a"/>
    <path d="M320 240l149-86a172 172 0 0 1 0 172z" fill="#d9762b"/>
    <path d="M320 240l149 86a172 172 0 0 1-149 86z" fill="#6b4a33"/>
    <path d="M320 240v172a172 172 0 0 1-149-86z" fill="#e9dfb4"/>
    <path d="M320 240l-149 86a172 172 0 0 1 0-172z" fill="#8aa84f"/>
    <path d="M320 240l-149-86a172 172 0 0 1 149-86z" fill="#c9452c"/>
  </g>
  <ellipse cx="320" cy="240" rx="84" ry="76" fill="#fffdf6"/><circle cx="320" cy="240" r="38" fill="#f2a900"/>
</svg></body>
"""


STREAM = "**/api/admin/orders/stream"
# Playwright cannot end a response that is on its way ("offline" leaves it open): the page's own object is
# made to say that it ended, as the browser does when the server went away.
REMEMBER_STREAMS = """
window.streams = [];
window.EventSource = class extends EventSource {
  constructor(...args) { super(...args); window.streams.push(this); }
};
"""
END_STREAMS = """
for (const stream of window.streams) {
  stream.close();
  stream.dispatchEvent(new Event("error"));
}
"""


SAY_LIVE = """
(data) => {
  for (const stream of window.streams) stream.dispatchEvent(new MessageEvent("live", { data }));
}
"""


COUNT_TONES = """
window.tones = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...args) { window.tones += 1; start.apply(this, args); };
"""


READ_CODE = """
async (number) => {
  const { token } = JSON.parse(sessionStorage.getItem("table-order-admin"));
  const answer = await fetch("/api/admin/tables", { headers: { Authorization: `Bearer ${token}` } });
  return (await answer.json()).find((table) => table.number === number).code;
}
"""


@dataclass(frozen=True)
class Credentials:
    """An administrator's; the password is in no output, a failing test's included."""

    username: str
    password: str = field(repr=False)


@dataclass
class AdminPage:
    """The administration of one store, logged in."""

    page: Page
    store_id: int

    @property
    def live_sign(self) -> Locator:
        """Says that each change of an order is seen at once."""
        return self.page.get_by_role("status").filter(has_text=re.compile("^실시간$"))

    @property
    def not_live_sign(self) -> Locator:
        """Says that changes may be seen later, and how much later."""
        return self.page.get_by_role("status").filter(has_text="실시간 아님: 5초마다 새로 고침")

    def order(self, number: int) -> Locator:
        """The ticket of an order."""
        return self.page.get_by_role("listitem", name=f"주문 {number}", exact=True)

    def code(self, table: int) -> str:
        """The code that lies on a table."""
        return self.page.evaluate(READ_CODE, table)

    def say(self, *, live: bool) -> None:
        """Have the open stream say whether the server knows of each change, as it does when Redis goes away."""
        self.page.evaluate(SAY_LIVE, json.dumps(live))

    def cut_stream(self) -> None:
        """End the open stream, and let no other be opened."""
        self.page.route(STREAM, lambda route: route.abort())
        self.page.evaluate(END_STREAMS)

    def mend_stream(self) -> None:
        """Let streams be opened again."""
        self.page.unroute(STREAM)


def log_in(page: Page, credentials: Credentials) -> AdminPage:
    """Log in on the administration's login page, or on the operator's, who has no store."""
    page.get_by_label("아이디").fill(credentials.username)
    fill_password(page.get_by_label("비밀번호"), credentials)
    with page.expect_response("**/api/auth/login") as answer:
        page.get_by_role("button", name="로그인").click()
    assert answer.value.status == 200, "The administrator cannot log in."
    return AdminPage(page, store_id=answer.value.json()["store_id"])


def confirm(page: Page, action: str) -> None:
    """Answer the question that the page asks."""
    page.get_by_role("alertdialog").get_by_role("button", name=action).click()


def fill_password(box: Locator, credentials: Credentials) -> None:
    """Fill in the password without Playwright's own error, which would quote it."""
    box.wait_for()
    try:
        box.fill(credentials.password)
    except Error:
        pytest.fail("The password cannot be filled in.", pytrace=False)


def place_order(customer: Page) -> int:
    """Order the first two menus that can be had; return the order's number."""
    for _ in range(2):
        customer.get_by_role("button", name=re.compile(" 담기$")).first.click()
    customer.get_by_role("button", name=re.compile("^장바구니, 2개")).click()
    customer.get_by_role("button", name="주문하기").click()
    confirmation = customer.get_by_role("status").filter(has_text="감사합니다")
    expect(confirmation).to_be_visible()
    return int(re.search(r"주문 #(\d+)", confirmation.inner_text()).group(1))


def draw_picture(page: Page) -> bytes:
    """Return a PNG of 640 x 480 pixels, drawn by the browser itself."""
    canvas = page.context.new_page()
    canvas.set_viewport_size({"width": PICTURE_WIDTH, "height": 480})
    canvas.set_content(PICTURE)
    png = canvas.screenshot()
    canvas.close()
    return png


def edit_menu(page: Page, name: str, new_name: str, price: int, picture: bytes) -> None:
    page.get_by_role("button", name=f"{name} 수정").click()
    form = page.get_by_role("form", name="메뉴 수정")
    expect(form.get_by_label("이름", exact=True)).to_have_value(name)
    form.get_by_label("이름", exact=True).fill(new_name)
    form.get_by_label("가격(원)").fill(str(price))
    form.get_by_label("사진").set_input_files(upload_of(picture))
    form.get_by_role("button", name="저장").click()
    expect(form).to_be_hidden()


def upload_of(picture: bytes) -> dict:
    return {"name": "bibimbap.png", "mimeType": "image/png", "buffer": picture}


def add_menu_with_picture(page: Page, name: str, picture: bytes) -> None:
    page.get_by_role("link", name="메뉴").click()
    form = page.get_by_role("form", name="메뉴 추가")
    form.get_by_label("이름", exact=True).fill(name)
    form.get_by_label("가격(원)").fill("9500")
    form.get_by_label("설명").fill("Rice, vegetables, an egg, gochujang.")
    form.get_by_label("사진").set_input_files(upload_of(picture))
    form.get_by_role("button", name="메뉴 추가").click()
    expect(form.get_by_role("status")).to_contain_text("추가했습니다")
