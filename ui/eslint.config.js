import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

/** Who may import what; the reasons are in README.md. */
const closed = {
  tauri: { group: ["@tauri-apps/*"], message: "only platform/tauri talks to the desktop shell" },
  plotly: { group: ["plotly.js*"], message: "only shared/plot draws with Plotly" },
  platform: { group: ["**/platform/tauri*", "**/platform/fake*"], message: "choose the host in platform/index.ts" },
};
const features = ["welcome", "data", "model", "explore", "train", "results", "plugins"];
const restrict = (...patterns) => ["error", { patterns }];

export default ts.config(
  { ignores: ["dist/**", "src/generated/**", "ui/dist/**", "ui/src/generated/**"] },
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      "no-console": "error",
      eqeqeq: ["error", "always", { null: "ignore" }],
      "@typescript-eslint/no-non-null-assertion": "error",
      "no-restricted-imports": restrict(closed.tauri, closed.plotly, closed.platform),
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser } },
    rules: {
      // Maps and sets in the stores are replaced as a whole or never rendered.
      "svelte/prefer-svelte-reactivity": "off",
    },
  },
  { files: ["**/platform/tauri/**"], rules: { "no-restricted-imports": restrict(closed.plotly) } },
  { files: ["**/shared/plot/**"], rules: { "no-restricted-imports": restrict(closed.tauri, closed.platform) } },
  { files: ["**/platform/index.ts", "**/platform/fake/**"], rules: { "no-restricted-imports": restrict(closed.tauri, closed.plotly) } },
  ...features.map((own) => ({
    files: [`**/features/${own}/**`],
    rules: {
      "no-restricted-imports": restrict(closed.tauri, closed.plotly, closed.platform, {
        group: features.filter((f) => f !== own).flatMap((f) => [`**/features/${f}/**`, `../${f}/**`]),
        message: "features meet in model/, not in each other",
      }),
    },
  })),
  {
    files: ["**/model/**", "**/shared/**"],
    ignores: ["**/features/model/**", "**/shared/plot/**"],
    rules: {
      "no-restricted-imports": restrict(closed.tauri, closed.plotly, closed.platform, {
        group: ["**/features/**", "**/app/**"],
        message: "stores and shared parts know no screen",
      }),
    },
  },
  { files: ["**/*.test.ts", "**/tools/**"], rules: { "no-restricted-imports": "off", "no-console": "off", "@typescript-eslint/no-non-null-assertion": "off" } },
);
