//! Error, work and time of stiff methods on standard problems, as a table.
//!
//! `cargo run --release -p slopefield-solve --example stiff_figures -- bdf` (or other names).
#![allow(clippy::unwrap_used, reason = "a program to look at figures with")]

use slopefield_problems::{
    Problem, brusselator_1d_200, hires, oregonator, pollution, robertson, van_der_pol,
};
use slopefield_solve::{Ivp, Settings, drive, method};
use std::time::Instant;

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let names = if names.is_empty() { vec!["bdf".to_string()] } else { names };
    let cases: [(Problem, f64, f64); 6] = [
        (robertson(), 1e5, 1e-4),
        (hires(), 321.8122, 1e-2),
        (oregonator(), 360.0, 1e-2),
        (pollution(), 60.0, 1e-4),
        (van_der_pol(), 2.0, 1e-2),
        (brusselator_1d_200(), 10.0, 1e-2),
    ];
    for (problem, t1, atol_share) in &cases {
        let reference = problem.references.iter().find(|r| r.t == *t1);
        for name in &names {
            for exponent in 3..=11 {
                let rtol = 10.0_f64.powi(-exponent);
                let settings = Settings::with_tolerances(rtol, rtol * atol_share);
                let ivp = Ivp {
                    rhs: &*problem.rhs,
                    t0: problem.t0,
                    t1: *t1,
                    u0: &problem.u0,
                    p: &problem.p,
                };
                let mut u = vec![0.0; problem.u0.len()];
                let mut stepper = method(name).unwrap();
                let stats = match drive(&mut *stepper, &ivp, &settings, &[*t1], &mut u, None) {
                    Ok(stats) => stats,
                    Err(error) => {
                        println!("{:18} {name:9} 1e-{exponent:02} {error}", problem.id);
                        continue;
                    }
                };
                let error = reference.map_or(f64::NAN, |r| {
                    let size = |x: &f64| x.abs().max(atol_share * 1.0);
                    u.iter().zip(&r.u).map(|(a, b)| ((a - b) / size(b)).powi(2)).sum::<f64>().sqrt()
                        / (u.len() as f64).sqrt()
                });
                let mut times: Vec<f64> = (0..7)
                    .map(|_| {
                        let begin = Instant::now();
                        drive(&mut *stepper, &ivp, &settings, &[*t1], &mut u, None).unwrap();
                        begin.elapsed().as_secs_f64() * 1e3
                    })
                    .collect();
                times.sort_by(f64::total_cmp);
                println!(
                    "{:18} {name:9} 1e-{exponent:02} error {error:8.1e} steps {:5} rejected {:4} \
                     f {:5} J {:4} LU {:4} {:8.4} ms",
                    problem.id,
                    stats.accepted,
                    stats.rejected,
                    stats.rhs,
                    stats.jacobians,
                    stats.factorisations,
                    times[3]
                );
            }
        }
    }
}
