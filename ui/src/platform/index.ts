// Chooses the host: the desktop shell, or the recorded one with `vite --mode fake`.

import type { Platform } from "./types";

export * from "./types";
export type { Framed } from "./frame";

/** The host of this build. The other one is not in the bundle. */
export async function loadPlatform(): Promise<Platform> {
  if (import.meta.env.MODE === "fake") return (await import("./fake")).createFakePlatform();
  return (await import("./tauri")).createTauriPlatform();
}
