// Everything that can be done from the keyboard and the palette.

import type { Session } from "../model/session.svelte";
import { SCREEN_LIST } from "./screens";

export type Action = {
  id: string;
  label: string;
  /** As shown; `Mod` is Ctrl, or ⌘ on a Mac. */
  keys?: string;
  enabled: boolean;
  run: () => unknown;
};

export const isMac = typeof navigator !== "undefined" && /mac/i.test(navigator.platform);

export function actions(s: Session): Action[] {
  const open = s.project.isOpen;
  const running = s.training.active;
  return [
    ...SCREEN_LIST.map((screen, i) => ({
      id: `go-${screen.id}`, label: `Go to ${screen.label}`, keys: `Mod ${i + 1}`, enabled: open, run: () => s.go(screen.id),
    })),
    { id: "train", label: "Train", keys: "Mod Enter", enabled: open && !running, run: () => s.train() },
    { id: "pause", label: s.training.phase === "paused" ? "Resume training" : "Pause training", keys: "Space", enabled: running, run: () => s.training.togglePause() },
    { id: "stop", label: "Stop training and keep the best", enabled: running, run: () => s.training.job("stop") },
    { id: "scan", label: "Scan parameters", enabled: open && !running && !s.scan.running && s.scan.refusal === null, run: () => (s.go("scan"), s.scan.start()) },
    { id: "stop-scan", label: "Stop the scan", enabled: s.scan.running, run: () => s.scan.stop() },
    { id: "compare-gradients", label: "Compare gradient methods", enabled: open && !running && !s.gradients.running && (s.project.view?.problem.ok ?? false), run: () => (s.go("gradients"), s.gradients.start()) },
    { id: "stop-comparison", label: "Stop comparing gradients", enabled: s.gradients.running, run: () => s.gradients.stop() },
    { id: "settings", label: "Solver and training settings", enabled: open, run: () => s.showSettings() },
    { id: "save", label: "Save", keys: "Mod S", enabled: open, run: () => s.project.save() },
    { id: "save-as", label: "Save as…", keys: "Mod Shift S", enabled: open, run: () => s.project.save(true) },
    { id: "undo", label: s.project.view?.undo ? `Undo: ${s.project.view.undo}` : "Undo", keys: "Mod Z", enabled: !!s.project.view?.undo, run: () => s.project.undo() },
    { id: "redo", label: s.project.view?.redo ? `Redo: ${s.project.view.redo}` : "Redo", keys: "Mod Shift Z", enabled: !!s.project.view?.redo, run: () => s.project.redo() },
    { id: "open", label: "Open a project…", keys: "Mod O", enabled: true, run: () => s.open() },
    { id: "new", label: "New project", keys: "Mod N", enabled: true, run: () => s.create() },
    ...(s.info?.examples ?? []).map((e) => ({ id: `example-${e.id}`, label: `Open example: ${e.title}`, enabled: true, run: () => s.openExample(e.id) })),
    { id: "import", label: "Import a table…", enabled: open, run: () => (s.go("data"), s.imports.pick(s.text.report)) },
    { id: "format", label: "Format the model", enabled: open && s.text.report?.formatted != null, run: () => (s.go("model"), s.text.format()) },
    { id: "close", label: "Close the project", enabled: open, run: () => s.closeProject() },
    { id: "theme", label: s.ui.dark ? "Light theme" : "Dark theme", enabled: true, run: () => s.ui.toggleTheme() },
    { id: "theme-system", label: "Theme of the system", enabled: s.ui.theme !== "system", run: () => s.ui.setTheme("system") },
    { id: "failures", label: "Show messages", enabled: s.errors.failures.length > 0, run: () => (s.ui.failuresOpen = true) },
  ];
}

/** Actions whose label holds every word of the query. */
export function matching(all: Action[], query: string): Action[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((a) => a.enabled && words.every((w) => a.label.toLowerCase().includes(w)));
}

/** Keys as they are printed on this machine's keyboard. */
export function printed(keys: string): string {
  const parts = keys.split(" ");
  if (!isMac) return parts.map((k) => (k === "Mod" ? "Ctrl" : k)).join("+");
  return parts.map((k) => ({ Mod: "⌘", Shift: "⇧", Enter: "↩" })[k] ?? k).join("");
}

/** Is the user writing somewhere, so that plain keys belong to the text? */
export function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input:not([type=range]):not([type=checkbox]), textarea, select");
}

/** The action of a key press, or null. */
export function actionFor(event: KeyboardEvent, s: Session): Action | null {
  const mod = isMac ? event.metaKey : event.ctrlKey;
  const writing = isWriting(event.target);
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toUpperCase() : event.key;
  // Undo belongs to the text while one writes, and Space to whatever has the focus.
  if (mod && (key === "Z" || key === "Y") && writing) return null;
  if (key === "Space" && (writing || (event.target instanceof HTMLElement && event.target.matches("button, a, summary, [role=option]")))) return null;
  const wanted = [...(mod ? ["Mod"] : []), ...(event.shiftKey ? ["Shift"] : []), key === "Y" && mod ? "Shift Z" : key].join(" ").replace("Mod Shift Shift", "Mod Shift");
  return actions(s).find((a) => a.keys === wanted && a.enabled) ?? null;
}
