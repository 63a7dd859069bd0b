//! Every instruction set of the machine gives the same bits.

use slopefield_problems::{Problem, fitzhugh_nagumo, lotka_volterra, rigid_body};
use slopefield_solve::{Settings, tableau};

use crate::solve::solve_with;
use crate::table::available;
use crate::{EachLane, Ensemble, Run, Values};

fn states(problem: &Problem, method: &str, set: usize) -> (Vec<u64>, Vec<(u64, u64)>) {
    let n = problem.u0.len();
    let count = 29;
    let u0: Vec<f64> =
        (0..count * n).map(|k| problem.u0[k % n] * (1.0 + 0.01 * k as f64)).collect();
    let batch = EachLane::new(&*problem.rhs, &[]);
    let ensemble = Ensemble {
        rhs: &batch,
        t0: problem.t0,
        t1: problem.t1,
        count,
        u0: Values::Each(&u0),
        shared: &problem.p,
        own: Values::Each(&[]),
    };
    let span = problem.t1 - problem.t0;
    let saves: Vec<f64> = (1..9).map(|i| problem.t0 + span * f64::from(i) / 8.0).collect();
    let mut out = vec![0.0; count * n * saves.len()];
    let settings = Settings::with_tolerances(1e-6, 1e-7);
    let table = available()[set];
    let method = tableau(method).expect("built in");
    let report = solve_with(&ensemble, method, &settings, &saves, &mut out, Run::default(), table);
    let steps = report.expect("the problem makes sense").trajectories.into_iter();
    let steps = steps.map(|r| r.map(|s| (s.accepted, s.rejected)).expect("the solve ends"));
    (out.into_iter().map(f64::to_bits).collect(), steps.collect())
}

#[test]
fn instruction_sets_give_the_same_bits() {
    for problem in [lotka_volterra(), rigid_body(), fitzhugh_nagumo()] {
        for method in ["tsit5", "dp5", "bs3"] {
            let first = states(&problem, method, 0);
            for set in 1..available().len() {
                assert!(
                    states(&problem, method, set) == first,
                    "{} with {method} on {}",
                    problem.id,
                    available()[set].name
                );
            }
        }
    }
}
