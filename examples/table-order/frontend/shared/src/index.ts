export * from "./auth";
export * from "./components";
export * from "./format";
export * from "./http";
export * from "./status";
export * from "./types";
