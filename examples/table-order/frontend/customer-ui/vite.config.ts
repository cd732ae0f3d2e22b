import { userInterface } from "../shared/vite.ts";
import { defineConfig } from "vite";

export default defineConfig(userInterface("/"));
