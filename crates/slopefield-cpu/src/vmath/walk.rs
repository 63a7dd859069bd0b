//! Every function of the language, in every way it is computed, against multiple-precision values at
//! the edges of its domain and inside (`coefficients/values.txt`).

use slopefield_graph::Element;
use slopefield_graph::plan::{BinaryOp, UnaryOp};

use super::bounds::{self, Bound};
use super::tests::{available, map, ulps, zip};
use crate::dense::table::{table, table_f32};

/// Arguments and the correctly rounded result.
struct Row {
    x: f64,
    y: f64,
    want: f64,
}

/// The rows of a function; `y` is the last argument.
fn rows(name: &str) -> Vec<Row> {
    let number = |word: &str| {
        f64::from_bits(u64::from_str_radix(word, 16).expect("values are written in hexadecimal"))
    };
    let text = include_str!("../../coefficients/values.txt");
    let words = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    words
        .filter(|words| words[0] == name)
        .map(|words| Row {
            x: number(words[1]),
            y: number(words[words.len() - 2]),
            want: number(words[words.len() - 1]),
        })
        .collect()
}

#[track_caller]
fn check(got: f64, row: &Row, numbers: u64, what: &str) {
    let Row { x, y, want } = *row;
    let what = format!("{what} at {x:e} ({y:e}): {got:e} instead of {want:e}");
    assert!(ulps(got, want) <= numbers, "{what}");
    assert_eq!(got.is_nan(), want.is_nan(), "{what}");
    if want == 0.0 {
        assert_eq!(got.to_bits(), want.to_bits(), "{what}: sign of zero");
    }
}

/// In `f32` the result is the rounded one or a neighbour.
#[track_caller]
fn check_f32(got: f32, want: f64, what: &str) {
    let order = |x: f32| {
        let b = x.to_bits() as i32;
        i64::from(if b < 0 { i32::MIN.wrapping_sub(b) } else { b })
    };
    let want = want as f32;
    let close = (got.is_nan() && want.is_nan()) || order(got).abs_diff(order(want)) <= 1;
    assert!(close, "{what}: {got:e} instead of {want:e}");
}

#[test]
fn functions_of_one_argument() {
    for op in UnaryOp::ALL {
        let name = format!("{op:?}");
        let rows = rows(&name);
        assert!(rows.len() > 90, "{name} has {} values", rows.len());
        let Bound { native, definition } = bounds::unary(op);
        let xs: Vec<f64> = rows.iter().map(|r| r.x).collect();
        for row in &rows {
            // erfc of the definition of gelu is itself subnormal where the result is.
            if op == UnaryOp::Gelu && row.want.is_subnormal() && row.x < -30.0 {
                continue;
            }
            check(op.apply(row.x), row, definition, &format!("definition of {name}"));
        }
        for isa in available() {
            let what = format!("{name} on {isa:?}");
            for (row, got) in rows.iter().zip(map(isa, op, &xs)) {
                check(got, row, native, &what);
                // SAFETY: `isa` is available.
                let alone = unsafe { (table(isa).scalar1)(op)(row.x) };
                check(alone, row, native, &format!("{what}, alone"));
                // SAFETY: `isa` is available.
                let single = unsafe { (table_f32(isa).scalar1)(op)(row.x as f32) };
                let want = f32::unary(op, row.x as f32);
                check_f32(single, f64::from(want), &format!("{what} in f32 at {:e}", row.x));
            }
        }
    }
}

