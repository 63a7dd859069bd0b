//! Standard problems from text to their reference: what is left of the error falls with the
//! tolerance.
use slopefield_graph::BuiltinNetworks;
use slopefield_problems::{Problem, car_axis};
use slopefield_solve::Settings;
use slopefield_study::simulate::simulate;
use slopefield_study::{BuiltinSolvers, CompiledModel, SimulateOptions};

/// The largest error of a state at the reference, relative to it and `floor`, for each relative
/// tolerance; `atol` is the absolute one at a relative one of 1.
fn errors(
    problem: &Problem,
    method: &str,
    tolerances: &[f64],
    (atol, floor): (f64, f64),
) -> Vec<f64> {
    let model = CompiledModel::new(problem.text.unwrap(), &BuiltinNetworks).unwrap();
    let p = model.start_params(1);
    let u0 = model.initial_state(problem.t0, &p, &[]);
    let reference = &problem.references[0];
    let run = |rtol: &f64| {
        let options = SimulateOptions {
            from: problem.t0,
            at: vec![reference.t],
            method: method.into(),
            settings: Settings::with_tolerances(*rtol, atol * rtol),
            paths: None,
        };
        let found = simulate(&model, &p, &u0, &options, &BuiltinSolvers).unwrap();
        let states = found.states.iter().map(|column| column[0]).zip(&reference.u);
        states.map(|(x, known)| (x - known).abs() / known.abs().max(floor)).fold(0.0, f64::max)
    };
    tolerances.iter().map(run).collect()
}

#[track_caller]
fn falls_to(errors: &[f64], last: f64) {
    assert!(errors.windows(2).all(|pair| pair[1] < 0.3 * pair[0]), "{errors:?}");
    assert!(errors[errors.len() - 1] < last, "{errors:?}");
}

#[test]
fn the_car_axis_is_met_once_its_index_is_reduced() {
    falls_to(&errors(&car_axis(), "radau", &[1e-6, 1e-8, 1e-10], (1.0, 1.0)), 1e-7);
}
