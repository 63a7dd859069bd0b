//! The functions of a stochastic system as methods call them.

use slopefield_kernel::{Calculus, Noise, NoiseKind, Point, Tangent};
use slopefield_solve::{Ivp, Real, SolveError};

/// Work space for the functions of a system.
#[derive(Debug)]
pub(crate) struct Work<T> {
    scratch: Vec<T>,
    no_parameters: Vec<T>,
    coefficients: Vec<T>,
    derivative: Vec<T>,
    direction: Vec<T>,
    /// What is added to the drift, as a multiple of `Σ_j (∂g_j/∂u) g_j`.
    correction: f64,
    /// Evaluations of the drift.
    pub(crate) evaluations: u64,
}

impl<T> Default for Work<T> {
    fn default() -> Self {
        Work {
            scratch: Vec::new(),
            no_parameters: Vec::new(),
            coefficients: Vec::new(),
            derivative: Vec::new(),
            direction: Vec::new(),
            correction: 0.0,
            evaluations: 0,
        }
    }
}

impl<T: Real> Work<T> {
    /// Sizes everything for a system whose drift a method wants in `calculus`.
    pub(crate) fn configure(&mut self, ivp: &Ivp<'_, T>, noise: &Noise<'_, T>, wants: Calculus) {
        let n = ivp.u0.len();
        let jacobian = ivp.rhs.structure().jacobian.map_or(0, |j| j.scratch_len());
        let scratch = ivp.rhs.scratch_len().max(noise.coefficients.scratch_len()).max(jacobian);
        let outputs = noise.coefficients.shape().outputs;
        self.scratch.resize(scratch, T::ZERO);
        self.no_parameters.clear();
        self.no_parameters.resize(ivp.p.len(), T::ZERO);
        self.coefficients.resize(outputs, T::ZERO);
        self.derivative.resize(outputs, T::ZERO);
        self.direction.resize(n, T::ZERO);
        self.correction = match (noise.kind, noise.calculus, wants) {
            (NoiseKind::Additive, _, _) => 0.0,
            (_, Calculus::Stratonovich, Calculus::Ito) => 0.5,
            (_, Calculus::Ito, Calculus::Stratonovich) => -0.5,
            _ => 0.0,
        };
        self.evaluations = 0;
    }
}

/// A system during one step.
pub(crate) struct System<'s, 'i, T: Real> {
    pub(crate) ivp: &'s Ivp<'i, T>,
    pub(crate) noise: &'s Noise<'i, T>,
    pub(crate) work: &'s mut Work<T>,
}

impl<T: Real> System<'_, '_, T> {
    /// Work space for coefficients of noise, to be given back.
    pub(crate) fn take_coefficients(&mut self) -> Vec<T> {
        std::mem::take(&mut self.work.derivative)
    }

    /// Takes back what [`System::take_coefficients`] gave.
    pub(crate) fn give_coefficients(&mut self, coefficients: Vec<T>) {
        self.work.derivative = coefficients;
    }

    /// Number of sources of noise.
    pub(crate) fn sources(&self) -> usize {
        self.noise.sources
    }

    /// Whether source `i` acts on state `i` alone.
    pub(crate) fn is_diagonal(&self) -> bool {
        self.noise.kind == NoiseKind::Diagonal
    }

    /// Writes the drift at a point, in the calculus that the method wants.
    pub(crate) fn drift(&mut self, t: f64, u: &[T], out: &mut [T]) {
        self.work.evaluations += 1;
        self.ivp.rhs.eval(T::of(t), u, self.ivp.p, out, &mut self.work.scratch);
        if self.work.correction != 0.0 {
            self.correct(t, u, out);
        }
    }

    /// Adds the difference of the drifts of both calculi: `±½ Σ_j (∂g_j/∂u) g_j` (Kloeden & Platen,
    /// *Numerical Solution of Stochastic Differential Equations*, 1992, section 4.9).
    fn correct(&mut self, t: f64, u: &[T], out: &mut [T]) {
        let factor = T::of(self.work.correction);
        let n = u.len();
        let mut coefficients = std::mem::take(&mut self.work.coefficients);
        let mut derivative = std::mem::take(&mut self.work.derivative);
        let mut direction = std::mem::take(&mut self.work.direction);
        self.diffusion(t, u, &mut coefficients);
        let columns = coefficients.len() / n;
        for column in 0..columns {
            let part = column * n..(column + 1) * n;
            direction.copy_from_slice(&coefficients[part.clone()]);
            self.diffusion_along(t, u, &direction, &mut coefficients, &mut derivative);
            for (out, d) in out.iter_mut().zip(&derivative[part]) {
                *out += factor * *d;
            }
        }
        self.work.coefficients = coefficients;
        self.work.derivative = derivative;
        self.work.direction = direction;
    }

