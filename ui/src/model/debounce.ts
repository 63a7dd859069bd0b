// Work put off until its cause has been quiet for a while.

/** Calls `work` once, `wait_ms` after the last `schedule`. `flush` does it at once and waits for it. */
export class Debounced {
  #timer: ReturnType<typeof setTimeout> | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly wait_ms: number,
    private readonly work: () => Promise<void>,
  ) {}

  get pending(): boolean {
    return this.#timer !== null;
  }

  schedule(): void {
    this.cancel();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#start();
    }, this.wait_ms);
  }

  cancel(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async flush(): Promise<void> {
    if (this.#timer !== null) {
      this.cancel();
      this.#start();
    }
    await this.#running;
  }

  #start(): void {
    this.#running = this.#running.then(this.work);
  }
}
