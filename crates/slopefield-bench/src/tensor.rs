//! A neural differential equation that no thread of a card holds, from many initial states: solves and
//! gradients on a graphics card beside the same on the processor.
//!
//! The network has 2–256–256–2 units with tanh; Tsit5 at a relative tolerance of 1e-5 to t = 5, five save
//! times. The processor solves in lanes and reverses one trajectory after the other, on all cores, both in
//! double precision.

use crate::BenchError;
use serde::Serialize;
use slopefield_adjoint::{DiscreteAdjoint, GradientMethod};
use slopefield_cpu::CompiledBatch;
use slopefield_ensemble::{Ensemble, Run, TrajectoryResult, Values};
use slopefield_gpu::{
    Device, Dialect, GpuError, TensorGradientProgram, TensorGradientSolver, TensorProgram,
    TensorSolver, Trajectories,
};
use slopefield_graph::BuiltinNetworks;
use slopefield_solve::runge_kutta::TSIT5;
use slopefield_solve::{Ivp, Settings};
use slopefield_study::{CompiledModel, StudyError};
use std::num::NonZeroUsize;
use std::time::Instant;

const MODEL: &str = "state x = 1
state y = 0
network n: mlp(inputs: 2, outputs: 2, hidden: [256, 256], activation: tanh)
let z = n(x, y)
x' = 2*y - 0.1*x + 5*z[1]
y' = -2*x - 0.1*y + 5*z[2]
";
/// Numbers of trajectories.
const SIZES: [usize; 6] = [1, 16, 256, 1024, 4096, 16_384];
const SAVES: [f64; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];
/// Trajectories and gradients that are compared before anything is timed.
const CHECKED: usize = 32;
/// Largest distance of a state from a strict solution, relative to the largest.
const ALLOWED: f64 = 5e-4;
/// That of a gradient from the processor's at the same tolerance, relative to the largest.
const ALLOWED_GRADIENT: f64 = 1e-3;
const MOST_ROUNDS: usize = 100;

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TensorWork {
    /// States at the save times.
    Solve,
    /// Those, a loss of them and its gradient by all weights and initial states.
    Gradient,
}

/// Times of one number of trajectories, in seconds; of the card with everything that goes there and
/// comes back, but without compiling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TensorPoint {
    /// What was timed.
    pub work: TensorWork,
    /// Number of trajectories.
    pub count: usize,
    /// The card: the best round, and the median.
    pub card_s: (f64, f64),
    /// The processor; none where a round would have taken more than three times the seconds allowed.
    pub processor_s: Option<(f64, f64)>,
    /// Rounds of the card.
    pub rounds: usize,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TensorReport {
    /// The card.
    pub device: String,
    /// Its interface and driver.
    pub driver: String,
    /// Seconds from the model to programs on the card, of solves and of gradients.
    pub compile_s: (f64, f64),
    /// Largest distances of states and gradients, as they were compared before.
    pub errors: (f64, f64),
    /// Sizes, ascending.
    pub points: Vec<TensorPoint>,
    /// Numbers of trajectories that would have taken the card too long.
    pub left_out: Vec<(TensorWork, usize)>,
}

fn unusable(e: GpuError) -> BenchError {
    BenchError::Card(e.to_string())
}

/// The trajectories.
struct Work {
    model: CompiledModel,
    batch: CompiledBatch,
    params: Vec<f64>,
    u0: Vec<f64>,
    settings: Settings,
}

impl Work {
    fn new() -> Result<Work, BenchError> {
        let model = CompiledModel::new(MODEL, &BuiltinNetworks)?;
        let batch = slopefield_cpu::compile_batch(&model.lowered.rhs.eval, &[])
            .map_err(|e| StudyError::Compile(e.to_string()))?;
        let params = model.start_params(1);
        // On a spiral, so that the first ones are spread as all are.
        let most = SIZES[SIZES.len() - 1];
        let at = |k: usize| {
            let (turn, size) = (2.4 * k as f64, 0.5 + (0.618 * k as f64).fract());
            [size * turn.cos(), size * turn.sin()]
        };
        let u0 = (0..most).flat_map(at).collect();
        let settings = Settings::with_tolerances(1e-5, 1e-6);
        Ok(Work { model, batch, params, u0, settings })
    }

