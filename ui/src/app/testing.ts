// The window over a host that the test makes, for tests of whole screens.

import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, vi } from "vitest";
import { Session } from "../model/session.svelte";
import type { Platform } from "../platform";
import App from "./App.svelte";

let app: object | null = null;

/** Opens the window on an example. Every test file that imports this closes it after each test. */
export async function open(platform: Platform, example: string) {
  const session = new Session(platform);
  app = mount(App, { target: document.body, props: { session } });
  await session.begin();
  await session.openExample(example);
  flushSync();
  return session;
}

afterEach(async () => {
  if (app) await unmount(app);
  app = null;
  document.body.replaceChildren();
  localStorage.clear();
});

export const find = <T extends HTMLElement = HTMLElement>(id: string) => document.querySelector<T>(`[data-testid="${id}"]`);
export const text = (id: string) => find(id)?.textContent ?? "";
export const see = (id: string) => vi.waitFor(() => expect(find(id), id).not.toBeNull());

/** Clicks what is there now. */
export function press(id: string) {
  find(id)?.click();
  flushSync();
}

/** Clicks it once it is there. */
export async function click(id: string) {
  await see(id);
  press(id);
}
