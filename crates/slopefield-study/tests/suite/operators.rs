//! Studies with an operator that a plugin computes: what goes through it, what is chosen in its place, and
//! what is refused.

use crate::support;

use slopefield_graph::custom::{CustomCode, CustomSource, offer};
use slopefield_graph::network::NetworkError;
use slopefield_graph::{NetworkBuilder, NetworkGraph, NetworkLibrary};
use slopefield_lang::OptionValue;
use slopefield_study::gradient::{allowed, check};
use slopefield_study::{BuiltinSolvers, Prepared};
use std::sync::Arc;
use support::prepare_with;

/// `y[i] = x[i]³/(1 + x[i]²)`.
struct Rational;

impl CustomCode for Rational {
    fn forward(&self, x: &[f64], y: &mut [f64]) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = x.powi(3) / (1.0 + x * x));
    }
    fn reverse(&self, x: &[f64], w: &[f64], grad: &mut [f64]) {
        for ((g, x), w) in grad.iter_mut().zip(x).zip(w) {
            *g = w * (x.powi(4) + 3.0 * x * x) / (1.0 + x * x).powi(2);
        }
    }
}

impl CustomSource for Rational {
    fn bind(&self, _: &[u32], _: u32) -> Result<Box<dyn CustomCode>, String> {
        Ok(Box::new(Rational))
    }
}

/// The operator of the input alone: the equations stay known.
struct Library;

impl NetworkLibrary for Library {
    fn build(
        &self,
        _: &str,
        inputs: u32,
        _: u32,
        _: &[(String, OptionValue)],
    ) -> Result<NetworkGraph, NetworkError> {
        offer("org.example.study@1.0.0/rational", Arc::new(Rational));
        let mut b = NetworkBuilder::new(inputs)?;
        let len = [i64::from(inputs)];
        let op = "custom:org.example.study@1.0.0/rational";
        let y = b.op(op, &[b.input()], &[("len", &len)])?;
        b.output(y)?;
        b.finish()
    }
}

const NETWORK: &str = "network f: org.example.study/f(inputs: 1, outputs: 1)\n";

fn prepare(model: &str, text: &str) -> Prepared {
    let times: Vec<f64> = (1..=6).map(|i| 0.3 * f64::from(i)).collect();
    let y = times.iter().map(|t| (-t).exp()).collect();
    prepare_with(&Library, &format!("{NETWORK}{model}"), text, &[("t", times), ("y", y)]).unwrap()
}

const DECAY: &str = "param k = 0.8 in [0.1, 3]\nstate x = 1.5\nx' = -k*f(x)\nobserve y = x\n";
/// Fast towards a slow path.
const STIFF: &str = "param k = 0.8 in [0.1, 3]\nstate x = 1.5\nstate z = 0\n\
    x' = -k*f(x)\nz' = 1e5*(cos(t) - z)\nobserve y = x + z\n";
const ALGEBRAIC: &str = "param k = 0.8 in [0.1, 3]\nstate x = 1.5\nalgebraic z = 1\n\
    x' = -k*z\n0 = z - f(x)\nobserve y = x\n";

/// Every method that goes through is compared with differences, of the very steps where that can be.
#[test]
fn gradients_go_through_the_operator() {
    for (solver, exact) in
        [("tsit5", true), ("kencarp4", true), ("radau", true), ("rodas5p", false)]
    {
        let prepared = prepare(DECAY, &format!("[solver]\nmethod = \"{solver}\"\nrtol = 1e-8\n"));
        let route = prepared.route(&BuiltinSolvers);
        let methods = route.applicable();
        assert_eq!(methods.iter().any(|m| m.exact), exact, "{solver}");
        for method in methods {
            let worst = check(&prepared, method.id, &BuiltinSolvers, 3).unwrap();
            let most = allowed(&route, method, &prepared.problem.settings);
            assert!(worst <= most, "{solver}, {}: {worst:e}", method.id);
        }
        if !exact {
            let refused = route.refusals();
            let (_, why) = refused.iter().find(|(m, _)| m.id == "discrete").unwrap();
            for part in ["second derivatives", "operators of plugins have none", "kencarp4"] {
                assert!(why.contains(part), "{why}");
            }
        }
    }
}

/// What `auto` takes for stiff and for algebraic equations has exact gradients without second derivatives.
#[test]
fn automatic_choices_need_no_second_derivatives() {
    let prepared = prepare(STIFF, "");
    let (solver, reason) = &prepared.solver;
    assert!(solver == "kencarp4" && reason.starts_with("KenCarp4: the trial"), "{reason}");
    let prepared = prepare(ALGEBRAIC, "");
    let (solver, reason) = &prepared.solver;
    assert!(solver == "radau" && reason.contains("has no second derivatives"), "{reason}");
    for model in [STIFF, ALGEBRAIC] {
        let prepared = prepare(model, "");
        let method = slopefield_adjoint::method_info(&prepared.gradient.0).unwrap();
        assert!(method.exact, "{:?}", prepared.gradient);
        let worst = check(&prepared, method.id, &BuiltinSolvers, 3).unwrap();
        assert!(worst < 1e-6, "{model}: {worst:e}");
    }
    // Without the operator it is the method that has them.
    let plain = prepare(&STIFF.replace("f(x)", "x^3/(1 + x^2)"), "");
    assert_eq!(plain.solver.0, "rodas5p");
}

/// Wherever the operator is: in the equations, the observations, what an event changes.
#[test]
fn second_derivatives_of_the_loss_are_refused_with_the_operator() {
    let plain = "param k = 0.8\nstate x = k\nx' = -k*x\nobserve y = x\n";
    assert!(prepare(plain, "").second_derivatives().is_ok());
    for model in [
        DECAY.to_owned(),
        plain.replace("observe y = x", "observe y = f(x)"),
        format!("{plain}at [0.5]: x += f(x)\n"),
    ] {
        let Err(error) = prepare(&model, "").second_derivatives() else { panic!("{model}") };
        let said = error.to_string();
        for part in ["`org.example.study@1.0.0/rational`", "has none", "`slopefield uncertainty`"] {
            assert!(said.contains(part), "`{part}` is not in {said}");
        }
    }
}
