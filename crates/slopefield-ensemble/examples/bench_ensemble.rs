//! Prints how many trajectories a second an ensemble solves.
//!
//! `cargo run --release -p slopefield-ensemble --example bench_ensemble [COUNT]`. The problem:
//! Lotka–Volterra, parameters [1.5, 1, 3, 1] each varied by ±20 %, t from 0 to 10, Tsit5 with
//! tolerances of 1e-6, every trajectory with its own steps. Best of many rounds. With a file name as
//! second argument, the parameters are written there (COUNT × 4 doubles), for other programs. CASE in
//! the environment chooses lines that contain it, SECONDS the time for each, WIDTH the
//! lanes of a block.

use std::time::Instant;

use slopefield_cpu::{BatchOptions, compile_batch_with};
use slopefield_ensemble::{Ensemble, Run, Values, solve};
use slopefield_graph::{BuiltinNetworks, lower};
use slopefield_kernel::BatchKernel;
use slopefield_solve::{Settings, tableau};

const MODEL: &str = "
state x = 1
state y = 1
param a = 1.5
param b = 1
param c = 3
param d = 1
x' = a*x - b*x*y
y' = d*x*y - c*y
";

/// SplitMix64 (Steele, Lea & Flood 2014) as a number in `[0, 1)`.
fn uniform(index: u64) -> f64 {
    let mut z = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().map_or(10_000, |n| n.parse().expect("a number"));
    let own: Vec<f64> = (0..4 * count)
        .map(|k| [1.5, 1.0, 3.0, 1.0][k % 4] * (0.8 + 0.4 * uniform(k as u64 + 1)))
        .collect();
    if let Some(file) = arguments.next() {
        let bytes: Vec<u8> = own.iter().flat_map(|x| x.to_le_bytes()).collect();
        std::fs::write(file, bytes).expect("the file can be written");
    }
    let seconds: f64 = std::env::var("SECONDS").ok().map_or(2.0, |s| s.parse().expect("seconds"));

    let (model, diagnostics) = slopefield_lang::check(MODEL);
    assert!(model.is_complete, "{diagnostics:?}");
    let plans = lower(&model, &BuiltinNetworks).expect("the model is right").rhs;
    let settings = Settings::with_tolerances(1e-6, 1e-6);
    let tsit5 = tableau("tsit5").expect("built in");
    let grid: Vec<f64> = (0..=100).map(|i| f64::from(i) / 10.0).collect();
    println!("{count} trajectories, steps with {}", slopefield_ensemble::description());
    let case = std::env::var("CASE").unwrap_or_default();
    for native in [true, false] {
        let width = std::env::var("WIDTH").ok().map(|w| w.parse().expect("lanes"));
        let options = BatchOptions { native, width, ..BatchOptions::default() };
        let rhs =
            compile_batch_with(&plans.eval, &[0, 1, 2, 3], options).expect("the plan is right");
        let ensemble = Ensemble {
            rhs: &rhs,
            t0: 0.0,
            t1: 10.0,
            count,
            u0: Values::Same(&[1.0, 1.0]),
            shared: &[0.0; 4],
            own: Values::Each(&own),
        };
        for (name, saves) in [("end values", &grid[100..]), ("101 save points", &grid[..])] {
            let mut out = vec![0.0; count * saves.len() * 2];
            for threads in [1, 2] {
                let kind = if rhs.is_native() { "machine code" } else { "kernels" };
                let label = format!("{kind}, {name}, {threads} threads");
                if !label.contains(&case) {
                    continue;
                }
                let run = Run { threads, ..Run::default() };
                let mut best = f64::INFINITY;
                let mut utilisation = 0.0;
                let start = Instant::now();
                while start.elapsed().as_secs_f64() < seconds {
                    let begin = Instant::now();
                    let report = solve(&ensemble, tsit5, &settings, saves, &mut out, run)
                        .expect("the problem is right");
                    best = best.min(begin.elapsed().as_secs_f64());
                    assert_eq!(report.failures(), 0);
                    utilisation = report.utilisation();
                }
                let rate = count as f64 / best / 1e3;
                println!("  {label:<44} {rate:>8.0} k/s, {utilisation:.4} of the lanes used");
            }
        }
        println!("  blocks of {} lanes", rhs.width());
    }
}
