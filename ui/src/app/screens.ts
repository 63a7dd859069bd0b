// Names and icons of the screens, in the order of the rail.

import type { Screen } from "../model/interface.svelte";
import type { IconName } from "../shared/parts/icons";

export const SCREEN_LIST: Array<{ id: Screen; label: string; icon: IconName }> = [
  { id: "data", label: "Data", icon: "data" },
  { id: "model", label: "Model", icon: "model" },
  { id: "explore", label: "Explore", icon: "explore" },
  { id: "scan", label: "Scan", icon: "scan" },
  { id: "train", label: "Train", icon: "train" },
  { id: "results", label: "Results", icon: "results" },
  { id: "gradients", label: "Gradient lab", icon: "gradients" },
  { id: "plugins", label: "Plugins", icon: "plugins" },
];
