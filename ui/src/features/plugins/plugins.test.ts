// The plugins screen over the recorded host.

import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, test, vi } from "vitest";
import App from "../../app/App.svelte";
import { Session } from "../../model/session.svelte";
import { createFakePlatform } from "../../platform/fake";

let app: object | null = null;

afterEach(async () => {
  if (app) await unmount(app);
  app = null;
  document.body.replaceChildren();
});

const find = (id: string): HTMLElement | null => document.querySelector(`[data-testid="${id}"]`);
async function press(id: string): Promise<void> {
  await vi.waitFor(() => {
    flushSync();
    expect(find(id), id).not.toBeNull();
  });
  find(id)?.click();
  flushSync();
}

test("a plugin is trusted only after the words about native code, and trust is taken back", async () => {
  const platform = createFakePlatform({ delay_ms: 0, step_ms: 0 });
  const session = new Session(platform);
  app = mount(App, { target: document.body, props: { session } });
  await session.begin();
  await session.openExample("hare-lynx");
  session.go("plugins");
  flushSync();
  const called = (command: string) => platform.calls.filter((c) => c.command === command).map((c) => c.request);
  const state = (id: string) => session.plugins?.plugins.find((p) => p.id === id)?.trust.state;

  await press("trust");
  expect(find("trust-words")?.textContent).toContain("delete your files");
  expect(called("plugin_trust")).toEqual([]);
  await press("trust-not-now");
  expect(find("trust-words")).toBeNull();
  expect(called("plugin_trust")).toEqual([]);

  await press("trust");
  await press("trust-yes");
  await vi.waitFor(() => expect(state("org.example.kan")).toBe("trusted"));
  const shown = { id: "org.example.kan", version: "0.3.2", manifest: "0c".repeat(32), library: "77".repeat(32) };
  expect(called("plugin_trust")).toEqual([shown]);

  await press("untrust");
  await vi.waitFor(() => expect(state("org.slopefield.rosenbrock")).toBe("not-trusted"));
  expect(called("plugin_untrust")).toEqual([{ id: "org.slopefield.rosenbrock" }]);
});

test("a plugin that was disabled after crashes says why and is enabled again", async () => {
  const platform = createFakePlatform({ delay_ms: 0, step_ms: 0 });
  const session = new Session(platform);
  app = mount(App, { target: document.body, props: { session } });
  await session.begin();
  await session.openExample("hare-lynx");
  session.go("plugins");
  flushSync();
  const id = "org.example.multirate";
  const state = () => session.plugins?.plugins.find((p) => p.id === id)?.trust.state;
  await vi.waitFor(() => expect(state()).toBe("disabled"));
  flushSync();
  const said = find("plugins")?.textContent ?? "";
  expect(said).toContain("Disabled after crashes");
  expect(said).toContain("SIGSEGV");
  await press("enable");
  await vi.waitFor(() => expect(state()).toBe("trusted"));
  flushSync();
  expect(find("enable")).toBeNull();
  expect(platform.calls.filter((c) => c.command === "plugin_enable").map((c) => c.request)).toEqual([{ id }]);
});
