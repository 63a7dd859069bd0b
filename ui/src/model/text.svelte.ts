// The model text while it is being written: checked as one types, sent to the engine when one pauses.

import type { DiagnosticView, ModelReport } from "../generated/api";
import type { Platform } from "../platform";
import { Coalescer } from "./coalesce";
import { Debounced } from "./debounce";
import type { ErrorLog } from "./errors.svelte";
import type { ProjectStore } from "./project.svelte";

const CHECK_MS = 150;
const SEND_MS = 500;

export class TextStore {
  text = $state("");
  /** Counts texts that did not come from the editor: it then replaces its document. */
  adopted = $state(0);
  report = $state.raw<ModelReport | null>(null);
  /** The text that `report` is about. */
  reported = $state("");
  /** A place the editor should show, set by links from other screens. */
  target = $state.raw<{ from: number; to: number; asked: number } | null>(null);

  readonly stale = $derived(this.text !== this.reported);
  readonly errors = $derived<DiagnosticView[]>(this.report?.diagnostics.filter((d) => d.severity === "error") ?? []);

  /** What the engine has. */
  private sent = $state("");
  /** Something typed has not reached the engine yet. */
  readonly unsent = $derived(this.text !== this.sent);
  #check: Coalescer<string, ModelReport>;
  #checkSoon = new Debounced(CHECK_MS, async () => this.#check.submit(this.text));
  #sendSoon = new Debounced(SEND_MS, () => this.#send());

  constructor(
    platform: Platform,
    private readonly project: ProjectStore,
    log: ErrorLog,
  ) {
    this.#check = new Coalescer(
      async (text) => (await platform.rpc("model_check", { text })).value,
      (report, text) => {
        this.report = report;
        this.reported = text;
      },
      (thrown) => log.report(thrown, "Checking the model"),
    );
    project.onView((view, isOther) => this.#receive(view.model, isOther));
  }

  /** The user typed. */
  type(text: string): void {
    if (text === this.text) return;
    this.text = text;
    this.#checkSoon.schedule();
    this.#sendSoon.schedule();
  }

  /** The program changed the text: formatter, "use these values". */
  replace(text: string): void {
    if (text === this.text) return;
    this.adopted += 1;
    this.type(text);
  }

  /** Sends what has not been sent; resolves when the engine has it. */
  flush = (): Promise<void> => this.#sendSoon.flush();

  format(): void {
    if (this.report?.formatted != null && !this.stale) this.replace(this.report.formatted);
  }

  show(diagnostic: Pick<DiagnosticView, "from" | "to">): void {
    this.target = { from: diagnostic.from, to: diagnostic.to, asked: (this.target?.asked ?? 0) + 1 };
  }

  async #send(): Promise<void> {
    if (!this.project.isOpen || this.text === this.sent) return;
    const text = this.text;
    const before = this.sent;
    this.sent = text;
    if (!(await this.project.edit({ kind: "model", text }))) this.sent = before;
  }

  #receive(model: string, isOther: boolean): void {
    if (!isOther && (this.unsent || model === this.text)) return;
    this.#sendSoon.cancel();
    this.sent = model;
    this.text = model;
    this.adopted += 1;
    if (isOther) {
      this.report = null;
      this.reported = "";
    }
    this.#check.submit(model);
  }
}
