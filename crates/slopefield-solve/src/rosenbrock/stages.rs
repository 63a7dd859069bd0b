//! The stages of one step: the work arrays, and the arithmetic that fills them.

use super::linearisation::Linearisation;
use super::table::{MAX_STAGES, RosenbrockTable};
use crate::consistent::Consistency;
use crate::{ErrorNorm, Ivp, Real, Stats};

/// Calls the instance of a combination for the number of terms, which is one of those of tables.
macro_rules! by_length {
    ($terms:expr, $combination:ident($($argument:expr),*)) => {
        match $terms {
            2 => $combination::<2, T>($($argument),*),
            3 => $combination::<3, T>($($argument),*),
            4 => $combination::<4, T>($($argument),*),
            5 => $combination::<5, T>($($argument),*),
            6 => $combination::<6, T>($($argument),*),
            7 => $combination::<7, T>($($argument),*),
            _ => $combination::<MAX_STAGES, T>($($argument),*),
        }
    };
}

/// One step of a Rosenbrock method.
pub struct RosenbrockStages<T: Real = f64> {
    pub(super) table: &'static RosenbrockTable,
    pub(super) n: usize,
    pub(super) start: Vec<T>,
    /// Arguments of the stages one after the other, at last the result.
    pub(super) end: Vec<T>,
    /// `U_i`, row by row.
    pub(super) increments: Vec<T>,
    /// Sums of increments; the error estimate; before the first step, the slope at the beginning.
    pub(super) sum: Vec<T>,
    pub(super) linearisation: Linearisation<T>,
    pub(super) consistency: Consistency<T>,
    pub(super) t: f64,
    pub(super) t_new: f64,
    /// Coefficients `D_k` of the interpolant, row by row.
    pub(super) dense: Vec<T>,
    pub(super) dense_is_ready: bool,
    /// Errors are not measured.
    pub(super) frozen: bool,
}

impl<T: Real> RosenbrockStages<T> {
    /// Stages of `table`, without a system.
    ///
    /// # Panics
    /// If the table has fewer than 2 stages or more than [`MAX_STAGES`].
    pub fn new(table: &'static RosenbrockTable) -> Self {
        let s = table.stages();
        assert!((2..=MAX_STAGES).contains(&s), "{} has {s} stages", table.id);
        RosenbrockStages {
            table,
            n: 0,
            start: Vec::new(),
            end: Vec::new(),
            increments: Vec::new(),
            sum: Vec::new(),
            linearisation: Linearisation::new(),
            consistency: Consistency::default(),
            t: 0.0,
            t_new: 0.0,
            dense: Vec::new(),
            dense_is_ready: false,
            frozen: false,
        }
    }

    pub(super) fn resize(&mut self, n: usize) {
        self.n = n;
        self.start.resize(n, T::ZERO);
        self.end.resize(n, T::ZERO);
        self.sum.resize(n, T::ZERO);
        self.increments.resize(self.table.stages() * n, T::ZERO);
        self.dense.resize(self.table.dense.len() * n, T::ZERO);
    }

    /// Takes the step from the beginning at `t` to `t_new`; false when the matrix is singular.
    pub(super) fn attempt_stages(
        &mut self,
        ivp: &Ivp<'_, T>,
        (t, t_new): (f64, f64),
        counts: &mut Stats,
    ) -> bool {
        self.t = t;
        self.t_new = t_new;
        self.dense_is_ready = false;
        let h = t_new - t;
        if !self.linearisation.factor(self.table.gamma * h, counts) {
            return false;
        }
        let first = &mut self.increments[..self.n];
        first.copy_from_slice(&self.linearisation.slope);
        self.add_time_derivative(0, h);
        self.solve(0, counts);
        let s = self.table.stages();
        // One instance per number of terms, as for explicit methods.
        self.stage::<1>(ivp, h, counts);
        if s > 2 {
            self.stage::<2>(ivp, h, counts);
        }
        if s > 3 {
            self.stage::<3>(ivp, h, counts);
        }
        if s > 4 {
            self.stage::<4>(ivp, h, counts);
        }
        if s > 5 {
            self.stage::<5>(ivp, h, counts);
        }
        if s > 6 {
            self.stage::<6>(ivp, h, counts);
        }
        if s > 7 {
            self.stage::<7>(ivp, h, counts);
        }
        if self.table.chained < s {
            add(&mut self.end, &self.increments[(s - 1) * self.n..]);
        } else {
            let (start, rows, end) = (&self.start, &self.increments, &mut self.end);
            by_length!(s, combine(start, 1.0, self.table.b, rows, end));
        }
        true
    }

