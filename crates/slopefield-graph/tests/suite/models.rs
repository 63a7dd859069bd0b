//! Whole models: plan interpreter against the tree, the luminal graph and differences.
use crate::support;

use proptest::prelude::*;
use slopefield_graph::plan::Entry;
use slopefield_graph::{
    BuiltinNetworks, Interpreter, ModelFunction, ReferenceInputs, reference_eval,
};
use slopefield_kernel::Kernel;
use slopefield_lang::{Binary, Expr, Model, Noise, Unary};
use support::*;

/// Compares all ways of computing a model's right-hand side and its derivative products.
///
/// `smooth`: also compare with differences, which only makes sense away from corners.
#[track_caller]
fn check(model: &Model, at: (f64, &[f64], &[f64]), smooth: bool) {
    let lowered = lowered(model);
    let kernel = Interpreter::new(lowered.rhs.clone());
    let n = model.states.len();
    let reference = |entry, inputs: &ReferenceInputs| {
        reference_eval(model, &BuiltinNetworks, ModelFunction::Rhs, entry, inputs).unwrap()
    };

    // Value: tree, plan, luminal.
    let value = eval(&kernel, at.0, at.1, at.2);
    let inputs = ReferenceInputs {
        t: at.0,
        u: at.1.to_vec(),
        p: at.2.to_vec(),
        ..ReferenceInputs::default()
    };
    let by_graph = reference(Entry::Eval, &inputs).out;
    for i in 0..n {
        let expected = tree(model, &lowered, &model.states[i].derivative, at);
        close(value[i], expected, 1e-12, "plan and tree");
        close(by_graph[i], expected, 1e-12, "luminal and tree");
    }

    // Some direction and some weights, neither special.
    let wave = |len: usize, phase: f64| -> Vec<f64> {
        (0..len).map(|i| (1.3 * i as f64 + phase).sin()).collect()
    };
    let (dt, du, dp) = (0.7, wave(at.1.len(), 0.2), wave(at.2.len(), 0.9));
    let w = wave(n, 0.5);
    let (out, forward) = jvp(&kernel, at, (dt, &du, &dp));
    let (gt, gu, gp) = vjp(&kernel, at, &w);
    for i in 0..n {
        close(out[i], value[i], 1e-14, "value beside the tangent");
    }

    // Derivatives: plan and luminal.
    let inputs =
        ReferenceInputs { along: (dt, du.clone(), dp.clone()), weights: w.clone(), ..inputs };
    let by_graph = reference(Entry::Jvp, &inputs);
    for (a, b) in by_graph.out_tangent.iter().zip(&forward) {
        close(*a, *b, 1e-11, "tangent by luminal");
    }
    let by_graph = reference(Entry::Vjp, &inputs).gradient;
    close(by_graph.0, gt, 1e-11, "time gradient by luminal");
    for (a, b) in by_graph.1.iter().zip(&gu).chain(by_graph.2.iter().zip(&gp)) {
        close(*a, *b, 1e-11, "gradient by luminal");
    }

    // Forward against reverse: both sides of <w, J v> = <J' w, v>.
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let left = dot(&w, &forward);
    let right = gt * dt + dot(&gu, &du) + dot(&gp, &dp);
    let size = w.iter().zip(&forward).map(|(a, b)| (a * b).abs()).sum::<f64>()
        + gu.iter().zip(&du).chain(gp.iter().zip(&dp)).map(|(a, b)| (a * b).abs()).sum::<f64>();
    if left.is_finite() && right.is_finite() && size.is_finite() {
        assert!((left - right).abs() <= 1e-11 * size.max(1.0), "{left} and {right}");
    }

    if smooth {
        let shifted = |x: &[f64], d: &[f64], h: f64| -> Vec<f64> {
            x.iter().zip(d).map(|(x, d)| x + h * d).collect()
        };
        for (i, forward) in forward.iter().enumerate() {
            let along = |h: f64| {
                let (u, p) = (shifted(at.1, &du, h), shifted(at.2, &dp, h));
                eval(&kernel, at.0 + h * dt, &u, &p)[i]
            };
            let (expected, error) = ridders(along, 0.02);
            assert!(error < 1e-8 * expected.abs().max(1.0), "differences good to {error:e}");
            close(*forward, expected, 1e-9 + 10.0 * error, "tangent and differences");
        }
    }
}

