// One question in flight, the latest wins: what a slider needs when answers take longer than a frame.

/** Runs `ask` for the newest question only; questions overtaken while one is in flight are dropped. */
export class Coalescer<Q, R> {
  #waiting: { question: Q } | null = null;
  #busy = false;
  #idle: Array<() => void> = [];

  constructor(
    private readonly ask: (question: Q) => Promise<R>,
    private readonly answered: (reply: R, question: Q) => void,
    private readonly failed: (thrown: unknown, question: Q) => void,
  ) {}

  get busy(): boolean {
    return this.#busy;
  }

  submit(question: Q): void {
    this.#waiting = { question };
    if (!this.#busy) void this.#run();
  }

  /** Forgets what waits; the answer in flight is still delivered. */
  drop(): void {
    this.#waiting = null;
  }

  /** Resolves when nothing is in flight and nothing waits. */
  idle(): Promise<void> {
    if (!this.#busy) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  async #run(): Promise<void> {
    this.#busy = true;
    while (this.#waiting !== null) {
      const { question } = this.#waiting;
      this.#waiting = null;
      try {
        this.answered(await this.ask(question), question);
      } catch (thrown) {
        this.failed(thrown, question);
      }
    }
    this.#busy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
