//! The Radau IIA method of order 5.
//!
//! `Σ_j (A⁻¹)_ij M Z_j = h f(t + c_i h, u + Z_i)`: three coupled stages with a Jacobian each. The
//! linear systems of their derivatives, of three times the size, are factored as they are where that
//! is small, and otherwise solved by iteration with the matrix of the simplified Newton method, whose
//! Jacobian is that of the middle stage and which decouples into a real and a complex system; it
//! contracts as fast as that method does, and where it does not the whole is factored after all.

use super::equations::{Directions, StageEquations, StepView, Sums, Weights, add_scaled};
use super::interpolant::Interpolant;
use super::linear::Linear;
use slopefield_linear::{IterationMatrix, Jacobian, Real};
use slopefield_solve::radau::{
    ALPHA, BETA, C, GAMMA, StageMatrix, T as TRANSFORM, T_INVERSE, inverse_stage_matrix,
};
use slopefield_solve::{Ivp, SolveError};

type Complex = <f64 as Real>::Complex;

/// Iterations of a linear system at most.
const ITERATIONS: usize = 100;

/// States up to which the whole matrix is factored at once.
const SMALL: usize = 12;

/// The equations of one step.
pub(super) struct RadauEquations {
    linear: Linear,
    complex: IterationMatrix<Complex>,
    /// At the stages.
    jacobians: [Jacobian<f64>; 3],
    inverse: [[f64; 3]; 3],
    point: Vec<f64>,
    back: Vec<f64>,
    /// Solution, residual and update of a linear system: three rows each.
    solution: Vec<f64>,
    residual: Vec<f64>,
    update: Vec<f64>,
    given: Vec<f64>,
    pair: Vec<Complex>,
    /// The whole, and whether it is factored for this step.
    whole: StageMatrix,
    direct: bool,
}

impl RadauEquations {
    pub fn new() -> Self {
        RadauEquations {
            linear: Linear::new(),
            complex: IterationMatrix::new(),
            jacobians: std::array::from_fn(|_| Jacobian::new()),
            inverse: inverse_stage_matrix(),
            point: Vec::new(),
            back: Vec::new(),
            solution: Vec::new(),
            residual: Vec::new(),
            update: Vec::new(),
            given: Vec::new(),
            pair: Vec::new(),
            whole: StageMatrix::default(),
            direct: false,
        }
    }

    /// Writes the state of stage `i` to `point`; returns its time.
    fn argument(&mut self, step: &StepView<'_>, i: usize) -> f64 {
        self.point.copy_from_slice(step.start);
        add_scaled(&mut self.point, 1.0, step.row(i));
        step.t + C[i] * step.h()
    }

    /// Evaluates the Jacobians and factors the matrices of the iteration.
    fn factor(&mut self, ivp: &Ivp<'_>, step: &StepView<'_>) -> Result<(), SolveError> {
        let h = step.h();
        for i in [0, 2] {
            let t = self.argument(step, i);
            self.jacobians[i].evaluate(ivp.rhs, t, &self.point, ivp.p);
        }
        let t = self.argument(step, 1);
        self.jacobians[1].evaluate(ivp.rhs, t, &self.point, ivp.p);
        self.direct = step.start.len() <= SMALL;
        if self.direct {
            return self.factor_whole(step);
        }
        let (mass, jacobian) = (&self.linear.mass, &self.jacobians[1]);
        let singular = |_| SolveError::Singular { t: step.t };
        self.linear.matrix.factor(GAMMA / h, 1.0, jacobian, mass).map_err(singular)?;
        let (a, b) = (f64::complex(ALPHA / h, BETA / h), f64::complex(1.0, 0.0));
        self.complex.factor(a, b, jacobian, mass).map_err(singular)
    }

    fn factor_whole(&mut self, step: &StepView<'_>) -> Result<(), SolveError> {
        self.direct = true;
        self.whole.prepare(&self.jacobians[0], &self.linear.mass);
        let factored = self.whole.factor(step.h(), self.jacobians.each_ref(), &self.linear.mass);
        factored.map_err(|_| SolveError::Singular { t: step.t })
    }