#[test]
fn functions_of_two_arguments() {
    for op in [BinaryOp::Pow, BinaryOp::Atan2] {
        let name = format!("{op:?}");
        let rows = rows(&name);
        assert!(rows.len() > 30, "{name} has {} values", rows.len());
        let Bound { native, definition } = bounds::binary(op);
        let (xs, ys): (Vec<f64>, Vec<f64>) = rows.iter().map(|r| (r.x, r.y)).unzip();
        for row in &rows {
            check(op.apply(row.x, row.y), row, definition, &format!("definition of {name}"));
        }
        for isa in available() {
            let what = format!("{name} on {isa:?}");
            for (row, got) in rows.iter().zip(zip(isa, op, &xs, &ys)) {
                check(got, row, native, &what);
                // SAFETY: `isa` is available.
                let alone = unsafe { (table(isa).scalar2)(op)(row.x, row.y) };
                check(alone, row, native, &format!("{what}, alone"));
            }
        }
    }
}

/// Arithmetic, comparison and logic by their own definition in IEEE 754, for all pairs of edges.
#[test]
fn exact_functions_of_two_arguments() {
    use BinaryOp::*;
    let edges = [
        0.0,
        -0.0,
        5e-324,
        -1e-310,
        1.0,
        -1.5,
        3.0,
        1e300,
        -1e300,
        f64::MAX,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    let pairs: Vec<(f64, f64)> =
        edges.iter().flat_map(|&a| edges.iter().map(move |&b| (a, b))).collect();
    let (xs, ys): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    for op in BinaryOp::ALL.into_iter().filter(|op| !matches!(op, Pow | Atan2)) {
        let exact = |a: f64, b: f64| -> f64 {
            let truth = |t| if t { 1.0 } else { 0.0 };
            match op {
                Add => a + b,
                Sub => a - b,
                Mul => a * b,
                Div => a / b,
                Min | Max if a.is_nan() || b.is_nan() => f64::NAN,
                Min => {
                    if a < b {
                        a
                    } else {
                        b
                    }
                }
                Max => {
                    if a > b {
                        a
                    } else {
                        b
                    }
                }
                Less => truth(a < b),
                LessEqual => truth(a <= b),
                Greater => truth(a > b),
                GreaterEqual => truth(a >= b),
                Equal => truth(a == b),
                NotEqual => truth(a != b),
                And => truth(a != 0.0 && b != 0.0),
                Or => truth(a != 0.0 || b != 0.0),
                Pow | Atan2 => unreachable!("filtered out"),
            }
        };
        assert_eq!(bounds::binary(op), Bound { native: 0, definition: 0 });
        for isa in available() {
            let got = zip(isa, op, &xs, &ys);
            for (&(a, b), z) in pairs.iter().zip(got) {
                // SAFETY: `isa` is available.
                let alone = unsafe { (table(isa).scalar2)(op)(a, b) };
                for z in [z, alone, op.apply(a, b)] {
                    assert_eq!(ulps(z, exact(a, b)), 0, "{op:?}({a:e}, {b:e}) = {z:e} on {isa:?}");
                }
            }
        }
    }
}

/// The table of errors in the document is the one that the tests hold.
#[test]
fn the_document_states_the_bounds() {
    let mut table = String::from("| function | native code | definition |\n|---|---|---|\n");
    let mut line = |name: String, Bound { native, definition }: Bound| {
        table += &format!("| {name} | {native} | {definition} |\n");
    };
    for op in UnaryOp::ALL {
        line(format!("{op:?}").to_lowercase(), bounds::unary(op));
    }
    for op in [BinaryOp::Pow, BinaryOp::Atan2] {
        line(format!("{op:?}").to_lowercase(), bounds::binary(op));
    }
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/derivations/elementary-functions.md");
    let text = std::fs::read_to_string(path).expect("the document exists");
    let (before, rest) = text.split_once("<!-- bounds -->\n").expect("the table has a start");
    let (found, after) = rest.split_once("<!-- end -->").expect("the table has an end");
    if found != table && std::env::var_os("UPDATE_DOCS").is_some() {
        let text = format!("{before}<!-- bounds -->\n{table}<!-- end -->{after}");
        std::fs::write(path, text).expect("the document can be written");
        return;
    }
    assert_eq!(found, table, "run with UPDATE_DOCS=1 to write the table");
}
