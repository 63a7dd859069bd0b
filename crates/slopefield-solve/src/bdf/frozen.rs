//! The steps of backward differentiation taken again, at their times and with their orders, and each
//! solved to rounding: smooth functions of the initial values and the parameters.
//!
//! A step is a function of the differences before it, so what happened to those is recorded too: the
//! spacings and orders of attempts that failed, and where the method began anew.

use super::coefficients::ALPHA;
use super::history::History;
use crate::consistent::Consistency;
use crate::implicit::{ToRounding, Verdict, largest_part};
use crate::multistep::weighted_square;
use crate::unsupported::refuse_unsupported;
use crate::{ErrorNorm, Ivp, Settings, SolveError, Stats, Step, StepObserver, Stepper};
use slopefield_linear::{IterationMatrix, Jacobian, Mass};

/// Orders of attempts at one step, besides that which succeeded: one less after the first failure, and
/// 1 after the third.
const OTHER_ORDERS: usize = 2;

/// One accepted step of [`super::Bdf`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BackwardStep {
    /// Where it began,
    pub t_prev: f64,
    /// and ended.
    pub t: f64,
    /// Order; 0 for the gap at a jump of an input, across which the state stays.
    pub order: u8,
    /// Whether the method began anew at its beginning, with nothing but the state and its slope.
    pub begins: bool,
    /// The spacing that attempts of other orders had given the differences, and those orders.
    others: [(u8, f64); OTHER_ORDERS],
}

impl BackwardStep {
    /// Length, with its sign.
    pub fn h(&self) -> f64 {
        self.t - self.t_prev
    }

    /// Orders and spacings that the differences went through before the step, one after the other; the
    /// last are its own. Where the method begins anew there are no differences that could.
    pub fn respacings(&self) -> impl DoubleEndedIterator<Item = (usize, f64)> + '_ {
        let others = self.others.iter().copied().filter(|(order, _)| *order > 0 && !self.begins);
        let own = (self.order > 0).then_some((self.order, self.h()));
        others.chain(own).map(|(order, h)| (usize::from(order), h))
    }
}

/// What the attempts at a step have done to the differences.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Respacings {
    begins: bool,
    others: [(u8, f64); OTHER_ORDERS],
    last: Option<(u8, f64)>,
}

impl Respacings {
    /// The method begins anew.
    pub(super) fn beginning() -> Self {
        Respacings { begins: true, ..Respacings::default() }
    }

    /// Another attempt of this order and length.
    pub(super) fn attempt(&mut self, order: usize, h: f64) {
        let order = order as u8;
        if let Some(last) = self.last.filter(|last| last.0 != order) {
            // Spacings of one order after the other are the last of them.
            let free = self.others.iter_mut().find(|other| other.0 == 0 || other.0 == last.0);
            debug_assert!(free.is_some(), "orders fall twice at most");
            if let Some(free) = free {
                *free = last;
            }
        }
        self.last = Some((order, h));
    }

    /// The last attempt is accepted.
    pub(super) fn accept(&mut self, (t_prev, t): (f64, f64), order: usize) -> BackwardStep {
        let Respacings { begins, others, .. } = std::mem::take(self);
        BackwardStep { t_prev, t, order: order as u8, begins, others }
    }
}

/// Records the steps of [`super::Bdf`].
#[derive(Debug, Clone, Default)]
pub struct BackwardSteps {
    /// One after the other.
    pub steps: Vec<BackwardStep>,
}

impl StepObserver for BackwardSteps {
    fn interpolates(&self) -> bool {
        false
    }

    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        let gap = Respacings::default().accept((step.t_prev, step.t), 0);
        self.steps.push(solution.backward_step().unwrap_or(gap));
        Ok(())
    }
}

/// Takes steps of [`super::Bdf`] again.
///
/// As a [`Stepper`], the steps given; [`FrozenBdf::begin`], [`FrozenBdf::advance`] and
/// [`FrozenBdf::resume`] take them one by one.
pub struct FrozenBdf {
    steps: Vec<BackwardStep>,
    /// Number of steps taken as a stepper.
    next: usize,
    /// The step held.
    held: Option<BackwardStep>,
    /// The state at hand is consistent, and `d` is the slope there.
    consistent: bool,
    history: History<f64>,
    consistency: Consistency<f64>,
    norm: ErrorNorm,
    jacobian: Jacobian<f64>,
    mass: Mass<f64>,
    matrix: IterationMatrix<f64>,
    /// `c` of the factored matrix; NaN for none.
    made_for: f64,
    /// Whether there is a Jacobian.
    evaluated: bool,
    predicted: Vec<f64>,
    psi: Vec<f64>,
    weights: Vec<f64>,
    d: Vec<f64>,
    u: Vec<f64>,
    /// `ψ + d`, what the mass matrix is multiplied by.
    sum: Vec<f64>,
    residual: Vec<f64>,
    product: Vec<f64>,
    scratch: Vec<f64>,
    stats: Stats,
}

