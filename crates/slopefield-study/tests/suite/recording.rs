//! Gradients of networks with evaluations that write down what their reversal needs: the same
//! gradient with and without room for it.

use crate::gradients;

use gradients::model;
use slopefield_adjoint::{DiscreteAdjoint, Evaluated, ForwardSensitivity, GradientMethod};
use slopefield_solve::{Ivp, Settings};
use slopefield_study::CompiledModel;

const SPIRAL: &str = "network n: mlp(inputs: 2, outputs: 2, hidden: [20], activation: tanh)\n\
                      state x = 2\nstate y = 0\nlet z = n(x^3, y^3)\nx' = z[1]\ny' = z[2] - 0.1*y\n";

/// Loss, and gradient by initial state and parameters, of a weighted sum of squares at points
/// within steps and at their ends.
fn gradient(model: &CompiledModel, method: &mut dyn GradientMethod) -> (Evaluated, Vec<f64>) {
    let p = model.start_params(3);
    let u0 = model.initial_state(0.0, &p, &[]);
    let ivp = Ivp { rhs: &*model.rhs, t0: 0.0, t1: 3.0, u0: &u0, p: &p };
    let saves = [0.0, 0.4, 1.0, 1.1, 2.7, 3.0];
    let mut loss = |states: &[f64], by_state: &mut [f64]| {
        for (i, (slope, u)) in by_state.iter_mut().zip(states).enumerate() {
            *slope = 2.0 * (1.0 + i as f64) * u;
        }
        states.iter().enumerate().map(|(i, u)| (1.0 + i as f64) * u * u).sum()
    };
    let (mut by_u0, mut by_p) = (vec![0.0; u0.len()], vec![0.0; p.len()]);
    let settings = Settings::with_tolerances(1e-8, 1e-8);
    let found = method.evaluate(&ivp, &settings, &saves, &mut loss, &mut by_u0, &mut by_p).unwrap();
    by_u0.extend(by_p);
    (found, by_u0)
}

fn close(found: &[f64], expected: &[f64], relative: f64) {
    let scale = expected.iter().fold(0.0f64, |m, g| m.max(g.abs()));
    for (i, (g, e)) in found.iter().zip(expected).enumerate() {
        assert!((g - e).abs() <= relative * scale, "element {i}: {g:e} and {e:e} of {scale:e}");
    }
}

#[test]
fn what_evaluations_write_down_gives_the_gradient_of_evaluating_again() {
    let model = model(SPIRAL);
    let recorded = model.rhs.recording().expect("a network has something to write down");
    // The outputs, what the network takes, its hidden layer and what it gives.
    assert_eq!(recorded.row_len(), 2 + 2 + 20 + 2);
    // First-same-as-last, and methods whose interpolants need stages of their own.
    for name in ["tsit5", "bs3", "vern7"] {
        let make = || DiscreteAdjoint::named(name).unwrap();
        let (all, by_records) = gradient(&model, &mut make());
        let least = all.memory / 26 * 4;
        let (few, by_states) = gradient(&model, &mut make().with_memory(least));
        assert!(few.memory <= least && few.loss == all.loss, "{name}: {few:?} {all:?}");
        close(&by_records, &by_states, 1e-13);
        let mut forward = ForwardSensitivity::named(name).unwrap();
        let (found, by_tangents) = gradient(&model, &mut forward);
        assert_eq!(found.loss, all.loss, "{name}");
        close(&by_records, &by_tangents, 1e-11);
    }
}

#[test]
fn one_method_serves_solves_with_and_without_anything_to_write_down() {
    let (network, plain) = (model(SPIRAL), model("state x = 1\nparam k = 0.3\nx' = -k*x*x\n"));
    assert!(plain.rhs.recording().is_none());
    let mut method = DiscreteAdjoint::named("tsit5").unwrap();
    let first = gradient(&network, &mut method).1;
    let alone = gradient(&plain, &mut DiscreteAdjoint::named("tsit5").unwrap()).1;
    assert_eq!(gradient(&plain, &mut method).1, alone);
    assert_eq!(gradient(&network, &mut method).1, first);
}

#[test]
fn models_driven_by_signals_evaluate_again() {
    let driven = model(
        "network n: mlp(inputs: 2, outputs: 1, hidden: [8])\ninput a = column(\"a\", linear)\n\
         state x = 1\nx' = n(x, a)\n",
    );
    assert!(driven.rhs.recording().is_none());
}
