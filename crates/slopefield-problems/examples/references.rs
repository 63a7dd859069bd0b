//! Prints the references that this crate computes itself, with how far two tolerances differ:
//! `cargo run --release -p slopefield-problems --example references`.

#[path = "../tests/common/mod.rs"]
mod common;

use slopefield_problems::{brusselator_1d, brusselator_1d_200};

fn main() {
    for problem in [brusselator_1d(), brusselator_1d_200()] {
        let at = |rtol: f64| common::solve(&problem, &[problem.t1], rtol, 1e-2 * rtol, 10_000);
        let (loose, tight) = (at(1e-10).remove(0), at(1e-12).remove(0));
        let distance = loose.iter().zip(&tight).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        println!("# {} at t = {}: {distance:.1e}", problem.id, problem.t1);
        tight.iter().for_each(|x| println!("{x:.13}"));
    }
}
