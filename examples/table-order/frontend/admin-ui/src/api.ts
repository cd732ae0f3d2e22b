import { type Category, type Menu, type Order, type OrderStatus, type TextKey, request } from "@table-order/shared";

export const STREAM_ADDRESS = "/api/admin/orders/stream";

const PICTURE_ERRORS: Record<number, TextKey> = {
  413: "error_picture_too_large",
  422: "error_picture_invalid",
  503: "error_picture_not_stored",
};

export interface Store {
  id: number;
  name: string;
}

export interface TableState {
  number: number;
  /** Whoever orders at the table shows it; its QR code carries it. */
  code: string;
  /** When the party at it ordered first; null when it is free. */
  opened_at: string | null;
  order_count: number;
  total: number;
}

/** The administrator's store, by way of the identity that the token stands for. */
export async function fetchStore(token: string): Promise<Store> {
  const { store_id } = await request<{ store_id: number }>("/admin/whoami", { token });
  return await request<Store>(`/stores/${store_id}`);
}

/** Every order that is not finished, and the latest that are; both newest first. */
export async function fetchOrders(token: string): Promise<Order[]> {
  const [open, finished] = await Promise.all([
    request<Order[]>("/admin/orders?status=pending&status=preparing&limit=200", { token }),
    request<Order[]>("/admin/orders?status=completed&status=cancelled&limit=30", { token }),
  ]);
  // An order that was finished between the two answers is in both: the finished one is the newer.
  return [...new Map([...open, ...finished].map((order) => [order.id, order])).values()];
}

export function changeStatus(token: string, orderId: number, status: OrderStatus): Promise<Order> {
  return request<Order>(`/admin/orders/${orderId}`, { method: "PATCH", json: { status }, token, errors: { 409: "error_order_moved" } });
}

/** Lets this browser open the stream of events: EventSource cannot send headers, so the API sets a cookie. */
export function allowStream(token: string): Promise<unknown> {
  return request("/admin/orders/stream-token", { method: "POST", token });
}

export function fetchCategories(token: string): Promise<Category[]> {
  return request<Category[]>("/admin/categories", { token });
}

export function createCategory(token: string, name: string, position: number): Promise<Category> {
  return request<Category>("/admin/categories", {
    method: "POST",
    json: { name, position },
    token,
    errors: { 409: "error_category_taken" },
  });
}

export function createMenu(token: string, form: FormData): Promise<Menu> {
  return request<Menu>("/admin/menus", { method: "POST", form, token, errors: PICTURE_ERRORS });
}

export type MenuChange = Partial<Pick<Menu, "name" | "description" | "price" | "category_id" | "is_available">>;

/** Sets what is given, the rest stays. */
export function changeMenu(token: string, menuId: number, json: MenuChange): Promise<Menu> {
  return request<Menu>(`/admin/menus/${menuId}`, { method: "PATCH", json, token });
}

export function replacePicture(token: string, menuId: number, picture: File): Promise<Menu> {
  const form = new FormData();
  form.set("image", picture);
  return request<Menu>(`/admin/menus/${menuId}/image`, { method: "PUT", form, token, errors: PICTURE_ERRORS });
}

export function fetchTables(token: string): Promise<TableState[]> {
  return request<TableState[]>("/admin/tables", { token });
}

/** Gives a table another code; the one before, and what was opened with it, ends. */
export function renewCode(token: string, number: number): Promise<unknown> {
  return request(`/admin/tables/${number}/code`, { method: "POST", token });
}

/** The party has paid and left; refused while one of its orders is not finished. */
export function closeTable(token: string, number: number): Promise<void> {
  return request<void>(`/admin/tables/${number}/close`, { method: "POST", token, errors: { 409: "error_table_busy" } });
}
