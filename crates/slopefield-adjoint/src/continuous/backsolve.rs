//! The continuous adjoint in constant memory: the solution itself is integrated backward with it.
//!
//! A solution that forgets where it came from cannot be integrated backward: errors grow as fast as
//! the system damps them forward. So the way back is compared with the states that the forward solve
//! saved, and with its start; when it has lost half of the digits asked for, the gradient is refused.

use super::events::{Passage, Saltation};
use super::recorder::{Recorder, Recording};
use super::reverse::Reverse;
use crate::method::{ensure_finite, validate_gradients};
use crate::saves::SavedStates;
use crate::{Evaluated, GradientMethod, Loss};
use slopefield_kernel::{Cotangent, Kernel, Part, Point, Shape, Structure, Tangent};
use slopefield_solve::{
    Happening, Ivp, Settings, SolveError, Step, StepObserver, Stepper, drive, drive_to_stop,
};

/// Continuous adjoint that integrates the solution backward instead of storing it. Refuses
/// solutions that do not come back.
pub struct BacksolveAdjoint {
    stepper: Box<dyn Stepper>,
    reverse: Reverse,
    /// Events only; no path.
    recorder: Recorder,
    saved: SavedStates,
    saltation: Saltation,
    /// State, λ and integral.
    whole: Vec<f64>,
    end: Vec<f64>,
    value: Vec<f64>,
    scratch: Vec<f64>,
    /// Largest size of each state where it is known.
    sizes: Vec<f64>,
    tolerances: Settings,
}

impl BacksolveAdjoint {
    /// Through `stepper`, of which nothing is asked but its states at the save times.
    pub fn new(stepper: Box<dyn Stepper>) -> Self {
        BacksolveAdjoint {
            stepper,
            reverse: Reverse::default(),
            recorder: Recorder::default(),
            saved: SavedStates::default(),
            saltation: Saltation::default(),
            whole: Vec::new(),
            end: Vec::new(),
            value: Vec::new(),
            scratch: Vec::new(),
            sizes: Vec::new(),
            tolerances: Settings::default(),
        }
    }

    /// How far the state that has come back to `known` is off, as a part of the size of the states.
    fn drift(&self, known: &[f64]) -> f64 {
        let size = self.sizes.iter().fold(0.0_f64, |m, x| m.max(*x)).max(f64::MIN_POSITIVE);
        let parts = self.whole.iter().zip(known).zip(&self.sizes);
        parts
            .map(|((found, known), own)| (found - known).abs() / own.max(1e-3 * size))
            .fold(0.0, |m, x| if x <= m { m } else { x })
    }
}

