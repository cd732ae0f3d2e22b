export * from "./auth";
export * from "./components";
export * from "./http";
export * from "./language";
export * from "./status";
export * from "./types";
