// A host without an engine: `vite --mode fake` and the tests. Everything it says has the engine's form.

import type { PluginList, PluginView, ProjectView, SolverSummary } from "../../generated/api";
import type { Framed } from "../frame";
import type { CommandName, Platform, Reply, Request, WorkerEvent } from "../types";
import { check } from "./language";
import { FakeComparison, GRADIENTS } from "./gradients";
import { FakeProject } from "./project";
import { EXAMPLES, PLUGINS, RECENT } from "./samples";
import { FakeScan } from "./scan";
import { simulate } from "./simulate";
import { previewOf } from "./table";
import { compareRuns, FakeSearch, replaceTerms, termsOf } from "./terms";
import { FakeTraining } from "./training";
import { FakeDraws } from "./uncertainty";

/** The list after a decision about a plugin. */
function decided(list: PluginList, id: string, trusted: boolean): PluginList {
  const problem = trusted ? null : `The plugin ${id} has not been trusted.`;
  const decide = (p: PluginView): PluginView => ({ ...p, trust: { ...p.trust, state: trusted ? "trusted" : "not-trusted" }, problem });
  return { ...list, plugins: list.plugins.map((p) => (p.id === id ? decide(p) : p)) };
}

/** Knobs for tests. */
export type FakeOptions = { delay_ms?: number; step_ms?: number; stride?: number };

/** The fake host, and what a test may see and do beyond the interface. */
export type FakePlatform = Platform & {
  calls: Array<{ command: CommandName; request: unknown }>;
  failNext(command: CommandName, error: unknown): void;
  /** The next simulation, search for formulas or scan takes until it is stopped. */
  hangNext(): void;
  workerEvent(event: WorkerEvent): void;
  requestClose(): Promise<boolean>;
};

type Handlers = { [C in CommandName]?: (request: Request<C>) => Framed<Reply<C>> };
const bare = <T>(value: T): Framed<T> => ({ value, block: new Float64Array() });

