//! Paths of a stochastic equation: what a strong error costs.

use crate::measure::by_turns;
use crate::{BenchError, Subject, Timing};
use slopefield_problems::{Problem, geometric_brownian_motion as gbm};
use slopefield_solve::{Ivp, Settings, Stepper};
use slopefield_stochastic::{BrownianMotion, MethodInfo, Paths, Process, methods, paths};
use std::rc::Rc;
use std::time::Instant;

/// Many paths of geometric Brownian motion with one method and one step.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PathsPoint {
    /// Name of the method.
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
    for method in methods().filter(|method| method.process == Process::Diffusion) {
        for level in 2..=10 {
            let mut walk = Walk::new(method, problem.clone(), count, 0.5_f64.powi(level));
            let began = Instant::now();
            // Methods refuse what they are not for, such as another calculus or kind of noise.
            let Ok(ends) = walk.result() else { break };
            let once = began.elapsed().as_secs_f64();
            let squares = ends.iter().zip(&exact).map(|(a, b)| (a - b) * (a - b));
            let error = (squares.sum::<f64>() / count as f64).sqrt();
            let time = Timing { min: once, median: once, p90: once, rounds: 1 };
            let method = method.id.to_owned();
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

struct Walk {
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
        Walk { make: method.build, problem, settings, ends: vec![0.0; count] }
    }
}

impl Subject for Walk {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        let Problem { rhs, t0, t1, u0, p, .. } = &*self.problem;
        let ivp = Ivp { rhs: &**rhs, t0: *t0, t1: *t1, u0, p };
        let which = Paths { first: 0, count: self.ends.len(), threads: 1 };
        for _ in 0..calls {
            paths(&self.make, &ivp, &self.settings, which, &[*t1], &mut self.ends)?;
        }
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.run(1)?;
        Ok(self.ends.clone())
    }
}
