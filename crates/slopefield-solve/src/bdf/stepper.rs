//! The choice of order and step.

use super::coefficients::{ALPHA, ERROR, MAX_ORDER};
use super::frozen::{BackwardStep, Respacings};
use super::history::History;
use super::linear::Linear;
use super::newton::{Newton, Solved, Target};
use crate::consistent::Consistency;
use crate::limits::{check_budget, end_of_step, shortest_step};
use crate::multistep::{first_length, weighted_square};
use crate::unsupported::refuse_unsupported;
use crate::{ErrorNorm, Ivp, Real, Settings, SolveError, Stats, Step, Stepper};

/// Backward differentiation of variable order 1 to 5, for stiff systems and for systems
/// `M u' = f` with a constant mass matrix, which may be singular (algebraic equations of index 1).
pub struct Bdf<T: Real = f64> {
    /// Begins sentences about what it does not solve.
    who: &'static str,
    pub(super) t: f64,
    pub(super) t_prev: f64,
    /// Length of the next attempt, positive.
    h: f64,
    /// Order of the next attempt.
    pub(super) order: usize,
    /// Order of the step held.
    order_taken: usize,
    max_order: usize,
    /// Accepted steps of the present order and length.
    equal_steps: usize,
    holds_step: bool,
    /// What the attempts at the present step have done to the differences.
    respaced: Respacings,
    /// The step held, to be taken again.
    taken: Option<BackwardStep>,
    pub(super) history: History<T>,
    newton: Newton<T>,
    consistency: Consistency<T>,
    norm: ErrorNorm,
    predicted: Vec<T>,
    psi: Vec<T>,
    weights: Vec<T>,
    /// `∇^{k+1}` of the step.
    d: Vec<T>,
    u: Vec<T>,
    stats: Stats,
}

/// The step aims for errors below the tolerance by these factors to the power of the order + 1,
/// which favour the lower order: Shampine and Reichelt's choice.
const SAFETY: [f64; 3] = [1.0 / 1.3, 1.0 / 1.2, 1.0 / 1.4];
/// Steps grow by no more than this at once,
const MAX_GROWTH: f64 = 10.0;
/// and only if it is worth a new factorisation.
const WORTHWHILE: f64 = 1.1;

impl<T: Real> Default for Bdf<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> Bdf<T> {
    /// The method with all orders.
    pub fn new() -> Self {
        Self::up_to(MAX_ORDER)
    }

    /// The method with orders up to `max_order`. Orders 1 and 2 are stable for all decaying
    /// solutions; higher ones are not for those that oscillate much faster than they decay.
    ///
    /// # Panics
    /// If `max_order` is not 1 to [`MAX_ORDER`].
    pub fn up_to(max_order: usize) -> Self {
        assert!((1..=MAX_ORDER).contains(&max_order), "order {max_order}");
        Self::with(max_order, "the method bdf", Linear::factored())
    }

    /// The method with all orders whose linear systems are iterated by GMRES with incomplete
    /// factors, for thousands of states on a grid, where complete factors fill in.
    pub fn iterated() -> Self {
        Self::with(MAX_ORDER, "the method bdf-gmres", Linear::iterated())
    }

    fn with(max_order: usize, who: &'static str, linear: Linear<T>) -> Self {
        Bdf {
            who,
            t: 0.0,
            t_prev: 0.0,
            h: 0.0,
            order: 1,
            order_taken: 1,
            max_order,
            equal_steps: 0,
            holds_step: false,
            respaced: Respacings::default(),
            taken: None,
            history: History::new(),
            newton: Newton::new(linear),
            consistency: Consistency::default(),
            norm: ErrorNorm::default(),
            predicted: Vec::new(),
            psi: Vec::new(),
            weights: Vec::new(),
            d: Vec::new(),
            u: Vec::new(),
            stats: Stats::default(),
        }
    }

    fn size(&mut self, n: usize) {
        for vector in
            [&mut self.predicted, &mut self.psi, &mut self.weights, &mut self.d, &mut self.u]
        {
            vector.resize(n, T::ZERO);
        }
    }

