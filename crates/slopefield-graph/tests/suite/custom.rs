//! Operators that somebody else computes: in networks, plans, derivatives, texts and bytes; and those that
//! are not what they say.

use crate::support::recorded::One;
use slopefield_graph::custom::{CustomCode, CustomOp, CustomSource, bind, offer, parts};
use slopefield_graph::network::{Init, NetworkError, decode, encode};
use slopefield_graph::plan::Plan;
use slopefield_graph::{
    Interpreter, LowerError, LoweredModel, ModelFunction, NetworkBuilder, NetworkGraph, lower,
    lower_hessian_of, lower_jacobian,
};
use slopefield_kernel::{Cotangent, Kernel, Point, Tangent};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};

type Forward = fn(&[f64], &mut [f64]);
type Reverse = fn(&[f64], &[f64], &mut [f64]);

/// Plain functions as an operator of any sizes.
struct Plain(Forward, Reverse);

impl CustomCode for Plain {
    fn forward(&self, x: &[f64], y: &mut [f64]) {
        (self.0)(x, y);
    }
    fn reverse(&self, x: &[f64], w: &[f64], grad: &mut [f64]) {
        (self.1)(x, w, grad);
    }
}

impl CustomSource for Plain {
    fn bind(&self, lengths: &[u32], _: u32) -> Result<Box<dyn CustomCode>, String> {
        match lengths {
            [7, ..] => Err("seven is not its number".into()),
            _ => Ok(Box::new(Plain(self.0, self.1))),
        }
    }
}

/// Products of neighbours: `y[i] = x[i] x[i + 1]`, of one more element than it gives.
fn products(x: &[f64], y: &mut [f64]) {
    y.iter_mut().enumerate().for_each(|(i, y)| *y = x[i] * x[i + 1]);
}

fn products_reverse(x: &[f64], w: &[f64], grad: &mut [f64]) {
    grad.fill(0.0);
    for (i, w) in w.iter().enumerate() {
        grad[i] += w * x[i + 1];
        grad[i + 1] += w * x[i];
    }
}

const PRODUCTS: &str = "org.example.suite@1.0.0/products";

fn with_products() -> String {
    // Tests that run at once compare plans by the operator that was bound.
    static OFFERED: Once = Once::new();
    OFFERED.call_once(|| offer(PRODUCTS, Arc::new(Plain(products, products_reverse))));
    format!("custom:{PRODUCTS}")
}

/// `y = A products(x, w)`: two inputs, two weights of a vector, four of a matrix by two outputs.
fn network(op: &str) -> Result<NetworkGraph, NetworkError> {
    let mut b = NetworkBuilder::new(2)?;
    let w = b.param("w", &[2], Init::Zeros)?;
    let a = b.param("a", &[2, 3], Init::Zeros)?;
    let y = b.op(op, &[b.input(), w], &[("len", &[3])])?;
    let y = b.op("matvec", &[a, y], &[])?;
    b.output(y)?;
    b.finish()
}

const MODEL: &str = "state u = 1\nstate v = 2\n\
    network f: org.example.suite/n(inputs: 2, outputs: 2)\n\
    let y = f(u, v)\nu' = y[1] - v\nv' = y[2] * u\n";

fn lowered(text: &str, network: NetworkGraph) -> Result<LoweredModel, LowerError> {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    lower(&model, &One(network))
}

/// Weights in the order of the nodes: w, a.
const P: [f64; 8] = [0.7, -1.3, 0.5, 1.1, -0.4, 0.9, -0.2, 0.3];
const U: [f64; 2] = [0.6, -0.8];

/// The right-hand side by hand.
fn by_hand(u: &[f64], p: &[f64]) -> Vec<f64> {
    let x = [u[0], u[1], p[0], p[1]];
    let z: Vec<f64> = (0..3).map(|i| x[i] * x[i + 1]).collect();
    let row = |r: usize| (0..3).map(|j| p[2 + 3 * r + j] * z[j]).sum::<f64>();
    vec![row(0) - u[1], row(1) * u[0]]
}