fn lotka_volterra() -> Model {
    let growth = sub(mul(p(0), u(0)), mul(p(1), mul(u(0), u(1))));
    let decay = sub(mul(p(2), mul(u(0), u(1))), mul(p(3), u(1)));
    model(vec![growth, decay], &[1.5, 1.0, 0.75, 3.0])
}

#[test]
fn lotka_volterra_has_its_known_derivatives() {
    let model = lotka_volterra();
    let kernel = interpreter(&lowered(&model));
    let (u, p) = ([2.0, 0.5], [1.5, 1.0, 0.75, 3.0]);
    assert_eq!(eval(&kernel, 0.0, &u, &p), [2.0, -0.75]);
    // Jacobian rows by hand: [p0 - p1 y, -p1 x] and [p2 y, p2 x - p3].
    let (t, du, dp) = vjp(&kernel, (0.0, &u, &p), &[1.0, 10.0]);
    assert_eq!(t, 0.0);
    assert_eq!(du, [1.0 + 3.75, -2.0 - 15.0]);
    assert_eq!(dp, [2.0, -1.0, 10.0, -5.0]);
    check(&model, (0.0, &u, &p), true);
}

#[test]
fn vjp_adds_to_what_is_there() {
    let model = lotka_volterra();
    let kernel = interpreter(&lowered(&model));
    let (u, p) = ([2.0, 0.5], [1.5, 1.0, 0.75, 3.0]);
    let (mut gt, mut gu, mut gp) = (7.0, vec![1.0, 2.0], vec![5.0; 4]);
    let grad = slopefield_kernel::Cotangent { t: &mut gt, u: &mut gu, p: &mut gp };
    let mut scratch = vec![0.0; kernel.scratch_len()];
    let at = slopefield_kernel::Point { t: 0.0, u: &u, p: &p };
    kernel.vjp(at, &[1.0, 10.0], grad, &mut scratch);
    assert_eq!((gt, gu, gp), (7.0, vec![5.75, -15.0], vec![7.0, 4.0, 15.0, 0.0]));
}

/// Spiral neural equation: `u' = net(u^3)`.
fn spiral(hidden: &[f64], activation: &str) -> Model {
    let cube = |i| bin(Binary::Pow, u(i), num(3.0));
    let mut model = model(vec![output(0, 0), output(0, 1)], &[]);
    model.networks.push(mlp("n", 2, 2, hidden, activation));
    model.calls.push(call(0, vec![cube(0), cube(1)]));
    model
}

/// Start values, with the small last layer made large enough to matter.
fn weights(model: &Model) -> Vec<f64> {
    let lowered = lowered(model);
    let mut p = lowered.layout.initial_values(model, &lowered.networks, 11);
    let scalars = lowered.layout.scalars;
    for (i, x) in p.iter_mut().enumerate().skip(scalars) {
        *x += 0.3 * (0.7 * i as f64).sin();
    }
    p
}

#[test]
fn multilayer_perceptron_2_50_2() {
    let model = spiral(&[50.0], "tanh");
    let p = weights(&model);
    assert_eq!(p.len(), 252);
    check(&model, (0.0, &[1.1, -0.4], &p), true);
}

#[test]
fn gradient_of_each_weight_of_a_perceptron() {
    let model = spiral(&[5.0, 7.0], "sigmoid");
    let p = weights(&model);
    let kernel = interpreter(&lowered(&model));
    let (u, w) = ([0.8, -0.6], [0.4, -1.7]);
    let (_, _, gradient) = vjp(&kernel, (0.0, &u, &p), &w);
    for (k, found) in gradient.iter().enumerate() {
        let (expected, error) = ridders(
            |h| {
                let mut p = p.clone();
                p[k] += h;
                let out = eval(&kernel, 0.0, &u, &p);
                out[0] * w[0] + out[1] * w[1]
            },
            0.1,
        );
        assert!(error < 1e-10);
        close(*found, expected, 1e-11, &format!("gradient of weight {k}"));
    }
}

