// Everything the window knows, wired together once. Components get it with `useSession`.

import { getContext, setContext } from "svelte";
import type { AppInfo, PluginList, PluginView } from "../generated/api";
import type { Platform, WorkerEvent } from "../platform";
import { ErrorLog } from "./errors.svelte";
import { ExploreStore } from "./explore.svelte";
import { GradientStore } from "./gradients.svelte";
import { ImportStore } from "./import.svelte";
import { InterfaceStore, type Screen } from "./interface.svelte";
import { ProjectStore } from "./project.svelte";
import { ResultsStore } from "./results.svelte";
import { ScanStore } from "./scan.svelte";
import { TermsStore } from "./terms.svelte";
import { TextStore } from "./text.svelte";
import { TrainingStore } from "./training.svelte";
import { UncertaintyStore } from "./uncertainty.svelte";

const KEY = Symbol("session");

export class Session {
  info = $state.raw<AppInfo | null>(null);
  version = $state("");
  worker = $state.raw<WorkerEvent | null>(null);
  plugins = $state.raw<PluginList | null>(null);

  readonly errors = new ErrorLog();
  readonly ui = new InterfaceStore();
  readonly project: ProjectStore;
  readonly text: TextStore;
  readonly explore: ExploreStore;
  readonly scan: ScanStore;
  readonly training: TrainingStore;
  readonly results: ResultsStore;
  readonly gradients: GradientStore;
  readonly uncertainty: UncertaintyStore;
  readonly terms: TermsStore;
  readonly imports: ImportStore;

  constructor(readonly platform: Platform) {
    this.project = new ProjectStore(platform, this.errors);
    this.text = new TextStore(platform, this.project, this.errors);
    this.explore = new ExploreStore(platform, this.project, this.text, this.errors);
    this.scan = new ScanStore(platform, this.project, this.text, this.explore, this.errors);
    this.training = new TrainingStore(platform, this.project, this.errors);
    this.results = new ResultsStore(platform, this.project, this.errors);
    this.gradients = new GradientStore(platform, this.project, this.errors);
    this.uncertainty = new UncertaintyStore(platform, this.project, this.errors);
    this.terms = new TermsStore(platform, this.project, this.errors);
    this.imports = new ImportStore(platform, this.project, this.errors);
    this.project.beforeCommand = this.text.flush;
  }

  /** Connects to the host; call once. */
  async begin(): Promise<void> {
    this.ui.begin();
    await Promise.all([
      this.#quietly("Listening to the worker", () => this.platform.onWorkerEvent((event) => void this.#workerEvent(event))),
      this.#quietly("Watching the window", () => this.platform.onCloseRequested(() => this.mayClose())),
      this.#quietly("Reading the version", async () => (this.version = await this.platform.appVersion())),
      this.readInfo(),
    ]);
    await this.#quietly("Opening what was asked for", async () => {
      const asked = await this.platform.launchRequest();
      if (asked?.kind === "example") await this.openExample(asked.value);
      else if (asked) await this.open(asked.value);
    });
  }

  readInfo = (): Promise<void> =>
    this.#quietly("Starting the engine", async () => (this.info = (await this.platform.rpc("app_info", {})).value));

  readPlugins = (): Promise<void> =>
    this.#quietly("Looking for plugins", async () => (this.plugins = (await this.platform.rpc("plugin_list", {})).value));

  /** Trusts the files of a plugin as they were shown; the engine refuses when they are others by now. */
  trustPlugin = ({ id, version, trust: { manifest, library } }: PluginView): Promise<void> =>
    this.#quietly("Trusting a plugin", async () => (this.plugins = (await this.platform.rpc("plugin_trust", { id, version, manifest, library })).value));

  untrustPlugin = (id: string): Promise<void> =>
    this.#quietly("Taking trust back", async () => (this.plugins = (await this.platform.rpc("plugin_untrust", { id })).value));

  /** Enables a plugin again whose process died too often in a row. */
  enablePlugin = (id: string): Promise<void> =>
    this.#quietly("Enabling a plugin", async () => (this.plugins = (await this.platform.rpc("plugin_enable", { id })).value));

  go(screen: Screen): void {
    this.ui.screen = screen;
  }

  showSettings(): void {
    this.ui.settingsOpen = this.ui.settingsWanted = true;
    this.go("train");
  }

  async openExample(id: string): Promise<void> {
    if ((await this.mayLeave()) && (await this.project.openExample(id))) this.go("train");
  }

  async create(): Promise<void> {
    if ((await this.mayLeave()) && (await this.project.create())) this.go("model");
  }

  async open(path?: string): Promise<void> {
    if (!(await this.mayLeave())) return;
    const done = path === undefined ? await this.project.pickAndOpen() : await this.project.open(path);
    if (done) this.go(this.project.view?.runs.length ? "results" : "model");
  }

  async closeProject(): Promise<void> {
    if ((await this.mayLeave()) && (await this.project.close())) await this.readInfo();
  }

  train = async (request: { resume?: string; from_run?: string } = {}): Promise<void> => {
    if (this.training.active || !this.project.isOpen) return;
    this.go("train");
    await this.#stopQuestions();
    await this.project.beforeCommand();
    if (this.project.view?.problem.ok) await this.training.start(request);
  };

  /** May the open project be replaced? Asks when something would be lost. */
  async mayLeave(): Promise<boolean> {
    await this.project.beforeCommand();
    const view = this.project.view;
    await this.#stopQuestions();
    if (this.training.active) {
      const answer = await this.ui.ask({
        title: "A training is running",
        text: "The project stays open until it ends. Stop it and keep the best result so far?",
        answers: [
          { id: "stop", label: "Stop training", kind: "primary" },
          { id: "cancel", label: "Go on training", kind: "plain" },
        ],
      });
      if (answer !== "stop") return false;
      await this.training.stopAndWait();
    }
    // Nothing was done to a fresh example or an empty project: nothing is lost.
    const worthKeeping = view !== null && (view.undo !== null || view.runs.length > 0);
    if (!view || view.path !== null || !worthKeeping) return true;
    const answer = await this.ui.ask({
      title: `Save “${view.title}”?`,
      text: "The project has no file yet. Without one, its model, data and runs are lost.",
      answers: [
        { id: "save", label: "Save…", kind: "primary" },
        { id: "discard", label: "Do not save", kind: "danger" },
        { id: "cancel", label: "Cancel", kind: "plain" },
      ],
    });
    if (answer === "save") return this.project.save();
    return answer === "discard";
  }

  mayClose = (): Promise<boolean> => (this.project.isOpen ? this.mayLeave() : Promise.resolve(true));

  /** A training has the engine to itself, and another project other answers. */
  async #stopQuestions(): Promise<void> {
    await this.scan.stopAndWait();
    await this.gradients.stopAndWait();
    await this.uncertainty.stopAndWait();
    await this.terms.stopAndWait();
  }

  async #workerEvent(event: WorkerEvent): Promise<void> {
    this.worker = event;
    if (event.event !== "restarted") return;
    await this.readInfo();
    if (this.project.isOpen) await this.project.refresh();
  }

  async #quietly(doing: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.errors.report(thrown, doing);
    }
  }
}

export function provideSession(session: Session): void {
  setContext(KEY, session);
}

export function useSession(): Session {
  return getContext<Session>(KEY);
}
