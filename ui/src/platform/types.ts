// What the window needs from its host. Every method is named here, so a host that lacks one does not compile.

import type { ApiError, Commands, GradientReply, GradientRequest, Progress, RunSummary, ScanOverview, ScanRequest, TermsReply, TermsRequest, TrainRequest, UncertaintyRequest, UncertaintyView } from "../generated/api";
import type { Framed } from "./frame";

export type CommandName = keyof Commands;
export type Request<C extends CommandName> = Commands[C]["request"];
export type Reply<C extends CommandName> = Commands[C]["reply"];

/** What happened to the worker process. */
export type WorkerEvent = { event: "died" | "restarted"; message: string };

/** What the program was started with: an example's id or a project's path. */
export type LaunchRequest = { kind: "example" | "project"; value: string };

export type PickKind = "project" | "data";

export interface Platform {
  /** One request, one reply. Rejects with an {@link ApiError}. */
  rpc<C extends CommandName>(command: C, request: Request<C>): Promise<Framed<Reply<C>>>;
  /** Trains; progress until `finished` or `failed`, which may come after the promise has settled. */
  train(request: TrainRequest, onProgress: (progress: Progress, block: Float64Array) => void): Promise<Framed<RunSummary>>;
  /** Compares gradient methods; progress with each method that begins. */
  gradient(request: GradientRequest, onProgress: (progress: Progress) => void): Promise<Framed<GradientReply>>;
  /** Asks how sure a run is; progress while it draws. */
  uncertainty(request: UncertaintyRequest, onProgress: (progress: Progress) => void): Promise<Framed<UncertaintyView>>;
  /** Asks what networks have learned; progress while formulas are looked for. */
  terms(request: TermsRequest, onProgress: (progress: Progress) => void): Promise<Framed<TermsReply>>;
  /** Solves the model at many values; progress while it does. */
  scan(request: ScanRequest, onProgress: (progress: Progress) => void): Promise<Framed<ScanOverview>>;
  /** The system's dialog; null when the user changed their mind. */
  pickOpen(kind: PickKind): Promise<string | null>;
  pickSave(defaultName: string): Promise<string | null>;
  /** Asked before the window closes; `false` keeps it open. Returns a function that takes the question back. */
  onCloseRequested(mayClose: () => Promise<boolean>): Promise<() => void>;
  onWorkerEvent(handle: (event: WorkerEvent) => void): Promise<() => void>;
  appVersion(): Promise<string>;
  launchRequest(): Promise<LaunchRequest | null>;
}

/** Whatever a host threw, as the one kind of error the screens know. */
export function toApiError(thrown: unknown): ApiError {
  if (isApiError(thrown)) return thrown;
  const message = thrown instanceof Error ? thrown.message : typeof thrown === "string" ? thrown : JSON.stringify(thrown);
  return { code: "internal", message: message || "an unknown failure", advice: null, details: [] };
}

function isApiError(thrown: unknown): thrown is ApiError {
  return typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown;
}