    /// Solves `K x = given`, or with the transpose, for `K = A⁻¹/h ⊗ M − diag(J_i)`; leaves `x` in
    /// `solution`.
    fn solve(&mut self, step: &StepView<'_>, transposed: bool) -> Result<(), SolveError> {
        if !self.direct {
            if self.iterate(step, transposed) {
                return Ok(());
            }
            self.factor_whole(step)?;
        }
        self.solution.copy_from_slice(&self.given);
        match transposed {
            true => self.whole.solve_transposed(&mut self.solution),
            false => self.whole.solve(&mut self.solution),
        }
        Ok(())
    }

    /// The same by iteration; false where that does not converge.
    fn iterate(&mut self, step: &StepView<'_>, transposed: bool) -> bool {
        let (n, h) = (step.start.len(), step.h());
        self.solution.fill(0.0);
        self.residual.copy_from_slice(&self.given);
        let (mut least, mut least_part, mut stagnant) = (f64::INFINITY, f64::INFINITY, 0);
        for _ in 0..ITERATIONS {
            self.precondition(n, transposed);
            let (mut size, mut whole, mut part) = (0.0_f64, 0.0_f64, 0.0_f64);
            for (x, update) in self.solution.iter_mut().zip(&self.update) {
                *x += update;
                size = size.max(update.abs());
                whole = whole.max(x.abs());
                let relative = if *update == 0.0 { 0.0 } else { update.abs() / x.abs() };
                part = if relative <= part { part } else { relative };
            }
            if !size.is_finite() || !whole.is_finite() {
                break;
            }
            if part <= 4.0 * f64::EPSILON {
                return true;
            }
            let falls = size < 0.8 * least || part < 0.8 * least_part;
            (least, least_part) = (least.min(size), least_part.min(part));
            stagnant = if falls { 0 } else { stagnant + 1 };
            if stagnant >= 3 && size <= 1e-11 * whole {
                return true;
            }
            if stagnant >= 20 {
                break;
            }
            self.residual(h, n, transposed);
        }
        false
    }

    /// `residual = given − K solution`.
    fn residual(&mut self, h: f64, n: usize, transposed: bool) {
        self.residual.copy_from_slice(&self.given);
        for i in 0..3 {
            self.back.fill(0.0);
            for j in 0..3 {
                let a = if transposed { self.inverse[j][i] } else { self.inverse[i][j] };
                add_scaled(&mut self.back, -a / h, &self.solution[j * n..(j + 1) * n]);
            }
            let out = &mut self.residual[i * n..(i + 1) * n];
            let x = &self.solution[i * n..(i + 1) * n];
            if transposed {
                self.linear.mass.add_transposed(1.0, &self.back, out);
                self.jacobians[i].add_transposed(1.0, x, out);
            } else {
                self.linear.mass.add_product(&self.back, out);
                self.jacobians[i].multiply(x, &mut self.point);
                add_scaled(out, 1.0, &self.point);
            }
        }
    }

    /// Writes the solution for one Jacobian and the residual to `update`.
    fn precondition(&mut self, n: usize, transposed: bool) {
        // K = T Λ T⁻¹, so that Kᵀ = T⁻ᵀ Λᵀ Tᵀ.
        let (first, last) = match transposed {
            true => (transpose(&TRANSFORM), transpose(&T_INVERSE)),
            false => (T_INVERSE, TRANSFORM),
        };
        transform(&first, &mut self.residual, n);
        let (real, rest) = self.residual.split_at_mut(n);
        let (re, im) = rest.split_at_mut(n);
        let sign = if transposed { -1.0 } else { 1.0 };
        for ((pair, re), im) in self.pair.iter_mut().zip(&*re).zip(&*im) {
            *pair = f64::complex(*re, sign * im);
        }
        if transposed {
            self.linear.matrix.solve_transposed(real);
            self.complex.solve_transposed(&mut self.pair);
        } else {
            self.linear.matrix.solve(real);
            self.complex.solve(&mut self.pair);
        }
        for ((pair, re), im) in self.pair.iter().zip(re).zip(im) {
            let (x, y) = f64::parts(*pair);
            (*re, *im) = (x, sign * y);
        }
        transform(&last, &mut self.residual, n);
        self.update.copy_from_slice(&self.residual);
    }
}

fn transpose(matrix: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    std::array::from_fn(|i| std::array::from_fn(|j| matrix[j][i]))
}

