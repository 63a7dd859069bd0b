// The desktop shell. The only file that imports Tauri.

import { getVersion } from "@tauri-apps/api/app";
import { Channel, invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import { getCurrentWindow } from "@tauri-apps/api/window";
import type { GradientReply, Progress, RunSummary, TermsReply, UncertaintyView } from "../../generated/api";
import { decodeFrame, type Framed } from "../frame";
import { toApiError, type LaunchRequest, type Platform, type Reply, type WorkerEvent } from "../types";

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

export function createTauriPlatform(): Platform {
  return {
    async rpc(command, request) {
      return decodeFrame<Reply<typeof command>>(bytesOf(await call("rpc", { command, request })));
    },
    async train(request, handle): Promise<Framed<RunSummary>> {
      const onProgress = new Channel<ArrayBuffer | number[]>();
      onProgress.onmessage = (message) => {
        const { value, block } = decodeFrame<Progress>(bytesOf(message));
        handle(value, block);
      };
      return decodeFrame<RunSummary>(bytesOf(await call("rpc_stream", { command: "train", request, onProgress })));
    },
    async gradient(request, handle): Promise<Framed<GradientReply>> {
      const onProgress = new Channel<ArrayBuffer | number[]>();
      onProgress.onmessage = (message) => handle(decodeFrame<Progress>(bytesOf(message)).value);
      return decodeFrame<GradientReply>(bytesOf(await call("rpc_stream", { command: "gradient", request, onProgress })));
    },
    async uncertainty(request, handle): Promise<Framed<UncertaintyView>> {
      const onProgress = new Channel<ArrayBuffer | number[]>();
      onProgress.onmessage = (message) => handle(decodeFrame<Progress>(bytesOf(message)).value);
      return decodeFrame<UncertaintyView>(bytesOf(await call("rpc_stream", { command: "uncertainty", request, onProgress })));
    },
    async terms(request, handle): Promise<Framed<TermsReply>> {
      const onProgress = new Channel<ArrayBuffer | number[]>();
      onProgress.onmessage = (message) => handle(decodeFrame<Progress>(bytesOf(message)).value);
      return decodeFrame<TermsReply>(bytesOf(await call("rpc_stream", { command: "terms", request, onProgress })));
    },
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
