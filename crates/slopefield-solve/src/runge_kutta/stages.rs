//! The stages of one step: the work arrays, and the arithmetic that fills them.
//!
//! The adaptive stepper, the replay of recorded steps and the reverse pass of the discrete
//! adjoint all take their steps here, so a step taken again has the same bits. Nothing here
//! accepts or rejects.

use super::records::Records;
use super::tableau::{MAX_DENSE_STAGES, MAX_STAGES, Tableau};
use crate::{ErrorNorm, Ivp, Real};
use slopefield_kernel::{Point, StepAttempt, StepKernel};
use std::sync::Arc;

/// Stage states and slopes of one explicit Runge–Kutta step, row by row.
pub struct Stages<T: Real = f64> {
    tableau: &'static Tableau,
    n: usize,
    /// `s` stage states, the result for methods that are not first-same-as-last, and the stages
    /// that only the interpolant needs.
    states: Vec<T>,
    slopes: Vec<T>,
    error: Vec<T>,
    scratch: Vec<T>,
    t: f64,
    t_new: f64,
    /// Whether the extra stages are those of the step held.
    dense: bool,
    /// The kernel's own code for whole steps.
    whole: Option<Arc<dyn StepKernel<T>>>,
    /// Steps taken without it since the kernel was last asked for it.
    taken: u64,
    records: Records<T>,
}

/// A kernel without code for whole steps is asked for it again after so many of them.
const ASK_AFTER: u64 = 256;

impl<T: Real> Stages<T> {
    /// Stages of `tableau`, sized by [`Stages::begin`].
    ///
    /// # Panics
    /// If the table has more than [`MAX_STAGES`] stages or none, or more than [`MAX_DENSE_STAGES`]
    /// with those that only the interpolant needs.
    pub fn new(tableau: &'static Tableau) -> Self {
        let s = tableau.stages();
        assert!((1..=MAX_STAGES).contains(&s), "{} has {s} stages", tableau.id);
        let all = tableau.dense_stages();
        assert!(all <= MAX_DENSE_STAGES, "{} has {all} stages", tableau.id);
        Stages {
            tableau,
            n: 0,
            states: Vec::new(),
            slopes: Vec::new(),
            error: Vec::new(),
            scratch: Vec::new(),
            t: 0.0,
            t_new: 0.0,
            dense: false,
            whole: None,
            taken: 0,
            records: Records::new(),
        }
    }

    /// From the next [`Stages::begin`] on, evaluations write down what their reverse products need
    /// ([`slopefield_kernel::Recording`]), where the kernel offers that.
    pub(crate) fn record(&mut self) {
        self.records.want();
    }

    /// Forgets what is written down and writes nothing more until [`Stages::begin`].
    pub(crate) fn stop_recording(&mut self) {
        self.records.stop();
    }

    /// Elements of what the evaluation of a stage has written down; 0 where nothing is.
    pub fn record_len(&self) -> usize {
        self.records.row_len()
    }

    /// Steps whose evaluations have been written down since [`Stages::begin`], the one held included.
    pub fn recorded_steps(&self) -> u64 {
        self.records.steps()
    }

    /// Swaps what is written down for `rows`: [`Stages::record_len`] elements for each stage of each
    /// step since [`Stages::begin`], the stages that only the interpolant needs excepted. The last
    /// stage of a first-same-as-last method is the first of the next step.
    pub(crate) fn exchange_records(&mut self, rows: &mut Vec<T>) {
        self.records.exchange(rows);
    }