    /// Stage `I`, which has `I` terms.
    #[inline(always)]
    fn stage<const I: usize>(&mut self, ivp: &Ivp<'_, T>, h: f64, counts: &mut Stats) {
        let (n, table) = (self.n, self.table);
        if I >= table.chained {
            add(&mut self.end, &self.increments[(I - 1) * n..I * n]);
        } else {
            combine::<I, T>(&self.start, 1.0, table.a[I], &self.increments, &mut self.end);
        }
        let t = if table.alpha[I] == 1.0 { self.t_new } else { self.t + table.alpha[I] * h };
        let (before, rest) = self.increments.split_at_mut(I * n);
        let own = &mut rest[..n];
        let scratch = &mut self.linearisation.scratch;
        ivp.rhs.eval(T::of(t), &self.end, ivp.p, own, scratch);
        counts.rhs += 1;
        if self.linearisation.mass.is_identity() {
            add_combination::<I, T>(1.0 / h, table.c[I], before, own);
        } else {
            self.sum.fill(T::ZERO);
            add_combination::<I, T>(1.0 / h, table.c[I], before, &mut self.sum);
            self.linearisation.mass.add_product(&self.sum, own);
        }
        self.add_time_derivative(I, h);
        self.solve(I, counts);
    }

    #[inline(always)]
    fn add_time_derivative(&mut self, stage: usize, h: f64) {
        let factor = h * self.table.gamma_sum[stage];
        if self.linearisation.autonomous || factor == 0.0 {
            return;
        }
        let factor = T::of(factor);
        let own = &mut self.increments[stage * self.n..(stage + 1) * self.n];
        for (own, d) in own.iter_mut().zip(&self.linearisation.time_derivative) {
            *own += factor * *d;
        }
    }

    #[inline(always)]
    fn solve(&mut self, stage: usize, counts: &mut Stats) {
        let own = &mut self.increments[stage * self.n..(stage + 1) * self.n];
        self.linearisation.solve(own, counts);
    }

    /// Squared norm of the error estimate of the last attempt; NaN when something is not finite.
    pub(super) fn squared_error(&mut self, norm: &ErrorNorm) -> f64 {
        let (n, s) = (self.n, self.table.stages());
        if self.table.chained < s {
            let error = &self.increments[(s - 1) * n..s * n];
            return norm.square_of_error(error, &self.start, &self.end);
        }
        self.sum.fill(T::ZERO);
        let (rows, sum) = (&self.increments, &mut self.sum);
        by_length!(s, add_combination(1.0, self.table.error, rows, sum));
        norm.square_of_error(&self.sum, &self.start, &self.end)
    }
}

#[inline(always)]
fn add<T: Real>(sum: &mut [T], increment: &[T]) {
    for (sum, increment) in sum.iter_mut().zip(increment) {
        *sum += *increment;
    }
}

/// `out = u + factor Σ weights_j rows_j`.
#[inline(always)]
fn combine<const TERMS: usize, T: Real>(
    u: &[T],
    factor: f64,
    weights: &[f64],
    rows: &[T],
    out: &mut [T],
) {
    let n = out.len();
    let u = &u[..n];
    let weights: [T; TERMS] = std::array::from_fn(|j| T::of(factor * weights[j]));
    let rows: [&[T]; TERMS] = std::array::from_fn(|j| &rows[j * n..(j + 1) * n]);
    for i in 0..n {
        let mut sum = u[i] + weights[0] * rows[0][i];
        for j in 1..TERMS {
            sum += weights[j] * rows[j][i];
        }
        out[i] = sum;
    }
}

/// `out += factor Σ weights_j rows_j`.
#[inline(always)]
fn add_combination<const TERMS: usize, T: Real>(
    factor: f64,
    weights: &[f64],
    rows: &[T],
    out: &mut [T],
) {
    let n = out.len();
    let weights: [T; TERMS] = std::array::from_fn(|j| T::of(factor * weights[j]));
    let rows: [&[T]; TERMS] = std::array::from_fn(|j| &rows[j * n..(j + 1) * n]);
    for i in 0..n {
        let mut sum = weights[0] * rows[0][i];
        for j in 1..TERMS {
            sum += weights[j] * rows[j][i];
        }
        out[i] += sum;
    }
}
