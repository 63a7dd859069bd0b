//! Finding the expression that failed, and the text of graphs and plans.

use crate::support;

use slopefield_graph::{BuiltinNetworks, dump, locate_non_finite};
use slopefield_lang::{Expr, Span, Unary};
use support::*;

fn at(expr: Expr, start: u32) -> Expr {
    Expr { span: Span { start, end: start + 1 }, ..expr }
}

#[test]
fn finite_models_have_nothing_to_report() {
    // The bad branch is not taken, so it does not count.
    let safe = iff(u(0), u(1), un(Unary::Ln, num(-1.0)));
    let model = model(vec![safe, num(1.0)], &[]);
    assert_eq!(locate_non_finite(&model, &lowered(&model), 0.0, &[1.0, 2.0], &[]), None);
}

#[test]
fn the_innermost_failing_expression_is_named() {
    let root = at(un(Unary::Sqrt, at(sub(u(0), num(1.0)), 20)), 10);
    let rhs = at(mul(at(add(root, num(2.0)), 5), u(1)), 1);
    let model = model(vec![num(0.0), rhs], &[]);
    let found = locate_non_finite(&model, &lowered(&model), 0.0, &[0.25, 2.0], &[]).unwrap();
    assert_eq!(found.span, Span { start: 10, end: 11 });
    assert_eq!(found.state, Some(1));
    assert!(found.value.is_nan());
    assert_eq!(found.operands, [-0.75]);
    assert_eq!(found.description, "not a number, the result of sqrt of -0.750000");
}

#[test]
fn it_looks_through_names_and_network_calls() {
    let mut model = model(vec![add(output(0, 0), named(0, 0)), num(0.0)], &[3.0]);
    model.networks.push(mlp("n", 1, 1, &[2.0], "tanh"));
    model.calls.push(call(0, vec![at(un(Unary::Ln, mul(p(0), u(1))), 40)]));
    model.lets.push(vector("r", vec![at(div(num(1.0), sub(u(0), num(2.0))), 70)]));
    let lowered = lowered(&model);
    let p = vec![0.5; lowered.layout.len];
    assert_eq!(locate_non_finite(&model, &lowered, 0.0, &[1.0, 1.0], &p), None);
    let found = locate_non_finite(&model, &lowered, 0.0, &[1.0, 0.0], &p).unwrap();
    assert_eq!((found.span.start, found.state, found.value), (40, Some(0), f64::NEG_INFINITY));
    let found = locate_non_finite(&model, &lowered, 0.0, &[2.0, 1.0], &p).unwrap();
    assert_eq!((found.span.start, found.value), (70, f64::INFINITY));
    assert_eq!(found.operands, [1.0, 0.0]);
    assert_eq!(found.description, "inf, the result of div of 1.000000 and 0.000000");

    // Weights that overflow: the call is named.
    model.calls[0].span = Span { start: 90, end: 95 };
    let huge = vec![f64::MAX; lowered.layout.len];
    let found = locate_non_finite(&model, &lowered, 0.0, &[1.0, 1e-308], &huge).unwrap();
    assert_eq!(found.span.start, 90, "{found:?}");
    assert!(found.description.contains("network `n`"), "{}", found.description);
}

#[test]
fn a_state_that_is_not_finite_is_reported_as_itself() {
    let model = model(vec![at(mul(num(2.0), at(u(0), 8)), 4)], &[]);
    let found = locate_non_finite(&model, &lowered(&model), 0.0, &[f64::INFINITY], &[]).unwrap();
    assert_eq!((found.span.start, found.state), (8, None));
    assert_eq!(found.description, "inf");
}

#[test]
fn dumps_show_every_function_and_pass() {
    let mut model = model(vec![mul(p(0), output(0, 0))], &[2.0]);
    model.networks.push(mlp("n", 1, 1, &[8.0], "tanh"));
    model.calls.push(call(0, vec![u(0)]));
    let text = dump(&model, &BuiltinNetworks).unwrap();
    for part in [
        "-- Rhs Eval, built\n",
        "-- Rhs Vjp, differentiated\n",
        "-- Rhs Jvp, simplified again\n",
        "-- Initial Eval, plan\n",
        "map tanh",
        "matvec %",
        "p_grad[1] += outer 8x1",
        "= load p[0]",
    ] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    assert_eq!(text, dump(&model, &BuiltinNetworks).unwrap(), "dumps are reproducible");
}
