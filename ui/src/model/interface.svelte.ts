// What is shown, not what is known: screen, theme, panels. Kept on this computer, not in the project.

export const SCREENS = ["data", "model", "explore", "scan", "train", "results", "gradients", "plugins"] as const;
export type Screen = (typeof SCREENS)[number];
export type Theme = "system" | "light" | "dark";

const THEME_KEY = "slopefield.theme";

/** A question over the window; resolves with the chosen answer. */
export type Question = { title: string; text: string; answers: Array<{ id: string; label: string; kind: "primary" | "plain" | "danger" }> };

export class InterfaceStore {
  screen = $state<Screen>("model");
  theme = $state<Theme>("system");
  /** The theme in force, the system's wish included. */
  dark = $state(false);
  paletteOpen = $state(false);
  failuresOpen = $state(false);
  /** Solver and training settings on the Train screen. */
  settingsOpen = $state(false);
  /** They were asked for from elsewhere and are not yet in view. */
  settingsWanted = $state(false);
  question = $state.raw<Question | null>(null);

  #answer: ((id: string) => void) | null = null;

  /** Reads the kept choice and follows the system from now on. */
  begin(): void {
    const kept = localStorage.getItem(THEME_KEY);
    this.theme = kept === "light" || kept === "dark" ? kept : "system";
    const system = window.matchMedia?.("(prefers-color-scheme: dark)");
    system?.addEventListener("change", () => this.#apply());
    this.#apply();
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem(THEME_KEY, theme);
    this.#apply();
  }

  toggleTheme(): void {
    this.setTheme(this.dark ? "light" : "dark");
  }

  ask(question: Question): Promise<string> {
    this.#answer?.("cancel");
    this.question = question;
    return new Promise((resolve) => (this.#answer = resolve));
  }

  answer(id: string): void {
    this.question = null;
    this.#answer?.(id);
    this.#answer = null;
  }

  #apply(): void {
    const system = window.matchMedia?.("(prefers-color-scheme: dark)").matches ?? false;
    this.dark = this.theme === "system" ? system : this.theme === "dark";
    document.documentElement.dataset["theme"] = this.dark ? "dark" : "light";
  }
}
