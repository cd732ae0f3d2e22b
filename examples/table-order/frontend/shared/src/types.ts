/** The JSON of the API that more than one user interface needs. Money is an integer number of won. */

export type Role = "admin" | "superadmin";

export interface Login {
  access_token: string;
  role: Role;
  store_id: number | null;
}

export interface Menu {
  id: number;
  category_id: number;
  name: string;
  description: string;
  price: number;
  image_url: string | null;
  is_available: boolean;
}

export interface Category {
  id: number;
  name: string;
  menus: Menu[];
}

export type OrderStatus = "pending" | "preparing" | "completed" | "cancelled";

export interface OrderItem {
  menu_id: number;
  menu_name: string;
  unit_price: number;
  quantity: number;
}

export interface Order {
  id: number;
  store_id: number;
  table_number: number;
  status: OrderStatus;
  items: OrderItem[];
  total: number;
  created_at: string;
  updated_at: string;
}
