import { expect, test, vi } from "vitest";
import { Coalescer } from "./coalesce";
import { Debounced } from "./debounce";

/** A question whose answer the test gives by hand. */
function byHand() {
  const open: Array<{ question: number; answer: (reply: string) => void; fail: (e: unknown) => void }> = [];
  const ask = (question: number) => new Promise<string>((answer, fail) => open.push({ question, answer, fail }));
  return { open, ask };
}
const tick = () => new Promise((resolve) => setTimeout(resolve));

test("one question in flight; of those that wait the latest wins", async () => {
  const { open, ask } = byHand();
  const answers: string[] = [];
  const c = new Coalescer(ask, (reply, question) => answers.push(`${question}:${reply}`), () => undefined);
  for (const q of [1, 2, 3, 4]) c.submit(q);
  expect(open.map((o) => o.question)).toEqual([1]);
  open[0]?.answer("a");
  await tick();
  expect(open.map((o) => o.question)).toEqual([1, 4]);
  open[1]?.answer("b");
  await c.idle();
  expect(answers).toEqual(["1:a", "4:b"]);
  expect(c.busy).toBe(false);
});

test("a failure does not stop the next question", async () => {
  const { open, ask } = byHand();
  const seen: unknown[] = [];
  const c = new Coalescer(ask, (reply) => seen.push(reply), (e) => seen.push(e));
  c.submit(1);
  c.submit(2);
  open[0]?.fail("no");
  await tick();
  open[1]?.answer("yes");
  await c.idle();
  expect(seen).toEqual(["no", "yes"]);
});

test("debounced work runs once after the pause, or at once on flush", async () => {
  vi.useFakeTimers();
  const work = vi.fn(async () => undefined);
  const d = new Debounced(100, work);
  d.schedule();
  vi.advanceTimersByTime(99);
  d.schedule();
  vi.advanceTimersByTime(99);
  expect(work).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(work).toHaveBeenCalledTimes(1);
  d.schedule();
  await d.flush();
  expect(work).toHaveBeenCalledTimes(2);
  await d.flush();
  expect(work).toHaveBeenCalledTimes(2);
  vi.useRealTimers();
});

test("flush waits for work that already runs", async () => {
  let release: () => void = () => undefined;
  const d = new Debounced(0, () => new Promise<void>((resolve) => (release = resolve)));
  d.schedule();
  await tick();
  let flushed = false;
  const waiting = d.flush().then(() => (flushed = true));
  await tick();
  expect(flushed).toBe(false);
  release();
  await waiting;
  expect(flushed).toBe(true);
});
