//! Backward differentiation with factored and with iterated linear systems on Brusselators on a
//! torus of growing size: least time of three solves.
//!
//! `cargo run --release -p slopefield-solve --example krylov_timings`

use slopefield_problems::brusselator_2d;
use slopefield_solve::{Bdf, Ivp, Settings, Stats, Stepper, drive};
use std::time::Instant;

fn solve(stepper: &mut dyn Stepper, ivp: &Ivp<'_>, rtol: f64) -> (f64, Vec<f64>, Stats) {
    let settings = Settings::with_tolerances(rtol, rtol);
    let mut out = vec![0.0; ivp.u0.len()];
    let (mut least, mut stats) = (f64::INFINITY, Stats::default());
    for _ in 0..3 {
        let start = Instant::now();
        match drive(stepper, ivp, &settings, &[ivp.t1], &mut out, None) {
            Ok(found) => stats = found,
            Err(error) => println!("{error}"),
        }
        least = least.min(start.elapsed().as_secs_f64());
    }
    (least, out, stats)
}

fn main() {
    for side in [16, 32, 52, 72] {
        let problem = brusselator_2d(side);
        let (t0, t1) = (problem.t0, problem.t1);
        let ivp = Ivp { rhs: &*problem.rhs, t0, t1, u0: &problem.u0, p: &problem.p };
        for rtol in [1e-4, 1e-6] {
            let (factored, a, with) = solve(&mut Bdf::new(), &ivp, rtol);
            let (iterated, b, without) = solve(&mut Bdf::iterated(), &ivp, rtol);
            let off = a.iter().zip(&b).fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs()));
            println!(
                "{} states at {rtol:.0e}: factored {:.1} ms ({} steps, {} factorisations), \
                 iterated {:.1} ms ({} steps, {} factorisations, {} products); they differ by {off:.1e}",
                ivp.u0.len(),
                1e3 * factored,
                with.accepted,
                with.factorisations,
                1e3 * iterated,
                without.accepted,
                without.factorisations,
                without.solves,
            );
        }
    }
}