#[test]
fn every_activation() {
    for op in Unary::ALL {
        // On inputs where each of them is defined and smooth.
        let shift = if op == Unary::Acosh { 3.0 } else { 0.0 };
        let mut model = model(vec![output(0, 0), output(0, 1)], &[]);
        model.networks.push(mlp("n", 2, 2, &[3.0], op.name()));
        model.calls.push(call(0, vec![u(0), u(1)]));
        let layout = lowered(&model).layout;
        let p: Vec<f64> = (0..layout.len)
            .map(|i| {
                0.22 + 0.1 * (1.9 * i as f64).sin() + if (6..9).contains(&i) { shift } else { 0.0 }
            })
            .collect();
        check(&model, (0.0, &[0.7, 0.4], &p), op != Unary::Not);
    }
}

#[test]
fn one_network_feeds_another() {
    let mut model =
        model(vec![add(named(1, 0), mul(p(0), u(0))), mul(named(1, 1), named(0, 0))], &[0.3]);
    model.networks.push(mlp("inner", 2, 3, &[4.0], "tanh"));
    model.networks.push(mlp("outer", 2, 2, &[6.0], "softplus"));
    model.lets.push(vector("z", vec![output(0, 0), output(0, 1), output(0, 2)]));
    model.lets.push(vector("y", vec![output(1, 0), output(1, 1)]));
    model.calls.push(call(0, vec![u(0), mul(u(1), time())]));
    model.calls.push(call(1, vec![add(named(0, 0), u(1)), mul(named(0, 2), p(0))]));
    let p = weights(&model);
    check(&model, (0.6, &[0.9, -1.2], &p), true);
}

#[test]
fn one_network_applied_twice() {
    let mut model = model(vec![output(0, 0), sub(output(1, 0), output(0, 1))], &[]);
    model.networks.push(mlp("n", 1, 2, &[5.0], "gelu"));
    model.calls.push(call(0, vec![u(0)]));
    model.calls.push(call(0, vec![mul(u(1), u(0))]));
    let p = weights(&model);
    check(&model, (0.0, &[0.5, 1.4], &p), true);
}

#[test]
fn wide_network_uses_dense_instructions_throughout() {
    let mut model = spiral(&[40.0, 33.0], "gelu");
    model.networks[0]
        .options
        .push(("output".into(), slopefield_lang::OptionValue::Word("sin".into())));
    model.networks[0].options.push(("scale".into(), slopefield_lang::OptionValue::Number(2.5)));
    let p = weights(&model);
    check(&model, (0.0, &[1.2, 0.7], &p), true);
    let plans = lowered(&model).rhs;
    let scalar = plans.vjp.code.iter().filter(|i| i.defines_value()).count();
    assert!(scalar < 60, "{scalar} scalar instructions in\n{}", plans.vjp);
}

#[test]
fn a_product_goes_straight_into_the_gradient() {
    let model = spiral(&[50.0], "tanh");
    let plan = lowered(&model).rhs.vjp;
    let outer = plan.code.iter().filter(|i| i.name() == "outer").count();
    let adds = plan.code.iter().filter(|i| i.name() == "add").count();
    assert_eq!((outer, adds), (2, 1), "{plan}");
    // The hidden layer is one instruction; the last layer's value is not part of its derivative, so
    // it is not computed.
    let count = |name: &str| plan.code.iter().filter(|i| i.name() == name).count();
    assert_eq!((count("layer"), count("matvec")), (1, 0), "{plan}");
    // The derivative of the activation is one loop.
    assert_eq!((count("each"), count("map"), count("zip")), (1, 0, 0), "{plan}");
}