/// Its derivative along a direction, by differences that are exact to rounding for polynomials of
/// degree 4.
fn slope_by_hand(u: &[f64], p: &[f64], (du, dp): (&[f64], &[f64])) -> Vec<f64> {
    let moved = |h: f64| {
        let go = |x: &[f64], d: &[f64]| -> Vec<f64> {
            x.iter().zip(d).map(|(x, d)| x + h * d).collect()
        };
        by_hand(&go(u, du), &go(p, dp))
    };
    let (a, b, c, d) = (moved(-0.2), moved(-0.1), moved(0.1), moved(0.2));
    (0..2).map(|i| (a[i] - 8.0 * b[i] + 8.0 * c[i] - d[i]) / 1.2).collect()
}

#[track_caller]
fn near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 1e-13 * (1.0 + e.abs()), "{found:?}, not {expected:?}");
    }
}

fn check_kernel(kernel: &dyn Kernel) {
    let mut scratch = vec![0.0; kernel.scratch_len()];
    let mut out = [0.0; 2];
    kernel.eval(0.0, &U, &P, &mut out, &mut scratch);
    near(&out, &by_hand(&U, &P));

    let du = [0.3, -1.7];
    let dp: Vec<f64> = (0..8).map(|i| (1.0 + 1.7 * f64::from(i)).sin()).collect();
    let mut dout = [0.0; 2];
    let at = Point { t: 0.0, u: &U, p: &P };
    let along = Tangent { t: 0.0, u: &du, p: &dp };
    kernel.jvp(at, along, &mut out, &mut dout, &mut scratch);
    near(&dout, &slope_by_hand(&U, &P, (&du, &dp)));

    let w = [0.8, -0.35];
    let (mut t, mut u, mut p) = (0.0, [0.0; 2], [0.0; 8]);
    let grad = Cotangent { t: &mut t, u: &mut u, p: &mut p };
    kernel.vjp(at, &w, grad, &mut scratch);
    for i in 0..10 {
        let unit: Vec<f64> = (0..10).map(|j| f64::from(u8::from(i == j))).collect();
        let slopes = slope_by_hand(&U, &P, (&unit[..2], &unit[2..]));
        let expected = w[0] * slopes[0] + w[1] * slopes[1];
        near(&[if i < 2 { u[i] } else { p[i - 2] }], &[expected]);
    }
}

#[test]
fn an_operator_in_a_network_has_values_and_derivatives() {
    let graph = network(&with_products()).unwrap();
    let x = graph.evaluate(&P, &U);
    near(&[x[0] - U[1], x[1] * U[0]], &by_hand(&U, &P));
    let lowered = lowered(MODEL, graph).unwrap();
    assert_eq!(lowered.rhs.eval.custom().unwrap().name(), PRODUCTS);
    check_kernel(&Interpreter::new(lowered.rhs.clone()));
    // In single precision too, by way of double.
    let single = Interpreter::<f32>::with_element(lowered.rhs.clone());
    let mut scratch = vec![0.0; single.scratch_len()];
    let (u, p) = (U.map(|x| x as f32), P.map(|x| x as f32));
    let mut out = [0.0; 2];
    single.eval(0.0, &u, &p, &mut out, &mut scratch);
    for (f, e) in out.iter().zip(by_hand(&U, &P)) {
        assert!((f64::from(*f) - e).abs() < 1e-6, "{out:?}");
    }
    // Plans read back from their texts.
    for plan in [&lowered.rhs.eval, &lowered.rhs.jvp, &lowered.rhs.vjp] {
        let text = plan.to_string();
        assert!(text.contains(&format!("custom {PRODUCTS} ")), "{text}");
        assert_eq!(&text.parse::<Plan>().unwrap(), plan);
        let other = text.replace("suite@1.0.0", "suite@1.0.1");
        let error = other.parse::<Plan>().unwrap_err().to_string();
        assert!(error.contains("org.example.suite 1.0.1, which is not loaded"), "{error}");
    }
}

