// The whole window over the recorded host: what a user does, and what they then see.

import { flushSync, mount, unmount } from "svelte";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Session } from "../model/session.svelte";
import { createFakePlatform, type FakeOptions } from "../platform/fake";
import App from "./App.svelte";

let app: object | null = null;

async function begin(options: FakeOptions = {}) {
  const platform = createFakePlatform({ delay_ms: 0, step_ms: 0, stride: 20, ...options });
  const session = new Session(platform);
  app = mount(App, { target: document.body, props: { session } });
  await session.begin();
  flushSync();
  return { platform, session };
}

afterEach(async () => {
  if (app) await unmount(app);
  app = null;
  document.body.replaceChildren();
  localStorage.clear();
});

const find = (id: string) => document.querySelector<HTMLElement>(`[data-testid="${id}"]`);
const text = (id: string) => find(id)?.textContent ?? "";
const see = (id: string) => vi.waitFor(() => expect(find(id), id).not.toBeNull());
async function click(id: string) {
  await see(id);
  find(id)?.click();
  flushSync();
}
function press(key: string, over: KeyboardEventInit = {}) {
  (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...over }));
  flushSync();
}

describe("the first ten seconds", () => {
  test("open an example, train, see the result", async () => {
    const { session } = await begin();
    await click("example-hare-lynx");
    await see("screen-train");
    expect(text("project-title")).toBe("Hare and lynx, Hudson Bay");
    await vi.waitFor(() => expect(find("train")?.hasAttribute("disabled")).toBe(false));
    press("Enter", { ctrlKey: true });
    await vi.waitFor(() => expect(session.training.phase).toBe("finished"));
    await click("to-results");
    await see("fitted");
    expect(text("fitted")).toContain("alpha");
    expect(text("job-state")).toContain("Run 1 finished");
  });
});

describe("welcome", () => {
  test("a project that is not there cannot be opened and says so", async () => {
    await begin();
    const recent = [...document.querySelectorAll<HTMLButtonElement>('[data-testid="recent"]')];
    expect(recent.map((b) => b.disabled)).toEqual([false, false, true]);
    expect(recent[2]?.textContent).toContain("Not found");
  });
});

describe("train", () => {
  test("explains why it cannot, and leads to the place", async () => {
    await begin();
    await click("new-project");
    await see("screen-model");
    await click("nav-train");
    expect(find("train")?.hasAttribute("disabled")).toBe(true);
    expect(text("problems")).toContain("There is no data");
    const links = [...document.querySelectorAll<HTMLElement>('[data-testid="problem-link"]')];
    links.find((l) => l.textContent?.includes("Data"))?.click();
    await see("import-start");
  });
});

describe("data", () => {
  test("a hold-out is checked as it is typed and sent when the field is left", async () => {
    const { session } = await begin();
    await click("example-hare-lynx");
    await click("nav-data");
    await see("hold-out");
    const field = find("hold-out") as HTMLInputElement;
    const type = (value: string) => {
      field.value = value;
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
      flushSync();
    };
    type("1915");
    expect(field.getAttribute("aria-invalid")).toBe("true");
    type("1917..");
    expect(field.getAttribute("aria-invalid")).toBe("false");
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    await vi.waitFor(() => expect(session.project.view?.study.experiment[0]?.hold_out).toBe("1917.."));
    expect(session.project.view?.problem.experiments[0]?.hold_out_from).toBe(1917);
    expect(text("undo") + find("undo")?.title).toContain("change the study");
  });

  test("an experiment is measured at rest", async () => {
    const { session } = await begin();
    await click("example-hare-lynx");
    await click("nav-data");
    await see("measured");
    const select = find("measured") as HTMLSelectElement;
    expect(select.value).toBe("time");
    select.value = "rest";
    select.dispatchEvent(new Event("change", { bubbles: true }));
    await vi.waitFor(() => expect(session.project.view?.study.experiment[0]?.steady).toBe(true));
    await vi.waitFor(() => expect((find("measured") as HTMLSelectElement).value).toBe("rest"));
  });

  test("the time column is chosen", async () => {
    const { session } = await begin();
    await click("example-hare-lynx");
    await click("nav-data");
    await see("time-column");
    const select = find("time-column") as HTMLSelectElement;
    select.value = "hare_thousands";
    select.dispatchEvent(new Event("change", { bubbles: true }));
    await vi.waitFor(() => expect(session.project.view?.study.data["pelts"]?.time).toBe("hare_thousands"));
  });
});

