//! B5 of the peers: ten thousand trajectories of Lotka–Volterra with parameters of their own.

use super::solve::grid;
use super::{InC, at_most, compiled, texts};
use crate::comparator::native::Whole;
use crate::numpy::Generator;
use crate::{BenchError, Case, Check, Reference, Saved, Setting, Subject, Trial, stored};
use slopefield_cpu::CompiledBatch;
use slopefield_ensemble::{Ensemble, Run, Values};
use slopefield_solve::Settings;
use slopefield_solve::runge_kutta::TSIT5;
use slopefield_study::StudyError;

const COUNT: usize = 10_000;
/// All four parameters differ from trajectory to trajectory.
const OWN: [usize; 4] = [0, 1, 2, 3];

/// Which states are kept.
#[derive(Clone, Copy, PartialEq)]
enum Kept {
    Final,
    Saves,
}

pub(super) fn cases() -> Vec<Case> {
    use Kept::{Final, Saves};
    let kinds = [(Final, 1), (Final, 2), (Saves, 1), (Saves, 2)];
    let case = |(kept, threads): (Kept, usize)| {
        let (name, what, group) = match kept {
            Final => ("final", "states at the end", "final"),
            Saves => ("saves", "states at 101 points", "save101"),
        };
        let on = if threads == 1 { "1 thread".into() } else { format!("{threads} threads") };
        Case {
            name: format!("ensemble-{name}-{threads}"),
            about: format!(
                "10,000 trajectories of Lotka-Volterra, Tsit5 at 1e-6, {what}, {on}; hand-written \
                 with 8 trajectories per vector"
            ),
            // At least 80 % of the hand-written rate.
            target: at_most(1.25),
            saved: Saved {
                bench: "B5",
                case: format!("{group}: Tsit5, lanes of compiled model, {on}"),
                metric: "trajectories per second",
            },
            prepare: Box::new(move |setting| prepare(kept, threads, setting)),
        }
    };
    kinds.into_iter().map(case).collect()
}

fn prepare(kept: Kept, threads: usize, setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let (model, compile_s) = compiled(texts::LOTKA_VOLTERRA, setting)?;
    let rhs = slopefield_cpu::compile_batch(&model.lowered.rhs.eval, &OWN)
        .map_err(|e| StudyError::Compile(e.to_string()))?;
    let own = params();
    let case = if kept == Kept::Final { "ensemble_final" } else { "ensemble_saves" };
    let whole = Whole::open(setting.comparators, case, &own, threads)?;
    let stored = stored::ensemble();
    let states = stored.get("states");
    let (saves, at, values): (_, Vec<usize>, Vec<f64>) = match kept {
        Kept::Saves => (grid(0.0, 10.0, 101), (0..states.len()).collect(), states.to_vec()),
        Kept::Final => {
            let ends = states.chunks_exact(202).flat_map(|rows| rows[200..].to_vec()).collect();
            (vec![10.0], (0..states.len() / 101).collect(), ends)
        }
    };
    let out = vec![0.0; COUNT * saves.len() * 2];
    Ok(Trial {
        ours: Box::new(Lanes { rhs, own, saves, out, threads, evaluations: 0 }),
        comparator: InC::boxed(whole),
        // Absolute, as the peers count it. Both at a tolerance of 1e-6, with errors below 5e-4.
        check: Check {
            agreement: 1e-3,
            reference: Some(Reference { at, values, scale: 1.0, tolerance: 1e-3 }),
        },
        work: COUNT,
        compile_s,
    })
}

/// `ens_params` of `benches/peers/problems.py`.
fn params() -> Vec<f64> {
    lotka_volterra_params(COUNT)
}

/// Four parameters of each of so many trajectories, ±20 %; the first ten thousand are those of the peers.
pub(crate) fn lotka_volterra_params(count: usize) -> Vec<f64> {
    let mut generator = Generator::new(5);
    let mut param = |i: usize| {
        let usual = [1.5, 1.0, 3.0, 1.0][i % 4];
        usual * (1.0 + 0.2 * generator.uniform(-1.0, 1.0))
    };
    (0..4 * count).map(&mut param).collect()
}

struct Lanes {
    rhs: CompiledBatch,
    own: Vec<f64>,
    saves: Vec<f64>,
    out: Vec<f64>,
    threads: usize,
    evaluations: u64,
}

impl Subject for Lanes {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        let ensemble = Ensemble {
            rhs: &self.rhs,
            t0: 0.0,
            t1: 10.0,
            count: COUNT,
            u0: Values::Same(&[1.0, 1.0]),
            shared: &[0.0; OWN.len()],
            own: Values::Each(&self.own),
        };
        let settings = Settings::with_tolerances(1e-6, 1e-6);
        let run = Run { threads: self.threads, ..Run::default() };
        for _ in 0..calls {
            let report = slopefield_ensemble::solve(
                &ensemble,
                &TSIT5,
                &settings,
                &self.saves,
                &mut self.out,
                run,
            )?;
            self.evaluations = 0;
            for trajectory in report.trajectories {
                match trajectory {
                    Ok(stats) => self.evaluations += stats.rhs,
                    Err(failure) => return Err(failure.error.into()),
                }
            }
        }
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run(1)?;
        Ok(self.out.clone())
    }

    fn evaluations(&self) -> Option<u64> {
        Some(self.evaluations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_those_of_the_peers() {
        let own = params();
        let ends = [&own[..4], &own[own.len() - 4..]].concat();
        let ensemble = stored::ensemble();
        for (found, expected) in ends.iter().zip(ensemble.get("first_and_last")) {
            assert!((found - expected).abs() <= 1e-15 * expected.abs(), "{found} {expected}");
        }
    }
}
