//! Steady states: values at which a system stays.
//!
//! Pseudo-transient continuation: linearly implicit Euler steps `(M/δ − J) s = f(t, u)` of a time
//! that is only a means. Short ones follow the solution from the values given, so that of several
//! steady states that in whose basin they lie is approached; as the residual falls, the steps
//! grow with its reciprocal (switched evolution relaxation), and the iteration becomes Newton's.
//! Unlike it, the steps keep linear conservation laws, with which `J` is singular. Kelley, Keyes,
//! *Convergence analysis of pseudo-transient continuation*, SIAM J. Numer. Anal. 35 (1998) 508,
//! doi:10.1137/S0036142996304796.
//!
//! Steps also grow while they change the state by little. They stay short enough for unstable
//! directions to be left and not entered, which `sᵀ f < 0` betrays. When there is no end to it, as
//! on a limit cycle, Newton's iteration begins again with the values given, with steps that are
//! only shortened where the residual would rise a lot: that finds an unstable steady state near
//! them. The last attempt is a continuation whose steps grow whatever happens.

use crate::implicit::Linearisation;
use crate::unsupported::refuse_unsupported;
use crate::{ErrorNorm, Ivp, Real, Settings, SolveError, Stats};
use slopefield_kernel::Kernel;
use slopefield_linear::IterationMatrix;

/// A steady state.
#[derive(Debug, Clone, PartialEq)]
pub struct SteadyState<T: Real = f64> {
    /// The values.
    pub u: Vec<T>,
    /// Largest absolute value of the right-hand side there.
    pub residual: f64,
    /// Counters; [`Stats::iterations`] are the steps of the continuation.
    pub stats: Stats,
}

/// Steps that follow the solution at most; those that converge need tens.
const FOLLOWING: u64 = 400;

/// Steps of Newton's iteration at most, when there was no end to the solution.
const NEWTON: u64 = 50;

/// Steps at most, with the last ones, which grow whatever happens.
const ITERATIONS: u64 = 500;

/// Steps change their length by no more than this at once.
const CHANGE: f64 = 10.0;

/// How much longer than first steps those of Newton's iteration are.
const LONG: f64 = 1e8;

/// Steps grow while they change the state by less than this part of it.
const MOVE: f64 = 0.1;

/// The last step, in units of the tolerance; the error that it leaves is about the square.
const LAST: f64 = 1e-3;

/// In the last steps no more than this part of the residual is balanced by the pseudo-time.
const TRANSIENT: f64 = 0.1;

/// Finds a steady state of `M u' = f(t, u, p)` at the time `t`, near `u` or in whose basin `u`
/// lies. The tolerances of `settings` say how accurate it is to be, `h_init` how long the first
/// step of the pseudo-time, `max_steps` and `cancel` limit the work.
///
/// The steady state is an unstable one only where the solution from `u` comes to no rest.
///
/// # Errors
/// [`SolveError::NoSteadyState`], [`SolveError::NonFinite`] where the right-hand side is not
/// finite at `u`, [`SolveError::TooManySteps`], [`SolveError::Cancelled`], and
/// [`SolveError::Invalid`] for sizes and settings that make no sense, and for systems with delays,
/// noise or jumps.
pub fn steady_state<T: Real>(
    rhs: &dyn Kernel<T>,
    t: f64,
    u: &[T],
    p: &[T],
    settings: &Settings,
) -> Result<SteadyState<T>, SolveError> {
    let ivp = Ivp { rhs, t0: t, t1: t, u0: u, p };
    ivp.validate()?;
    settings.validate(u.len())?;
    refuse_unsupported(&ivp, "the search for steady states")?;
    Continuation::new(ivp, settings)?.run(settings)
}

struct Continuation<'a, T: Real> {
    ivp: Ivp<'a, T>,
    norm: ErrorNorm,
    linearisation: Linearisation<T>,
    matrix: IterationMatrix<T>,
    u: Vec<T>,
    value: Vec<T>,
    step: Vec<T>,
    trial: Vec<T>,
    trial_value: Vec<T>,
    scratch: Vec<T>,
    stats: Stats,
}

impl<'a, T: Real> Continuation<'a, T> {
    fn new(ivp: Ivp<'a, T>, settings: &Settings) -> Result<Self, SolveError> {
        let n = ivp.u0.len();
        let mut norm = ErrorNorm::default();
        norm.configure(settings, n);
        let mut linearisation = Linearisation::new();
        linearisation.begin(ivp.rhs, ivp.t0, ivp.u0, ivp.p);
        let mut matrix = IterationMatrix::new();
        matrix.prepare(linearisation.jacobian(), linearisation.mass());
        let zeros = || vec![T::ZERO; n];
        let mut continuation = Continuation {
            ivp,
            norm,
            linearisation,
            matrix,
            u: ivp.u0.to_vec(),
            value: zeros(),
            step: zeros(),
            trial: zeros(),
            trial_value: zeros(),
            scratch: vec![T::ZERO; ivp.rhs.scratch_len()],
            stats: Stats::default(),
        };
        continuation.evaluate();
        match continuation.value.iter().position(|v| !v.finite()) {
            Some(state) => Err(SolveError::non_finite(ivp.t0, state, ivp.u0)),
            None => Ok(continuation),
        }
    }

    /// Evaluates the right-hand side.
    fn evaluate(&mut self) {
        self.stats.rhs += 1;
        let Ivp { rhs, t0, p, .. } = self.ivp;
        rhs.eval(T::of(t0), &self.u, p, &mut self.value, &mut self.scratch);
    }