#[test]
fn the_jacobian_is_made_of_the_reverse_and_second_derivatives_are_refused() {
    let lowered = lowered(MODEL, network(&with_products()).unwrap()).unwrap();
    let (model, _) = slopefield_lang::check(MODEL);
    let matrix = lower_jacobian(&model, &lowered).unwrap().unwrap();
    assert_eq!(matrix.pattern.len(), 4);
    let kernel = slopefield_graph::MatrixInterpreter::new(matrix.clone());
    let mut values = [0.0; 4];
    use slopefield_kernel::MatrixKernel;
    let mut scratch = vec![0.0; kernel.scratch_len()];
    kernel.eval(0.0, &U, &P, &mut values, &mut scratch);
    for column in 0..2 {
        let du = [f64::from(u8::from(column == 0)), f64::from(u8::from(column == 1))];
        near(&values[2 * column..][..2], &slope_by_hand(&U, &P, (&du, &[0.0; 8])));
    }
    let refused = lower_hessian_of(&model, &lowered, ModelFunction::Rhs).unwrap_err().to_string();
    for part in [PRODUCTS, "no second derivatives", "choose a method"] {
        assert!(refused.contains(part), "{refused}");
    }
    // Of what does not use it there are some.
    assert!(lower_hessian_of(&model, &lowered, ModelFunction::Initial).is_ok());
}

/// The operator in every lane of a loop.
#[test]
fn lanes_call_it_one_by_one() {
    let text = "network f: org.example.suite/n(inputs: 2, outputs: 2)\n\
        state x[i in 1..3] = i\n\
        x[i]' = f(x[i], i)[1] + 2*f(x[i], i)[2] for i in 1..3\n";
    let (model, diagnostics) = slopefield_lang::check(text);
    if !model.is_complete {
        panic!("{}", slopefield_lang::render(text, "model", &diagnostics, false));
    }
    let lowered = lower(&model, &One(network(&with_products()).unwrap())).unwrap();
    let kernel = Interpreter::new(lowered.rhs);
    let mut scratch = vec![0.0; kernel.scratch_len()];
    let (u, mut out) = ([0.4, -0.9, 1.3], [0.0; 3]);
    kernel.eval(0.0, &u, &P, &mut out, &mut scratch);
    let expected: Vec<f64> = (0..3)
        .map(|i| {
            let x = [u[i], (i + 1) as f64, P[0], P[1]];
            let z: Vec<f64> = (0..3).map(|k| x[k] * x[k + 1]).collect();
            (0..3).map(|j| (P[2 + j] + 2.0 * P[5 + j]) * z[j]).sum()
        })
        .collect();
    near(&out, &expected);
}

#[test]
fn a_network_names_its_operators_and_needs_their_code_to_be_lowered_only() {
    let graph = network(&with_products()).unwrap();
    let bytes = encode(&graph);
    assert_eq!((bytes[4], decode(&bytes).unwrap()), (3, graph.clone()));
    assert_eq!(graph.operators().collect::<Vec<_>>(), [PRODUCTS]);
    assert_eq!(graph.bind_operators().unwrap()[0].lengths(), [2, 2]);
    // Nobody has offered this one: it is read, written, verified, and not lowered.
    let absent = network("custom:org.example.absent@2.1.0-beta/f").unwrap();
    absent.verify().unwrap();
    assert_eq!(decode(&encode(&absent)).unwrap(), absent);
    assert!(absent.evaluate(&P, &U).iter().all(|y| y.is_nan()));
    let error = lowered(MODEL, absent).unwrap_err().to_string();
    for part in ["network `f`", "operator `f`", "plugin org.example.absent 2.1.0-beta", "install"] {
        assert!(error.contains(part), "`{part}` is not in {error}");
    }
    // What a network made of derivatives would record.
    let mut b = NetworkBuilder::new(4).unwrap();
    let y = b.op(&with_products(), &[b.input()], &[("len", &[3])]).unwrap();
    let sum = b.op("sum", &[y], &[]).unwrap();
    let error = b.gradient(sum, b.input()).unwrap_err().message;
    assert!(error.contains("cannot be differentiated inside a network"), "{error}");
}