#[test]
fn many_calls_share_one_join() {
    // More operands than a luminal node can count.
    let count = 300;
    let mut total = num(0.0);
    let mut model = model(vec![num(0.0)], &[]);
    model.networks.push(mlp("n", 1, 1, &[2.0], "tanh"));
    for k in 0..count {
        model.calls.push(call(0, vec![mul(u(0), num(0.01 * f64::from(k)))]));
        total = add(total, output(k, 0));
    }
    model.states[0].derivative = total;
    let p = weights(&model);
    check(&model, (0.0, &[0.8], &p), true);
}

#[test]
fn functions_of_a_model_and_their_layouts() {
    let mut model = lotka_volterra();
    model.states[0].initial = mul(p(0), num(4.0));
    model.states[1].initial = add(p(1), time());
    model.lets.push(vector("r", vec![mul(u(0), u(1))]));
    model.lets.push(vector("z", vec![u(1), time()]));
    model.observations = vec![
        observation("a", u(0), Noise::LogNormal(p(2))),
        observation("b", named(0, 0), Noise::LeastSquares),
        observation("c", u(1), Noise::StudentT(num(4.0), mul(p(3), u(0)))),
    ];
    let lowered = lowered(&model);
    assert_eq!(lowered.let_names, ["r", "z[1]", "z[2]"]);
    let slots: Vec<_> = lowered
        .observe_layout
        .iter()
        .map(|s| (s.observation, s.value, s.noise_args.clone()))
        .collect();
    assert_eq!(slots, [(0, 0, 1..2), (1, 2, 3..3), (2, 3, 4..6)]);

    let (u, p) = ([2.0, 0.5], [1.5, 1.0, 0.75, 3.0]);
    let initial = Interpreter::new(lowered.initial.clone());
    assert_eq!(initial.shape().states, 0);
    assert_eq!(eval(&initial, 0.25, &[], &p), [6.0, 1.25]);
    let (t, _, dp) = vjp(&initial, (0.25, &[], &p), &[1.0, 10.0]);
    assert_eq!((t, dp), (10.0, vec![4.0, 10.0, 0.0, 0.0]));
    let observe = Interpreter::new(lowered.observe.clone());
    assert_eq!(eval(&observe, 0.0, &u, &p), [2.0, 0.75, 1.0, 0.5, 4.0, 6.0]);
    let lets = Interpreter::new(lowered.lets);
    assert_eq!(eval(&lets, 9.0, &u, &p), [1.0, 0.5, 9.0]);
}

#[test]
fn a_deep_sum_does_not_overflow_the_stack() {
    let mut sum = u(0);
    for k in 0..5_000 {
        sum = add(sum, mul(u(0), num(f64::from(k))));
    }
    let model = model(vec![sum], &[]);
    let kernel = interpreter(&lowered(&model));
    let expected = 1.0 + (0..5_000).map(f64::from).sum::<f64>();
    assert_eq!(vjp(&kernel, (0.0, &[1.0], &[]), &[1.0]).1, [expected]);
    std::mem::forget(model); // its drop is recursive, and this thread's stack is small
}

#[test]
fn forward_values_are_computed_once() {
    // The value, its derivative and the guard all need the same exponential.
    let rate = mul(p(0), un(Unary::Exp, div(num(-3.0), u(0))));
    let model = model(vec![mul(rate.clone(), u(1)), un(Unary::Neg, mul(rate, u(1)))], &[2.0]);
    let plans = lowered(&model).rhs;
    for plan in [&plans.eval, &plans.jvp, &plans.vjp] {
        let exponentials = plan
            .code
            .iter()
            .filter(|i| matches!(i, slopefield_graph::plan::Instruction::Unary(Unary::Exp, _)))
            .count();
        assert_eq!(exponentials, 1, "{plan}");
    }
    check(&model, (0.0, &[1.3, 0.4], &[2.0]), true);
}