    fn problem(&self, count: usize) -> Trajectories<'_> {
        Trajectories {
            t0: 0.0,
            t1: 5.0,
            count,
            u0: Values::Each(&self.u0[..2 * count]),
            shared: &self.params,
            own: Values::Same(&[]),
        }
    }

    fn solve_here(&self, count: usize, settings: &Settings) -> Result<Vec<f64>, BenchError> {
        let Trajectories { t0, t1, count, u0, shared, own } = self.problem(count);
        let ensemble = Ensemble { rhs: &self.batch, t0, t1, count, u0, shared, own };
        let mut out = vec![0.0; count * row()];
        let run = Run::default();
        let report =
            slopefield_ensemble::solve(&ensemble, &TSIT5, settings, &SAVES, &mut out, run)?;
        first_failure(&report.trajectories)?;
        Ok(out)
    }

    /// Gradients by all weights, summed, on all cores.
    fn gradient_here(&self, count: usize) -> Result<Vec<f64>, BenchError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let share = count.div_ceil(cores);
        let part = |from: usize| -> Result<Vec<f64>, BenchError> {
            let mut adjoint = DiscreteAdjoint::new(&TSIT5);
            let mut sum = vec![0.0; self.params.len()];
            let (mut by_u0, mut by_p) = ([0.0; 2], vec![0.0; self.params.len()]);
            for k in from..(from + share).min(count) {
                let (u0, p) = (&self.u0[2 * k..2 * k + 2], &self.params);
                let ivp = Ivp { rhs: &*self.model.rhs, t0: 0.0, t1: 5.0, u0, p };
                let mut loss = |states: &[f64], by: &mut [f64]| half_square(states, by);
                let settings = &self.settings;
                adjoint.evaluate(&ivp, settings, &SAVES, &mut loss, &mut by_u0, &mut by_p)?;
                sum.iter_mut().zip(&by_p).for_each(|(sum, by)| *sum += by);
            }
            Ok(sum)
        };
        let mut sum = vec![0.0; self.params.len()];
        let parts: Vec<Result<Vec<f64>, BenchError>> = std::thread::scope(|scope| {
            let begun: Vec<_> =
                (0..count).step_by(share).map(|from| scope.spawn(move || part(from))).collect();
            begun.into_iter().map(|part| part.join().expect("no part panics")).collect()
        });
        for part in parts {
            sum.iter_mut().zip(part?).for_each(|(sum, by)| *sum += by);
        }
        Ok(sum)
    }
}

fn row() -> usize {
    2 * SAVES.len()
}

/// Half the squared length of all saved states.
fn half_square(states: &[f64], by: &mut [f64]) -> f64 {
    by.copy_from_slice(states);
    states.iter().map(|x| 0.5 * x * x).sum()
}

fn first_failure(results: &[TrajectoryResult]) -> Result<(), BenchError> {
    match results.iter().find_map(|r| r.as_ref().err()) {
        Some(failure) => Err(BenchError::Solve(failure.error.clone())),
        None => Ok(()),
    }
}

/// The largest distance, relative to the largest value.
fn distance(
    what: &'static str,
    found: &[f64],
    expected: &[f64],
    allowed: f64,
) -> Result<f64, BenchError> {
    let largest = expected.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let far = |(a, b): (&f64, &f64)| (a - b).abs() / largest;
    let mut all: Vec<f64> = found.iter().zip(expected).map(far).collect();
    // NaN is above everything.
    all.sort_by(f64::total_cmp);
    let worst = all.last().copied().unwrap_or(f64::NAN);
    if worst <= allowed {
        Ok(worst)
    } else {
        Err(BenchError::WrongResult { what, found: worst, allowed })
    }
}

