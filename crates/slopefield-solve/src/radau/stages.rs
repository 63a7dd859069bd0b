//! One step of the Radau IIA method.

use super::StageMatrix;
use super::coefficients::{
    ALPHA, BETA, C, ERROR, GAMMA, T as TRANSFORM, T_INVERSE, collocation_weights,
    inverse_stage_matrix,
};
use crate::consistent::Consistency;
use crate::implicit::{
    Convergence, KEEP_JACOBIAN, Linearisation, Reach, Target, ToRounding, Verdict,
};
use crate::{Attempt, ErrorNorm, Failure, Ivp, Real, Stats};
use slopefield_linear::{IterationMatrix, Jacobian, Singular};

/// Newton iterations at most.
const ITERATIONS: u32 = 7;

/// Steps whose lengths differ by less than this share a factorisation.
const SAME_LENGTH: f64 = 1e-9;

/// Order in the step size of the error estimate.
pub(super) const ERROR_ORDER: u32 = 4;

/// The step of the three-stage Radau IIA method.
///
/// The stages `u + Z_i` at `t + c_i h` satisfy `M Z_i = h Σ a_ij f(t + c_j h, u + Z_j)`; the last
/// is the result. Stages are first guessed from the collocation polynomial of the step before.
pub struct Radau<T: Real = f64> {
    pub(super) n: usize,
    pub(super) t: f64,
    pub(super) t_new: f64,
    /// State at the beginning.
    pub(super) start: Vec<T>,
    /// State at the end.
    pub(super) end: Vec<T>,
    /// `f` at the beginning.
    pub(super) value: Vec<T>,
    /// Slope at the beginning of a solve.
    pub(super) slope: Vec<T>,
    /// `Z_i`, one after the other.
    pub(super) stages: Vec<T>,
    /// Those of the step before, and its length; 0 when there is none.
    before: Vec<T>,
    pub(super) length_before: f64,
    /// `W = T⁻¹ Z`.
    transformed: Vec<T>,
    /// `f` at the stages, then the Newton equations' right-hand sides and updates.
    update: Vec<T>,
    pair: Vec<T::Complex>,
    pub(super) work: Vec<T>,
    pub(super) trial: Vec<T>,
    pub(super) scratch: Vec<T>,
    pub(super) linearisation: Linearisation<T>,
    pub(super) real: IterationMatrix<T>,
    pub(super) complex: IterationMatrix<T::Complex>,
    /// Step length and version of the Jacobian that the matrices are factored for.
    pub(super) factored: Option<(f64, u64)>,
    pub(super) convergence: Convergence,
    /// How long steps may be for the iteration.
    pub(super) reach: Reach,
    pub(super) consistency: Consistency<T>,
    /// Iterations of the last attempt.
    pub(super) iterations: u32,
    /// State whose slope was not finite in the last attempt.
    pub(super) not_finite: Option<usize>,
    /// Stages are solved to rounding, and errors are not measured.
    pub(super) frozen: bool,
    /// Newton's method with the Jacobians at the stages, which frozen steps resort to.
    renewing: bool,
    full: Option<Box<FullNewton<T>>>,
    /// Where the iteration begins, if not at the guess from the step before.
    pub(super) given: Vec<T>,
}

/// The matrices of Newton's method, for frozen steps that need it.
struct FullNewton<T: Real> {
    jacobians: [Jacobian<T>; 3],
    matrix: StageMatrix<T>,
}

/// Why there is no end of a step.
enum Trouble {
    NotFinite,
    Hopeless(f64),
}

impl<T: Real> Radau<T> {
    /// The method.
    pub fn new() -> Self {
        let empty = Vec::new;
        Radau {
            n: 0,
            t: 0.0,
            t_new: 0.0,
            start: empty(),
            end: empty(),
            value: empty(),
            slope: empty(),
            stages: empty(),
            before: empty(),
            length_before: 0.0,
            transformed: empty(),
            update: empty(),
            pair: Vec::new(),
            work: empty(),
            trial: empty(),
            scratch: empty(),
            linearisation: Linearisation::new(),
            real: IterationMatrix::new(),
            complex: IterationMatrix::new(),
            factored: None,
            convergence: Convergence::new(ITERATIONS, 4),
            reach: Reach::new(),
            consistency: Consistency::default(),
            iterations: 0,
            not_finite: None,
            frozen: false,
            renewing: false,
            full: None,
            given: empty(),
        }
    }

