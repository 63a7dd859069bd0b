//! Any text at all: no panic, spans inside the text, bounded work.

use proptest::prelude::*;
use slopefield_lang::{
    MAX_DIAGNOSTICS, Severity, check, expression_text, format, latex, line_column, parse, render,
    utf16_offset,
};

/// Everything that is offered for a text.
#[track_caller]
fn survives(text: &str) {
    let (model, diagnostics) = check(text);
    let failed = diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert_eq!(model.is_complete, !failed);
    for d in &diagnostics {
        for span in std::iter::once(d.span).chain(d.related.iter().map(|(s, _)| *s)) {
            let (start, end) = (span.start as usize, span.end as usize);
            assert!(start <= end && end <= text.len(), "{d:?}");
            assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{d:?}");
            let _ = expression_text(text, span);
            let _ = (line_column(text, span.start), utf16_offset(text, span.end));
        }
    }
    assert!(diagnostics.len() <= MAX_DIAGNOSTICS + 1);
    let _ = render(text, "model.slope", &diagnostics, true);
    let _ = latex(text);
    if let Some(formatted) = format(text) {
        assert!(parse(&formatted).document == parse(text).document, "{text:?}\n{formatted:?}");
    }
}

fn models() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models");
    let mut files: Vec<_> = [root.clone(), root.join("systems")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "slope"))
        .collect();
    files.sort();
    files.into_iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

const WORDS: [&str; 79] = [
    "state",
    "param",
    "const",
    "let",
    "function",
    "network",
    "observe",
    "time",
    "model",
    "noise",
    "history",
    "input",
    "reaction",
    "when",
    "at",
    "every",
    "jump",
    "rate",
    "stop",
    "hamiltonian",
    "algebraic",
    "x",
    "y",
    "f",
    "n",
    "mlp",
    "inputs",
    "outputs",
    "1",
    "2.5",
    "1e999",
    "0",
    "=",
    "+",
    "-",
    "*",
    "/",
    "^",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    "'",
    "\n",
    "\n",
    "\n",
    "<",
    "==",
    "~",
    "->",
    "..",
    "for",
    "in",
    "if",
    "then",
    "else",
    "{m/s}",
    "\"a\"",
    "algebraic",
    "delay(x, 1)",
    "delay(",
    "W'",
    "noise W\n",
    "x'",
    "x' = ",
    "y' + x' =",
    "0 =",
    "crosses",
    "falling:",
    "+=",
    "*=",
    "state x = 1\n",
    "algebraic y = 1\n",
    "<->",
    "correlated(W, 0.5)",
    "hamiltonian H(x, y) =",
    "reaction r: x -> 0 rate",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn characters(text in "[ -~\\n\\tα-ωé²数\\u{301}\\u{0}]{0,200}") {
        survives(&text);
    }

    #[test]
    fn words(words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..80)) {
        survives(&words.join(" "));
    }

    #[test]
    fn mutations(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), 0usize..6, prop::sample::select(WORDS.to_vec())), 1..5),
    ) {
        let models = models();
        let mut text: Vec<char> = which.get(&models).chars().collect();
        for (at, remove, insert) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + remove).min(text.len());
            text.splice(at..end, insert.chars());
        }
        survives(&text.into_iter().collect::<String>());
    }
}

#[test]
fn state_without_a_name() {
    // Found by `mutations`: the state that could not be read shifted the numbers of those after it.
    survives("state\nx = 1\nstate y = 2 fit\ny' = -y\n");
    survives("state = 1\nstate y = 2 fit\ny' = -y\n");
}

fn code_of(text: &str) -> Vec<&'static str> {
    let (model, diagnostics) = check(text);
    assert!(!model.is_complete);
    diagnostics.iter().map(|d| d.code).collect()
}

#[test]
fn depth_is_bounded() {
    let nested = format!("state x = 1\nx' = {}x{}\n", "(".repeat(50_000), ")".repeat(50_000));
    survives(&nested);
    assert!(code_of(&nested).contains(&"too-deep"));
    let signs = format!("state x = 1\nx' = {}x\n", "-".repeat(50_000));
    assert!(code_of(&signs).contains(&"too-deep"));
    let powers = format!("state x = 1\nx' = x{}\n", "^x".repeat(50_000));
    assert!(code_of(&powers).contains(&"too-deep"));
    let branches = format!("state x = 1\nx' = {} x\n", "if x then x else ".repeat(5_000));
    assert!(code_of(&branches).contains(&"too-deep"));
    let sum = format!("state x = 1\nx' = x{}\n", " + x".repeat(50_000));
    survives(&sum);
    assert!(code_of(&sum).contains(&"too-deep"));
    let fine = format!("state x = 1\nx' = x{}\n", " + x".repeat(200));
    assert!(check(&fine).0.is_complete);
    let units = format!("state x = 1 {{{}m{}}}\nx' = x\n", "(".repeat(9_000), ")".repeat(9_000));
    assert!(code_of(&units).contains(&"wrong-unit"));
}