    /// The first state, slope and length.
    fn first(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        let Bdf { u, d, stats, history, newton, predicted, psi, .. } = self;
        u.copy_from_slice(ivp.u0);
        self.consistency.establish(ivp, ivp.t0, u, d, stats)?;
        history.begin(u);
        self.h = match settings.h_init {
            Some(h) => h.abs(),
            None => {
                // Slopes nearby are known without solving equations only for the identity.
                let scratch = newton.mass.is_identity().then_some(&mut newton.scratch[..]);
                let work = (&mut predicted[..], &mut psi[..]);
                let (h, evaluations) =
                    first_length(ivp, &self.norm, (u, d), work, scratch, settings.h_max);
                stats.rhs += evaluations;
                h
            }
        };
        history.begin_again(d, ivp.direction() * self.h);
        Ok(())
    }

    /// Solves the equations of a step of length `h` to `t_new`; the norm of its error.
    pub(super) fn attempt(&mut self, ivp: &Ivp<'_, T>, t_new: f64, h: f64) -> Result<f64, Solved> {
        let k = self.order;
        self.respaced.attempt(k, h);
        if self.history.set_spacing(k, h) {
            self.equal_steps = 0;
        }
        let Bdf { predicted, psi, weights, d, u, .. } = self;
        self.history.predict(k, &self.norm, predicted, psi, weights);
        let to = Target { t: t_new, c: h / ALPHA[k], order: k, predicted, psi, weights };
        match self.newton.solve(ivp, &to, d, u, &mut self.stats) {
            Solved::Yes => Ok(ERROR[k] * weighted_square(d, weights).sqrt()),
            failure => Err(failure),
        }
    }

    /// Takes in the step just solved.
    pub(super) fn accept(&mut self, t_new: f64) {
        self.history.update(self.order, &self.d);
        self.newton.moved();
        self.order_taken = self.order;
        self.equal_steps += 1;
        self.holds_step = true;
        self.t_prev = std::mem::replace(&mut self.t, t_new);
        self.taken = Some(self.respaced.accept((self.t_prev, t_new), self.order));
        self.stats.accepted += 1;
    }

    /// Order and length of the next step after an accepted one of length `taken` with this error.
    fn plan(&mut self, taken: f64, error: f64) -> f64 {
        let k = self.order;
        // Differences of higher order are known, and trusted, after some steps of one length.
        if self.equal_steps <= k {
            return taken;
        }
        let factor = |error: f64, order: usize| error.max(1e-20).powf(-1.0 / (order + 1) as f64);
        let size = |j: usize| weighted_square(self.history.row(j), &self.weights).sqrt();
        let mut best = SAFETY[1] * factor(error, k);
        let mut order = k;
        if k > 1 {
            let lower = SAFETY[0] * factor(ERROR[k - 1] * size(k), k - 1);
            if lower > best {
                (best, order) = (lower, k - 1);
            }
        }
        if k < self.max_order {
            let higher = SAFETY[2] * factor(ERROR[k + 1] * size(k + 2), k + 1);
            if higher > best {
                (best, order) = (higher, k + 1);
            }
        }
        if best < WORTHWHILE {
            return taken;
        }
        self.order = order;
        self.equal_steps = 0;
        best.min(MAX_GROWTH) * taken
    }

    /// Factor for another attempt after one with too large an error, the `failures`-th in a row.
    fn shrink(&mut self, ivp: &Ivp<'_, T>, error: f64, failures: u32) -> f64 {
        let k = self.order;
        self.equal_steps = 0;
        match failures {
            1 => {
                let factor = |safety: f64, error: f64, order: usize| {
                    (safety * error.powf(-1.0 / (order + 1) as f64)).clamp(0.1, 0.9)
                };
                let same = factor(SAFETY[1], error, k);
                if k > 1 {
                    // ∇^k of this step is the old one and d.
                    let row = self.history.row(k);
                    for ((sum, old), d) in self.psi.iter_mut().zip(row).zip(&self.d) {
                        *sum = *old + *d;
                    }
                    let lower = ERROR[k - 1] * weighted_square(&self.psi, &self.weights).sqrt();
                    let lower = factor(SAFETY[0], lower, k - 1);
                    if lower > same {
                        self.order = k - 1;
                        return lower;
                    }
                }
                same
            }
            2 => 0.25,
            _ => {
                // The differences tell nothing of what comes: begin again with the slope, and with
                // algebraic variables that satisfy their equations.
                self.order = 1;
                let Bdf { d, u, history, stats, consistency, t, .. } = self;
                u.copy_from_slice(history.state());
                if consistency.establish(ivp, *t, u, d, stats).is_ok() {
                    let spacing = history.spacing;
                    history.begin(u);
                    history.begin_again(d, spacing);
                    self.respaced = Respacings::beginning();
                }
                0.1
            }
        }
    }

