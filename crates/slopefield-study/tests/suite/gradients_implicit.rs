//! Gradients through implicit methods of models from their texts: second derivatives and mass
//! matrices as the compiler makes them.
use slopefield_adjoint::{Case, Replay, Through, check, method_info};
use slopefield_graph::BuiltinNetworks;
use slopefield_solve::{Ivp, Settings};
use slopefield_study::CompiledModel;

fn squares(states: &[f64], by_state: &mut [f64]) -> f64 {
    let mut sum = 0.0;
    for (i, (w, x)) in by_state.iter_mut().zip(states).enumerate() {
        let off = x - (0.7 * i as f64).sin();
        *w = 2.0 * off;
        sum += off * off;
    }
    sum
}

/// Both exact methods through several solvers agree with differences of the same steps.
#[track_caller]
fn check_model(text: &str) {
    let compiled = CompiledModel::new(text, &BuiltinNetworks).expect("a valid model");
    let p = compiled.start_params(3);
    let mut u0 = vec![0.0; compiled.model.states.len()];
    let mut scratch = vec![0.0; compiled.initial.scratch_len()];
    compiled.initial.eval(0.0, &[], &p, &mut u0, &mut scratch);
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let ivp = Ivp { rhs: &*compiled.rhs, t0: 0.0, t1: 2.0, u0: &u0, p: &p };
    let saves = [0.0, 0.3, 1.1, 2.0];
    for solver in ["rosenbrock23", "rodas5p", "kencarp4", "radau"] {
        for id in ["discrete", "forward"] {
            let through = Through {
                solver,
                structure: &compiled.rhs.structure(),
                stepper: &|| Err("not asked for".into()),
                memory: 1 << 20,
            };
            let mut method = (method_info(id).unwrap().make)(&through).unwrap();
            let case = Case { ivp, settings: &settings, saves: &saves };
            let replay = Replay::Steps(solver);
            let report = check(&mut *method, &case, replay, &mut squares, 2, 5).unwrap();
            assert!(report.worst() < 1e-9, "{id} through {solver}: {report:#?}");
        }
    }
}

#[test]
fn algebraic_variables_with_a_network() {
    check_model(
        "state x = 1\nstate y = 0.5\nalgebraic z = 0.3\nparam a = 1.3\nparam b = 0.4\n\
         network f: mlp(inputs: 2, outputs: 1, hidden: [4])\nx' = -a*x*z + sin(t)\ny' = f(x, y) - b*y\n\
         0 = z + z^3 - x*y - b",
    );
}

#[test]
fn time_and_parameters_without_algebraic_variables() {
    check_model(
        "state x = 1\nstate y = 0.2\nparam k = 30\nx' = -k*(x - cos(t)) + y^2\ny' = x*y - y/k",
    );
}

#[test]
fn mass_matrices_with_parameters() {
    check_model(
        "state x = 1\nstate y = 0.5\nparam c = 2\nparam k = 0.7\nc*(x' - y') = -k*x\n\
         x' + k*y' = cos(t) - x*y",
    );
    // A capacitor between two nodes: the sum of the rows is an algebraic equation.
    check_model(
        "state a = 1\nstate b = 0.4\nparam C = 0.3\nparam k = 0.7\nC*(a' - b') = -k*a\n\
         C*(b' - a') = k*a - b - b^3 + cos(t)",
    );
}
