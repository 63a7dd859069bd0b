// How the editor colours model text. A line-by-line tokeniser: the engine's compiler says what is right.

import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { tags } from "@lezer/highlight";

export const DECLARATIONS = ["model", "time", "state", "algebraic", "param", "const", "let", "function", "network", "input", "observe", "history", "noise", "reaction", "hamiltonian", "when", "at", "every", "jump", "stop"];
export const MODIFIERS = ["from", "in", "log", "logit", "positive", "fit", "with", "for", "if", "then", "else", "and", "or", "not", "crosses", "falling", "rising", "rate", "bound", "stratonovich", "correlated"];
export const FUNCTIONS = "abs sign floor ceil round min max clamp sqrt cbrt exp expm1 ln log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh sigmoid softplus relu gelu erf erfc gamma lgamma step pulse ramp hill mm delay sum dot mean wrap normal lognormal laplace student_t poisson negative_binomial binomial bernoulli".split(" ");

const declarations = new Set(DECLARATIONS);
const modifiers = new Set(MODIFIERS);

export const slopeLanguage = StreamLanguage.define<{ start: boolean }>({
  name: "slope",
  startState: () => ({ start: true }),
  languageData: { commentTokens: { line: "#" } },
  token(stream, state) {
    if (stream.sol()) state.start = true;
    if (stream.eatSpace()) return null;
    const start = state.start;
    state.start = false;
    if (stream.match(/^#.*/)) return "comment";
    if (stream.match(/^"[^"\n]*"?/)) return "string";
    if (stream.match(/^\{[^}\n]*\}?/)) return "unit";
    if (stream.match(/^(?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:[eE][-+]?\d+)?/)) return "number";
    const word = stream.match(/^[\p{L}_][\p{L}\p{N}_]*/u) as RegExpMatchArray | null;
    if (word) {
      const name = word[0];
      if (stream.match(/^'+/)) return "derivative";
      if (start && declarations.has(name)) return "keyword";
      if (modifiers.has(name) && !(name === "log" && stream.peek() === "(")) return "modifier";
      if (stream.peek() === "(") return "function";
      return "variableName";
    }
    if (stream.match(/^[-+*/^=<>~:,]/)) return "operator";
    stream.next();
    return null;
  },
  tokenTable: {
    keyword: tags.keyword,
    modifier: tags.modifier,
    function: tags.function(tags.variableName),
    unit: tags.unit,
    derivative: tags.definition(tags.variableName),
  },
});

export const slopeHighlighting = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.keyword, class: "tok-keyword" },
    { tag: tags.modifier, class: "tok-modifier" },
    { tag: tags.function(tags.variableName), class: "tok-function" },
    { tag: tags.definition(tags.variableName), class: "tok-derivative" },
    { tag: tags.unit, class: "tok-unit" },
    { tag: tags.number, class: "tok-number" },
    { tag: tags.string, class: "tok-string" },
    { tag: tags.comment, class: "tok-comment" },
    { tag: tags.operator, class: "tok-operator" },
  ]),
);
