// A small WebDriver client: starts WebKitWebDriver with the application under it and speaks the
// W3C protocol by plain HTTP, so that no further package is needed.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** A port that nobody uses. */
function freePort() {
  return new Promise((found, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => found(port));
    });
  });
}

/** Starts the application and returns what a test can do with its window. */
export async function open({ application, args = [], env = {} }) {
  const port = await freePort();
  const driver = spawn("WebKitWebDriver", [`--port=${port}`, "--host=127.0.0.1"], {
    stdio: ["ignore", "inherit", "inherit"],
    // A group of its own: the driver sometimes leaves the application behind, and the group takes it along.
    detached: true,
    env: { ...process.env, TAURI_AUTOMATION: "true", TAURI_WEBVIEW_AUTOMATION: "true", ...env },
  });
  const kill = () => {
    try {
      process.kill(-driver.pid, "SIGKILL");
    } catch {
      // It has ended already.
    }
  };
  process.once("exit", kill);
  const base = `http://127.0.0.1:${port}`;
  await until("the driver", async () => (await fetch(`${base}/status`)).ok, 10_000);

  async function call(method, path, body) {
    const answer = await fetch(base + path, {
      method,
      headers: { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    const { value } = await answer.json();
    if (value?.error) throw new Error(`${value.error}: ${value.message}`);
    return value;
  }

  let session;
  try {
    const options = { "webkitgtk:browserOptions": { binary: application, args } };
    const made = await call("POST", "/session", { capabilities: { alwaysMatch: options } });
    session = `/session/${made.sessionId}`;
  } catch (error) {
    kill();
    throw error;
  }

  const find = async (css) => {
    const found = await call("POST", `${session}/element`, { using: "css selector", value: css });
    return `${session}/element/${found[ELEMENT]}`;
  };
  const js = (script, ...values) =>
    call("POST", `${session}/execute/sync`, { script, args: values });

  return {
    js,
    until,
    /** Clicks as soon as the element is there: pages come a moment after what led to them. */
    click: async (css) => {
      await until(`${css} to click`, () =>
        js("return document.querySelector(arguments[0]) !== null", css),
      );
      await call("POST", `${await find(css)}/click`, {});
    },
    type: async (css, text) => call("POST", `${await find(css)}/value`, { text }),
    text: (css) =>
      js("const e = document.querySelector(arguments[0]); return e ? e.textContent : null", css),
    exists: (css) => js("return document.querySelector(arguments[0]) !== null", css),
    /** Waits until an element is there and the text in it matches. */
    see: (css, pattern = /(?:)/, ms = 20_000) =>
      until(
        `${css} with ${pattern}`,
        async () => {
          const script =
            "const e = document.querySelector(arguments[0]); return e ? e.textContent : null";
          const text = await js(script, css);
          return text !== null && pattern.test(text) ? [text] : null;
        },
        ms,
      ).then(([text]) => text),
    keys: async (...keys) => {
      const actions = [];
      for (const value of keys) actions.push({ type: "keyDown", value });
      for (const value of keys.toReversed()) actions.push({ type: "keyUp", value });
      const chord = { type: "key", id: "keyboard", actions };
      await call("POST", `${session}/actions`, { actions: [chord] });
    },
    shot: async (file) =>
      writeFileSync(file, Buffer.from(await call("GET", `${session}/screenshot`), "base64")),
    close: async () => {
      try {
        await call("DELETE", session);
      } catch {
        // The application may have closed itself.
      }
      kill();
      process.off("exit", kill);
    },
  };
}

/** Waits until a check gives something; errors of the check count as "not yet". */
export async function until(what, check, ms = 20_000) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      last = await check();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`timed out waiting for ${what}: ${last}`);
    await sleep(80);
  }
}
