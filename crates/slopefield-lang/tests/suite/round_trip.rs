//! The printer and the parser are inverse to each other.

use proptest::prelude::*;
use slopefield_lang::syntax::{
    Document, Expression, ExpressionKind as K, Line, Name, Number, Statement, StatementKind,
};
use slopefield_lang::{Binary, Span, Unary, format, parse, print};
use std::path::{Path, PathBuf};

fn models() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models");
    let mut files: Vec<PathBuf> = [root.clone(), root.join("systems")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "slope"))
        .collect();
    files.sort();
    assert!(files.len() >= 14, "{files:?}");
    files.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn model_files_are_in_canonical_form() {
    for (path, text) in models() {
        let formatted =
            format(&text).unwrap_or_else(|| panic!("{} does not parse", path.display()));
        let first = parse(&text).document;
        let again = parse(&formatted).document;
        assert!(first == again, "{}: printing changes the tree", path.display());
        assert_eq!(text, formatted, "{}", path.display());
        assert_eq!(format(&formatted).as_deref(), Some(formatted.as_str()), "{}", path.display());
    }
}

#[test]
fn model_files_check_without_findings() {
    for (path, text) in models() {
        let (model, diagnostics) = slopefield_lang::check(&text);
        assert!(model.is_complete, "{}: {diagnostics:?}", path.display());
        assert!(diagnostics.is_empty(), "{}: {diagnostics:?}", path.display());
    }
}

#[test]
fn comments_and_blank_lines_stay() {
    let text = "#a comment\n\n\n\nstate   x=1 #one\nx' = -x+ # inside\n  2\n\n\n";
    let expected = "# a comment\n\nstate x = 1  # one\n# inside\nx' = -x + 2\n";
    assert_eq!(format(text).unwrap(), expected);
    assert_eq!(format(expected).unwrap(), expected);
}

#[test]
fn precedence_is_that_of_mathematics() {
    for (text, canonical) in [
        ("-2^2", "-2^2"),
        ("(-2)^2", "(-2)^2"),
        ("2^3^2", "2^3^2"),
        ("(2^3)^2", "(2^3)^2"),
        ("2^-x", "2^-x"),
        ("a-(b-c)", "a - (b - c)"),
        ("(a-b)-c", "a - b - c"),
        ("a/(b*c)", "a/(b*c)"),
        ("a/b*c", "a/b*c"),
        ("-a*b", "-a*b"),
        ("-(a*b)", "-(a*b)"),
        ("a - -b", "a - (-b)"),
        ("not a and b", "not a and b"),
        ("not (a and b)", "not (a and b)"),
        ("a or b and c", "a or b and c"),
        ("(a or b) and c", "(a or b) and c"),
        ("a<b == c", "a < b == c"),
        ("(if a then b else c) + 1", "(if a then b else c) + 1"),
        ("x'^2", "x'^2"),
    ] {
        let formatted = format(&format!("let y = {text}")).unwrap();
        assert_eq!(formatted, format!("let y = {canonical}\n"));
    }
}

fn name(text: &str) -> Name {
    Name { text: text.to_owned(), span: Span::default() }
}

fn expression() -> impl Strategy<Value = Expression> {
    let make = |kind| Expression::new(kind, Span::default());
    let leaf = prop_oneof![
        (0u32..2000).prop_map(|n| K::Number(Number::new(f64::from(n), &n.to_string()))),
        Just(K::Number(Number::new(2.5e-3, "2.5e-3"))),
        prop::sample::select(vec!["x", "y_1", "alpha", "état", "t"])
            .prop_map(|n| K::Name(n.to_owned())),
    ]
    .prop_map(make);
    leaf.prop_recursive(6, 60, 4, move |inner| {
        let binary = prop::sample::select(vec![
            Binary::Add,
            Binary::Sub,
            Binary::Mul,
            Binary::Div,
            Binary::Pow,
            Binary::And,
            Binary::Or,
        ]);
        let compare = prop::sample::select(vec![
            Binary::Less,
            Binary::LessEqual,
            Binary::Greater,
            Binary::GreaterEqual,
            Binary::Equal,
            Binary::NotEqual,
        ]);
        let one = inner.clone().prop_map(Box::new);
        prop_oneof![
            4 => (binary, one.clone(), one.clone()).prop_map(|(f, a, b)| K::Binary(f, a, b)),
            1 => (prop::bool::ANY, one.clone())
                .prop_map(|(not, a)| K::Unary(if not { Unary::Not } else { Unary::Neg }, a)),
            1 => (one.clone(), prop::collection::vec((compare, inner.clone()), 1..3))
                .prop_map(|(a, rest)| K::Comparison(a, rest)),
            1 => (one.clone(), one.clone(), one.clone()).prop_map(|(c, a, b)| K::If(c, a, b)),
            1 => prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|list| K::Call(name("f"), list)),
            1 => (one.clone(), prop::collection::vec(inner.clone(), 1..3))
                .prop_map(|(a, list)| K::Index(a, list)),
            1 => (one, 1u32..3).prop_map(|(a, n)| K::Derivative(a, n)),
            1 => prop::collection::vec(inner, 1..3).prop_map(K::List),
        ]
        .prop_map(make)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn random_expressions_survive_printing(e in expression()) {
        let kind = StatementKind::Equation {
            left: Expression::new(K::Name("x".into()), Span::default()),
            right: e,
            loops: Vec::new(),
        };
        let statement = Statement { kind, comment: None, span: Span::default() };
        let document = Document { lines: vec![Line::Statement(statement)] };
        let text = print(&document);
        let parsed = parse(&text);
        prop_assert!(parsed.diagnostics.is_empty(), "{text}\n{:?}", parsed.diagnostics);
        prop_assert!(parsed.document == document, "{text}");
        prop_assert_eq!(print(&parsed.document), text);
    }
}
