//! Standard problems from text to their reference: what is left of the error falls with the
//! tolerance.
use slopefield_graph::BuiltinNetworks;
use slopefield_problems::{
    Problem, car_axis, charge_pump, emep, fekete, filament, nand_gate, slider_crank, squeezer,
    water_tubes, wheelset,
};
use slopefield_solve::Settings;
use slopefield_study::simulate::simulate;
use slopefield_study::{BuiltinSolvers, CompiledModel, SimulateOptions};

/// The largest error of the first `states` at the reference, relative to it and `floor`, for each
/// relative tolerance; `atol` is the absolute one at a relative one of 1.
fn errors_of(
    (problem, states): (&Problem, usize),
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
        let states = found.states.iter().map(|column| column[0]).zip(&reference.u).take(states);
        states.map(|(x, known)| (x - known).abs() / known.abs().max(floor)).fold(0.0, f64::max)
    };
    tolerances.iter().map(run).collect()
}

/// The same of all states.
fn errors(problem: &Problem, method: &str, tolerances: &[f64], sizes: (f64, f64)) -> Vec<f64> {
    errors_of((problem, problem.u0.len()), method, tolerances, sizes)
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

#[test]
fn the_ozone_chemistry_is_met_over_four_days_and_nights() {
    falls_to(&errors(&emep(), "rodas5p", &[1e-4, 1e-6, 1e-8], (1e6, 1e7)), 1e-6);
}

#[test]
fn the_filament_is_met_with_steps_that_the_tolerance_sets() {
    falls_to(&errors(&filament(), "rodas5p", &[1e-4, 1e-6, 1e-8], (1.0, 1.0)), 1e-6);
}

#[test]
fn mechanisms_of_index_2_and_3_are_met_once_their_index_is_reduced() {
    // Accelerations are published with fewer digits.
    falls_to(&errors_of((&squeezer(), 14), "radau", &[1e-5, 1e-7, 1e-9], (1.0, 1.0)), 1e-7);
    falls_to(&errors_of((&slider_crank(), 14), "radau", &[1e-5, 1e-7], (1e-3, 1e-3)), 1e-5);
    falls_to(&errors(&wheelset(), "radau", &[1e-5, 1e-7], (1e-3, 1e-3)), 1e-5);
}

#[test]
fn points_on_a_sphere_come_to_rest_where_they_are_farthest() {
    falls_to(&errors(&fekete(), "radau", &[1e-4, 1e-6], (1.0, 1.0)), 1e-6);
}

#[test]
fn water_is_met_after_its_flow_has_become_turbulent() {
    falls_to(&errors(&water_tubes(), "rodas5p", &[1e-4, 1e-6, 1e-8], (1e-2, 1e-3)), 1e-5);
}

#[test]
fn charge_is_pumped_through_a_transistor_that_events_open_and_close() {
    falls_to(&errors(&charge_pump(), "rodas5p", &[1e-5, 1e-7, 1e-9], (1.0, 1.0)), 1e-6);
    // Ten pulses of four corners, each opening the transistor once and closing it.
    for method in ["radau", "kencarp4", "bdf", "auto-switch"] {
        let found = errors(&charge_pump(), method, &[1e-8], (1.0, 1.0));
        assert!(found[0] < 1e-4, "{method}: {found:?}");
    }
}

#[test]
fn the_nand_gate_is_met_after_four_pulses() {
    falls_to(&errors(&nand_gate(), "radau", &[1e-5, 1e-7, 1e-9], (1.0, 1.0)), 1e-5);
}
