import { useCallback, useEffect, useState } from "react";

/** Quantities by menu id, and the key under which the API accepts this very cart once. */
interface StoredCart {
  key: string;
  quantities: Record<number, number>;
}

export interface Cart {
  idempotencyKey: string;
  quantities: Record<number, number>;
  setQuantity: (menuId: number, quantity: number) => void;
  clear: () => void;
}

export const MOST_OF_ONE_MENU = 99;

/**
 * The cart of one table. It survives a reload of the page, its key too: an order that is sent again because the
 * answer got lost stays one order. Each change of the cart is another order and gets another key.
 */
export function useCart(storageKey: string): Cart {
  const [cart, setCart] = useState<StoredCart>(() => restore(storageKey));

  useEffect(() => sessionStorage.setItem(storageKey, JSON.stringify(cart)), [storageKey, cart]);

  const setQuantity = useCallback((menuId: number, quantity: number) => {
    setCart(({ quantities }) => {
      const { [menuId]: _, ...others } = quantities;
      const wanted = Math.min(quantity, MOST_OF_ONE_MENU);
      return { key: newKey(), quantities: wanted > 0 ? { ...others, [menuId]: wanted } : others };
    });
  }, []);
  const clear = useCallback(() => setCart({ key: newKey(), quantities: {} }), []);

  return { idempotencyKey: cart.key, quantities: cart.quantities, setQuantity, clear };
}

function restore(storageKey: string): StoredCart {
  const stored = sessionStorage.getItem(storageKey);
  return stored ? (JSON.parse(stored) as StoredCart) : { key: newKey(), quantities: {} };
}

/** A random UUID. `crypto.randomUUID` is not there on a page that came over plain HTTP. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
