//! Steps on tapes are the steps that the methods took.

use super::path::Path;
use slopefield_problems::{
    cubic_noise, geometric_brownian_motion, geometric_brownian_motion_stratonovich,
    kubo_oscillator, lorenz_noise, lotka_volterra_noise,
};
use slopefield_solve::{Ivp, Settings};

#[test]
fn a_step_taken_again_ends_where_it_ended() {
    let diagonal = ["em", "euler-heun", "milstein", "implicit-milstein", "sriw1", "sosri", "dri1"];
    let commutative = ["em", "euler-heun", "milstein", "implicit-milstein", "sosri", "dri1"];
    let additive = ["em", "euler-heun", "milstein", "sra1", "sosra", "dri1"];
    let cases: [(_, &[&str]); 6] = [
        (geometric_brownian_motion(), &diagonal),
        (geometric_brownian_motion_stratonovich(), &diagonal),
        (cubic_noise(), &diagonal),
        (lotka_volterra_noise(), &diagonal),
        (kubo_oscillator(), &commutative),
        (lorenz_noise(), &additive),
    ];
    for (problem, methods) in cases {
        let (n, t1) = (problem.u0.len(), problem.t1.min(1.7));
        let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1, u0: &problem.u0, p: &problem.p };
        let settings = Settings { rtol: 1e-3, atol: vec![1e-3], seed: 4, ..Settings::default() };
        let saves: Vec<f64> = (1..=9).map(|k| t1 * f64::from(k) / 9.0).collect();
        for id in methods {
            let mut path = Path::named(id).expect("a method for noise");
            let system = path.system(&ivp).expect("a system with noise");
            path.solve(&system, &settings, &saves).expect("a path");
            assert!(path.steps() > 5);
            let mut next = 0;
            for step in 0..path.steps() {
                let (_, t_new) = path.times(step);
                let first = next;
                next += saves[first..].iter().take_while(|save| **save <= t_new).count();
                let recorded = path.replay(&system, step, &saves, first..next).expect("a step");
                let close = |a: &[f64], b: &[f64]| {
                    let size = b.iter().fold(1.0, |most: f64, b| most.max(b.abs()));
                    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12 * size)
                };
                let taken = path.end(&ivp, step);
                let found = path.tape.value(recorded.end);
                assert!(close(found, &taken), "{}: {id}: {found:?}, {taken:?}", problem.id);
                for (save, row) in &path.rows {
                    let saved = &path.saved.states[save * n..(save + 1) * n];
                    assert!(close(path.tape.value(*row), saved), "{}: {id}", problem.id);
                }
            }
            assert_eq!(next, saves.len());
        }
    }
}