#[test]
fn a_model_from_text() {
    let text = "
time t {year}
state hare = 30 in [0, 500]
state lynx = a0 + 3
param a0 = 1
param alpha = 0.5 in [0.01, 5] log
param sigma = 0.25
network encounter: mlp(inputs: 2, outputs: 2, hidden: [6, 5], activation: tanh)
let z = encounter(hare/100, lynx/100)
let total = hare + lynx
hare' =  alpha*hare - z[1]*if total > 1 then 1 else sqrt(total - 1)
lynx' = -0.3*lynx^1.5 + z[2]*hill(hare, 10, 2)
observe h = hare with lognormal(sigma)
";
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    let p = weights(&model);
    check(&model, (0.0, &[30.0, 4.0], &p), true);
    let lowered = lowered(&model);
    assert_eq!(lowered.let_names, ["z[1]", "z[2]", "total"]);
    let initial = Interpreter::new(lowered.initial);
    assert_eq!(eval(&initial, 0.0, &[], &p), [30.0, p[0] + 3.0]);
}

/// Any expression of two states, time and two params, with every function and operator.
fn any_expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        (-3.0..3.0f64).prop_map(num),
        prop::sample::select(vec![0.0, 1.0, -1.0, 2.0, 0.5, 3.0]).prop_map(num),
        Just(time()),
        (0..2u32).prop_map(u),
        (0..2u32).prop_map(p),
    ];
    leaf.prop_recursive(6, 48, 3, |inner| {
        prop_oneof![
            (prop::sample::select(Unary::ALL.to_vec()), inner.clone())
                .prop_map(|(op, a)| un(op, a)),
            (prop::sample::select(Binary::ALL.to_vec()), inner.clone(), inner.clone())
                .prop_map(|(op, a, b)| bin(op, a, b)),
            (inner.clone(), inner.clone(), inner).prop_map(|(c, a, b)| iff(c, a, b)),
        ]
    })
}

/// Expressions that are smooth everywhere and bounded together with their derivatives, so that
/// differences are good to many digits.
fn smooth_expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        (-2.0..2.0f64).prop_map(num),
        Just(time()),
        (0..2u32).prop_map(u),
        (0..2u32).prop_map(p),
    ];
    let functions = vec![
        Unary::Sin,
        Unary::Cos,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Atan,
        Unary::Erf,
        Unary::Softplus,
        Unary::Gelu,
        Unary::Asinh,
        Unary::Neg,
    ];
    leaf.prop_recursive(5, 24, 2, move |inner| {
        prop_oneof![
            (prop::sample::select(functions.clone()), inner.clone()).prop_map(|(op, a)| un(op, a)),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| add(un(Unary::Sin, a), b)),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| mul(un(Unary::Tanh, a), un(Unary::Cos, b))),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| div(un(Unary::Sin, a), add(num(1.5), un(Unary::Sin, b)))),
            (inner.clone(), inner).prop_map(|(a, b)| bin(
                Binary::Pow,
                add(num(1.6), un(Unary::Cos, a)),
                un(Unary::Tanh, b)
            )),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_expressions_agree_everywhere(
        a in any_expr(),
        b in any_expr(),
        t in prop::sample::select(vec![0.0, 0.7, -1.3]),
        u in prop::array::uniform2(prop_oneof![Just(0.0), Just(1.0), Just(-1.0), -2.0..2.0f64]),
        p in prop::array::uniform2(prop_oneof![Just(0.0), Just(2.0), -2.0..2.0f64]),
    ) {
        check(&model(vec![a, b], &[0.0, 0.0]), (t, &u, &p), false);
    }

    #[test]
    fn random_smooth_expressions_have_the_right_derivative(
        a in smooth_expr(),
        b in smooth_expr(),
        t in -1.0..1.0f64,
        u in prop::array::uniform2(-1.5..1.5f64),
        p in prop::array::uniform2(-1.5..1.5f64),
    ) {
        check(&model(vec![a, b], &[0.0, 0.0]), (t, &u, &p), true);
    }
}
