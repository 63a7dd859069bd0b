//! What is found, in the form in which it is told.

use super::normal::Part;
use crate::expression::{Expression, Function};
use crate::{Constant, ConstantKind};

fn written(part: &Part) -> (Expression, String) {
    let expression = part.expression().unwrap();
    let names = ["x".to_owned(), "y".to_owned()];
    let text = expression.text(&names, &mut |c: Constant| format!("{}", c.value));
    (expression, text)
}

fn c(value: f64) -> Part {
    Part::constant(value)
}

fn x() -> Part {
    Part::input(0, 1.0)
}

fn y() -> Part {
    Part::input(1, 1.0)
}

/// The texts are those that a person would write, and mean the same.
#[test]
fn constants_that_say_the_same_meet() {
    let at = [1.7, 0.6];
    let [a, b] = at;
    let cases: Vec<(Part, &str, f64)> = vec![
        (c(2.0).product(c(3.0).product(x())), "6*x", 6.0 * a),
        (x().product(x()), "x^2", a * a),
        (x().product(c(2.0)).quotient(c(4.0).product(y())), "0.5*x/y", 0.5 * a / b),
        (
            x().product(y()).quotient(c(3.0).sum(c(2.0).product(x()))),
            "0.5*x*y/(1.5 + x)",
            a * b / (3.0 + 2.0 * a),
        ),
        (c(1.0).sum(x()).call(Function::Exp), "2.718281828459045*exp(x)", (1.0 + a).exp()),
        (c(2.0).power(x()), "exp(0.6931471805599453*x)", 2f64.powf(a)),
        (y().product(x().power(c(-0.5))), "y/x^0.5", b / a.sqrt()),
        (c(1.0).quotient(x()).product(y()), "y/x", b / a),
        (c(4.0).quotient(x()), "4/x", 4.0 / a),
        (c(3.0).product(c(1.0).sum(c(2.0).product(y()))), "3 + 6*y", 3.0 + 6.0 * b),
        (x().difference(y()).product(c(0.5)), "0.5*x - 0.5*y", 0.5 * (a - b)),
        (x().difference(y()), "x - y", a - b),
        (x().difference(y().sum(c(2.0))), "x - 2 - y", a - b - 2.0),
        (x().sum(c(1.0)).sum(c(-1.0)), "x", a),
        (c(0.0).product(x()).sum(c(5.0)), "5", 5.0),
        (x().sum(y()).product(x().difference(y())), "(x + y)*(x - y)", a * a - b * b),
    ];
    for (part, text, value) in cases {
        let (expression, found) = written(&part);
        assert_eq!(found, text);
        let there = expression.value(&at);
        assert!(
            (there - value).abs() < 1e-14 * value.abs().max(1.0),
            "{text}: {there}, not {value}"
        );
    }
}

#[test]
fn complexity_counts_as_for_sums() {
    for (part, expected) in [
        (c(2.0).product(x()).product(y()), 3),
        (c(2.0).product(x()).quotient(c(3.0).sum(x())), 4),
        (x().product(x()), 2),
        (x().product(c(-0.5)).call(Function::Exp), 3),
        (x().power(c(0.7)), 2),
    ] {
        assert_eq!(written(&part).0.complexity(), expected, "{}", written(&part).1);
    }
}

/// A scaled input brings its scale to the constants that are there already.
#[test]
fn scales_of_inputs_go_into_constants() {
    let scaled = Part::input(0, 0.01);
    let saturating = scaled.clone().quotient(c(0.3).sum(scaled));
    assert_eq!(written(&saturating).1, "x/(30 + x)");
    let power = Part::input(0, 100.0).power(c(2.0)).product(c(1e-4));
    assert_eq!(written(&power).1, "x^2");
}

#[test]
fn what_is_no_number_is_no_expression() {
    assert!(c(1.0).quotient(c(0.0)).expression().is_none());
    assert!(c(-1.0).power(c(0.5)).expression().is_none());
}

/// Where constants stand decides between which bounds they may move.
#[test]
fn constants_are_told_by_where_they_stand() {
    let part = c(2.0)
        .product(x())
        .quotient(c(3.0).sum(y()))
        .sum(x().product(c(-0.4)).call(Function::Exp))
        .sum(y().product(c(1.5)).call(Function::Sin))
        .sum(x().power(c(0.7)));
    let mut kinds = Vec::new();
    let expression = part.expression().unwrap();
    expression.text(&["x".into(), "y".into()], &mut |c| {
        kinds.push((c.value, c.kind));
        String::new()
    });
    use ConstantKind::{Coefficient, Frequency, Half, Inner};
    let find = |value: f64| kinds.iter().find(|k| (k.0 - value).abs() < 1e-12).map(|k| k.1);
    assert_eq!(find(2.0), Some(Coefficient), "{kinds:?}");
    assert_eq!(find(3.0), Some(Half));
    assert_eq!(find(-0.4), Some(Inner));
    assert_eq!(find(1.5), Some(Frequency));
    assert_eq!(find(0.7), Some(Inner));
}
