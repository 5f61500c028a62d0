import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

export default defineConfig({
  // Vue looks for a component of this name, unless it is told that it is an element.
  plugins: [vue({ template: { compilerOptions: { isCustomElement: (tag) => tag === "eventide-bell" } } })],
});
