import "@fontsource-variable/inter/index.css";
import "katex/dist/katex.css";
import "./styles/tokens.css";
import "./styles/base.css";
import { mount } from "svelte";
import App from "./app/App.svelte";
import { adoptStyles } from "./shared/adoptStyles";
import { Session } from "./model/session.svelte";
import { loadPlatform } from "./platform";

adoptStyles();
const session = new Session(await loadPlatform());
const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app");
mount(App, { target, props: { session } });
await session.begin();