#[test]
fn names_and_sizes_are_checked_when_they_are_recorded() {
    assert_eq!(parts(PRODUCTS), Some(("org.example.suite", "1.0.0", "products")));
    for bad in ["", "products", "a/b", "a@1", "a@1/", "A@1/b", "a b@1/c", "a@1/b%", "a@/b"] {
        assert_eq!(parts(bad), None, "{bad}");
        assert!(network(&format!("custom:{bad}")).is_err(), "{bad}");
    }
    let mut b = NetworkBuilder::new(2).unwrap();
    let (x, op) = (b.input(), with_products());
    for (len, operands, part) in [
        (&[0][..], &[x][..], "between 1 and 256"),
        (&[257], &[x], "between 1 and 256"),
        (&[-1], &[x], "must be 0 or more"),
        (&[1, 2], &[x], "is one number"),
        (&[1], &[], "takes one tensor or more"),
    ] {
        let error = b.op(&op, operands, &[("len", len)]).unwrap_err().message;
        assert!(error.contains(part), "{error}");
    }
    assert!(b.op(&op, &[x], &[]).is_err() && b.op(&op, &[x], &[("size", &[1])]).is_err());
    let error = bind(PRODUCTS, &[7, 1], 7).unwrap_err();
    assert!(error.contains(PRODUCTS) && error.contains("seven is not"), "{error}");
}

/// What [`bind`] says of functions of two elements that give one.
fn verdict(name: &str, forward: Forward, reverse: Reverse) -> Result<(), String> {
    let name = format!("org.example.suite@1.0.0/{name}");
    offer(&name, Arc::new(Plain(forward, reverse)));
    bind(&name, &[2], 1).map(|op| assert_eq!(op.name(), name))
}

fn right(x: &[f64], w: &[f64], grad: &mut [f64]) {
    grad.copy_from_slice(&[w[0] * x[1], w[0] * x[0]]);
}

#[test]
fn code_that_is_not_what_it_says_is_refused_with_the_numbers() {
    let product: Forward = |x, y| y[0] = x[0] * x[1];
    assert_eq!(verdict("sound", product, right), Ok(()));

    // A factor of 1.001 in the second derivative: both numbers are named.
    let wrong = |x: &[f64], w: &[f64], grad: &mut [f64]| {
        grad.copy_from_slice(&[w[0] * x[1], 1.001 * w[0] * x[0]]);
    };
    let error = verdict("wrong", product, wrong).unwrap_err();
    let words = ["wrong`", "element 1 of its operands", "its reverse gives ", "differences give "];
    for part in words {
        assert!(error.contains(part), "{error}");
    }
    let number = |after: &str| -> f64 {
        let rest = error.split(after).nth(1).unwrap();
        rest.split([',', ' ']).next().unwrap().parse().unwrap()
    };
    let ratio = number("its reverse gives ") / number("differences give ");
    assert!((ratio - 1.001).abs() < 1e-6, "{error}");

    let error = verdict("none", product, |_, _, grad| grad.fill(f64::NAN)).unwrap_err();
    assert!(error.contains("reverse gives NaN"), "{error}");
    // One that leaves elements as they were computes with what lay there.
    let error = verdict("forgets", product, |x, w, grad| grad[0] = w[0] * x[1]).unwrap_err();
    assert!(error.contains("element 1 of the same reverse product"), "{error}");

    static COUNT: AtomicU64 = AtomicU64::new(0);
    let moody: Forward = |x, y| {
        y[0] = x[0] * x[1] + 1e-12 * COUNT.fetch_add(1, Ordering::Relaxed) as f64;
    };
    let error = verdict("moody", moody, right).unwrap_err();
    assert!(error.contains("of the same operands"), "{error}");

    let error = verdict("undefined", |_, y| y[0] = f64::NAN, right).unwrap_err();
    assert!(error.contains("no finite value"), "{error}");
    let rough: Forward = |x, y| y[0] = (1e5 * x[0]).sin() * (1e5 * x[1]).sin();
    let error = verdict("rough", rough, right).unwrap_err();
    assert!(error.contains("too rough"), "{error}");
    // A bend, and a domain of positive numbers, are no reason.
    let bent: Forward = |x, y| y[0] = x[0].abs() * x[1];
    let slope: Reverse =
        |x, w, g| g.copy_from_slice(&[w[0] * x[0].signum() * x[1], w[0] * x[0].abs()]);
    assert_eq!(verdict("bent", bent, slope), Ok(()));
    let logarithm: Forward = |x, y| y[0] = x[0].ln() * x[1];
    let slope: Reverse = |x, w, g| g.copy_from_slice(&[w[0] * x[1] / x[0], w[0] * x[0].ln()]);
    assert_eq!(verdict("logarithm", logarithm, slope), Ok(()));
}