    pub(super) fn resize(&mut self, ivp: &Ivp<'_, T>) {
        let n = ivp.u0.len();
        self.n = n;
        for (vector, len) in [
            (&mut self.start, n),
            (&mut self.end, n),
            (&mut self.value, n),
            (&mut self.slope, n),
            (&mut self.work, n),
            (&mut self.trial, n),
            (&mut self.stages, 3 * n),
            (&mut self.before, 3 * n),
            (&mut self.transformed, 3 * n),
            (&mut self.update, 3 * n),
            (&mut self.scratch, ivp.rhs.scratch_len()),
        ] {
            vector.resize(len, T::ZERO);
        }
        self.pair.resize(n, <T::Complex as Default>::default());
    }

    /// One attempt at the step to `t_new`; see [`crate::OneStep::attempt`].
    pub(super) fn solve_step(
        &mut self,
        ivp: &Ivp<'_, T>,
        (t, t_new): (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Attempt {
        if from_end {
            self.advance(ivp, counts);
            self.reach.take(self.length_before);
        }
        self.t = t;
        self.t_new = t_new;
        self.not_finite = None;
        self.renewing = false;
        let is_good = !self.frozen && from_end && self.convergence.slowest_rate() <= KEEP_JACOBIAN;
        if !is_good && !self.linearisation.is_current() {
            self.renew(ivp, counts);
        }
        loop {
            self.convergence.forget_rates();
            if self.factor(counts).is_err() {
                if self.linearisation.is_current() {
                    return Attempt::Failed { factor: 0.5, reason: Failure::Singular };
                }
                self.renew(ivp, counts);
                continue;
            }
            self.guess();
            match self.iterate(ivp, norm, counts) {
                Ok(()) if self.frozen => return Attempt::Measured(0.0),
                Ok(()) => return Attempt::Measured(self.measure(ivp, from_end, norm, counts)),
                Err(_) if !self.linearisation.is_current() => self.renew(ivp, counts),
                Err(_) if self.frozen && !self.renewing => self.renewing = true,
                Err(Trouble::NotFinite) => return Attempt::Measured(f64::NAN),
                Err(Trouble::Hopeless(factor)) => {
                    self.reach.fail(t_new - t);
                    return Attempt::Failed { factor, reason: Failure::NotConverged };
                }
            }
        }
    }

    /// Makes the end of the step held the beginning of the next.
    fn advance(&mut self, ivp: &Ivp<'_, T>, counts: &mut Stats) {
        std::mem::swap(&mut self.start, &mut self.end);
        std::mem::swap(&mut self.stages, &mut self.before);
        self.length_before = self.t_new - self.t;
        self.t = self.t_new;
        self.linearisation.leave();
        counts.rhs += 1;
        ivp.rhs.eval(T::of(self.t), &self.start, ivp.p, &mut self.value, &mut self.scratch);
    }

    fn renew(&mut self, ivp: &Ivp<'_, T>, counts: &mut Stats) {
        self.linearisation.renew(ivp.rhs, ivp, self.t, &self.start, counts);
    }

    /// Factors `γ/h M − J` and `(α + iβ)/h M − J`.
    fn factor(&mut self, counts: &mut Stats) -> Result<(), Singular> {
        let h = self.t_new - self.t;
        let version = self.linearisation.version();
        if let Some((held, of)) = self.factored
            && of == version
            && (h - held).abs() <= SAME_LENGTH * held.abs()
        {
            return Ok(());
        }
        self.factored = None;
        let (jacobian, mass) = (self.linearisation.jacobian(), self.linearisation.mass());
        counts.factorisations += 2;
        self.real.factor(T::of(GAMMA / h), T::ONE, jacobian, mass)?;
        let pair = T::complex(T::of(ALPHA / h), T::of(BETA / h));
        self.complex.factor(pair, T::complex(T::ONE, T::ZERO), jacobian, mass)?;
        self.factored = Some((h, version));
        Ok(())
    }

    /// Guesses the stages from the collocation polynomial of the step before.
    fn guess(&mut self) {
        let n = self.n;
        if self.given.len() == self.stages.len() {
            self.stages.copy_from_slice(&self.given);
            transform(&T_INVERSE, &self.stages, &mut self.transformed, n);
            return;
        }
        if self.length_before == 0.0 {
            self.stages.fill(T::ZERO);
            self.transformed.fill(T::ZERO);
            return;
        }
        let gain = (self.t_new - self.t) / self.length_before;
        for (i, c) in C.into_iter().enumerate() {
            let mut weights = collocation_weights(1.0 + gain * c);
            weights[2] -= 1.0; // what remains from the end of that step
            let [a, b, c] = weights.map(T::of);
            let (first, rest) = self.before.split_at(n);
            let (second, third) = rest.split_at(n);
            let own = &mut self.stages[i * n..(i + 1) * n];
            for (k, z) in own.iter_mut().enumerate() {
                *z = a * first[k] + b * second[k] + c * third[k];
            }
        }
        transform(&T_INVERSE, &self.stages, &mut self.transformed, n);
    }

    /// Newton's iteration for the stages.
    fn iterate(
        &mut self,
        ivp: &Ivp<'_, T>,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Result<(), Trouble> {
        let n = self.n;
        let loosened = loosening(norm.rtol());
        let size = norm.of_value(&self.start, &self.start);
        let own_tolerance = norm.rtol() * loosened;
        let target = Target::for_tolerance(own_tolerance, size / loosened, T::EPSILON);
        self.convergence.begin(target.times(loosened));
        let mut to_rounding = ToRounding::default();
        loop {
            self.evaluate_stages(ivp, counts)?;
            if self.renewing {
                self.solve_coupled(ivp, counts)?;
            } else {
                self.solve_linear(counts);
            }
            let mut sum = 0.0;
            for update in self.update.chunks_exact(n) {
                sum += norm.square_of_error(update, &self.start, &self.start);
            }
            for (w, update) in self.transformed.iter_mut().zip(&self.update) {
                *w += *update;
            }
            transform(&TRANSFORM, &self.transformed, &mut self.stages, n);
            let size = (sum / 3.0).sqrt();
            let verdict = if self.frozen {
                to_rounding.judge(self.largest_part_of_update(), size)
            } else {
                self.convergence.judge(size)
            };
            match verdict {
                Verdict::Again => {}
                Verdict::Converged => {
                    self.iterations = self.convergence.iterations();
                    let last = &self.stages[2 * n..];
                    for ((end, start), z) in self.end.iter_mut().zip(&self.start).zip(last) {
                        *end = *start + *z;
                    }
                    return Ok(());
                }
                Verdict::Hopeless { factor } => return Err(Trouble::Hopeless(factor)),
            }
        }
    }

    /// Solves for the Newton update of the transformed stages with the Jacobians at the stages, given
    /// `f` there.
    fn solve_coupled(&mut self, ivp: &Ivp<'_, T>, counts: &mut Stats) -> Result<(), Trouble> {
        let (n, h) = (self.n, self.t_new - self.t);
        let full = self.full.get_or_insert_with(|| {
            let jacobians = std::array::from_fn(|_| Jacobian::new());
            Box::new(FullNewton { jacobians, matrix: StageMatrix::default() })
        });
        let mass = self.linearisation.mass();
        for (i, jacobian) in full.jacobians.iter_mut().enumerate() {
            let stage = &self.stages[i * n..(i + 1) * n];
            for ((u, start), z) in self.trial.iter_mut().zip(&self.start).zip(stage) {
                *u = *start + *z;
            }
            jacobian.prepare(ivp.rhs);
            jacobian.evaluate(ivp.rhs, self.t + C[i] * h, &self.trial, ivp.p);
        }
        counts.jacobians += 3;
        counts.factorisations += 1;
        counts.solves += 1;
        full.matrix.prepare(&full.jacobians[0], mass);
        let jacobians = full.jacobians.each_ref();
        full.matrix.factor(h, jacobians, mass).map_err(|_| Trouble::Hopeless(0.5))?;
        for (i, row) in inverse_stage_matrix().into_iter().enumerate() {
            self.trial.fill(T::ZERO);
            for (factor, stage) in row.into_iter().zip(self.stages.chunks_exact(n)) {
                let factor = T::of(-factor / h);
                for (sum, z) in self.trial.iter_mut().zip(stage) {
                    *sum += factor * *z;
                }
            }
            mass.add_product(&self.trial, &mut self.update[i * n..(i + 1) * n]);
        }
        full.matrix.solve(&mut self.update);
        let rows = T_INVERSE.map(|row| row.map(T::of));
        for k in 0..n {
            let z = [self.update[k], self.update[n + k], self.update[2 * n + k]];
            for (i, row) in rows.iter().enumerate() {
                self.update[i * n + k] = row[0] * z[0] + row[1] * z[1] + row[2] * z[2];
            }
        }
        Ok(())
    }

    /// Largest update of a stage relative to its state.
    fn largest_part_of_update(&mut self) -> f64 {
        let n = self.n;
        // The updates of the transformed stages are not needed any more.
        let mut largest = 0.0_f64;
        for k in 0..n {
            let w = [self.update[k], self.update[n + k], self.update[2 * n + k]].map(T::f64);
            for row in TRANSFORM {
                let z = row[0] * w[0] + row[1] * w[1] + row[2] * w[2];
                let size = self.start[k].f64().abs() + self.stages[2 * n + k].f64().abs();
                let part = if z == 0.0 { 0.0 } else { z.abs() / size };
                largest = if part <= largest { largest } else { part };
            }
        }
        largest
    }

    /// Writes `f` at the stages to `update`.
    fn evaluate_stages(&mut self, ivp: &Ivp<'_, T>, counts: &mut Stats) -> Result<(), Trouble> {
        let n = self.n;
        let h = self.t_new - self.t;
        counts.rhs += 3;
        counts.iterations += 1;
        for (i, c) in C.into_iter().enumerate() {
            let stage = &self.stages[i * n..(i + 1) * n];
            for ((u, start), z) in self.trial.iter_mut().zip(&self.start).zip(stage) {
                *u = *start + *z;
            }
            let out = &mut self.update[i * n..(i + 1) * n];
            let t = T::of(self.t + c * h);
            ivp.rhs.eval(t, &self.trial, ivp.p, out, &mut self.scratch);
            if let Some(state) = out.iter().position(|v| !v.finite()) {
                self.not_finite = Some(state);
                self.convergence.judge(f64::NAN);
                return Err(Trouble::NotFinite);
            }
        }
        Ok(())
    }

    /// Solves for the Newton update of the transformed stages, given `f` at the stages.
    fn solve_linear(&mut self, counts: &mut Stats) {
        let n = self.n;
        let h = self.t_new - self.t;
        let rows = T_INVERSE.map(|row| row.map(T::of));
        let (first, rest) = self.update.split_at_mut(n);
        let (second, third) = rest.split_at_mut(n);
        for k in 0..n {
            let f = [first[k], second[k], third[k]];
            let row = |i: usize| rows[i][0] * f[0] + rows[i][1] * f[1] + rows[i][2] * f[2];
            (first[k], second[k], third[k]) = (row(0), row(1), row(2));
        }
        let (gamma, alpha, beta) = (T::of(GAMMA / h), T::of(ALPHA / h), T::of(BETA / h));
        let mass = self.linearisation.mass();
        let (w1, rest) = self.transformed.split_at(n);
        let (w2, w3) = rest.split_at(n);
        let mut subtract = |w: &[T], targets: [(&mut [T], T); 2]| {
            let w = if mass.is_identity() {
                w
            } else {
                mass.multiply(w, &mut self.work);
                &self.work
            };
            for (target, factor) in targets {
                for (target, w) in target.iter_mut().zip(w) {
                    *target -= factor * *w;
                }
            }
        };
        subtract(w1, [(first, gamma), (&mut [], gamma)]);
        subtract(w2, [(second, alpha), (third, beta)]);
        subtract(w3, [(third, alpha), (second, -beta)]);
        counts.solves += 2;
        self.real.solve(first);
        for ((pair, re), im) in self.pair.iter_mut().zip(&*second).zip(&*third) {
            *pair = T::complex(*re, *im);
        }
        self.complex.solve(&mut self.pair);
        for ((pair, re), im) in self.pair.iter().zip(second).zip(third) {
            (*re, *im) = T::parts(*pair);
        }
    }

    /// Squared norm of the error estimate `(γ/h M − J)⁻¹ (f(t, u) + M e/h)` with `e = Σ e_i Z_i`.
    /// Where it is too large in a first step or after a rejection, it is filtered once more:
    /// `f(t, u + err)` instead of `f(t, u)`, which is bounded for stiff components that are not
    /// on the slow solution yet (Hairer, Wanner, eqs. IV.8.19 and 8.20).
    fn measure(
        &mut self,
        ivp: &Ivp<'_, T>,
        from_end: bool,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> f64 {
        let n = self.n;
        let per_length = 1.0 / (self.t_new - self.t);
        let weights = ERROR.map(|e| T::of(e * per_length));
        let (first, rest) = self.stages.split_at(n);
        let (second, third) = rest.split_at(n);
        for k in 0..n {
            self.trial[k] = weights[0] * first[k] + weights[1] * second[k] + weights[2] * third[k];
        }
        let mass = self.linearisation.mass();
        if mass.is_identity() {
            std::mem::swap(&mut self.trial, &mut self.work);
        } else {
            mass.multiply(&self.trial, &mut self.work);
        }
        for ((trial, embedded), value) in self.trial.iter_mut().zip(&self.work).zip(&self.value) {
            *trial = *embedded + *value;
        }
        counts.solves += 1;
        self.real.solve(&mut self.trial);
        let scale = 1.0 / loosening(norm.rtol()).powi(2);
        let error = scale * norm.square_of_error(&self.trial, &self.start, &self.end);
        if error < 1.0 || from_end || error.is_nan() {
            return error;
        }
        for (trial, start) in self.trial.iter_mut().zip(&self.start) {
            *trial += *start;
        }
        counts.rhs += 1;
        counts.solves += 1;
        // The updates of the stages are not needed any more.
        let again = &mut self.update[..n];
        ivp.rhs.eval(T::of(self.t), &self.trial, ivp.p, again, &mut self.scratch);
        for (again, embedded) in again.iter_mut().zip(&self.work) {
            *again += *embedded;
        }
        self.real.solve(again);
        let filtered = scale * norm.square_of_error(again, &self.start, &self.end);
        if filtered.is_nan() { error } else { filtered }
    }
}

impl<T: Real> Default for Radau<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// By how much the method's own tolerances are looser than those asked for. The error estimate
/// is of order 3 and the result of order 5, so that the error that the estimate measures is far
/// above that of the result: RADAU5 works with `0.1·rtol^(2/3)` for a relative tolerance `rtol`
/// (and the absolute ones in proportion).
fn loosening(rtol: f64) -> f64 {
    if rtol > 0.0 { 0.1 / rtol.cbrt() } else { 1.0 }
}

/// `out = matrix · x` for three vectors each.
fn transform<T: Real>(matrix: &[[f64; 3]; 3], x: &[T], out: &mut [T], n: usize) {
    let rows = matrix.map(|row| row.map(T::of));
    for k in 0..n {
        let x = [x[k], x[n + k], x[2 * n + k]];
        for (i, row) in rows.iter().enumerate() {
            out[i * n + k] = row[0] * x[0] + row[1] * x[1] + row[2] * x[2];
        }
    }
}
