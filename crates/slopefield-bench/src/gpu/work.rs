//! The trajectories that are solved.

use crate::BenchError;
use crate::core::ensemble::lotka_volterra_params;
use crate::core::texts;
use slopefield_adjoint::{DiscreteAdjoint, GradientMethod};
use slopefield_cpu::CompiledBatch;
use slopefield_devices::{GradientWork, Method, Work};
use slopefield_ensemble::{Run, TrajectoryResult, Values};
use slopefield_graph::BuiltinNetworks;
use slopefield_solve::runge_kutta::TSIT5;
use slopefield_solve::{Ivp, Settings};
use slopefield_study::{CompiledModel, StudyError};
use std::num::NonZeroUsize;

/// Numbers of trajectories.
pub(super) const SMALLEST: usize = 100;
const LARGEST: usize = 1_000_000;

/// All of them, ascending.
pub(super) fn sizes() -> impl Iterator<Item = usize> {
    std::iter::successors(Some(SMALLEST), |n| Some(10 * n)).take_while(|n| *n <= LARGEST)
}

/// A million sets of parameters, of which the first are taken.
pub(super) struct Fleet {
    model: CompiledModel,
    rhs: CompiledBatch,
    own: Vec<f64>,
    settings: Settings,
    /// Times at which the loss of gradients looks at states.
    seen: Vec<f64>,
}

/// Parameters and initial states, by which gradients are.
const PARAMS: usize = 4;
const STATES: usize = 2;
/// Numbers of a gradient.
pub(super) const GRADIENT: usize = STATES + PARAMS;

impl Fleet {
    pub(super) fn new(rtol: f64) -> Result<Fleet, BenchError> {
        let model = CompiledModel::new(texts::LOTKA_VOLTERRA, &BuiltinNetworks)?;
        let rhs = slopefield_cpu::compile_batch(&model.lowered.rhs.eval, &[0, 1, 2, 3])
            .map_err(|e| StudyError::Compile(e.to_string()))?;
        let (own, settings) =
            (lotka_volterra_params(LARGEST), Settings::with_tolerances(rtol, 0.1 * rtol));
        let seen = (1..=20).map(|k| 0.5 * f64::from(k)).collect();
        Ok(Fleet { model, rhs, own, settings, seen })
    }

    pub(super) fn gradient_work(&self, count: usize) -> GradientWork<'_> {
        GradientWork {
            model: &self.model.lowered,
            own_params: &[0, 1, 2, 3],
            t0: 0.0,
            t1: 10.0,
            count,
            u0: Values::Same(&[1.0, 1.0]),
            shared: &[0.0; PARAMS],
            own: Values::Each(&self.own[..PARAMS * count]),
            method: &TSIT5,
            settings: &self.settings,
            saves: &self.seen,
        }
    }

    /// Gradients by initial states and parameters by the discrete adjoint, one trajectory after the other on
    /// each core: [`GRADIENT`] numbers of each. Gives the steps tried.
    pub(super) fn gradients_here(
        &self,
        count: usize,
        settings: &Settings,
        out: &mut [f64],
    ) -> Result<u64, BenchError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let share = count.div_ceil(cores);
        let part = |own: &[f64], out: &mut [f64]| -> Result<u64, BenchError> {
            let mut adjoint = DiscreteAdjoint::new(&TSIT5);
            let mut tried = 0;
            for (p, by) in own.chunks_exact(PARAMS).zip(out.chunks_exact_mut(GRADIENT)) {
                let rhs = &*self.model.rhs;
                let ivp = Ivp { rhs, t0: 0.0, t1: 10.0, u0: &[1.0, 1.0], p };
                let (by_u0, by_p) = by.split_at_mut(STATES);
                let loss = &mut half_square;
                let done = adjoint.evaluate(&ivp, settings, &self.seen, loss, by_u0, by_p)?;
                tried += done.forward.accepted + done.forward.rejected;
            }
            Ok(tried)
        };
        let parts: Vec<Result<u64, BenchError>> = std::thread::scope(|scope| {
            let own = self.own[..PARAMS * count].chunks(PARAMS * share);
            let parts = own.zip(out.chunks_mut(GRADIENT * share));
            let begun: Vec<_> =
                parts.map(|(own, out)| scope.spawn(move || part(own, out))).collect();
            begun.into_iter().map(|part| part.join().expect("no part panics")).collect()
        });
        parts.into_iter().sum()
    }

    pub(super) fn work(&self, count: usize) -> Work<'_> {
        Work {
            model: &self.model.lowered,
            rhs: &self.rhs,
            t0: 0.0,
            t1: 10.0,
            count,
            u0: Values::Same(&[1.0, 1.0]),
            shared: &[0.0; 4],
            own: Values::Each(&self.own[..4 * count]),
            method: Method::Explicit(&TSIT5),
            apart: None,
            settings: &self.settings,
            saves: &[10.0],
        }
    }

    /// Solves on all cores.
    pub(super) fn on_processor(
        &self,
        count: usize,
        out: &mut [f64],
    ) -> Result<Vec<TrajectoryResult>, BenchError> {
        solve(&self.work(count), out)
    }

    /// States at the end, at a much finer tolerance.
    pub(super) fn exact(&self, count: usize) -> Result<Vec<f64>, BenchError> {
        let settings = Settings::with_tolerances(1e-12, 1e-12);
        let work = Work { settings: &settings, ..self.work(count) };
        let mut out = vec![f64::NAN; count * work.row()];
        attempts(&solve(&work, &mut out)?)?;
        Ok(out)
    }
}

/// Half the sum of squares of all states that are seen.
pub(super) fn half_square(states: &[f64], by: &mut [f64]) -> f64 {
    by.copy_from_slice(states);
    states.iter().map(|x| 0.5 * x * x).sum()
}

fn solve(work: &Work<'_>, out: &mut [f64]) -> Result<Vec<TrajectoryResult>, BenchError> {
    let run = Run::default();
    let ensemble = work.ensemble();
    let report =
        slopefield_ensemble::solve(&ensemble, &TSIT5, work.settings, work.saves, out, run)?;
    Ok(report.trajectories)
}

/// Operations that an attempt at a step needs at least, a multiplication with an addition as one: the
/// right-hand side, the sums of stages and of the error estimate, its norm, and the controller.
pub(super) fn operations(work: &Work<'_>) -> f64 {
    use slopefield_graph::plan::Instruction;
    let plan = &work.model.rhs.eval;
    let computes = |i: &&Instruction| {
        matches!(i, Instruction::Unary(..) | Instruction::Binary(..) | Instruction::Select(..))
    };
    let rhs = plan.code.iter().filter(computes).count();
    let (n, stages) = (work.states(), TSIT5.stages());
    let entries: usize = (1..stages).sum::<usize>() + stages;
    // Of a state's norm: two absolute values, the larger, the scale, a division and the square. Of the
    // controller: two bounds of the error, its logarithm, two products for the power, the power, the
    // factor with its two bounds, and the new step.
    (rhs * (stages - 1) + entries * (n + 1) + 6 * n + 10) as f64
}

/// Steps tried by all.
///
/// # Errors
/// The failure of the first that failed.
pub(super) fn attempts(results: &[TrajectoryResult]) -> Result<u64, BenchError> {
    let stats = |r: &TrajectoryResult| match r {
        Ok(stats) => Ok(stats.accepted + stats.rejected),
        Err(failure) => Err(BenchError::Solve(failure.error.clone())),
    };
    results.iter().map(stats).sum()
}