    fn run(mut self, settings: &Settings) -> Result<SteadyState<T>, SolveError> {
        let t = self.ivp.t0;
        let mut size = self.norm.of_value(&self.value, &self.u);
        let mut delta = settings.h_init.map_or_else(|| self.first_step(size), f64::abs);
        for iteration in 0..ITERATIONS {
            if self.value.iter().all(|v| *v == T::ZERO) {
                return Ok(self.found());
            }
            if let Some(interruption) = settings.interruption(t) {
                return Err(interruption);
            }
            if iteration >= settings.max_steps {
                return Err(SolveError::TooManySteps { t, steps: settings.max_steps });
            }
            self.stats.iterations += 1;
            let follows = iteration < FOLLOWING;
            if iteration == FOLLOWING || iteration == FOLLOWING + NEWTON {
                self.u.copy_from_slice(self.ivp.u0);
                self.evaluate();
                self.linearisation.leave();
                size = self.norm.of_value(&self.value, &self.u);
                let length = if iteration == FOLLOWING { LONG } else { 1.0 };
                delta = length * self.first_step(size);
            }
            let moved = self.try_step(delta);
            let new_size = self.norm.of_value(&self.trial_value, &self.u);
            let is_good = |_: &f64| new_size <= CHANGE * size && !(follows && self.turns_back());
            let Some(moved) = moved.filter(is_good) else {
                self.stats.rejected += 1;
                delta /= CHANGE;
                if delta < f64::MIN_POSITIVE / T::EPSILON {
                    break;
                }
                continue;
            };
            self.stats.accepted += 1;
            let transient = self.transient(delta);
            std::mem::swap(&mut self.u, &mut self.trial);
            std::mem::swap(&mut self.value, &mut self.trial_value);
            self.linearisation.leave();
            let state = self.norm.of_value(&self.u, &self.u);
            if moved <= LAST.max(10.0 * T::EPSILON * state) && transient <= TRANSIENT * size {
                return Ok(self.found());
            }
            let ratio = size / new_size.max(f64::MIN_POSITIVE);
            let wanted = ratio.max(MOVE * state / moved.max(f64::MIN_POSITIVE));
            delta *= if follows { wanted.clamp(1.0 / CHANGE, CHANGE) } else { CHANGE };
            size = new_size;
        }
        let slope = |v: &T| v.f64().abs();
        let state = (0..self.value.len())
            .max_by(|a, b| slope(&self.value[*a]).total_cmp(&slope(&self.value[*b])))
            .unwrap_or(0);
        Err(SolveError::NoSteadyState {
            t,
            iterations: self.stats.iterations,
            state,
            slope: self.value[state].f64(),
        })
    }

    /// A first step in which the state changes by about a hundredth.
    fn first_step(&self, size: f64) -> f64 {
        let state = self.norm.of_value(&self.u, &self.u).max(1.0);
        if size > 0.0 { 0.01 * state / size } else { 1.0 }
    }

    /// Computes a step of length `delta`, the state after it and the right-hand side there. The
    /// norm of the step; none when there is no such step or no value there.
    fn try_step(&mut self, delta: f64) -> Option<f64> {
        let Ivp { rhs, t0, p, .. } = self.ivp;
        if !self.linearisation.is_current() {
            self.linearisation.renew(rhs, &self.ivp, t0, &self.u, &mut self.stats);
        }
        self.stats.factorisations += 1;
        let (jacobian, mass) = (self.linearisation.jacobian(), self.linearisation.mass());
        self.matrix.factor(T::of(1.0 / delta), T::ONE, jacobian, mass).ok()?;
        self.stats.solves += 1;
        self.step.copy_from_slice(&self.value);
        self.matrix.solve(&mut self.step);
        for ((trial, u), step) in self.trial.iter_mut().zip(&self.u).zip(&self.step) {
            *trial = *u + *step;
        }
        self.stats.rhs += 1;
        rhs.eval(T::of(t0), &self.trial, p, &mut self.trial_value, &mut self.scratch);
        let values = self.trial_value.iter().chain(&self.trial);
        if values.into_iter().all(|v| v.finite()) {
            Some(self.norm.of_value(&self.step, &self.u))
        } else {
            None
        }
    }

    /// Whether the step goes against the slope: then an unstable direction is slower than it.
    fn turns_back(&self) -> bool {
        let values = self.step.iter().zip(&self.value).zip(&self.u).zip(self.norm.atol());
        let product = |(((s, f), u), atol): (((&T, &T), &T), &f64)| {
            let scale = atol + self.norm.rtol() * u.f64().abs();
            s.f64() * f.f64() / (scale * scale).max(f64::MIN_POSITIVE)
        };
        self.linearisation.mass().is_identity() && values.map(product).sum::<f64>() < 0.0
    }

    /// Norm of the part of the residual that the pseudo-time balances, `M s/δ`. Overwrites the
    /// step.
    fn transient(&mut self, delta: f64) -> f64 {
        let mass = self.linearisation.mass();
        if !mass.is_identity() {
            let mut product = std::mem::take(&mut self.scratch);
            product.resize(self.u.len().max(product.len()), T::ZERO);
            mass.multiply(&self.step, &mut product[..self.u.len()]);
            self.step.copy_from_slice(&product[..self.u.len()]);
            self.scratch = product;
        }
        self.norm.of_value(&self.step, &self.u) / delta
    }

    fn found(self) -> SteadyState<T> {
        let residual = self.value.iter().fold(0.0_f64, |most, v| most.max(v.f64().abs()));
        SteadyState { u: self.u, residual, stats: self.stats }
    }
}
