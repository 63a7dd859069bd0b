// The desktop shell. The only file that imports Tauri.

import { getVersion } from "@tauri-apps/api/app";
import { Channel, invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import { getCurrentWindow } from "@tauri-apps/api/window";
import type { Progress } from "../../generated/api";
import { decodeFrame, type Framed } from "../frame";
import { toApiError, type CommandName, type LaunchRequest, type Platform, type Reply, type Request, type WorkerEvent } from "../types";

/** Raw bytes of a reply; an error becomes an `ApiError`. */
async function call(name: string, args: Record<string, unknown>): Promise<ArrayBuffer> {
  try {
    return await invoke<ArrayBuffer>(name, args);
  } catch (thrown) {
    throw toApiError(thrown);
  }
}

/** Short channel messages arrive as an array of numbers, long ones as a buffer. */
function bytesOf(message: ArrayBuffer | Uint8Array | number[]): ArrayBuffer | Uint8Array {
  return Array.isArray(message) ? Uint8Array.from(message) : message;
}

/** A command that tells on the way how far it is. */
async function stream<C extends CommandName>(command: C, request: Request<C>, handle: (progress: Progress, block: Float64Array) => void): Promise<Framed<Reply<C>>> {
  const onProgress = new Channel<ArrayBuffer | number[]>();
  onProgress.onmessage = (message) => {
    const { value, block } = decodeFrame<Progress>(bytesOf(message));
    handle(value, block);
  };
  return decodeFrame<Reply<C>>(bytesOf(await call("rpc_stream", { command, request, onProgress })));
}

export function createTauriPlatform(): Platform {
  return {
    async rpc(command, request) {
      return decodeFrame<Reply<typeof command>>(bytesOf(await call("rpc", { command, request })));
    },
    train: (request, handle) => stream("train", request, handle),
    gradient: (request, handle) => stream("gradient", request, handle),
    uncertainty: (request, handle) => stream("uncertainty", request, handle),
    terms: (request, handle) => stream("terms", request, handle),
    scan: (request, handle) => stream("scan_overview", request, handle),
    pickOpen: (kind) => invoke<string | null>("pick_open", { kind }),
    pickSave: (defaultName) => invoke<string | null>("pick_save", { defaultName }),
    onCloseRequested: (mayClose) =>
      getCurrentWindow().onCloseRequested(async (event) => {
        if (!(await mayClose())) event.preventDefault();
      }),
    onWorkerEvent: (handle) => listen<WorkerEvent>("worker", (event) => handle(event.payload)),
    appVersion: () => getVersion(),
    launchRequest: () => invoke<LaunchRequest | null>("launch_request"),
  };
}
