//! Paths of a stochastic equation: what a strong error costs.

use crate::measure::by_turns;
use crate::{BenchError, Subject, Timing};
use slopefield_cpu::{BatchOptions, CompiledBatch, compile_batch, compile_batch_with};
use slopefield_graph::{BuiltinNetworks, ModelFunction};
use slopefield_kernel::BatchKernel;
use slopefield_problems::{Problem, geometric_brownian_motion as gbm};
use slopefield_solve::{Ivp, Settings, Stepper};
use slopefield_stochastic::{
    BrownianMotion, LaneSystem, MethodInfo, Paths, Process, methods, paths, paths_in_lanes,
};
use slopefield_study::CompiledModel;
use std::rc::Rc;
use std::time::Instant;

/// Many paths of geometric Brownian motion with one method and one step.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PathsPoint {
    /// Name of the method; with `, in lanes` where many paths are taken side by side.
    pub method: String,
    /// Number of steps of each path.
    pub steps: u32,
    /// Root mean square over paths of the distance from the exact solution on the same noise.
    pub error: f64,
    /// Seconds for all paths on one core.
    pub time: Timing,
    /// Number of paths.
    pub paths: usize,
}

/// Measures all methods for diffusions on `dX = μX dt + σX dW` to t = 1 with steps of 1/4 and
/// shorter, for about `seconds` in all (0 keeps the time of the first run). The exact solution is
/// evaluated on the same Brownian motion. Steps get shorter until the error is 1e-4, or a run takes
/// longer than `patience` seconds, which is not repeated.
///
/// # Errors
/// When the Brownian motion is refused.
pub fn geometric_brownian_motion(
    count: usize,
    seconds: f64,
    patience: f64,
) -> Result<Vec<PathsPoint>, BenchError> {
    let problem = Rc::new(gbm());
    let exact = exact_ends(&problem, count)?;
    let (mut points, mut subjects) = (Vec::new(), Vec::<Box<dyn Subject>>::new());
    let mut places = Vec::new();
    let compiled = Compiled::new(&problem)?.map(Rc::new);
    let alone = methods().filter(|method| method.process == Process::Diffusion);
    let alone = alone.map(|method| (method, None));
    let side_by_side = methods().filter(|method| IN_LANES.contains(&method.id));
    let side_by_side = side_by_side.filter_map(|method| Some((method, Some(compiled.clone()?))));
    for (method, lanes) in alone.chain(side_by_side) {
        for level in 2..=10 {
            let mut walk = Walk::new(method, problem.clone(), count, 0.5_f64.powi(level));
            walk.lanes.clone_from(&lanes);
            let began = Instant::now();
            // Methods refuse what they are not for, such as another calculus or kind of noise.
            let Ok(ends) = walk.result() else { break };
            let once = began.elapsed().as_secs_f64();
            let squares = ends.iter().zip(&exact).map(|(a, b)| (a - b) * (a - b));
            let error = (squares.sum::<f64>() / count as f64).sqrt();
            let time = Timing { min: once, median: once, p90: once, rounds: 1 };
            let kind = if lanes.is_some() { ", in lanes" } else { "" };
            let method = format!("{}{kind}", method.id);
            points.push(PathsPoint { method, steps: 1 << level, error, time, paths: count });
            if once > patience {
                break;
            }
            places.push(points.len() - 1);
            subjects.push(Box::new(walk));
            if error < 1e-4 {
                break;
            }
        }
    }
    if seconds > 0.0 && !subjects.is_empty() {
        for (place, time) in places.into_iter().zip(by_turns(&mut subjects, seconds)?) {
            points[place].time = time;
        }
    }
    Ok(points)
}

const SEED: u64 = 1;

/// The exact states at the end of all paths.
fn exact_ends(problem: &Problem, count: usize) -> Result<Vec<f64>, BenchError> {
    let mut motion = BrownianMotion::default();
    let mut ends = vec![0.0; count];
    for (path, end) in ends.chunks_mut(1).enumerate() {
        motion.start(SEED, path as u64, 1)?;
        let (mut w, mut h) = ([0.0], [0.0]);
        motion.increment(problem.t0, problem.t1, &mut w, &mut h);
        if let Some(solution) = problem.path {
            solution(problem.t1, &w, &problem.u0, &problem.p, end);
        }
    }
    Ok(ends)
}

/// Methods that take many paths side by side.
const IN_LANES: [&str; 4] = ["em", "sriw1", "sosri", "splitting"];

/// Drift and noise for many paths at once, from the problem's text.
struct Compiled {
    drift: CompiledBatch,
    coefficients: CompiledBatch,
}

impl Compiled {
    fn new(problem: &Problem) -> Result<Option<Compiled>, BenchError> {
        let Some(text) = problem.text else { return Ok(None) };
        let model = CompiledModel::new(text, &BuiltinNetworks)?;
        let Some(noise) = model.lowered.plans(ModelFunction::DiagonalNoise) else {
            return Ok(None);
        };
        let refused = |e: slopefield_cpu::CompileError| {
            BenchError::Model(slopefield_study::StudyError::Compile(e.to_string()))
        };
        let drift = compile_batch(&model.lowered.rhs.eval, &[]).map_err(refused)?;
        let options = BatchOptions { width: Some(drift.width()), ..BatchOptions::default() };
        let coefficients = compile_batch_with(&noise.eval, &[], options).map_err(refused)?;
        Ok(Some(Compiled { drift, coefficients }))
    }
}

struct Walk {
    id: &'static str,
    lanes: Option<Rc<Compiled>>,
    make: fn() -> Box<dyn Stepper>,
    problem: Rc<Problem>,
    settings: Settings,
    ends: Vec<f64>,
}

impl Walk {
    fn new(method: &MethodInfo, problem: Rc<Problem>, count: usize, step: f64) -> Walk {
        // With both bounds, steps are of this length.
        let settings =
            Settings { seed: SEED, h_init: Some(step), h_max: step, ..Settings::default() };
        let lanes = None;
        Walk { id: method.id, lanes, make: method.build, problem, settings, ends: vec![0.0; count] }
    }
}

impl Subject for Walk {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        let Problem { rhs, t0, t1, u0, p, .. } = &*self.problem;
        let ivp = Ivp { rhs: &**rhs, t0: *t0, t1: *t1, u0, p };
        let which = Paths { first: 0, count: self.ends.len(), threads: 1 };
        for _ in 0..calls {
            if let Some(lanes) = &self.lanes {
                let Compiled { drift, coefficients } = &**lanes;
                let system = LaneSystem { drift, coefficients };
                let (span, settings) = ((*t0, *t1), &self.settings);
                paths_in_lanes(
                    self.id,
                    system,
                    span,
                    u0,
                    p,
                    settings,
                    which,
                    &[*t1],
                    &mut self.ends,
                )?;
                continue;
            }
            paths(&self.make, &ivp, &self.settings, which, &[*t1], &mut self.ends)?;
        }
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run(1)?;
        Ok(self.ends.clone())
    }
}