export function createFakePlatform({ delay_ms = 8, step_ms = 33, stride = 2 }: FakeOptions = {}): FakePlatform {
  let project: FakeProject | null = null;
  let training: FakeTraining | null = null;
  let comparison: FakeComparison | null = null;
  let draws: FakeDraws | null = null;
  let search: FakeSearch | null = null;
  let scan: FakeScan | null = null;
  let plugins = PLUGINS;
  const failures = new Map<CommandName, unknown>();
  let hangs = false;
  let stopHanging: (() => void) | null = null;
  const calls: FakePlatform["calls"] = [];
  const workerHandlers = new Set<(event: WorkerEvent) => void>();
  let mayClose: (() => Promise<boolean>) | null = null;

  const opened = (): FakeProject => {
    if (!project) throw { code: "project", message: "no project is open", advice: "Open one first." };
    return project;
  };
  const change = (work: (p: FakeProject) => void): Framed<ProjectView> => {
    work(opened());
    return opened().view();
  };
  const replace = (next: FakeProject): Framed<ProjectView> => (project = next).view();

  const handlers: Handlers = {
    app_info: () => bare({ version: "0.1.0", processor: "x86-64, AVX2, FMA", worker_pid: 41235, examples: EXAMPLES, recent: RECENT, solvers: SOLVERS, gradients: GRADIENTS }),
    model_check: ({ text }) => bare(check(text)),
    simulate: (request) => simulate(request),
    simulate_stop: () => {
      stopHanging?.();
      return bare({});
    },
    scan_stop: () => {
      scan?.stop();
      return bare({});
    },
    scan_save: ({ path }) => {
      if (!scan) throw { code: "request", message: "there are no numbers of a scan to save", advice: "scan again, then save" };
      return bare({ path });
    },
    data_preview: (request) => previewOf(request),
    project_new: () => replace(FakeProject.empty()),
    project_example: ({ id }) => replace(FakeProject.example(id, EXAMPLES.find((e) => e.id === id)?.title ?? id)),
    project_open: ({ path }) => {
      const known = RECENT.find((r) => r.path === path);
      if (known && !known.exists) throw { code: "file", message: `${path} is not there`, advice: "The disk may not be connected, or the file was moved." };
      const next = FakeProject.example("hare-lynx", known?.title ?? "Hare and lynx, Hudson Bay");
      next.path = path;
      next.saved = true;
      return replace(next);
    },
    project_view: () => opened().view(),
    project_save_as: ({ path }) =>
      change((p) => {
        p.path = path;
        p.saved = true;
      }),
    project_close: () => {
      project = null;
      return bare({});
    },
    project_edit: (edit) => change((p) => p.edit(edit)),
    project_undo: () => change((p) => p.undo()),
    project_redo: () => change((p) => p.redo()),
    job: ({ action }) => {
      training?.job(action);
      if (action === "stop") comparison?.stop();
      if (action === "stop") draws?.stop();
      if (action === "stop") search?.stop();
      return bare({});
    },
    run_view: ({ run }) => {
      const found = opened().runs.find((r) => r.value.summary.id === run);
      if (!found) throw { code: "project", message: `there is no run ${run}`, advice: null };
      return found;
    },
    uncertainty_list: ({ run }) => bare({ answers: opened().answersOf(run) }),
    uncertainty_view: ({ id }) => opened().answer(id),
    uncertainty_delete: ({ id }) => {
      const { run } = opened().answer(id).value.summary;
      opened().answers = opened().answers.filter((a) => a.value.summary.id !== id);
      return bare({ answers: opened().answersOf(run) });
    },
    terms: (request) => termsOf(opened(), request),
    replace_terms: (request) => bare(replaceTerms(opened(), request)),
    compare_runs: ({ runs }) => bare(compareRuns(opened(), runs)),
    report: ({ run }) => bare({ path: `/home/ada/studies/hare-lynx ${run ?? ""}.html` }),
    plugin_list: () => bare(plugins),
    plugin_trust: ({ id }) => bare((plugins = decided(plugins, id, true))),
    plugin_untrust: ({ id }) => bare((plugins = decided(plugins, id, false))),
    plugin_enable: ({ id }) => bare((plugins = decided(plugins, id, true))),
  };

  /** Writes a question down, and fails it where a test wants that. */
  const asked = (command: CommandName, request: unknown): void => {
    calls.push({ command, request: structuredClone(request) });
    if (!failures.has(command)) return;
    const error = failures.get(command);
    failures.delete(command);
    throw error;
  };

  return {
    calls,
    async rpc(command, request) {
      calls.push({ command, request: structuredClone(request) });
      if (delay_ms > 0) await new Promise((resolve) => setTimeout(resolve, delay_ms));
      if (failures.has(command)) {
        const error = failures.get(command);
        failures.delete(command);
        throw error;
      }
      if (command === "simulate" && hangs) {
        hangs = false;
        await new Promise<void>((resolve) => (stopHanging = resolve));
        stopHanging = null;
        throw { code: "cancelled", message: "the simulation was stopped", advice: null };
      }
      const handle = handlers[command] as ((request: unknown) => Framed<Reply<typeof command>>) | undefined;
      if (!handle) throw { code: "request", message: `the recorded host does not know \`${command}\``, advice: null };
      return handle(request);
    },
    async train(_request, onProgress) {
      training = new FakeTraining(opened(), onProgress, step_ms, stride);
      const summary = await training.run();
      training = null;
      return bare(summary);
    },
    async gradient(request, onProgress) {
      asked("gradient", request);
      comparison = new FakeComparison(onProgress, 12 * step_ms);
      return bare(await comparison.run());
    },
    async uncertainty(request, onProgress) {
      asked("uncertainty", request);
      draws = new FakeDraws(opened(), request, onProgress, step_ms);
      return draws.run();
    },
    async terms(request, onProgress) {
      asked("terms", request);
      search = new FakeSearch(opened(), request, onProgress, step_ms, hangs);
      hangs = false;
      return search.run();
    },
    async scan(request, onProgress) {
      asked("scan_overview", request);
      scan = new FakeScan(request, onProgress, step_ms, hangs);
      hangs = false;
      return scan.run();
    },
    pickOpen: async (kind) => (kind === "data" ? "/home/ada/data/hudson_bay_lynx_hare.csv" : "/home/ada/studies/hare-lynx.slopefield"),
    pickSave: async (defaultName) => `/home/ada/studies/${defaultName}`,
    async onCloseRequested(handle) {
      mayClose = handle;
      return () => (mayClose = null);
    },
    async onWorkerEvent(handle) {
      workerHandlers.add(handle);
      return () => workerHandlers.delete(handle);
    },
    appVersion: async () => "0.1.0",
    launchRequest: async () => null,
    failNext: (command, error) => failures.set(command, error),
    hangNext: () => (hangs = true),
    workerEvent: (event) => workerHandlers.forEach((handle) => handle(event)),
    requestClose: async () => (mayClose ? mayClose() : true),
  };
}

const SOLVERS: SolverSummary[] = [
  { id: "tsit5", name: "Tsit5 (Tsitouras, order 5)", group: "Not stiff", advice: "The default where nothing is stiff." },
  { id: "bs3", name: "BS3 (Bogacki–Shampine, order 3)", group: "Not stiff", advice: "Cheap steps for loose tolerances." },
  { id: "rodas5p", name: "Rodas5P (Steinebach, order 5)", group: "Stiff", advice: "The default for small stiff systems." },
];
