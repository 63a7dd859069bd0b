//! Error, work and time of stiff methods on standard problems, as a table.
//!
//! `cargo run --release -p slopefield-solve --example stiff_figures -- bdf rodas5p`
#![allow(clippy::unwrap_used, reason = "a program to look at figures with")]

use slopefield_problems::{
    Problem, brusselator_1d_200, brusselator_2d, hires, oregonator, pollution, robertson,
    van_der_pol,
};
use slopefield_solve::{Ivp, Settings, SolveError, Stats, drive, method};
use std::time::Instant;

/// A problem, its end, and the absolute tolerance over the relative one, which is also the size
/// below which a state counts as 0.
type Case = (Problem, f64, f64);

/// Solves are timed so often; the median is shown.
const TIMES: usize = 7;

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let names = if names.is_empty() { vec!["bdf".to_string()] } else { names };
    let cases: [Case; 7] = [
        (robertson(), 1e5, 1e-4),
        (hires(), 321.8122, 1e-2),
        (oregonator(), 360.0, 1e-2),
        (pollution(), 60.0, 1e-4),
        (van_der_pol(), 2.0, 1e-2),
        (brusselator_1d_200(), 10.0, 1e-2),
        (brusselator_2d(32), 11.5, 1e-2),
    ];
    for case in &cases {
        let exact = reference(case);
        for name in &names {
            for exponent in 3..=10 {
                let line = match row(case, name, 10.0_f64.powi(-exponent), &exact) {
                    Ok(line) => line,
                    Err(error) => error.to_string(),
                };
                println!("{:18} {name:9} 1e-{exponent:02} {line}", case.0.id);
            }
        }
    }
}

fn solve(
    (problem, t1, share): &Case,
    name: &str,
    rtol: f64,
) -> Result<(Vec<f64>, Stats, f64), SolveError> {
    let settings = Settings::with_tolerances(rtol, rtol * share);
    let Problem { rhs, t0, u0, p, .. } = problem;
    let ivp = Ivp { rhs: &**rhs, t0: *t0, t1: *t1, u0, p };
    let mut u = vec![0.0; u0.len()];
    let mut stepper = method(name).unwrap();
    let stats = drive(&mut *stepper, &ivp, &settings, &[*t1], &mut u, None)?;
    let mut times = [0.0; TIMES];
    for time in &mut times {
        let begin = Instant::now();
        drive(&mut *stepper, &ivp, &settings, &[*t1], &mut u, None)?;
        *time = begin.elapsed().as_secs_f64() * 1e3;
    }
    times.sort_by(f64::total_cmp);
    Ok((u, stats, times[TIMES / 2]))
}

/// The published state at the end, or that of another method at a tight tolerance.
fn reference(case: &Case) -> Vec<f64> {
    match case.0.references.iter().find(|reference| reference.t == case.1) {
        Some(reference) => reference.u.clone(),
        None => solve(case, "rodas5p", 1e-10).unwrap().0,
    }
}

fn row(case: &Case, name: &str, rtol: f64, exact: &[f64]) -> Result<String, SolveError> {
    let (u, stats, time) = solve(case, name, rtol)?;
    let part = |(a, b): (&f64, &f64)| ((a - b) / b.abs().max(case.2)).powi(2);
    let error = (u.iter().zip(exact).map(part).sum::<f64>() / u.len() as f64).sqrt();
    Ok(format!(
        "error {error:8.1e} steps {:5} rejected {:4} f {:5} J {:4} LU {:4} {time:8.4} ms",
        stats.accepted, stats.rejected, stats.rhs, stats.jacobians, stats.factorisations
    ))
}
