import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vitest/config";

/** The policy of the packaged application, sent by `vite preview` too so that a violation shows in a browser. */
const csp = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** KaTeX's style sheet names three formats of each font; every web view we run in reads the first. */
function onlyWoff2(): Plugin {
  return {
    name: "katex-woff2-only",
    enforce: "pre",
    transform(code, id) {
      if (!/katex(\.min)?\.css/.test(id)) return null;
      return code.replace(/,\s*url\([^)]*\.(?:woff|ttf)\)\s*format\((["'])(?:woff|truetype)\1\)/g, "");
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  plugins: [onlyWoff2(), svelte()],
  clearScreen: false,
  server: { port: 5173, strictPort: true, host: "127.0.0.1" },
  preview: { port: 5174, strictPort: true, host: "127.0.0.1", headers: { "Content-Security-Policy": csp } },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "safari16", // webkit2gtk 2.4x; WebView2 is newer
    assetsInlineLimit: 0, // fonts come from 'self'; a data: font would break the policy
    chunkSizeWarningLimit: 1500, // Plotly's basic bundle
  },
  ...(process.env.VITEST ? { resolve: { conditions: ["browser"] } } : {}),
  test: { environment: "jsdom", include: ["src/**/*.test.ts"], setupFiles: ["src/test-setup.ts"], testTimeout: 30_000 },
});
