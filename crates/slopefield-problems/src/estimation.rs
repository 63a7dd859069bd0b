//! Settings of parameter estimation problems.

use crate::{Problem, fitzhugh_nagumo, lorenz, lotka_volterra};

/// Data without noise from the truth, and where a search starts.
pub struct Estimation {
    /// Short name, stable.
    pub id: &'static str,
    /// The equations; their parameters are the truth.
    pub problem: Problem,
    /// Times of the data, equally spaced: the first, the last, and how many.
    pub times: (f64, f64, usize),
    /// Where a local search starts.
    pub start: Vec<f64>,
    /// Bounds of each parameter.
    pub bounds: Vec<(f64, f64)>,
    /// What makes it easy or hard.
    pub note: &'static str,
}

/// The settings that public benchmarks use: Lotka–Volterra on a short and a long span with a near
/// and a far start, FitzHugh–Nagumo, Lorenz from two states.
pub fn estimations() -> Vec<Estimation> {
    let lv = |id, times, start: &[f64], top: f64, note| Estimation {
        id,
        problem: lotka_volterra(),
        times,
        start: start.to_vec(),
        bounds: vec![(0.0, top); 4],
        note,
    };
    let (near, far) = ([1.0, 0.5, 3.5, 1.5], [5.0; 4]);
    let (short, long) = ((0.0, 3.0, 301), (0.0, 30.0, 3001));
    let chaos = |id, u0: [f64; 3], note| {
        let mut problem = lorenz();
        problem.u0 = u0.to_vec();
        problem.references.clear();
        Estimation {
            id,
            problem,
            times: (0.0, 3.0, 300),
            start: vec![9.0, 20.0, 2.0],
            bounds: vec![(0.0, 20.0), (0.0, 50.0), (0.0, 10.0)],
            note,
        }
    };
    vec![
        lv("lotka-volterra-short", short, &near, 5.0, "easy"),
        lv("lotka-volterra-short-far", short, &far, 10.0, "a global search"),
        lv("lotka-volterra-long", long, &near, 5.0, "several periods: many local minima"),
        lv(
            "lotka-volterra-long-far",
            long,
            &far,
            10.0,
            "the public global optimisers fail; a growing horizon does not",
        ),
        Estimation {
            id: "fitzhugh-nagumo",
            problem: fitzhugh_nagumo(),
            times: (0.0, 30.0, 301),
            start: vec![1.0; 4],
            bounds: vec![(0.0, 5.0); 4],
            note: "two time scales",
        },
        chaos("lorenz", [0.1, 0.0, 0.0], "chaotic on a long span"),
        chaos("lorenz-podes", [-11.8, -5.1, 37.5], "chaotic from a point of the attractor"),
    ]
}