/// Checks states and gradients of a card, then measures them beside the processor; `told` gets each size as
/// it is done.
///
/// # Errors
/// [`BenchError::Card`] where there is no card or it fails, [`BenchError::WrongResult`] where its numbers
/// are wrong.
pub fn tensor(
    device: Option<&str>,
    seconds: f64,
    mut told: impl FnMut(&TensorPoint),
) -> Result<TensorReport, BenchError> {
    let device = match device {
        Some(name) => Device::named(name),
        None => Device::best(true),
    };
    let device = device.map_err(unusable)?;
    let dialect = device.dialect(false).unwrap_or(Dialect::Wgsl);
    let work = Work::new()?;
    let began = Instant::now();
    let program = TensorProgram::of_model(&work.model.lowered, &[], &TSIT5, dialect);
    let program = program.map_err(unusable)?;
    let solver = TensorSolver::new(&device, &program).map_err(unusable)?;
    let solves_s = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let program = TensorGradientProgram::of_model(&work.model.lowered, &[], &TSIT5, dialect);
    let program = program.map_err(unusable)?;
    let gradients = TensorGradientSolver::new(&device, &program).map_err(unusable)?;
    let compile_s = (solves_s, began.elapsed().as_secs_f64());

    let on_card = |count: usize| -> Result<Vec<f64>, BenchError> {
        let mut out = vec![0.0; count * row()];
        let report = solver.solve(&work.problem(count), &work.settings, &SAVES, &mut out);
        first_failure(&report.map_err(unusable)?.trajectories)?;
        Ok(out)
    };
    let gradient_on_card = |count: usize| -> Result<Vec<f64>, BenchError> {
        let mut loss = |_: usize, states: &[f64], by: &mut [f64]| half_square(states, by);
        let problem = work.problem(count);
        let report = gradients.gradient(&problem, &work.settings, &SAVES, &mut loss);
        let report = report.map_err(unusable)?;
        first_failure(&report.trajectories)?;
        Ok(report.by_shared)
    };
    let strict = work.solve_here(CHECKED, &Settings::with_tolerances(1e-10, 1e-10))?;
    let found = on_card(CHECKED)?;
    let of_states = distance("the relative error of a state", &found, &strict, ALLOWED)?;
    let (found, here) = (gradient_on_card(CHECKED)?, work.gradient_here(CHECKED)?);
    let what = "the relative error of a gradient";
    let of_gradients = distance(what, &found, &here, ALLOWED_GRADIENT)?;

    let (mut points, mut left_out) = (Vec::new(), Vec::new());
    for kind in [TensorWork::Solve, TensorWork::Gradient] {
        // Seconds of the card and of the processor for each trajectory, from the size before.
        let (mut on_card_s, mut here_s) = (0.0, 0.0);
        let too_long = |each: f64, count: usize| each * count as f64 > 3.0 * seconds.max(1.0);
        for count in SIZES {
            if too_long(on_card_s, count) {
                left_out.push((kind, count));
                continue;
            }
            let card = rounds(seconds, || match kind {
                TensorWork::Solve => on_card(count).map(|_| ()),
                TensorWork::Gradient => gradient_on_card(count).map(|_| ()),
            })?;
            on_card_s = card[0] / count as f64;
            let processor = if too_long(here_s, count) {
                None
            } else {
                let times = rounds(seconds, || match kind {
                    TensorWork::Solve => work.solve_here(count, &work.settings).map(|_| ()),
                    TensorWork::Gradient => work.gradient_here(count).map(|_| ()),
                })?;
                here_s = times[0] / count as f64;
                Some(times)
            };
            let point = TensorPoint {
                work: kind,
                count,
                rounds: card.len(),
                card_s: (card[0], card[card.len() / 2]),
                processor_s: processor.map(|times| (times[0], times[times.len() / 2])),
            };
            told(&point);
            points.push(point);
        }
    }
    let info = device.info();
    Ok(TensorReport {
        device: info.name.clone(),
        driver: format!("{} {}", info.interface, info.driver).trim().to_owned(),
        compile_s,
        errors: (of_states, of_gradients),
        points,
        left_out,
    })
}

/// Times of rounds, ascending.
fn rounds(
    seconds: f64,
    mut round: impl FnMut() -> Result<(), BenchError>,
) -> Result<Vec<f64>, BenchError> {
    let (began, mut times) = (Instant::now(), Vec::new());
    while times.is_empty() || (times.len() < MOST_ROUNDS && began.elapsed().as_secs_f64() < seconds)
    {
        let round_began = Instant::now();
        round()?;
        times.push(round_began.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}
