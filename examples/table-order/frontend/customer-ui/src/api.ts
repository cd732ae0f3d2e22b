import { ApiError, type Category, type Order, request } from "@table-order/shared";
import type { Table } from "./table";

export interface MenuBoard {
  store_name: string;
  categories: Category[];
}

/** `unit_price` is the price that the guest has seen: the API tells another one instead of charging it. */
export interface NewOrderItem {
  menu_id: number;
  quantity: number;
  unit_price: number;
}

export function fetchMenuBoard(storeId: number): Promise<MenuBoard> {
  return request<MenuBoard>(`/menus?store_id=${storeId}`, { errors: { 404: "error_no_store" } });
}

/** Places an order with the table's code; the same idempotency key again answers with the first order instead of placing another. */
export async function placeOrder(
  table: Table,
  code: string,
  items: NewOrderItem[],
  idempotencyKey: string,
): Promise<Order> {
  const { session_token, ...order } = await request<Order & { session_token: string }>("/orders", {
    method: "POST",
    json: { store_id: table.storeId, table_number: table.number, items },
    headers: { "Idempotency-Key": idempotencyKey, "X-Table-Code": code },
    errors: { 404: "error_not_on_menu", 409: "error_other_order", 422: "error_order_too_big" },
  });
  localStorage.setItem(sessionKey(table), session_token);
  return order;
}

/** The orders of the party at this table, newest first; none before its first order and after it has left. */
export async function fetchOrders(table: Table): Promise<Order[]> {
  const token = localStorage.getItem(sessionKey(table));
  if (!token) return [];
  try {
    return await request<Order[]>("/orders", { headers: { "X-Table-Session": token } });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
    localStorage.removeItem(sessionKey(table));
    return [];
  }
}

function sessionKey(table: Table): string {
  return `table-order-session-${table.storeId}-${table.number}`;
}
