//! Enclosures of expressions hold their values, and are no wider than they must be.

use slopefield_lang::{
    Binary, Enclosure, Env, Inputs, Interval, Model, Unary, check, evaluate, evaluate_vector,
};

/// A model whose rates are the expressions, with `x = 0.5`, and `y = -1.25` between jumps.
#[track_caller]
fn rates(expressions: &[String]) -> Model {
    let mut text = "state x = 0.5\nstate y = -1.25\nparam k = 3\n".to_owned();
    for expression in expressions {
        text += &format!("jump rate {expression}: x += 1, y -= 1\n");
    }
    let (model, diagnostics) = check(&text);
    assert!(model.is_complete, "{diagnostics:?}");
    model
}

const STATES: [f64; 2] = [0.5, -1.25];

fn enclosed(model: &Model, from: f64, to: f64) -> Vec<Interval> {
    let all = Enclosure::new(model, model.jumps.iter().map(|jump| &jump.rate)).unwrap();
    let mut out = vec![Interval::point(f64::NAN); all.len()];
    let mut scratch = vec![f64::NAN; all.scratch_len()];
    let inputs = Inputs { time: Interval::new(from, to), states: &STATES, params: &[3.0] };
    all.eval(&inputs, &mut scratch, |k, value| out[k] = value);
    out
}

/// Values at times from one to another, ends and whole numbers among them.
fn holds(expressions: &[String]) {
    let model = rates(expressions);
    for from in [-9.5, -2.0, -0.75, -1e-3, 0.0, 0.3, 1.0, 2.5, 40.0] {
        for length in [0.0, 1e-9, 0.1, 0.5, 1.0, 2.75, 7.0, 100.0] {
            let bounds = enclosed(&model, from, from + length);
            for part in 0..=40 {
                let time = from + length * f64::from(part) / 40.0;
                let env = Env { time, states: &STATES, params: &[3.0], ..Env::default() };
                let mut vectors = Vec::new();
                for vector in &model.vectors {
                    vectors.push(evaluate_vector(vector, &Env { vectors: &vectors, ..env }));
                }
                let env = Env { vectors: &vectors, ..env };
                for ((jump, bound), text) in model.jumps.iter().zip(&bounds).zip(expressions) {
                    let value = evaluate(&jump.rate, &env);
                    let held = match value.is_nan() {
                        true => *bound == Interval::ALL,
                        false => bound.lo <= value && value <= bound.hi,
                    };
                    assert!(
                        held,
                        "{text} at {time} is {value}, outside of {bound:?} for times from {from} \
                         for {length}"
                    );
                }
            }
        }
    }
}

#[test]
fn they_hold_every_function_of_one_argument() {
    let all = Unary::ALL.into_iter().filter(|f| !matches!(f, Unary::Neg | Unary::Not));
    let texts: Vec<String> = all
        .flat_map(|f| {
            ["t", "2*t - 1", "t/50", "sin(t)", "1 + t^2"].map(|a| format!("{}({a})", f.name()))
        })
        .chain(["-t", "not t", "not (t > 1)"].map(String::from))
        .collect();
    holds(&texts);
}

#[test]
fn they_hold_every_function_of_two_arguments() {
    let texts: Vec<String> = Binary::ALL
        .into_iter()
        .flat_map(|f| {
            let pairs = [
                ("t", "x"),
                ("t", "y"),
                ("x", "t"),
                ("y", "t"),
                ("t", "2"),
                ("t", "(-3)"),
                ("cos(t)", "sin(t)"),
                ("(1 + t^2)", "(t - 1)"),
            ];
            pairs.map(|(a, b)| match f {
                Binary::Atan2 | Binary::Min | Binary::Max => format!("{}({a}, {b})", f.symbol()),
                _ => format!("{a} {} {b}", f.symbol()),
            })
        })
        .chain(
            [
                "if t > 1 then exp(-t) else 2*t",
                "if sqrt(t) > 1 then 1 else 5",
                "if t then 1 else 2",
                "pulse(t, 1, 3)",
                "hill(t, 2, 3)",
                "clamp(t, 0, 1)",
                "sum(sin(i*t) for i in 1..4)",
                "max(cos(i*t) for i in 1..3)",
            ]
            .map(String::from),
        )
        .collect();
    holds(&texts);
}

#[test]
fn they_are_as_narrow_as_the_values_where_an_input_occurs_once() {
    let text = |s: &str| s.to_owned();
    let model = rates(&[
        text("k*(1 + sin(t))"),
        text("exp(-t)"),
        text("if t < 5 then 2 else 7"),
        text("(t - 2)^2"),
        text("sqrt(t)"),
        text("k*x"),
    ]);
    let close = |found: Interval, lo: f64, hi: f64| {
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-13 * b.abs();
        assert!(near(found.lo, lo) && near(found.hi, hi), "{found:?}, not {lo} to {hi}");
    };
    let found = enclosed(&model, 0.0, 1.0);
    close(found[0], 3.0, 3.0 * (1.0 + 1f64.sin()));
    close(found[1], (-1f64).exp(), 1.0);
    close(found[2], 2.0, 2.0);
    close(found[3], 1.0, 4.0);
    close(found[4], 0.0, 1.0);
    close(found[5], 1.5, 1.5);
    let found = enclosed(&model, 1.0, 5.0);
    close(found[0], 0.0, 6.0);
    close(found[2], 2.0, 7.0);
    close(found[3], 0.0, 9.0);
    // For ever.
    let found = enclosed(&model, 2.0, f64::INFINITY);
    close(found[0], 0.0, 6.0);
    close(found[1], 0.0, (-2f64).exp());
    assert_eq!(found[4].hi, f64::INFINITY);
}

#[test]
fn networks_are_not_enclosed() {
    let text = "state x = 1\nnetwork n: mlp(inputs: 1, outputs: 1)\njump rate exp(n(t)): x += 1\n";
    let (model, _) = check(text);
    assert!(model.is_complete);
    assert_eq!(Enclosure::new(&model, [&model.jumps[0].rate]), None);
}
