import js from "@eslint/js";
import globals from "globals";

/** Run at the root of the checkout: `eslint --config tools/eslint.config.js static tests/js tools examples/plain`. */
export default [
  { ignores: ["static/vendor/", "static/bundle/", "**/node_modules/"] },
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    rules: {
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", ignoreRestSiblings: true }],
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: "error",
    },
  },
  { files: ["static/**", "examples/**"], languageOptions: { globals: globals.browser } },
  { files: ["tests/admin/**", "tests/js/**", "tests/bell/**", "tools/**"], languageOptions: { globals: globals.node } },
];
