import { describe, expect, test, vi } from "vitest";
import { createFakePlatform } from "../platform/fake";
import { Session } from "./session.svelte";

async function opened() {
  const platform = createFakePlatform({ delay_ms: 0 });
  const session = new Session(platform);
  await session.project.openExample("hare-lynx");
  await vi.waitFor(() => expect(session.text.report?.ok).toBe(true));
  const edits = () => platform.calls.filter((c) => c.command === "project_edit").map((c) => (c.request as { text: string }).text);
  return { platform, session, edits };
}

describe("model text", () => {
  test("is checked soon and sent once typing pauses", async () => {
    const { platform, session, edits } = await opened();
    const before = platform.calls.filter((c) => c.command === "model_check").length;
    for (const tail of ["# a", "# ab", "# abc"]) session.text.type(`${session.project.view?.model}${tail}`);
    expect(session.text.stale).toBe(true);
    await vi.waitFor(() => expect(session.text.stale).toBe(false));
    expect(platform.calls.filter((c) => c.command === "model_check").length).toBe(before + 1);
    expect(edits()).toEqual([]);
    await vi.waitFor(() => expect(edits().length).toBe(1));
    expect(session.project.view?.model.endsWith("# abc")).toBe(true);
    expect(session.project.view?.undo).toBe("edit the model");
  });

  test("reaches the engine before anything that depends on it", async () => {
    const { platform, session, edits } = await opened();
    session.text.type("state x = 1\nx' = -x\n");
    await session.project.save();
    expect(edits()).toEqual(["state x = 1\nx' = -x\n"]);
    const order = platform.calls.map((c) => c.command);
    expect(order.indexOf("project_edit")).toBeLessThan(order.indexOf("project_save_as"));
  });

  test("is not overwritten by a reply to an older edit", async () => {
    const { session } = await opened();
    session.text.type("state x = 1\nx' = -x\n");
    const sending = session.text.flush();
    session.text.type("state x = 1\nx' = -2*x\n");
    await sending;
    expect(session.text.text).toBe("state x = 1\nx' = -2*x\n");
    await session.text.flush();
    expect(session.project.view?.model).toBe("state x = 1\nx' = -2*x\n");
  });

  test("takes over what undo brings back, and tells the editor", async () => {
    const { session } = await opened();
    const first = session.text.text;
    const adopted = session.text.adopted;
    session.text.type("state x = 1\nx' = -x\n");
    await session.project.undo();
    expect(session.text.text).toBe(first);
    expect(session.text.adopted).toBe(adopted + 1);
    await session.project.redo();
    expect(session.text.text).toBe("state x = 1\nx' = -x\n");
  });

  test("is sent again when the engine refused it", async () => {
    const { platform, session } = await opened();
    platform.failNext("project_edit", { code: "file", message: "the disk is full", advice: "Free some space.", details: [] });
    session.text.type("state x = 1\nx' = -x\n");
    await session.text.flush();
    expect(session.errors.failures[0]?.error.message).toBe("the disk is full");
    session.text.type("state x = 2\nx' = -x\n");
    await session.text.flush();
    expect(session.project.view?.model).toBe("state x = 2\nx' = -x\n");
  });
});
