//! What save points within a step send back, whatever their number.
//!
//! A save point at `θ_m` of a step has the state `u + h Σ_i b_i(θ_m) k_i`, so with its cotangent
//! `w_m` it sends `h Σ_m b_i(θ_m) w_m` to the slope `k_i` and `Σ_m w_m` to `u`. The weights are
//! polynomials, `b_i(θ) = Σ_d d_id θ^d`, and so all that matters of the save points are the moments
//! `M_d = Σ_m θ_m^d w_m`: a few sums per save point instead of as many weights as there are stages.
//! Interpolants with stages of their own are given in Chebyshev polynomials, because digits would
//! cancel in powers; their weights are computed for every save point.

use crate::saves::SavedStates;
use slopefield_solve::Tableau;
use slopefield_solve::runge_kutta::MAX_DENSE_STAGES;

/// The moments of one step.
#[derive(Default)]
pub(crate) struct Moments {
    /// Rows `M_0, M_1, …`.
    pub rows: Vec<f64>,
    n: usize,
}

impl Moments {
    /// Makes room for the interpolant's degree and `n` states.
    pub fn resize(&mut self, degree: usize, n: usize) {
        self.n = n;
        self.rows.resize((degree + 1) * n, 0.0);
    }

    /// Collects those of save points at `times`, whose first has the row `first`, in the step of
    /// length `h` from `t`. False when no cotangent differs from 0.
    pub fn collect(
        &mut self,
        t: f64,
        h: f64,
        times: &[f64],
        saved: &SavedStates,
        first: usize,
    ) -> bool {
        let n = self.n;
        let mut any = false;
        self.rows.fill(0.0);
        for (row, time) in (first..).zip(times) {
            let theta = (time - t) / h;
            let w = saved.row_by_state(row, n);
            let mut power = 1.0;
            for moment in self.rows.chunks_exact_mut(n) {
                for (m, w) in moment.iter_mut().zip(w) {
                    *m += power * w;
                }
                power *= theta;
            }
            any |= w.iter().any(|w| *w != 0.0);
        }
        any
    }

    /// Adds what save points at `times`, whose first has the row `first`, send to each slope of the
    /// step of length `h` from `t`, row by row and those of extra stages last: `h Σ_m b_i(θ_m) w_m`.
    pub fn scatter_each(
        &self,
        tableau: &Tableau,
        (t, h): (f64, f64),
        times: &[f64],
        saved: &SavedStates,
        first: usize,
        slopes: &mut [f64],
    ) {
        let mut weights = [0.0; MAX_DENSE_STAGES];
        for (row, time) in (first..).zip(times) {
            tableau.dense_weights((time - t) / h, &mut weights);
            let w = saved.row_by_state(row, self.n);
            for (slope, weight) in slopes.chunks_exact_mut(self.n).zip(weights) {
                for (slope, w) in slope.iter_mut().zip(w) {
                    *slope += h * weight * w;
                }
            }
        }
    }

    /// Writes what they send to each slope, row by row: `h Σ_d d_id M_d`.
    pub fn scatter(&self, tableau: &Tableau, h: f64, slopes: &mut [f64]) {
        match self.n {
            1 => self.scatter_of(1, tableau, h, slopes),
            2 => self.scatter_of(2, tableau, h, slopes),
            3 => self.scatter_of(3, tableau, h, slopes),
            n => self.scatter_of(n, tableau, h, slopes),
        }
    }

    /// [`Moments::scatter`] of `n` states, which is a number in each instance.
    #[inline(always)]
    fn scatter_of(&self, n: usize, tableau: &Tableau, h: f64, slopes: &mut [f64]) {
        for (slope, row) in slopes.chunks_exact_mut(n).zip(tableau.dense) {
            let Some((first, more)) = row.split_first() else {
                slope.fill(0.0);
                continue;
            };
            let mut moments = self.rows.chunks_exact(n).skip(1);
            let begin = moments.next().unwrap_or(&[]);
            for (slope, moment) in slope.iter_mut().zip(begin) {
                *slope = first * moment;
            }
            for (number, moment) in more.iter().zip(moments) {
                for (slope, moment) in slope.iter_mut().zip(moment) {
                    *slope += number * moment;
                }
            }
            slope.iter_mut().for_each(|slope| *slope *= h);
        }
    }
}
