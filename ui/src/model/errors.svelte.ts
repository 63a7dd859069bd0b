// Every failure the user should know of, in one list that nothing empties but the user.

import type { ApiError } from "../generated/api";
import { toApiError } from "../platform";

/** A failure, what was being done, and whether its note is still shown over the work area. */
export type Failure = { id: number; at: number; doing: string; error: ApiError; shown: boolean };

export class ErrorLog {
  failures = $state.raw<Failure[]>([]);
  #next = 1;

  /** Newest note still shown. */
  readonly note = $derived(this.failures.find((f) => f.shown) ?? null);

  report(thrown: unknown, doing: string): ApiError {
    const error = toApiError(thrown);
    if (error.code === "cancelled") return error;
    this.failures = [{ id: this.#next++, at: Date.now(), doing, error, shown: true }, ...this.failures].slice(0, 100);
    return error;
  }

  hide(id: number): void {
    this.failures = this.failures.map((f) => (f.id === id ? { ...f, shown: false } : f));
  }

  clear(): void {
    this.failures = [];
  }
}