    /// Writes the coefficients of the noise at a point.
    pub(crate) fn diffusion(&mut self, t: f64, u: &[T], out: &mut [T]) {
        let scratch = &mut self.work.scratch;
        self.noise.coefficients.eval(T::of(t), u, self.ivp.p, out, scratch);
    }

    /// Writes the coefficients of the noise and their derivative along a direction of the state.
    pub(crate) fn diffusion_along(
        &mut self,
        t: f64,
        u: &[T],
        direction: &[T],
        out: &mut [T],
        derivative: &mut [T],
    ) {
        let at = Point { t: T::of(t), u, p: self.ivp.p };
        let along = Tangent { t: T::ZERO, u: direction, p: &self.work.no_parameters };
        let scratch = &mut self.work.scratch;
        self.noise.coefficients.jvp(at, along, out, derivative, scratch);
    }

    /// Writes the Jacobian matrix of the drift, column by column; `column` and `value` are work
    /// space of the length of the state.
    pub(crate) fn jacobian(
        &mut self,
        t: f64,
        u: &[T],
        matrix: &mut [T],
        column: &mut [T],
        value: &mut [T],
        entries: &mut Vec<T>,
    ) {
        let n = u.len();
        let p = self.ivp.p;
        if let Some(jacobian) = self.ivp.rhs.structure().jacobian {
            let pattern = jacobian.pattern();
            entries.resize(pattern.rows.len(), T::ZERO);
            jacobian.eval(T::of(t), u, p, entries, &mut self.work.scratch);
            matrix.fill(T::ZERO);
            for j in 0..n {
                for k in pattern.starts[j]..pattern.starts[j + 1] {
                    matrix[j * n + pattern.rows[k] as usize] = entries[k];
                }
            }
            return;
        }
        column.fill(T::ZERO);
        for j in 0..n {
            column[j] = T::ONE;
            let at = Point { t: T::of(t), u, p };
            let along = Tangent { t: T::ZERO, u: column, p: &self.work.no_parameters };
            let out = &mut matrix[j * n..(j + 1) * n];
            self.ivp.rhs.jvp(at, along, value, out, &mut self.work.scratch);
            column[j] = T::ZERO;
        }
    }

    /// Adds the noise of increments `w` with the given coefficients to `out`.
    pub(crate) fn add_noise(&self, coefficients: &[T], w: &[f64], out: &mut [T]) {
        if self.is_diagonal() {
            for ((out, g), w) in out.iter_mut().zip(coefficients).zip(w) {
                *out += *g * T::of(*w);
            }
            return;
        }
        for (column, w) in coefficients.chunks_exact(out.len()).zip(w) {
            let w = T::of(*w);
            for (out, g) in out.iter_mut().zip(column) {
                *out += *g * w;
            }
        }
    }
}

/// The noise of a system that a method for stochastic differential equations can solve.
///
/// # Errors
/// A sentence for a system without noise, or with parts that these methods cannot honour.
pub(crate) fn noise_of<'i, T: Real>(
    ivp: &Ivp<'i, T>,
    method: &str,
) -> Result<Noise<'i, T>, SolveError> {
    let refuse = |text: String| Err(SolveError::Invalid(text));
    let structure = ivp.rhs.structure();
    let Some(noise) = structure.noise else {
        return refuse(format!(
            "the method {method} is for equations with noise, and this system has none; use an \
             ordinary method such as tsit5"
        ));
    };
    if structure.mass.is_some() {
        return refuse(format!(
            "the method {method} solves no equations with a mass matrix or algebraic variables"
        ));
    }
    if structure.delays.is_some() {
        return refuse(format!(
            "the method {method} solves no equations with delays; em does, with constant ones"
        ));
    }
    if structure.jumps.is_some() {
        return refuse(format!(
            "the method {method} alone knows no jumps; wrap it in a jump diffusion"
        ));
    }
    let (n, m) = (ivp.u0.len(), noise.sources);
    let outputs = if noise.kind == NoiseKind::Diagonal { n } else { n * m };
    let shape = noise.coefficients.shape();
    if shape.outputs != outputs || (noise.kind == NoiseKind::Diagonal && m != n) || m == 0 {
        return refuse(format!(
            "{m} sources of noise on {n} states need {outputs} coefficients, but the system has {}",
            shape.outputs
        ));
    }
    Ok(noise)
}
