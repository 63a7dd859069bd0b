//! Time of a path step of geometric Brownian motion, by method, on one thread.
//!
//! `cargo run --release -p slopefield-stochastic --example bench_paths`

#[path = "../tests/common/mod.rs"]
mod common;

use common::*;
use slopefield_kernel::Calculus;
use slopefield_solve::{Ivp, Settings};
use slopefield_stochastic::{Paths, method, paths};
use std::time::Instant;

fn main() {
    let count = 10_000;
    let model = Model::<f64>::new(geometric());
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 1.0, u0: &[0.5], p: &[] };
    let mut out = vec![0.0; count];
    println!("method             steps   strong error   ms (10 000 paths)   ns per path step");
    for (name, levels) in
        [("em", [6, 8, 10]), ("milstein", [6, 8, 10]), ("sriw1", [5, 6, 7]), ("sosri", [5, 6, 7])]
    {
        for level in levels {
            let h = 0.5_f64.powi(level);
            let settings = Settings { seed: 2024, ..fixed(h, 0) };
            let which = Paths { first: 0, count, threads: 1 };
            let make = || method(name).expect("built in");
            let start = Instant::now();
            let stats = paths(&make, &ivp, &settings, which, &[1.0], &mut out).expect("solves");
            let time = start.elapsed().as_secs_f64();
            let mut sum = 0.0;
            for (path, u) in out.iter().enumerate() {
                let settings = fixed(h, path as u64);
                let w = motion(&settings, 1, 0.0, 1.0)[0];
                sum += (u - geometric_exact(Calculus::Ito, 1.0, w)).powi(2);
            }
            println!(
                "{name:16} {:7} {:14.2e} {:19.2} {:18.1}",
                1 << level,
                (sum / count as f64).sqrt(),
                1e3 * time,
                1e9 * time / stats.accepted as f64
            );
        }
    }
}