    /// The coefficients.
    pub fn tableau(&self) -> &'static Tableau {
        self.tableau
    }

    /// Sizes the arrays for `ivp`, puts `u` at `t` into the first stage and evaluates its slope
    /// (one evaluation). Allocates only when sizes grow.
    pub fn begin(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T]) {
        let n = u.len();
        self.n = n;
        let extra = self.tableau.extra.a.len();
        self.states.resize((self.end_row() + 1 + extra) * n, T::ZERO);
        self.slopes.resize(self.tableau.dense_stages() * n, T::ZERO);
        self.error.resize(n, T::ZERO);
        let recorded = self.records.begin(ivp, self.tableau.stages());
        self.scratch.resize(ivp.rhs.scratch_len().max(recorded), T::ZERO);
        self.t = t;
        self.t_new = t;
        self.dense = false;
        self.states[..n].copy_from_slice(u);
        self.evaluate(ivp, 0, t);
    }

    /// Makes the end of this step the beginning of the next; returns the number of evaluations
    /// (none for first-same-as-last methods).
    pub fn promote(&mut self, ivp: &Ivp<'_, T>) -> u64 {
        let (n, end) = (self.n, self.end_row() * self.n);
        self.states.copy_within(end..end + n, 0);
        self.records.advance(self.end_row());
        if self.tableau.fsal {
            self.slopes.copy_within(end..end + n, 0);
            0
        } else if self.dense && self.tableau.extra_begins_with_end() && !self.records.is_on() {
            // The interpolant has had it evaluated.
            let s = self.tableau.stages();
            self.slopes.copy_within(s * n..(s + 1) * n, 0);
            self.dense = false;
            0
        } else {
            self.evaluate(ivp, 0, self.t_new);
            1
        }
    }

    /// Takes the step from the first stage at `t` to `t_new`; returns the number of evaluations.
    /// The step length is the difference of the two as rounded, so the times alone determine the
    /// step.
    pub fn attempt(&mut self, ivp: &Ivp<'_, T>, t: f64, t_new: f64) -> u64 {
        self.t = t;
        self.t_new = t_new;
        self.dense = false;
        // An instance for each small number of states: loops over two numbers cost more than the numbers.
        match self.n {
            1 => self.stages::<1>(ivp),
            2 => self.stages::<2>(ivp),
            3 => self.stages::<3>(ivp),
            4 => self.stages::<4>(ivp),
            _ => self.stages::<0>(ivp),
        }
        self.tableau.stages() as u64 - 1
    }

    /// All stages but the first, and the result; `N` is the number of states, or 0 for any.
    fn stages<const N: usize>(&mut self, ivp: &Ivp<'_, T>) {
        let s = self.tableau.stages();
        // One instance of `stage` per number of terms too: the sums are short, and a loop over terms
        // would cost more than the terms.
        if s > 1 {
            self.stage::<1, N>(ivp);
        }
        if s > 2 {
            self.stage::<2, N>(ivp);
        }
        if s > 3 {
            self.stage::<3, N>(ivp);
        }
        if s > 4 {
            self.stage::<4, N>(ivp);
        }
        if s > 5 {
            self.stage::<5, N>(ivp);
        }
        if s > 6 {
            self.stage::<6, N>(ivp);
        }
        for i in 7..s {
            self.combine_row(i, self.tableau.a[i]);
            self.evaluate(ivp, i, self.time(i));
        }
        if !self.tableau.fsal {
            self.combine_row(s, self.tableau.b);
        }
    }

    /// Evaluates the stages that only the interpolant needs, unless that is done already; returns
    /// the number of evaluations.
    pub fn prepare_dense(&mut self, ivp: &Ivp<'_, T>) -> u64 {
        let extra = self.tableau.extra.a.len();
        if self.dense || extra == 0 {
            return 0;
        }
        let (n, s, h) = (self.n, self.tableau.stages(), self.t_new - self.t);
        for i in 0..extra {
            let t = self.time_at(self.tableau.extra.c[i]);
            let row = self.extra_row(i);
            let (before, rest) = self.states.split_at_mut(row * n);
            let u = &mut rest[..n];
            combine(&before[..n], h, self.tableau.extra.a[i], &self.slopes, u);
            let slope = &mut self.slopes[(s + i) * n..(s + i + 1) * n];
            ivp.rhs.eval(T::of(t), u, ivp.p, slope, &mut self.scratch);
        }
        self.dense = true;
        extra as u64
    }

    /// Whether the step held can be interpolated.
    pub(super) fn is_dense(&self) -> bool {
        self.dense || self.tableau.extra.a.is_empty()
    }

    fn extra_row(&self, i: usize) -> usize {
        self.end_row() + 1 + i
    }

    /// State of extra stage `i`, once [`Stages::prepare_dense`] has evaluated it.
    pub fn extra_state(&self, i: usize) -> &[T] {
        self.state(self.extra_row(i))
    }

    /// States of all extra stages, row by row, once [`Stages::prepare_dense`] has evaluated them.
    pub fn extra_states(&self) -> &[T] {
        &self.states[(self.end_row() + 1) * self.n..]
    }

    /// Estimate of `|λ| h` for the fastest eigenvalue of the Jacobian that the step has met, from
    /// the last two stages at one time: `h ‖k_j − k_i‖ / ‖u_j − u_i‖` (Hairer, Wanner, *Solving
    /// ODEs II*, section IV.2, "detecting stiffness"). None for tables without two such stages;
    /// NaN where a slope is not finite. Nothing is evaluated.
    ///
    /// In the norm of the error, because that is where too long a step shows first: what moves fastest
    /// may be smaller by many orders of magnitude than what hardly moves.
    pub fn stiffness_estimate(&self, norm: &ErrorNorm) -> Option<f64> {
        let (i, j) = self.tableau.last_pair()?;
        let states = self.state(i).iter().zip(self.state(j));
        let slopes = self.slope(i).iter().zip(self.slope(j));
        let (mut apart, mut turned) = (0.0, 0.0);
        for (index, ((u, v), (k, l))) in states.zip(slopes).enumerate() {
            let (u, v) = (u.f64(), v.f64());
            let scale = norm.scale(index, u, v);
            let (state, slope) = ((u - v) / scale, (k.f64() - l.f64()) / scale);
            apart += state * state;
            turned += slope * slope;
        }
        if apart == 0.0 && turned == 0.0 {
            return Some(0.0);
        }
        Some((self.t_new - self.t).abs() * (turned / apart).sqrt())
    }

    /// Asks the kernel of `ivp` for code for whole steps, which [`Stages::measured_attempt`] then
    /// uses. A solve must ask when it begins, because code made for another kernel stays in use
    /// until then.
    pub(crate) fn ask_for_whole_steps(&mut self, ivp: &Ivp<'_, T>) {
        // Steps that the last solve took with another kernel count for this one; that changes when
        // the code is made, not what it computes.
        let taken = std::mem::take(&mut self.taken);
        self.whole = ivp.rhs.explicit_step(&self.tableau.step_table(), taken);
    }

    /// Takes the step from `t` to `t_new` and measures its error; with `from_end`, begins with the
    /// end of the step held instead of its beginning. Returns the number of evaluations and the
    /// squared norm of the error estimate, which is NaN when a slope or the result is not finite.
    pub(crate) fn measured_attempt(
        &mut self,
        ivp: &Ivp<'_, T>,
        (t, t_new): (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
    ) -> (u64, f64) {
        if self.whole.is_some() && self.tableau.fsal {
            return self.whole_attempt(ivp, (t, t_new), from_end, norm);
        }
        let mut evaluations = if from_end { self.promote(ivp) } else { 0 };
        if self.whole.is_some() {
            let (more, squared_error) = self.whole_attempt(ivp, (t, t_new), false, norm);
            return (evaluations + more, squared_error);
        }
        evaluations += self.attempt(ivp, t, t_new);
        self.taken += 1;
        if self.taken == ASK_AFTER {
            self.ask_for_whole_steps(ivp);
        }
        (evaluations, self.squared_error(norm))
    }

    /// The same through the kernel's own code, from the first row or, for methods whose last stage
    /// is the result, from the end.
    #[inline(always)]
    fn whole_attempt(
        &mut self,
        ivp: &Ivp<'_, T>,
        (t, t_new): (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
    ) -> (u64, f64) {
        let Some(whole) = &self.whole else { return (0, f64::NAN) };
        self.t = t;
        self.t_new = t_new;
        self.dense = false;
        let s = self.tableau.stages();
        // Stages that only the interpolant needs come after the rows of a step.
        let rows = (self.tableau.evaluations_per_step() + 1) * self.n;
        let squared_error = whole.attempt(StepAttempt {
            t,
            t_new,
            from_end,
            p: ivp.p,
            rtol: norm.rtol(),
            atol: norm.atol(),
            states: &mut self.states[..rows],
            slopes: &mut self.slopes[..s * self.n],
            scratch: &mut self.scratch,
        });
        (s as u64 - 1, squared_error)
    }

    /// Stage `I`, which has `I` terms, of `N` states.
    #[inline(always)]
    fn stage<const I: usize, const N: usize>(&mut self, ivp: &Ivp<'_, T>) {
        let (n, h) = (if N == 0 { self.n } else { N }, self.t_new - self.t);
        let (before, rest) = self.states.split_at_mut(I * n);
        combine_fixed::<I, T>(
            &before[..n],
            h,
            first(self.tableau.a[I]),
            &self.slopes,
            &mut rest[..n],
        );
        self.evaluate(ivp, I, self.time(I));
    }

    fn combine_row(&mut self, i: usize, weights: &[f64]) {
        let (n, h) = (self.n, self.t_new - self.t);
        let (before, rest) = self.states.split_at_mut(i * n);
        combine(&before[..n], h, weights, &self.slopes, &mut rest[..n]);
    }

    /// Squared norm of the error estimate of the last attempt; NaN when a slope or the result is not
    /// finite.
    pub fn squared_error(&mut self, norm: &ErrorNorm) -> f64 {
        let h = self.t_new - self.t;
        scaled_sum(h, self.tableau.b_error, &self.slopes, &mut self.error);
        norm.square_of_error(&self.error, self.state(0), self.end())
    }

    /// `‖f(t + h, u + h f(t, u)) − f(t, u)‖` from the first stage, for choosing the first step;
    /// overwrites the error buffer and the last stage. One evaluation.
    pub(crate) fn euler_slope_change(&mut self, ivp: &Ivp<'_, T>, norm: &ErrorNorm, h: f64) -> f64 {
        let (n, t) = (self.n, self.t);
        let last = self.end_row() * n;
        let (before, rest) = self.states.split_at_mut(last);
        combine(&before[..n], h, &[1.0], &self.slopes, &mut rest[..n]);
        ivp.rhs.eval(T::of(t + h), &rest[..n], ivp.p, &mut self.error, &mut self.scratch);
        for (change, slope) in self.error.iter_mut().zip(&self.slopes[..n]) {
            *change -= *slope;
        }
        norm.of_value(&self.error, self.state(0))
    }

    /// Time at which stage `i` was evaluated.
    pub fn time(&self, i: usize) -> f64 {
        self.time_at(self.tableau.c[i])
    }

    fn time_at(&self, c: f64) -> f64 {
        // t + (t_new − t) may differ from t_new in the last place; the next step begins at t_new.
        if c == 1.0 { self.t_new } else { self.t + c * (self.t_new - self.t) }
    }

    /// State of stage `i`; stage 0 is the beginning of the step.
    pub fn state(&self, i: usize) -> &[T] {
        &self.states[i * self.n..(i + 1) * self.n]
    }

    /// States of all stages followed by the result, row by row; for first-same-as-last methods
    /// the last stage is the result and appears once.
    pub fn states_and_end(&self) -> &[T] {
        &self.states[..(self.end_row() + 1) * self.n]
    }

    /// Slope of stage `i`.
    pub fn slope(&self, i: usize) -> &[T] {
        &self.slopes[i * self.n..(i + 1) * self.n]
    }

    /// Result of the step.
    pub fn end(&self) -> &[T] {
        self.state(self.end_row())
    }

    /// Index of the first state whose slope or result is not finite, if any.
    pub(crate) fn first_non_finite(&self) -> Option<usize> {
        let s = self.tableau.stages();
        (0..s)
            .find_map(|i| self.slope(i).iter().position(|v| !v.finite()))
            .or_else(|| self.end().iter().position(|v| !v.finite()))
    }

    fn end_row(&self) -> usize {
        self.tableau.evaluations_per_step()
    }

    #[inline(always)]
    fn evaluate(&mut self, ivp: &Ivp<'_, T>, i: usize, t: f64) {
        let rows = i * self.n..(i + 1) * self.n;
        let (u, out) = (&self.states[rows.clone()], &mut self.slopes[rows]);
        let at = Point { t: T::of(t), u, p: ivp.p };
        if !self.records.evaluate(i, at, out, &mut self.scratch) {
            ivp.rhs.eval(T::of(t), u, ivp.p, out, &mut self.scratch);
        }
    }

    pub(super) fn ends(&self) -> (f64, f64) {
        (self.t, self.t_new)
    }

    pub(super) fn slopes(&self) -> &[T] {
        &self.slopes
    }
}

/// `out = u + h Σ weights_j slopes_j`, the inner loop of every step. The number of terms is a
/// constant in each instance, so that the loop over states is the only loop.
pub(super) fn combine<T: Real>(u: &[T], h: f64, weights: &[f64], slopes: &[T], out: &mut [T]) {
    match weights.len() {
        1 => combine_fixed::<1, T>(u, h, first(weights), slopes, out),
        2 => combine_fixed::<2, T>(u, h, first(weights), slopes, out),
        3 => combine_fixed::<3, T>(u, h, first(weights), slopes, out),
        4 => combine_fixed::<4, T>(u, h, first(weights), slopes, out),
        5 => combine_fixed::<5, T>(u, h, first(weights), slopes, out),
        6 => combine_fixed::<6, T>(u, h, first(weights), slopes, out),
        7 => combine_fixed::<7, T>(u, h, first(weights), slopes, out),
        _ => {
            out.copy_from_slice(u);
            add_combination(h, weights, slopes, out);
        }
    }
}

/// The first entries of `weights`.
#[inline(always)]
fn first<const TERMS: usize>(weights: &[f64]) -> &[f64; TERMS] {
    match weights.first_chunk() {
        Some(weights) => weights,
        None => unreachable!("a row of the table has a weight for each term"),
    }
}

#[inline(always)]
pub(super) fn combine_fixed<const TERMS: usize, T: Real>(
    u: &[T],
    h: f64,
    weights: &[f64; TERMS],
    slopes: &[T],
    out: &mut [T],
) {
    let n = out.len();
    let u = &u[..n];
    let weights: [T; TERMS] = factors(h, weights);
    let slopes = rows::<TERMS, T>(slopes, n);
    for i in 0..n {
        // First slope first: the newest arrives last, and only one product and one sum wait for
        // it.
        let mut sum = u[i] + weights[0] * slopes[0][i];
        for j in 1..TERMS {
            sum += weights[j] * slopes[j][i];
        }
        out[i] = sum;
    }
}

/// `h` times each weight. (`array::from_fn` has stayed a call for each element here.)
#[inline(always)]
fn factors<const TERMS: usize, T: Real>(h: f64, weights: &[f64; TERMS]) -> [T; TERMS] {
    let mut factors = [T::ZERO; TERMS];
    for (factor, weight) in factors.iter_mut().zip(weights) {
        *factor = T::of(h * weight);
    }
    factors
}

/// The first `TERMS` rows of length `n`.
#[inline(always)]
fn rows<const TERMS: usize, T>(mut slopes: &[T], n: usize) -> [&[T]; TERMS] {
    let mut rows: [&[T]; TERMS] = [&[]; TERMS];
    for to in &mut rows {
        let (row, rest) = slopes.split_at(n);
        (*to, slopes) = (row, rest);
    }
    rows
}

/// `out = h Σ weights_j slopes_j`.
fn scaled_sum<T: Real>(h: f64, weights: &[f64], slopes: &[T], out: &mut [T]) {
    match weights.len() {
        4 => scaled_sum_fixed::<4, T>(h, first(weights), slopes, out),
        7 => scaled_sum_fixed::<7, T>(h, first(weights), slopes, out),
        _ => {
            out.fill(T::ZERO);
            add_combination(h, weights, slopes, out);
        }
    }
}

#[inline(always)]
fn scaled_sum_fixed<const TERMS: usize, T: Real>(
    h: f64,
    weights: &[f64; TERMS],
    slopes: &[T],
    out: &mut [T],
) {
    let n = out.len();
    let weights: [T; TERMS] = factors(h, weights);
    let slopes = rows::<TERMS, T>(slopes, n);
    for i in 0..n {
        let mut sum = weights[0] * slopes[0][i];
        for j in 1..TERMS {
            sum += weights[j] * slopes[j][i];
        }
        out[i] = sum;
    }
}

/// `out += h Σ weights_j slopes_j`.
fn add_combination<T: Real>(h: f64, weights: &[f64], slopes: &[T], out: &mut [T]) {
    let n = out.len();
    // Long rows have many zeros, and a pass over the states for every term would be dear.
    let mut terms =
        weights.iter().zip(slopes.chunks_exact(n)).filter(|(weight, _)| **weight != 0.0);
    let mut next = || terms.next().map(|(weight, slope)| (T::of(h * weight), slope));
    while let Some((a, x)) = next() {
        match (next(), next(), next()) {
            (Some((b, y)), Some((c, z)), Some((d, w))) => {
                for i in 0..n {
                    out[i] = (((out[i] + a * x[i]) + b * y[i]) + c * z[i]) + d * w[i];
                }
            }
            (second, third, _) => {
                add_scaled(a, x, out);
                for (factor, slope) in second.into_iter().chain(third) {
                    add_scaled(factor, slope, out);
                }
            }
        }
    }
}

fn add_scaled<T: Real>(factor: T, slope: &[T], out: &mut [T]) {
    for (sum, k) in out.iter_mut().zip(slope) {
        *sum += factor * *k;
    }
}