#[test]
fn length_is_bounded() {
    let long = "# comment\n".repeat(900_000);
    assert_eq!(code_of(&long), ["too-long"]);
    let many = "x y z\n".repeat(100_000);
    survives(&many);
    survives(&"\n".repeat(1_000_000));
}

#[test]
fn size_after_inlining_is_bounded() {
    let mut text = String::from("state x = 1\nfunction f0(a) = a + a*a\n");
    for i in 1..60 {
        text.push_str(&format!("function f{i}(a) = f{}(a) + f{}(a*a)\n", i - 1, i - 1));
    }
    text.push_str("x' = f59(x)\n");
    survives(&text);
    assert!(code_of(&text).contains(&"too-large"));
}

#[test]
fn a_long_text_may_be_a_large_model() {
    let mut text = String::from("param k = 1\nstate s0 = 1\nstate s1 = 1\n");
    for i in 2..20_000 {
        text.push_str(&format!(
            "state s{i} = 0\nreaction r{i}: s{} + s{} -> s{i} rate k*s{}*s{}\n",
            i - 2,
            i - 1,
            i - 2,
            i - 1
        ));
    }
    assert!(text.len() > 1 << 20);
    let (model, diagnostics) = check(&text);
    assert!(model.is_complete, "{:?}", diagnostics.first());
    assert_eq!((model.states.len(), model.reactions.len()), (20_000, 19_998));
}

#[test]
fn long_chains_need_no_stack() {
    let mut text = String::from("state x = 1\n");
    for i in 0..20_000 {
        text.push_str(&format!("let a{i} = a{} + x\n", i + 1));
    }
    text.push_str("let a20000 = x\nx' = a0\n");
    let (model, diagnostics) = check(&text);
    assert!(model.is_complete, "{:?}", diagnostics.first());
    assert_eq!(model.lets.len(), 20_001);
    let mut circle = String::from("state x = 1\n");
    for i in 0..20_000 {
        circle.push_str(&format!("let a{i} = a{} + x\n", (i + 1) % 20_000));
    }
    circle.push_str("x' = a0\n");
    survives(&circle);
    let mut functions = String::from("state x = 1\nfunction f0(a) = a\n");
    for i in 1..5_000 {
        functions.push_str(&format!("function f{i}(a) = f{}(a)\n", i - 1));
    }
    functions.push_str("x' = f4999(x)\n");
    survives(&functions);
}

#[test]
fn systems_of_all_kinds_are_bounded() {
    // Lets that double: 2^60 terms when written out.
    let mut doubled = String::from("let a0 = x\n");
    for i in 1..60 {
        doubled.push_str(&format!("let a{i} = a{} + a{}\n", i - 1, i - 1));
    }
    for equations in [
        "state x = 1\nx' = -delay(a59, 1)\n",
        "state x = 1\nx' = -delay(x, a59)\n",
        "state x = 1, p = 0\nhamiltonian H(x, p) = p^2 + a59\n",
        "state x = 1\nnoise W\nnoise V\nstate y = 1\nx' = a59*W' + y*V'\ny' = x*W'\n",
        "state x = 1\nalgebraic y = 1\nx' = -y\n0 = a59 - 1\n",
        "state x = 1\nalgebraic y = 1\nx' = -y\n0 = a59 - y\n",
    ] {
        survives(&format!("{doubled}{equations}"));
    }
    // Everything depends on everything.
    let head = "const N = 3000\nstate u[i in 1..N] = i\n";
    for equations in [
        "noise W\nu[i]' = sum(u)*i*W' for i in 1..N\n",
        "param k[N] = 1\nnoise W[N]\nu[i]' = sum(k[j]*i for j in 1..N)*W[i]' for i in 1..N\n",
        "algebraic g[N] = 0\nu' = g\n0 = sum(g)*i - g[i] for i in 1..N\n",
        "algebraic g[N] = 0\nu' = g\n0 = u[i] - sum(u)/N - i for i in 1..N\n",
        "u[i]' - u[wrap(i + 1)]' = u[i] for i in 1..N\n",
        "u[i]' = delay(u[i], i) - delay(sum(u), 2) for i in 1..N\n",
        "u' = 0\nwhen sum(u) crosses 1: u = sum(u)\njump rate u[1]: u *= 2\n",
    ] {
        survives(&format!("{head}{equations}"));
    }
}