    /// Why no step can be taken, however small.
    fn collapsed(&mut self, ivp: &Ivp<'_, T>, outcome: Result<f64, Solved>, h: f64) -> SolveError {
        let t = self.t;
        match outcome {
            Err(Solved::Singular) => SolveError::Singular { t },
            Err(Solved::Slowly) => SolveError::NotConverged { t, h },
            Err(Solved::NotFinite) => {
                let state = self.newton.non_finite_slope(ivp, t + h, &self.predicted);
                SolveError::non_finite(t, state.unwrap_or(0), self.history.state())
            }
            _ => SolveError::StepTooSmall { t, h },
        }
    }
}

impl<T: Real> Stepper<T> for Bdf<T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        refuse_unsupported(ivp, self.who)?;
        self.size(ivp.u0.len());
        self.norm.configure(settings, ivp.u0.len());
        self.stats = Stats::default();
        (self.t, self.t_prev) = (ivp.t0, ivp.t0);
        (self.order, self.order_taken, self.equal_steps) = (1, 1, 0);
        self.holds_step = false;
        (self.respaced, self.taken) = (Respacings::beginning(), None);
        self.newton.begin(ivp);
        self.consistency.configure(ivp, settings);
        self.first(ivp, settings)
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        let floor = shortest_step(self.t, ivp, settings);
        let mut h = self.h.min(settings.h_max).max(floor);
        let (mut rejected, mut inaccurate) = (0, 0);
        loop {
            check_budget(self.t, &self.stats, settings)?;
            let remaining = (t_limit - self.t).abs();
            let (t_new, at_limit) = end_of_step(self.t, h, t_limit);
            let signed = t_new - self.t;
            let taken = signed.abs();
            let outcome = self.attempt(ivp, t_new, signed);
            let factor = match outcome {
                Ok(error) if error <= 1.0 => {
                    self.accept(t_new);
                    let next = self.plan(taken, error);
                    // A step cut short by the limit says nothing against the longer one.
                    self.h = if at_limit { next.max(h.min(MAX_GROWTH * taken)) } else { next };
                    return Ok(Step { t_prev: self.t_prev, t: t_new, rejected });
                }
                Ok(error) => {
                    inaccurate += 1;
                    self.shrink(ivp, error, inaccurate)
                }
                // Try again with a Jacobian from here before making the step shorter.
                Err(_) if self.newton.ask_for_jacobian() => 1.0,
                Err(Solved::NotFinite) => 0.1,
                Err(_) => 0.3,
            };
            rejected += 1;
            self.stats.rejected += 1;
            // Not the length taken, which rounding may have made longer.
            if h.min(remaining) <= floor && factor < 1.0 {
                return Err(self.collapsed(ivp, outcome, signed));
            }
            h = (taken * factor).max(floor);
        }
    }

    fn state(&self) -> &[T] {
        self.history.state()
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        if t == self.t {
            out.copy_from_slice(self.history.state());
            return Ok(());
        }
        let s = (t - self.t) / (self.t - self.t_prev);
        if !(self.holds_step && (-1.0..=0.0).contains(&s)) {
            return Err(SolveError::Invalid(format!(
                "t = {t} is outside the last step, {} to {}",
                self.t_prev, self.t
            )));
        }
        self.history.interpolate(self.order_taken, s, out);
        Ok(())
    }

    fn dense_degree(&self) -> usize {
        self.order_taken
    }

    fn backward_step(&self) -> Option<BackwardStep> {
        self.taken
    }

    fn stats(&self) -> Stats {
        self.stats
    }
}
