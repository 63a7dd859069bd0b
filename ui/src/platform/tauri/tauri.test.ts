import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import { afterEach, expect, test } from "vitest";
import type { Progress } from "../../generated/api";
import { encodeFrame } from "../frame";
import { createTauriPlatform } from ".";

afterEach(() => clearMocks());

test("a command goes through `rpc` and its frame comes back as value and numbers", async () => {
  let asked: unknown;
  mockIPC((command, args) => {
    asked = { command, args };
    return encodeFrame({ path: "a.html" }, [1, 2, 3]);
  });
  const { value, block } = await createTauriPlatform().rpc("report", { project: null, run: "r", out: null });
  expect(asked).toEqual({ command: "rpc", args: { command: "report", request: { project: null, run: "r", out: null } } });
  expect(value).toEqual({ path: "a.html" });
  expect([...block]).toEqual([1, 2, 3]);
});

test("an error of the host arrives as it is, anything else as an internal one", async () => {
  const failure = { code: "solve", message: "step size fell below 1e-12", advice: "Loosen the tolerance.", details: ["t = 3"] };
  mockIPC(() => Promise.reject(failure));
  await expect(createTauriPlatform().rpc("app_info", {})).rejects.toEqual(failure);
  mockIPC(() => Promise.reject("command rpc not found"));
  await expect(createTauriPlatform().rpc("app_info", {})).rejects.toMatchObject({ code: "internal", message: "command rpc not found" });
});

test("progress arrives in order, short messages as plain numbers included", async () => {
  const run = { id: "r1", number: 1 };
  mockIPC((_, args) => {
    const channel = (args as { onProgress: { id: number } }).onProgress;
    const send = (index: number, message: unknown) =>
      (window as unknown as { __TAURI_INTERNALS__: { runCallback(id: number, m: unknown): void } }).__TAURI_INTERNALS__.runCallback(channel.id, { index, message });
    send(1, encodeFrame({ event: "finished", run }, []));
    send(0, [...new Uint8Array(encodeFrame({ event: "note", iteration: 4, message: "rate halved" }, [9]))]);
    return encodeFrame(run, []);
  });
  const got: Array<[Progress["event"], number[]]> = [];
  const done = await createTauriPlatform().train({ resume: null, from_run: null }, (p, block) => got.push([p.event, [...block]]));
  expect(got).toEqual([["note", [9]], ["finished", []]]);
  expect(done.value).toEqual(run);
});