/// Of operators with many operands a few derivatives are compared one by one and the others together; a wrong
/// one is found among them.
#[test]
fn one_wrong_derivative_among_thousands_is_found_and_named() {
    const MANY: u32 = 5000;
    const WRONG: usize = 3217;
    let forward: Forward = |x, y| y[0] = x.iter().map(|x| x * x.sin()).sum();
    let right: Reverse = |x, w, g| {
        g.iter_mut().zip(x).for_each(|(g, x)| *g = w[0] * (x.sin() + x * x.cos()));
    };
    let slip: Reverse = |x, w, g| {
        g.iter_mut().zip(x).for_each(|(g, x)| *g = w[0] * (x.sin() + x * x.cos()));
        g[WRONG] = w[0] * (x[WRONG].sin() - x[WRONG] * x[WRONG].cos());
    };
    let missing: Reverse = |x, w, g| {
        g.iter_mut().zip(x).for_each(|(g, x)| *g = w[0] * (x.sin() + x * x.cos()));
        g[WRONG] = f64::NAN;
    };
    let verdict = |name: &str, reverse: Reverse| {
        let name = format!("org.example.suite@1.0.0/{name}");
        offer(&name, Arc::new(Plain(forward, reverse)));
        bind(&name, &[MANY], 1).map(CustomOp::lengths)
    };
    assert_eq!(verdict("many", right), Ok(&[MANY][..]));
    for (name, reverse) in [("slip", slip), ("missing", missing)] {
        let error = verdict(name, reverse).unwrap_err();
        let place = format!("element {WRONG} of its operands is wrong");
        assert!(error.contains(&place), "{error}");
    }
}

/// Other code under the same name, as after another library of that version was trusted, is what is bound
/// from then on; what was bound before stays what it was.
#[test]
fn code_that_is_offered_again_takes_the_place_of_the_old() {
    let name = "org.example.suite@1.0.0/again";
    offer(name, Arc::new(Plain(|x, y| y[0] = 2.0 * x[0], |_, w, g| g[0] = 2.0 * w[0])));
    let old = bind(name, &[1], 1).unwrap();
    assert!(std::ptr::eq(old, bind(name, &[1], 1).unwrap()));
    offer(name, Arc::new(Plain(|x, y| y[0] = 3.0 * x[0], |_, w, g| g[0] = 3.0 * w[0])));
    let new = bind(name, &[1], 1).unwrap();
    let (mut a, mut b) = ([0.0], [0.0]);
    old.run(false, &[1.0], &mut a);
    new.run(false, &[1.0], &mut b);
    assert_eq!((a, b), ([2.0], [3.0]));
}
