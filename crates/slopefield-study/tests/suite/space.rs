//! Random jumps in space against what another program finds.
use slopefield_problems::spatial_signalling;
use slopefield_solve::{Ivp, Settings};
use slopefield_stochastic::{Paths, method, paths};

/// Mean and standard deviation of all A and B at t = 0.5, of the runs behind the problem's moments.
const SIGNALS: (f64, f64) = (26_787.1, 364.3);

#[test]
fn signals_in_space_have_the_moments_of_another_program() {
    let problem = spatial_signalling(3);
    let n = problem.u0.len();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 0.5, u0: &problem.u0, p: &problem.p };
    let settings = Settings { seed: 3, max_steps: 10_000_000, ..Settings::default() };
    let which = Paths { first: 0, count: 6, threads: 2 };
    let mut out = vec![0.0; which.count * n];
    let make = || method("next-reaction").unwrap();
    paths(&make, &ivp, &settings, which, &[0.5], &mut out).unwrap();
    let count = which.count as f64;
    let mean = |of: &dyn Fn(&[f64]) -> f64| out.chunks(n).map(of).sum::<f64>() / count;
    let signals = mean(&|row| row.chunks(8).map(|cell| cell[2] + cell[3]).sum());
    let off = (signals - SIGNALS.0) / (SIGNALS.1 / count.sqrt());
    assert!(off.abs() < 3.0, "{signals} signals, {off} standard errors off");
    for moment in &problem.moments {
        let amount = mean(&|row| row[moment.state]);
        let off = (amount - moment.mean) / (moment.variance.unwrap() / count).sqrt();
        assert!(off.abs() < 3.5, "state {} is {amount}, {off} standard errors off", moment.state);
    }
}