/// Updates that contract by less call for a Jacobian from where they are,
const SLOW: f64 = 0.1;
/// unless they are nearly rounding, as parts of a state or in units of the tolerances,
const SMALL_PART: f64 = 1e-9;
const SMALL: f64 = 1e-8;
/// and so often at most in a step.
const RENEWALS: u32 = 30;

impl FrozenBdf {
    /// With these steps.
    pub fn new(steps: Vec<BackwardStep>) -> Self {
        let mut consistency = Consistency::default();
        consistency.freeze();
        FrozenBdf {
            steps,
            next: 0,
            held: None,
            consistent: false,
            history: History::new(),
            consistency,
            norm: ErrorNorm::default(),
            jacobian: Jacobian::new(),
            mass: Mass::new(),
            matrix: IterationMatrix::new(),
            made_for: f64::NAN,
            evaluated: false,
            predicted: Vec::new(),
            psi: Vec::new(),
            weights: Vec::new(),
            d: Vec::new(),
            u: Vec::new(),
            sum: Vec::new(),
            residual: Vec::new(),
            product: Vec::new(),
            scratch: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// Begins a solve: the state is the consistent one at the start.
    ///
    /// # Errors
    /// Parts of the system that the method does not solve; those of consistent values.
    pub fn begin(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
        refuse_unsupported(ivp, "the method bdf")?;
        let n = ivp.u0.len();
        self.norm.configure(settings, n);
        self.consistency.configure(ivp, settings);
        self.mass.evaluate(ivp.rhs, ivp.t0, ivp.u0, ivp.p);
        self.jacobian.prepare(ivp.rhs);
        self.matrix.prepare(&self.jacobian, &self.mass);
        (self.made_for, self.evaluated) = (f64::NAN, false);
        for vector in [
            &mut self.predicted,
            &mut self.psi,
            &mut self.weights,
            &mut self.d,
            &mut self.u,
            &mut self.sum,
            &mut self.residual,
            &mut self.product,
        ] {
            vector.resize(n, 0.0);
        }
        self.scratch.resize(ivp.rhs.scratch_len(), 0.0);
        (self.next, self.held) = (0, None);
        self.stats = Stats::default();
        self.history.begin(ivp.u0);
        self.make_consistent(ivp, ivp.t0)
    }

    /// Goes on from differences of this spacing, in a solve that has [begun](FrozenBdf::begin).
    pub fn resume(&mut self, differences: &[f64], spacing: f64) {
        self.history.resume(self.u.len(), differences, spacing);
        (self.held, self.consistent) = (None, false);
        self.made_for = f64::NAN;
        self.evaluated = false;
    }

    /// The differences, order by order: first the state.
    pub fn differences(&self) -> &[f64] {
        self.history.rows()
    }

    /// Their spacing.
    pub fn spacing(&self) -> f64 {
        self.history.spacing
    }

    /// What the mass matrix is multiplied by in the step held: the formula's derivative in time, times
    /// its length over the leading coefficient.
    pub fn under_mass(&self) -> &[f64] {
        &self.sum
    }

    /// Takes a step.
    ///
    /// # Errors
    /// [`SolveError::NotConverged`], [`SolveError::Singular`], [`SolveError::NonFinite`].
    pub fn advance(&mut self, ivp: &Ivp<'_>, step: &BackwardStep) -> Result<(), SolveError> {
        self.held = Some(*step);
        if step.order == 0 {
            return Ok(());
        }
        if step.begins {
            if !self.consistent {
                self.make_consistent(ivp, step.t_prev)?;
            }
            self.history.begin_again(&self.d, step.h());
            self.evaluated = false;
        }
        self.consistent = false;
        for (order, h) in step.respacings() {
            self.history.set_spacing(order, h);
        }
        let k = usize::from(step.order);
        let (predicted, psi, weights) = (&mut self.predicted, &mut self.psi, &mut self.weights);
        self.history.predict(k, &self.norm, predicted, psi, weights);
        self.solve(ivp, step, step.h() / ALPHA[k])?;
        self.history.update(k, &self.d);
        self.stats.accepted += 1;
        Ok(())
    }

    /// Forgets all but the state, makes that consistent and writes the slope there to `d`.
    fn make_consistent(&mut self, ivp: &Ivp<'_>, t: f64) -> Result<(), SolveError> {
        self.u.copy_from_slice(self.history.state());
        self.consistency.establish(ivp, t, &mut self.u, &mut self.d, &mut self.stats)?;
        self.history.begin(&self.u);
        self.consistent = true;
        Ok(())
    }

    /// Newton's iteration for `d`, to rounding.
    fn solve(&mut self, ivp: &Ivp<'_>, step: &BackwardStep, c: f64) -> Result<(), SolveError> {
        self.d.fill(0.0);
        self.u.copy_from_slice(&self.predicted);
        if !self.evaluated {
            self.renew(ivp, step.t);
        }
        if self.made_for != c {
            self.factor(step, c)?;
        }
        let mut judge = ToRounding::default();
        let (mut previous, mut renewals) = (f64::INFINITY, 0);
        loop {
            ivp.rhs.eval(step.t, &self.u, ivp.p, &mut self.residual, &mut self.scratch);
            self.stats.rhs += 1;
            self.stats.iterations += 1;
            self.take_residual(c);
            self.matrix.solve(&mut self.residual);
            self.stats.solves += 1;
            for i in 0..self.u.len() {
                self.d[i] += self.residual[i];
                self.u[i] = self.predicted[i] + self.d[i];
            }
            let size = weighted_square(&self.residual, &self.weights).sqrt();
            let part = largest_part(&self.residual, 1.0, &self.u);
            match judge.judge(part, size) {
                Verdict::Converged => break,
                Verdict::Again
                    if !(size > SLOW * previous && part > SMALL_PART && size > SMALL) => {}
                _ if renewals < RENEWALS => {
                    renewals += 1;
                    if !size.is_finite() {
                        if renewals > 1 {
                            let state = self.u.iter().position(|x| !x.is_finite()).unwrap_or(0);
                            let u = self.history.state();
                            return Err(SolveError::non_finite(step.t_prev, state, u));
                        }
                        self.d.fill(0.0);
                        self.u.copy_from_slice(&self.predicted);
                    }
                    self.renew(ivp, step.t);
                    self.factor(step, c)?;
                    judge = ToRounding::default();
                    previous = f64::INFINITY;
                    continue;
                }
                _ => return Err(SolveError::NotConverged { t: step.t_prev, h: step.h() }),
            }
            previous = size;
        }
        for i in 0..self.u.len() {
            self.sum[i] = self.psi[i] + self.d[i];
        }
        Ok(())
    }

    /// Evaluates the Jacobian at the state at hand.
    fn renew(&mut self, ivp: &Ivp<'_>, t: f64) {
        if self.jacobian.evaluate(ivp.rhs, t, &self.u, ivp.p) {
            self.stats.jacobians += 1;
        }
        (self.evaluated, self.made_for) = (true, f64::NAN);
    }

    fn factor(&mut self, step: &BackwardStep, c: f64) -> Result<(), SolveError> {
        self.stats.factorisations += 1;
        let made = self.matrix.factor(1.0, c, &self.jacobian, &self.mass);
        self.made_for = if made.is_ok() { c } else { f64::NAN };
        made.map_err(|_| SolveError::Singular { t: step.t_prev })
    }

    /// `c f − M (ψ + d)` from the slope, in place.
    fn take_residual(&mut self, c: f64) {
        for i in 0..self.u.len() {
            self.sum[i] = self.psi[i] + self.d[i];
        }
        let product = if self.mass.is_identity() {
            &self.sum
        } else {
            self.mass.multiply(&self.sum, &mut self.product);
            &self.product
        };
        for (residual, product) in self.residual.iter_mut().zip(product) {
            *residual = c * *residual - *product;
        }
    }
}

impl Stepper for FrozenBdf {
    fn start(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
        let ends = (self.steps.first(), self.steps.last());
        if !matches!(ends, (Some(a), Some(b)) if a.t_prev == ivp.t0 && b.t == ivp.t1) {
            return Err(SolveError::Invalid(format!(
                "the recorded steps do not run from t = {} to t = {}",
                ivp.t0, ivp.t1
            )));
        }
        self.begin(ivp, settings)
    }

    fn step(&mut self, ivp: &Ivp<'_>, _: &Settings, _: f64) -> Result<Step, SolveError> {
        let Some(step) = self.steps.get(self.next).copied() else {
            return Err(SolveError::Invalid("all recorded steps are taken".into()));
        };
        self.advance(ivp, &step)?;
        self.next += 1;
        Ok(Step { t_prev: step.t_prev, t: step.t, rejected: 0 })
    }

    fn begins_again_at_breaks(&self) -> bool {
        false
    }

    fn state(&self) -> &[f64] {
        self.history.state()
    }

    fn interpolate(&mut self, t: f64, out: &mut [f64]) -> Result<(), SolveError> {
        let Some(step) = self.held.filter(|step| step.order > 0 && t != step.t) else {
            out.copy_from_slice(self.history.state());
            return Ok(());
        };
        let s = (t - step.t) / step.h();
        if !(-1.0..=0.0).contains(&s) {
            return Err(SolveError::Invalid(format!(
                "t = {t} is outside the last step, {} to {}",
                step.t_prev, step.t
            )));
        }
        self.history.interpolate(usize::from(step.order), s, out);
        Ok(())
    }

    fn dense_degree(&self) -> usize {
        self.held.map_or(1, |step| usize::from(step.order).max(1))
    }

    fn stats(&self) -> Stats {
        self.stats
    }
}
