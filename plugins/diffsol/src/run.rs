//! A run of a solver of diffsol: owns it together with its problem, keeps it within limits, and brings it
//! back to where it was after a failure.

use crate::method::{Begin, Stepping};
use crate::segment::Samples;
use crate::system::{Lent, System};
use diffsol::error::OdeSolverError;
use diffsol::{
    DiffsolError, NalgebraContext, NalgebraMat, NalgebraVec, OdeBuilder, OdeSolverProblem,
    OdeSolverStopReason, Vector,
};
use self_cell::self_cell;
use slopefield_plugin_sdk::{Config, Error, Problem};
use std::rc::Rc;

type Boxed<'a> = Box<dyn Stepping + 'a>;

self_cell!(
    /// A solver borrows its problem.
    struct Running {
        owner: OdeSolverProblem<System>,
        #[covariant]
        dependent: Boxed,
    }
);

/// Intervals of fewer units of rounding are passed by one Euler step, whose error is far below rounding
/// there: diffsol takes their ends for one time.
const SHORT_INTERVAL: f64 = 400.0 * f64::EPSILON;
/// Shortest step in units of rounding of the time, and at time 0: diffsol goes on for ever without one.
const SHORTEST_STEP: f64 = 10.0 * f64::EPSILON;
const SHORTEST_AT_0: f64 = 1e-290;

/// The steps of an instance from its last start.
pub struct Course {
    begin: Begin,
    rtol: f64,
    atol: Vec<f64>,
    h_init: f64,
    h_min: f64,
    h_max: f64,
    lent: Rc<Lent>,
    /// `None` before the first step and after a failure.
    running: Option<Running>,
    /// Where the solver began.
    t0: f64,
    y0: Vec<f64>,
    /// The steps since, as limits with the number of steps towards each. A solver that failed in the
    /// middle is brought back by taking them again; the application starts anew after a failure, so
    /// that this is rarely paid for.
    taken: Vec<(f64, u64)>,
    sample: NalgebraVec<f64>,
}

// SAFETY: everything that is shared is shared within this value and moves with it; the problem of a call
// is known to it during that call only.
unsafe impl Send for Course {}

/// A step that was taken.
pub struct Taken {
    pub t: f64,
    pub y: Vec<f64>,
    pub h_next: f64,
    pub rejected: u64,
}

impl Course {
    pub fn new<O>(n: usize, config: &Config<'_, O>, begin: Begin) -> Course {
        Course {
            begin,
            rtol: config.rtol,
            atol: config.atol.to_vec(),
            h_init: config.h_init.unwrap_or(0.0),
            h_min: config.h_min,
            h_max: config.h_max,
            lent: Rc::new(Lent::default()),
            running: None,
            t0: 0.0,
            y0: vec![0.0; n],
            taken: Vec::new(),
            sample: NalgebraVec::zeros(n, NalgebraContext::default()),
        }
    }

    /// At a state, with nothing remembered.
    pub fn begin(&mut self, t: f64, y: &[f64]) {
        self.running = None;
        self.t0 = t;
        self.y0.copy_from_slice(y);
        self.taken.clear();
    }

    /// One step from `(t, y)`, where the course is. When it fails, the course is as it was.
    pub fn step(
        &mut self,
        problem: &Problem<'_>,
        t: f64,
        y: &[f64],
        limit: f64,
    ) -> Result<Taken, Error> {
        if let Some(taken) = self.short(problem, t, y, limit)? {
            return Ok(taken);
        }
        // A failure leaves the solver somewhere else: it is kept only when all went well.
        let running = self.running.take();
        let direction = if limit < t { -1.0 } else { 1.0 };
        let lent = Rc::clone(&self.lent);
        let (running, taken) = lent.during(problem, (direction, limit), || {
            let mut running = match running {
                Some(running) => running,
                None => self.find_again(direction)?,
            };
            let taken = self.advance(&mut running, t, limit)?;
            Ok((running, taken))
        })?;
        self.running = Some(running);
        match self.taken.last_mut() {
            Some((last, steps)) if *last == limit => *steps += 1,
            _ => self.taken.push((limit, 1)),
        }
        Ok(taken)
    }