describe("failures", () => {
  test("are shown with advice and details, and stay in the list when hidden", async () => {
    const { platform, session } = await begin();
    platform.failNext("project_example", { code: "file", message: "`hare-lynx` cannot be read", advice: "Install the examples again.", details: ["errno 13"] });
    await click("example-hare-lynx");
    await see("error");
    expect(text("error")).toContain("Install the examples again.");
    expect(text("error")).toContain("errno 13");
    expect(find("error")?.dataset["code"]).toBe("file");
    await click("error-hide");
    expect(find("error")).toBeNull();
    expect(session.errors.failures.length).toBe(1);
    await click("messages");
    await see("messages-panel");
    expect(text("messages-panel")).toContain("errno 13");
  });

  test("a dead worker is announced, and the project is read again when it is back", async () => {
    const { platform } = await begin();
    await click("example-hare-lynx");
    await see("screen-train");
    platform.workerEvent({ event: "died", message: "signal 11." });
    flushSync();
    expect(text("worker-died")).toContain("signal 11.");
    const before = platform.calls.filter((c) => c.command === "project_view").length;
    platform.workerEvent({ event: "restarted", message: "Worker 2." });
    await see("worker-restarted");
    await vi.waitFor(() => expect(platform.calls.filter((c) => c.command === "project_view").length).toBe(before + 1));
  });
});

describe("closing", () => {
  test("asks about a project that has changes and no file", async () => {
    const { platform, session } = await begin();
    expect(await platform.requestClose()).toBe(true);
    await click("example-hare-lynx");
    await see("screen-train");
    expect(await platform.requestClose()).toBe(true);
    session.text.type("state x = 1\nx' = -x\n");
    const answer = platform.requestClose();
    await see("question");
    await click("answer-cancel");
    expect(await answer).toBe(false);
    const again = platform.requestClose();
    await click("answer-save");
    expect(await again).toBe(true);
    expect(session.project.view?.path).toContain("hare-and-lynx-hudson-bay.slopefield");
    expect(text("saved-state")).toBe("Saved");
  });
});

describe("keyboard", () => {
  test("the palette finds and runs a command", async () => {
    await begin();
    await click("example-hare-lynx");
    await see("screen-train");
    press("k", { ctrlKey: true });
    await see("palette-input");
    const input = find("palette-input") as HTMLInputElement;
    input.value = "go expl";
    input.dispatchEvent(new InputEvent("input", { bubbles: true }));
    flushSync();
    input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    await see("screen-explore");
    expect(find("palette")).toBeNull();
  });

  test("saves, and leaves undo to the text while one writes", async () => {
    const { session, platform } = await begin();
    await click("example-hare-lynx");
    await click("nav-data");
    await see("hold-out");
    press("s", { ctrlKey: true });
    await vi.waitFor(() => expect(session.project.view?.path).not.toBeNull());
    await session.project.editStudy((study) => (study.seed = 2));
    flushSync();
    find("hold-out")?.focus();
    press("z", { ctrlKey: true });
    expect(platform.calls.some((c) => c.command === "project_undo")).toBe(false);
    find("hold-out")?.blur();
    press("z", { ctrlKey: true });
    await vi.waitFor(() => expect(session.project.view?.study.seed).toBe(1));
    press("Z", { ctrlKey: true, shiftKey: true });
    await vi.waitFor(() => expect(session.project.view?.study.seed).toBe(2));
  });
});

describe("theme", () => {
  test("is switched and remembered", async () => {
    await begin();
    expect(document.documentElement.dataset["theme"]).toBe("light");
    await click("theme");
    expect(document.documentElement.dataset["theme"]).toBe("dark");
    expect(localStorage.getItem("slopefield.theme")).toBe("dark");
  });
});
