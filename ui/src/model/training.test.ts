import { describe, expect, test, vi } from "vitest";
import { EVERY_STAGE } from "../features/train/settings";
import type { Progress } from "../generated/api";
import { createFakePlatform } from "../platform/fake";
import { Session } from "./session.svelte";
import { frameNote } from "./training.svelte";

const STAGES = [{ optimiser: "Adam", iterations: 10, rate: 0.1, horizon: 1, details: "", file: { ...EVERY_STAGE, iterations: 10, rate: 0.1 } }];
const STARTED: Progress = { event: "started", run: "r1", stages: STAGES, parameters: ["a", "b"], method: "forward" };
const iteration = (i: number, loss: number, hold_out: number | null = null): Progress => ({
  event: "iteration", iteration: i, total: 10, stage: 0, loss, best: loss, hold_out, parameters: { start: 1, len: 2 }, elapsed_s: i, left_s: 10 - i,
});
const none = new Float64Array();

async function opened(step_ms = 0) {
  const platform = createFakePlatform({ delay_ms: 0, step_ms });
  const session = new Session(platform);
  await session.project.openExample("hare-lynx");
  return { platform, session, t: session.training };
}

describe("the stream", () => {
  test("becomes histories; parameters are read from the block by their slice", async () => {
    const { t } = await opened();
    t.reduce(STARTED, none);
    t.reduce(iteration(1, 5), Float64Array.of(99, 1, 2));
    t.reduce(iteration(2, 4, 0.5), Float64Array.of(99, 3, 4));
    expect(t.iterations).toEqual([1, 2]);
    expect(t.loss).toEqual([5, 4]);
    expect(t.traces).toEqual([[1, 3], [2, 4]]);
    expect(t.holdOut).toEqual({ iterations: [2], values: [0.5] });
    expect(t.progress).toBe(0.2);
    expect(t.phase).toBe("running");
  });

  test("several starts have a progress of their own, until the best is told", async () => {
    const { t } = await opened();
    t.reduce(STARTED, none);
    const losses = { start: 0, len: 0 };
    t.reduce({ event: "starts", screened: 7, places: 28, done: 0, total: 8, losses, left_s: null }, none);
    expect([t.starts?.looking, t.progress]).toEqual([true, 0.25]);
    t.reduce({ event: "starts", screened: 0, places: 0, done: 4, total: 8, losses, left_s: 3 }, none);
    expect([t.starts?.looking, t.progress, t.left_s]).toEqual([false, 0.5, 3]);
    t.reduce({ event: "curves", experiments: [] }, none);
    expect(t.frames.map(frameNote)).toEqual(["best of 4 starts"]);
    t.reduce(iteration(1, 5), Float64Array.of(99, 1, 2));
    expect([t.starts, t.progress]).toEqual([null, 0.1]);
    t.reduce({ event: "curves", experiments: [] }, none);
    expect(t.frames.map(frameNote)).toEqual(["best of 4 starts", "after iteration 1"]);
  });

  test("work before the first iteration has a progress of its own", async () => {
    const { t } = await opened();
    t.reduce(STARTED, none);
    t.reduce({ event: "working", what: "segments", share: 0.4, left_s: 6 }, none);
    expect([t.joining, t.progress, t.left_s]).toEqual([0.4, 0.4, 6]);
    t.reduce(iteration(1, 5), Float64Array.of(99, 1, 2));
    expect([t.joining, t.progress]).toEqual([null, 0.1]);
  });

  test("once it has ended, every stored iteration is shown, and stages stay apart", async () => {
    const { platform, t } = await opened();
    const block = Float64Array.of(1, 2, 3, 5, 4, 40, 5, 4, 40, NaN, 0.7, NaN, 1, 10, 2, 20, 3, 30);
    const at = (start: number, len: number) => ({ start, len });
    const summary = { id: "r", iterations: 3 };
    const history = {
      summary, history_iterations: at(0, 3), history_loss: at(3, 3), history_best: at(6, 3), history_hold_out: at(9, 3), history_parameters: at(12, 6),
    };
    vi.spyOn(platform, "rpc").mockImplementation((async (command: string) => (command === "run_view" ? { value: history, block } : Promise.reject(new Error(command)))) as typeof platform.rpc);
    t.reduce(STARTED, none);
    t.reduce(iteration(3, 40), Float64Array.of(0, 3, 30));
    t.reduce({ event: "finished", run: summary } as unknown as Progress, none);
    await vi.waitFor(() => expect(t.iterations.length).toBeGreaterThan(1));
    expect(t.iterations).toEqual([1, 2, 2, 3]);
    expect(t.loss).toEqual([5, 4, NaN, 40]);
    expect(t.traces).toEqual([[1, 2, 2, 3], [10, 20, 20, 30]]);
    expect(t.holdOut).toEqual({ iterations: [2], values: [0.7] });
  });

  test("the losses of two stages are two curves, the parameters go on", async () => {
    const { t } = await opened();
    t.reduce(STARTED, none);
    t.reduce(iteration(1, 5), Float64Array.of(0, 1, 2));
    t.reduce({ ...iteration(2, 50), stage: 1 } as Progress, Float64Array.of(0, 3, 4));
    expect(t.loss).toEqual([5, NaN, 50]);
    expect(t.best).toEqual([5, NaN, 50]);
    expect(t.iterations).toEqual([1, 1, 2]);
    expect(t.traces[0]).toEqual([1, 1, 3]);
  });

  test("a loss that is no number is a gap, not a zero", async () => {
    const { t } = await opened();
    t.reduce(STARTED, none);
    t.reduce(iteration(1, null as unknown as number), Float64Array.of(0, 1, 2));
    expect(t.loss[0]).toBeNaN();
  });

  test("curves are kept for scrubbing, thinned but with first and newest", async () => {
    const { t } = await opened();
    t.reduce(STARTED, none);
    for (let i = 1; i <= 1000; i++) {
      t.reduce(iteration(i, 1), Float64Array.of(0, 1, 2));
      t.reduce({ event: "curves", experiments: [{ experiment: "e", times: { start: 0, len: 2 }, observations: [{ name: "y", values: { start: 2, len: 2 } }] }] }, Float64Array.of(0, 1, i, i));
    }
    expect(t.frames.length).toBeLessThanOrEqual(240);
    expect(t.frames[0]?.iteration).toBe(1);
    expect(t.shownFrame()?.iteration).toBe(1000);
    expect([...(t.shownFrame()?.curves[0]?.observations[0]?.values ?? [])]).toEqual([1000, 1000]);
    t.scrub = 0;
    expect(t.shownFrame()?.iteration).toBe(1);
  });

  test("a failure ends it and is in the list of messages", async () => {
    const { session, t } = await opened();
    t.reduce(STARTED, none);
    t.reduce({ event: "failed", error: { code: "solve", message: "no step is small enough", advice: null, details: [] } }, none);
    expect(t.phase).toBe("failed");
    expect(session.errors.failures[0]).toMatchObject({ doing: "Training", error: { code: "solve" } });
  });
});