    /// Passes an interval that is too short for diffsol, if it is one.
    fn short(
        &mut self,
        problem: &Problem<'_>,
        t: f64,
        y: &[f64],
        limit: f64,
    ) -> Result<Option<Taken>, Error> {
        let h = self.running.as_ref().map_or(0.0, |r| r.borrow_dependent().place().1);
        let length = (limit - t).abs();
        if length > SHORT_INTERVAL * (t.abs().max(limit.abs()) + h.abs()) {
            return Ok(None);
        }
        let mut end = vec![0.0; y.len()];
        problem.rhs(t, y, &mut end)?;
        for (end, y) in end.iter_mut().zip(y) {
            *end = y + (limit - t) * *end;
        }
        if !end.iter().all(|v| v.is_finite()) {
            return Err(Error::step_too_small(length));
        }
        self.begin(limit, &end);
        Ok(Some(Taken { t: limit, y: end, h_next: length, rejected: 0 }))
    }

    /// A solver where the course is: at its start, or behind the steps that were taken from there.
    fn find_again(&self, direction: f64) -> Result<Running, Error> {
        let equations = System {
            lent: Rc::clone(&self.lent),
            y0: self.y0.clone(),
            context: NalgebraContext::default(),
        };
        let builder = OdeBuilder::<NalgebraMat<f64>>::new()
            .t0(self.t0)
            .h0(direction)
            .rtol(self.rtol)
            .atol(self.atol.clone());
        let problem = builder.build_from_eqn(equations).map_err(|e| error(&e, 0.0))?;
        let mut running = Running::try_new(problem, |problem| {
            (self.begin)(problem, direction * self.h_init).map_err(|e| error(&e, self.h_init))
        })?;
        // Not defined at the start, or near it.
        if !running.borrow_dependent().place().1.is_finite() {
            return Err(Error::step_too_small(0.0));
        }
        let mut t = self.t0;
        for &(limit, steps) in &self.taken {
            for _ in 0..steps {
                t = self.advance(&mut running, t, limit)?.t;
            }
        }
        Ok(running)
    }

    /// One step of the solver, which is at `t`.
    fn advance(&self, running: &mut Running, t: f64, limit: f64) -> Result<Taken, Error> {
        let direction = if limit < t { -1.0 } else { 1.0 };
        // diffsol has no longest step.
        let stop = if (limit - t).abs() > self.h_max { t + direction * self.h_max } else { limit };
        let shortest = self.h_min.max(SHORTEST_STEP * t.abs()).max(SHORTEST_AT_0);
        running.with_dependent_mut(|_, solver| {
            let before = solver.failures();
            solver.set_shortest(shortest);
            let reason = solver.set_stop_time(stop).and_then(|()| solver.step());
            let (at, h) = solver.place();
            let reached = match reason.map_err(|e| error(&e, h))? {
                OdeSolverStopReason::TstopReached => stop,
                _ => at,
            };
            let y = solver.state().clone_as_vec();
            let stands = reached != limit && (reached - t).abs() <= SHORTEST_STEP * t.abs();
            if stands || !y.iter().all(|v| v.is_finite()) {
                return Err(Error::step_too_small(h));
            }
            Ok(Taken { t: reached, y, h_next: h.abs(), rejected: solver.failures() - before })
        })
    }

    /// Writes the solution within the last step to a segment, where the solver that took it is there.
    pub fn sample(&mut self, samples: &mut Samples) {
        let Some(running) = &self.running else { return };
        for (t, place) in samples.inside() {
            if running.borrow_dependent().interpolate(t, &mut self.sample).is_ok() {
                place.copy_from_slice(&self.sample.clone_as_vec());
            }
        }
    }
}

/// In the words of the interface; `h` is the last step tried.
fn error(error: &DiffsolError, h: f64) -> Error {
    use OdeSolverError::{StepSizeTooSmall, TooManyErrorTestFailures};
    match error {
        DiffsolError::OdeSolverError(StepSizeTooSmall { .. } | TooManyErrorTestFailures { .. }) => {
            Error::step_too_small(h.abs())
        }
        other => Error::diverged(other.to_string()),
    }
}
