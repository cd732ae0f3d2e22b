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

/** Renames, closes or reopens a store; what is not given stays. */
export function changeStore(token: string, storeId: number, json: Partial<Pick<Store, "name" | "is_active">>) {
  return request<Store>(`/superadmin/stores/${storeId}`, {
    method: "PATCH",
    json,
    token,
    errors: { 409: "error_store_taken" },
  });
}

/** Sets an administrator's password, locks or unlocks the account; either ends what is logged in with it. */
export function changeAdmin(token: string, adminId: number, json: { password?: string; is_active?: boolean }) {
  return request<Admin>(`/superadmin/admins/${adminId}`, { method: "PATCH", json, token });
}
