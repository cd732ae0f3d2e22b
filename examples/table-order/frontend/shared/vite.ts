import react from "@vitejs/plugin-react";
import type { UserConfig } from "vite";

/** What the three user interfaces have in common; `base` is the path the web server gives them. */
export function userInterface(base: "/" | "/admin/" | "/superadmin/"): UserConfig {
  return {
    base,
    plugins: [react()],
    build: {
      outDir: "build",
      target: "es2022",
      // Every image stays a file of its own: a content security policy need not allow data: for them.
      assetsInlineLimit: 0,
    },
    // For `npm run dev --workspace=customer-ui`, beside a backend that was started by hand.
    server: { proxy: { "/api": "http://127.0.0.1:8000" } },
  };
}