impl GradientMethod for BacksolveAdjoint {
    fn name(&self) -> &'static str {
        "backsolve"
    }

    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        validate_gradients(ivp, grad_u0, grad_p, &[Part::Events])?;
        let (n, m) = (ivp.u0.len(), ivp.p.len());
        self.saved.resize(saves.len(), n);
        self.recorder.begin(ivp.u0, u64::MAX);
        let events = ivp.rhs.structure().events;
        let list = events.as_ref().map_or(&[][..], |events| events.list);
        // The end of the solve is where the way back begins, whether it is saved or not.
        self.end.clear();
        self.end.resize(n, 0.0);
        self.end.copy_from_slice(ivp.u0);
        let events_of = Recording { recorder: &mut self.recorder, events: list };
        let mut watch = Watch { events: events_of, last: &mut self.end };
        let states = &mut self.saved.states;
        let solved =
            drive_to_stop(&mut *self.stepper, ivp, settings, saves, states, Some(&mut watch))?;
        let loss = self.saved.evaluate(loss);
        let reached = solved.stop.map_or(ivp.t1, |stop| stop.t);
        let mut remaining = self.saved.reached(saves, reached, ivp.direction(), n)?;
        self.sizes.clear();
        self.sizes.extend(ivp.u0.iter().map(|u| u.abs()));
        let known = self.saved.states[..remaining * n].chunks_exact(n).chain([&self.end[..]]);
        for row in known {
            for (size, u) in self.sizes.iter_mut().zip(row) {
                *size = size.max(u.abs());
            }
        }
        self.whole.clear();
        self.whole.extend_from_slice(&self.end);
        self.whole.resize(2 * n + m, 0.0);
        self.value.resize(n, 0.0);
        self.scratch.resize(ivp.rhs.scratch_len(), 0.0);
        if let Some(events) = &events {
            self.saltation.begin(ivp, events);
        }
        let largest = self.saved.by_state.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        self.reverse.configure(settings, largest);
        let bound = settings.rtol.max(1e-13).sqrt();
        let refuse = |t: f64, from: f64, drift: f64| {
            SolveError::Invalid(format!(
                "integrated backward from t = {from}, the solution misses the forward one by {:.2e} \
                 of its size at t = {t}: it cannot be followed back, so `backsolve` has no gradient \
                 here; use `gauss`, which keeps the solution",
                drift
            ))
        };
        let equation = Backward { rhs: ivp.rhs, p: ivp.p };
        let mut pending = self.recorder.instants.len();
        let (mut t, mut known_at) = (reached, reached);
        let (mut products, mut by_start_time) = (0, None);
        loop {
            if t == ivp.t0 && pending == 0 {
                ivp.rhs.eval(t, ivp.u0, ivp.p, &mut self.value, &mut self.scratch);
                let lambda = &self.whole[n..2 * n];
                by_start_time =
                    Some(-lambda.iter().zip(&self.value).map(|(l, f)| l * f).sum::<f64>());
            }
            while remaining > 0 && saves[remaining - 1] == t {
                remaining -= 1;
                let known = &self.saved.states[remaining * n..(remaining + 1) * n];
                let drift = self.drift(known);
                if !(drift <= bound) {
                    return Err(refuse(t, known_at, drift));
                }
                // The saved state is the better one.
                self.whole[..n].copy_from_slice(known);
                known_at = t;
                let row = self.saved.row_by_state(remaining, n);
                for (l, w) in self.whole[n..2 * n].iter_mut().zip(row) {
                    *l += w;
                }
            }
            if let Some(events) = &events
                && pending > 0
                && self.recorder.instants[pending - 1].t == t
            {
                let last = self.recorder.instants[pending - 1].t;
                let here = self.recorder.instants[..pending]
                    .iter()
                    .rev()
                    .take_while(|instant| super::events::same_instant(instant.t, last))
                    .count();
                let after = &self.recorder.instants[pending - 1];
                let drift = self.drift(self.recorder.states(after).1);
                if !(drift <= bound) {
                    return Err(refuse(t, known_at, drift));
                }
                self.saltation.begin(ivp, events);
                let mut carried = 0.0;
                let (lambda, integral) = self.whole[n..].split_at_mut(n);
                for k in (pending - here..pending).rev() {
                    let instant = &self.recorder.instants[k];
                    let passage = Passage {
                        ivp,
                        events,
                        recorder: &self.recorder,
                        instant,
                        is_first: k == pending - here,
                        with_mass: None,
                    };
                    self.saltation.pull_back(&passage, lambda, integral, &mut carried)?;
                }
                pending -= here;
                let before = self.recorder.states(&self.recorder.instants[pending]).0;
                self.whole[..n].copy_from_slice(before);
                known_at = t;
                self.reverse.settings.h_init = None;
            }
            if t == ivp.t0 {
                break;
            }
            let later = |a: f64, b: f64| (a - b) * ivp.direction() > 0.0;
            let mut until = ivp.t0;
            if pending > 0 && later(self.recorder.instants[pending - 1].t, until) {
                until = self.recorder.instants[pending - 1].t;
            }
            if remaining > 0 && later(saves[remaining - 1], until) {
                until = saves[remaining - 1];
            }
            self.tolerances_at(settings, t - until);
            self.end.resize(2 * n + m, 0.0);
            let back = Ivp { rhs: &equation, t0: t, t1: until, u0: &self.whole, p: &[] };
            let (stepper, _) = self.reverse.solver(false, 2 * n + m);
            let solved = drive(stepper, &back, &self.tolerances, &[until], &mut self.end, None);
            match solved {
                Ok(stats) => products += stats.rhs,
                Err(error @ SolveError::Cancelled { .. }) => return Err(error),
                Err(error) => {
                    return Err(SolveError::Invalid(format!(
                        "integrated backward from t = {t}, the solution does not come back to \
                         t = {until} ({error}): `backsolve` has no gradient here; use `gauss`, \
                         which keeps the solution"
                    )));
                }
            }
            self.whole.copy_from_slice(&self.end);
            t = until;
        }
        let drift = self.drift(ivp.u0);
        if !(drift <= bound) {
            return Err(refuse(ivp.t0, known_at, drift));
        }
        grad_u0.copy_from_slice(&self.whole[n..2 * n]);
        grad_p.copy_from_slice(&self.whole[2 * n..]);
        ensure_finite(ivp, &self.saved.by_state, grad_u0, grad_p)?;
        let memory = 8 * (self.whole.len() + self.end.len()) as u64;
        Ok(Evaluated {
            loss,
            forward: solved.stats,
            reverse_products: products,
            memory,
            by_start_time,
        })
    }
}

