//! The reference pages list every diagnostic code and every function of the source, and no other.

use std::collections::BTreeSet;
use std::path::Path;

fn sources(folder: &Path, out: &mut String) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, out);
        } else {
            out.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_code_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../../docs/reference/diagnostics.md")).unwrap();
    let documented: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let mut source = String::new();
    sources(&root.join("src"), &mut source);
    // Codes are the quoted lower-case words with hyphens, and three plain words.
    let quoted: BTreeSet<&str> = source
        .split('"')
        .filter(|text| {
            let hyphenated = text.contains('-')
                && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
                && text.starts_with(|c: char| c.is_ascii_lowercase())
                && !text.ends_with('-');
            hyphenated || matches!(*text, "syntax" | "cycle" | "unused")
        })
        .collect();
    assert!(documented.len() > 50);
    assert_eq!(documented, quoted);
}

#[test]
fn every_function_is_documented() {
    use slopefield_lang::functions::FUNCTIONS;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../../docs/reference/language.md")).unwrap();
    let rows: Vec<&str> = page
        .lines()
        .skip_while(|line| !line.starts_with("| function |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let expected: Vec<String> = FUNCTIONS
        .iter()
        .map(|f| {
            let more = if f.variadic { ", …" } else { "" };
            let (arguments, doc) = (f.arguments.join(", "), f.doc.replace('|', "\\|"));
            format!("| `{}({arguments}{more})` | {doc} | {} |", f.name, f.domain)
        })
        .collect();
    assert_eq!(rows, expected);
}
