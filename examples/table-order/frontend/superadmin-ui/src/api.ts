import { request } from "@table-order/shared";

export interface Store {
  id: number;
  name: string;
  is_active: boolean;
  table_count: number;
  created_at: string;
}

export interface Admin {
  id: number;
  username: string;
  is_active: boolean;
}

export function fetchStores(token: string): Promise<Store[]> {
  return request<Store[]>("/superadmin/stores", { token });
}

export function createStore(token: string, name: string, tableCount: number): Promise<Store> {
  return request<Store>("/superadmin/stores", {
    method: "POST",
    json: { name, table_count: tableCount },
    token,
    errors: { 409: "error_store_taken" },
  });
}

export function fetchAdmins(token: string, storeId: number): Promise<Admin[]> {
  return request<Admin[]>(`/superadmin/stores/${storeId}/admins`, { token });
}

export function createAdmin(token: string, storeId: number, username: string, password: string): Promise<Admin> {
  const json = { username, password };
  return request<Admin>(`/superadmin/stores/${storeId}/admins`, {
    method: "POST",
    json,
    token,
    errors: { 409: "error_username_taken" },
  });
}