impl BacksolveAdjoint {
    /// Tolerances of a stretch of this length: the forward ones for the state, those of λ, and for
    /// the integral those of λ times the sizes that it reaches.
    fn tolerances_at(&mut self, settings: &Settings, span: f64) {
        let n = self.sizes.len();
        let own = self.reverse.lambda_tolerance();
        self.tolerances.clone_from(&self.reverse.settings);
        self.tolerances.h_init = None;
        self.tolerances.atol.clear();
        if settings.atol.len() == n {
            self.tolerances.atol.extend_from_slice(&settings.atol);
        } else {
            self.tolerances.atol.resize(n, settings.atol[0]);
        }
        self.tolerances.atol.resize(2 * n, own);
        let largest = self.whole[2 * n..].iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        let integral = own.max(0.1 * self.tolerances.rtol * largest) * span.abs().clamp(1e-3, 1.0);
        self.tolerances.atol.resize(self.whole.len(), integral);
    }
}

/// Keeps events and the last state, but no steps.
struct Watch<'a> {
    events: Recording<'a>,
    last: &'a mut [f64],
}

impl StepObserver for Watch<'_> {
    fn interpolates(&self) -> bool {
        false
    }

    fn accepted(&mut self, _: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        self.last.copy_from_slice(solution.state());
        Ok(())
    }

    fn happened(&mut self, happening: &Happening<'_, f64>) -> Result<(), SolveError> {
        self.last.copy_from_slice(happening.after);
        self.events.happened(happening)
    }
}

/// State, adjoint and parameter integral together, without parameters of its own:
/// `u' = f`, `λ' = −(∂f/∂u)ᵀ λ`, `q' = −(∂f/∂p)ᵀ λ`.
struct Backward<'a> {
    rhs: &'a dyn Kernel,
    p: &'a [f64],
}

impl Kernel for Backward<'_> {
    /// The equation is smooth where the right-hand side is.
    fn structure(&self) -> Structure<'_> {
        Structure { breaks: self.rhs.structure().breaks, ..Structure::default() }
    }

    fn shape(&self) -> Shape {
        let states = 2 * self.rhs.shape().outputs + self.p.len();
        Shape { states, params: 0, outputs: states }
    }

    fn scratch_len(&self) -> usize {
        self.rhs.scratch_len()
    }

    fn eval(&self, t: f64, whole: &[f64], _: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        let n = self.rhs.shape().outputs;
        let (u, lambda) = (&whole[..n], &whole[n..2 * n]);
        let (slope, rest) = out.split_at_mut(n);
        self.rhs.eval(t, u, self.p, slope, scratch);
        rest.fill(0.0);
        let (by_u, by_p) = rest.split_at_mut(n);
        let grad = Cotangent { t: &mut 0.0, u: by_u, p: by_p };
        self.rhs.vjp(Point { t, u, p: self.p }, lambda, grad, scratch);
        for x in rest {
            *x = -*x;
        }
    }

    // The equation is solved by an explicit method, which asks for no derivatives; theirs would be
    // second derivatives of the model.
    fn jvp(&self, _: Point<'_>, _: Tangent<'_>, out: &mut [f64], dout: &mut [f64], _: &mut [f64]) {
        out.fill(f64::NAN);
        dout.fill(f64::NAN);
    }

    fn vjp(&self, _: Point<'_>, _: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        grad.u.fill(f64::NAN);
    }
}

/// Where a solution gets to that is integrated forward and back again.
#[derive(Debug, Clone, PartialEq)]
pub struct Reversal {
    /// How far it is from its start, in the Euclidean norm; infinity when it did not come back.
    pub distance: f64,
    /// When, on the way back, a state first passed 10⁶ in size, or the solve failed.
    pub blew_up_at: Option<f64>,
}

/// Integrates `ivp` from `t0` to `t1` and back with `stepper`: what `backsolve` relies on.
///
/// # Errors
/// Those of the forward solve.
pub fn reversal(
    stepper: &mut dyn Stepper,
    ivp: &Ivp<'_>,
    settings: &Settings,
) -> Result<Reversal, SolveError> {
    let n = ivp.u0.len();
    let (mut end, mut back) = (vec![0.0; n], vec![0.0; n]);
    drive(stepper, ivp, settings, &[ivp.t1], &mut end, None)?;
    let reversed = Ivp { t0: ivp.t1, t1: ivp.t0, u0: &end, ..*ivp };
    let (mut reached, mut blew_up_at) = (ivp.t1, None);
    let mut watch = |step: &Step, solution: &mut dyn Stepper| {
        reached = step.t;
        if solution.state().iter().any(|x| !(x.abs() < 1e6)) {
            blew_up_at = Some(step.t);
            return Err(SolveError::Cancelled { t: step.t });
        }
        Ok(())
    };
    let solved = drive(stepper, &reversed, settings, &[ivp.t0], &mut back, Some(&mut watch));
    if solved.is_err() {
        return Ok(Reversal { distance: f64::INFINITY, blew_up_at: blew_up_at.or(Some(reached)) });
    }
    let squares = back.iter().zip(ivp.u0).map(|(a, b)| (a - b) * (a - b));
    Ok(Reversal { distance: squares.sum::<f64>().sqrt(), blew_up_at: None })
}