/// Replaces three vectors by combinations of them.
fn transform(rows: &[[f64; 3]; 3], x: &mut [f64], n: usize) {
    for k in 0..n {
        let old = [x[k], x[n + k], x[2 * n + k]];
        for (i, row) in rows.iter().enumerate() {
            x[i * n + k] = row[0] * old[0] + row[1] * old[1] + row[2] * old[2];
        }
    }
}

impl StageEquations for RadauEquations {
    fn stages(&self) -> usize {
        3
    }

    fn end_weights(&self) -> Weights {
        let mut weights = Weights::default();
        weights[2] = 1.0;
        weights
    }

    fn interpolant(&self) -> Interpolant {
        Interpolant::Radau
    }

    fn prepare(&mut self, ivp: &Ivp<'_>) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        self.linear.prepare(ivp)?;
        for jacobian in &mut self.jacobians {
            jacobian.prepare(ivp.rhs);
        }
        self.complex.prepare(&self.linear.jacobian, &self.linear.mass);
        self.point.resize(n, 0.0);
        self.back.resize(n, 0.0);
        for vector in [&mut self.solution, &mut self.residual, &mut self.update, &mut self.given] {
            vector.resize(3 * n, 0.0);
        }
        self.pair.resize(n, Complex::default());
        Ok(())
    }

    fn reverse(
        &mut self,
        ivp: &Ivp<'_>,
        step: &StepView<'_>,
        cotangents: &mut [f64],
        sums: &mut Sums<'_>,
    ) -> Result<u64, SolveError> {
        let (n, h) = (step.start.len(), step.h());
        self.factor(ivp, step)?;
        self.given.copy_from_slice(cotangents);
        self.solve(step, true)?;
        for (i, c) in C.into_iter().enumerate() {
            let t = self.argument(step, i);
            let q = &self.solution[i * n..(i + 1) * n];
            let at = (t, &self.point[..]);
            let by_time = self.linear.pull_back(ivp, at, q, sums.start, sums.p);
            if sums.timed || !sums.mass.is_empty() {
                self.back.fill(0.0);
                for j in 0..3 {
                    add_scaled(&mut self.back, self.inverse[i][j] / h, step.row(j));
                }
                self.linear.mass.add_outer(-1.0, q, &self.back, sums.mass);
            }
            if sums.timed {
                // f is M Σ (A⁻¹)_ij Z_j / h.
                self.point.fill(0.0);
                self.linear.mass.add_product(&self.back, &mut self.point);
                let along: f64 = q.iter().zip(&self.point).map(|(q, x)| q * x).sum();
                *sums.t += by_time;
                *sums.h += c * by_time + along / h;
            }
        }
        Ok(3)
    }

    fn tangents(
        &mut self,
        ivp: &Ivp<'_>,
        step: &StepView<'_>,
        along: Directions<'_>,
        rows: &mut [f64],
    ) -> Result<u64, SolveError> {
        let (n, h) = (step.start.len(), step.h());
        let directions = along.states.len() / n;
        self.factor(ivp, step)?;
        for (d, rows) in rows.chunks_exact_mut(3 * n).enumerate() {
            for (i, c) in C.into_iter().enumerate() {
                let t = self.argument(step, i);
                let out = &mut self.given[i * n..(i + 1) * n];
                let state = &along.states[d * n..(d + 1) * n];
                let (dt, dh) = along.times(d);
                let parameter = along.parameter(d, ivp.p.len());
                let change = (parameter, dt + c * dh);
                self.linear.push_forward(ivp, (t, &self.point), state, change, out);
                if dh != 0.0 {
                    // f is M Σ (A⁻¹)_ij Z_j / h.
                    self.back.fill(0.0);
                    for j in 0..3 {
                        let factor = self.inverse[i][j] * dh / (h * h);
                        add_scaled(&mut self.back, factor, step.row(j));
                    }
                    self.linear.mass.add_product(&self.back, out);
                }
                for j in 0..3 {
                    let factor = -self.inverse[i][j] / h;
                    self.linear.add_mass_change(parameter, factor, step.row(j), out);
                }
            }
            self.solve(step, false)?;
            rows.copy_from_slice(&self.solution);
        }
        Ok((3 * directions) as u64)
    }
}