describe("a training", () => {
  test("runs to its end, and the project then has the run", async () => {
    const { session, t } = await opened();
    await t.start();
    expect(t.phase).toBe("finished");
    expect(t.summary?.status).toBe("finished");
    await vi.waitFor(() => expect(session.project.view?.runs.map((r) => r.id)).toEqual(["run-1"]));
  });

  test("ends on the event even when that comes after the promise", async () => {
    const { platform, t } = await opened();
    let say: (p: Progress, block: Float64Array) => void = () => undefined;
    const run = { id: "r1", number: 1, started_ms: 0, status: "finished" as const, iterations: 1, loss: 1, log_likelihood: null, hold_out: null, stop_reason: null, seconds: 1 };
    platform.train = async (_, onProgress) => {
      say = onProgress;
      onProgress(STARTED, none);
      return { value: run, block: none };
    };
    const done = t.start();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(t.phase).toBe("running");
    say(iteration(10, 0.5), Float64Array.of(0, 1, 2));
    say({ event: "finished", run }, none);
    await done;
    expect(t.phase).toBe("finished");
    expect(t.iteration).toBe(10);
  });

  test("a refusal before the stream begins is a failure", async () => {
    const { platform, session, t } = await opened();
    platform.train = () => Promise.reject({ code: "study", message: "there is no data", advice: "Import a table.", details: [] });
    await t.start();
    expect(t.phase).toBe("failed");
    expect(session.errors.failures.length).toBe(1);
  });

  test("pauses, resumes and stops", async () => {
    const { t } = await opened(1);
    const done = t.start();
    await vi.waitFor(() => expect(t.iteration).toBeGreaterThan(2));
    await t.job("pause");
    await vi.waitFor(() => expect(t.phase).toBe("paused"));
    const held = t.iteration;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(t.iteration).toBe(held);
    await t.togglePause();
    await vi.waitFor(() => expect(t.iteration).toBeGreaterThan(held));
    await t.job("stop");
    await done;
    expect(t.summary?.status).toBe("stopped");
    expect(t.iteration).toBeLessThan(300);
  });
});
