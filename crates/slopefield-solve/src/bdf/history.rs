//! Backward differences of the solution: prediction, update, change of spacing, and the solution
//! between steps.

use super::coefficients::{ALPHA, GAMMA, MAX_ORDER, ROWS, respacing, weights_within};
use crate::{ErrorNorm, Real};

/// `∇^j u_n` for `j = 0, 1, …`, row by row.
pub(super) struct History<T> {
    n: usize,
    rows: Vec<T>,
    /// Signed spacing of the differences.
    pub spacing: f64,
}

impl<T: Real> History<T> {
    pub(super) fn new() -> Self {
        History { n: 0, rows: Vec::new(), spacing: 0.0 }
    }

    /// Only the state `u` is known.
    pub(super) fn begin(&mut self, u: &[T]) {
        self.n = u.len();
        self.rows.clear();
        self.rows.resize(ROWS * self.n, T::ZERO);
        self.rows[..self.n].copy_from_slice(u);
    }

    /// Forgets all but the state and takes its slope.
    pub(super) fn begin_again(&mut self, slope: &[T], spacing: f64) {
        let n = self.n;
        self.spacing = spacing;
        for (difference, slope) in self.rows[n..2 * n].iter_mut().zip(slope) {
            *difference = T::of(spacing) * *slope;
        }
    }

    /// All differences, row by row.
    pub(super) fn rows(&self) -> &[T] {
        &self.rows
    }

    /// Takes over differences of this spacing.
    pub(super) fn resume(&mut self, n: usize, rows: &[T], spacing: f64) {
        self.n = n;
        self.rows.clear();
        self.rows.extend_from_slice(rows);
        self.rows.resize(ROWS * n, T::ZERO);
        self.spacing = spacing;
    }

    pub(super) fn row(&self, j: usize) -> &[T] {
        &self.rows[j * self.n..(j + 1) * self.n]
    }

    #[cfg(test)]
    pub(super) fn row_mut(&mut self, j: usize) -> &mut [T] {
        &mut self.rows[j * self.n..(j + 1) * self.n]
    }

    pub(super) fn state(&self) -> &[T] {
        &self.rows[..self.n]
    }

    /// Changes the spacing to that of steps of length `h`, for a method of order `k`. Returns
    /// whether there was anything to do.
    pub(super) fn set_spacing(&mut self, k: usize, h: f64) -> bool {
        let Some(by) = respacing(k, self.spacing, h) else { return false };
        self.spacing = h;
        let n = self.n;
        let weights: [[T; MAX_ORDER + 1]; MAX_ORDER + 1] = by.map(|row| row.map(T::of));
        for i in 0..n {
            // The state stays, and no other difference has a part of it.
            let mut new = [T::ZERO; MAX_ORDER + 1];
            for (l, weights) in weights[..=k].iter().enumerate().skip(1) {
                let old = self.rows[l * n + i];
                for (sum, weight) in new.iter_mut().zip(weights) {
                    *sum += *weight * old;
                }
            }
            for (j, sum) in new[..=k].iter().enumerate().skip(1) {
                self.rows[j * n + i] = *sum;
            }
        }
        true
    }

    /// Writes the prediction `u⁰`, `ψ = Σ_{j=1}^k γ_j/α_k ∇^j u_n` and the weights of the step's
    /// norm, `1 / (atol + rtol·max(|u_n|, |u⁰|))`.
    pub(super) fn predict(
        &self,
        k: usize,
        norm: &ErrorNorm,
        predicted: &mut [T],
        psi: &mut [T],
        weights: &mut [T],
    ) {
        let into = (predicted, psi, weights);
        match k {
            1 => self.predict_fixed::<1>(norm, into),
            2 => self.predict_fixed::<2>(norm, into),
            3 => self.predict_fixed::<3>(norm, into),
            4 => self.predict_fixed::<4>(norm, into),
            _ => self.predict_fixed::<5>(norm, into),
        }
    }

    #[inline(always)]
    fn predict_fixed<const K: usize>(
        &self,
        norm: &ErrorNorm,
        (predicted, psi, weights): (&mut [T], &mut [T], &mut [T]),
    ) {
        let n = self.n;
        let (state, rest) = self.rows.split_at(n);
        let mut rest = rest;
        let rows: [&[T]; K] = std::array::from_fn(|_| {
            let (row, others) = rest.split_at(n);
            rest = others;
            row
        });
        let factors: [T; K] = std::array::from_fn(|j| T::of(GAMMA[j + 1] / ALPHA[K]));
        let (rtol, atol) = (norm.rtol(), &norm.atol()[..n]);
        let (predicted, psi, weights) = (&mut predicted[..n], &mut psi[..n], &mut weights[..n]);
        for i in 0..n {
            let mut sum = state[i];
            let mut weighted = T::ZERO;
            for j in 0..K {
                sum += rows[j][i];
                weighted += factors[j] * rows[j][i];
            }
            predicted[i] = sum;
            psi[i] = weighted;
            let size = state[i].magnitude().greater(sum.magnitude()).f64();
            weights[i] = T::of(1.0 / (atol[i] + rtol * size).max(1e-300));
        }
    }

    /// Takes in the accepted step of order `k` with `d = ∇^{k+1} u_{n+1}`.
    pub(super) fn update(&mut self, k: usize, d: &[T]) {
        match k {
            1 => self.update_fixed::<1>(d),
            2 => self.update_fixed::<2>(d),
            3 => self.update_fixed::<3>(d),
            4 => self.update_fixed::<4>(d),
            _ => self.update_fixed::<5>(d),
        }
    }

    #[inline(always)]
    fn update_fixed<const K: usize>(&mut self, d: &[T]) {
        let n = self.n;
        let d = &d[..n];
        let mut rest = &mut self.rows[..(K + 3) * n];
        let rows: [&mut [T]; ROWS] = std::array::from_fn(|j| {
            let taken = std::mem::take(&mut rest);
            let (row, others) = taken.split_at_mut(if j < K + 3 { n } else { 0 });
            rest = others;
            row
        });
        for i in 0..n {
            rows[K + 2][i] = d[i] - rows[K + 1][i];
            rows[K + 1][i] = d[i];
            let mut sum = d[i];
            for j in (0..=K).rev() {
                sum += rows[j][i];
                rows[j][i] = sum;
            }
        }
    }

    /// Writes the polynomial of degree `k` through the latest states at `s` steps from the last
    /// (`−1 ≤ s ≤ 0` within the step).
    pub(super) fn interpolate(&self, k: usize, s: f64, out: &mut [T]) {
        out.copy_from_slice(self.state());
        let weights = weights_within(k, s);
        for (j, weight) in weights.into_iter().enumerate().take(k + 1).skip(1) {
            let factor = T::of(weight);
            for (sum, difference) in out.iter_mut().zip(self.row(j)) {
                *sum += factor * *difference;
            }
        }
    }
}
