export * from "./action";
export * from "./auth";
export * from "./components";
export * from "./dialog";
export * from "./http";
export * from "./language";
export * from "./status";
export * from "./types";
