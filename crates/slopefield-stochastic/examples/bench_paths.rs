//! Time of a path step of geometric Brownian motion, by method, on one thread.
//!
//! `cargo run --release -p slopefield-stochastic --example bench_paths`

#[path = "../tests/suite/common/mod.rs"]
mod common;

use common::*;
use slopefield_kernel::{BatchKernel, BatchPoint, Calculus, Shape};
use slopefield_solve::{Ivp, Settings};
use slopefield_stochastic::{LaneSystem, Paths, method, paths, paths_in_lanes};
use std::time::Instant;

/// Seconds of processor time of this thread where the system tells it, otherwise of the clock: a
/// busy machine does not count.
fn seconds(since: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or(since.elapsed().as_secs_f64(), |ns| 1e-9 * ns)
}

/// `factor · u` in lanes.
struct Lanes(f64);

impl BatchKernel for Lanes {
    fn shape(&self) -> Shape {
        Shape { states: 1, params: 0, outputs: 1 }
    }
    fn width(&self) -> usize {
        64
    }
    fn own_params(&self) -> &[usize] {
        &[]
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, lanes: usize, at: BatchPoint<'_>, out: &mut [f64], _: &mut [f64]) {
        for (out, u) in out[..lanes].iter_mut().zip(at.u) {
            *out = self.0 * u;
        }
    }
}

fn main() {
    let begin = Instant::now();
    let count = 10_000;
    let model = Model::<f64>::new(geometric());
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 1.0, u0: &[0.5], p: &[] };
    let mut out = vec![0.0; count];
    println!("10 000 paths on one thread: ms, and ns per path step; one by one, and in lanes");
    println!(
        "method             steps   strong error           ms           ns      ms in lanes   ns"
    );
    for (name, levels) in
        [("em", [6, 8, 10]), ("milstein", [6, 8, 10]), ("sriw1", [5, 6, 7]), ("sosri", [5, 6, 7])]
    {
        for level in levels {
            let h = 0.5_f64.powi(level);
            let settings = Settings { seed: 2024, ..fixed(h, 0) };
            let which = Paths { first: 0, count, threads: 1 };
            let make = || method(name).expect("built in");
            let start = seconds(begin);
            let stats = paths(&make, &ivp, &settings, which, &[1.0], &mut out).expect("solves");
            let alone = seconds(begin) - start;
            let side = LaneSystem { drift: &Lanes(1.01), coefficients: &Lanes(0.87) };
            let mut beside = vec![0.0; count];
            let start = seconds(begin);
            let lanes = paths_in_lanes(
                name,
                side,
                (0.0, 1.0),
                &[0.5],
                &[],
                &settings,
                which,
                &[1.0],
                &mut beside,
            );
            let lanes = if lanes.is_ok() { seconds(begin) - start } else { f64::NAN };
            assert!(lanes.is_nan() || beside == out, "lanes have other bits");
            let mut sum = 0.0;
            for (path, u) in out.iter().enumerate() {
                let settings = fixed(h, path as u64);
                let w = motion(&settings, 1, 0.0, 1.0)[0];
                sum += (u - geometric_exact(Calculus::Ito, 1.0, w)).powi(2);
            }
            println!(
                "{name:16} {:7} {:14.2e} {:12.2} {:12.1} {:16.2} {:12.1}",
                1 << level,
                (sum / count as f64).sqrt(),
                1e3 * alone,
                1e9 * alone / stats.accepted as f64,
                1e3 * lanes,
                1e9 * lanes / stats.accepted as f64
            );
        }
    }
}
