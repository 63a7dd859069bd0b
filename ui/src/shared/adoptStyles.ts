// CodeMirror writes its styles into a <style> element, which our content policy refuses. Constructed style sheets
// are script, not inline style, and are allowed; `style-mod` uses them in shadow roots only, so we do it for the document.

import { StyleModule } from "style-mod";

type Mount = typeof StyleModule.mount;

/** Makes CodeMirror's styles constructed style sheets. Call once, before the first editor. */
export function adoptStyles(): void {
  if (!("adoptedStyleSheets" in document) || typeof CSSStyleSheet === "undefined") return;
  const sheet = new CSSStyleSheet();
  let mounted: StyleModule[] = [];
  StyleModule.mount = ((_root, modules) => {
    const wanted = Array.isArray(modules) ? modules : [modules as StyleModule];
    if (wanted.every((m, i) => mounted[i] === m)) return;
    // Order matters: later modules win. What an earlier editor asked for stays, behind the newest wish.
    mounted = [...mounted.filter((m) => !wanted.includes(m)), ...wanted];
    sheet.replaceSync(mounted.map((m) => m.getRules()).join("\n"));
    if (!document.adoptedStyleSheets.includes(sheet)) document.adoptedStyleSheets = [sheet, ...document.adoptedStyleSheets];
  }) as Mount;
}
