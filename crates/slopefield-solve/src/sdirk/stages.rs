//! One step of a diagonally implicit Runge–Kutta method.

use super::ImplicitTableau;
use crate::consistent::Consistency;
use crate::implicit::{
    Convergence, KEEP_JACOBIAN, Linearisation, Reach, Target, ToRounding, Verdict, largest_part,
};
use crate::{Attempt, ErrorNorm, Failure, Ivp, Real, SolveError, Stats};
use slopefield_kernel::Kernel;
use slopefield_linear::IterationMatrix;

/// Newton iterations per stage at most.
const ITERATIONS: u32 = 8;

/// Steps whose lengths differ by less than this share a factorisation.
const SAME_LENGTH: f64 = 1e-9;

/// The step of a diagonally implicit Runge–Kutta method, defined by its table.
pub struct DiagonallyImplicit<T: Real = f64> {
    pub(super) tableau: &'static ImplicitTableau,
    pub(super) n: usize,
    pub(super) t: f64,
    pub(super) t_new: f64,
    /// State at the beginning.
    pub(super) start: Vec<T>,
    /// State at the end.
    pub(super) end: Vec<T>,
    /// Slope at the beginning; of the stiff part when the right-hand side is split.
    pub(super) slope: Vec<T>,
    /// Slope of the rest at the beginning.
    pub(super) rest_slope: Vec<T>,
    /// `z_i`, one stage after the other.
    pub(super) increments: Vec<T>,
    /// The same of the rest.
    pub(super) rest: Vec<T>,
    base: Vec<T>,
    stage: Vec<T>,
    update: Vec<T>,
    work: Vec<T>,
    pub(super) scratch: Vec<T>,
    pub(super) linearisation: Linearisation<T>,
    pub(super) matrix: IterationMatrix<T>,
    /// Step length times `γ`, and version of the Jacobian, that the matrix is factored for.
    pub(super) factored: Option<(f64, u64)>,
    pub(super) convergence: Convergence,
    /// How long steps may be for the iteration.
    pub(super) reach: Reach,
    pub(super) consistency: Consistency<T>,
    /// Most iterations of a stage of the last attempt.
    pub(super) most_iterations: u32,
    /// State whose slope was not finite in the last attempt.
    pub(super) not_finite: Option<usize>,
    /// Stages are solved to rounding, and errors are not measured.
    pub(super) frozen: bool,
    /// The Jacobian is evaluated anew in each iteration, which frozen steps resort to.
    renewing: bool,
    /// Where the iterations begin, if not at the predictor.
    pub(super) given: Vec<T>,
}

/// The parts of a right-hand side, as a method treats them.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a, T> {
    /// Implicitly.
    pub(super) stiff: &'a dyn Kernel<T>,
    /// Explicitly.
    pub(super) rest: Option<&'a dyn Kernel<T>>,
}

/// Why there is no end of a step.
enum Trouble {
    NotFinite,
    Hopeless(f64),
}

impl<T: Real> DiagonallyImplicit<T> {
    /// The method of `tableau`.
    pub fn new(tableau: &'static ImplicitTableau) -> Self {
        let empty = Vec::new;
        DiagonallyImplicit {
            tableau,
            n: 0,
            t: 0.0,
            t_new: 0.0,
            start: empty(),
            end: empty(),
            slope: empty(),
            rest_slope: empty(),
            increments: empty(),
            rest: empty(),
            base: empty(),
            stage: empty(),
            update: empty(),
            work: empty(),
            scratch: empty(),
            linearisation: Linearisation::new(),
            matrix: IterationMatrix::new(),
            factored: None,
            // Guesses from lines through slopes.
            convergence: Convergence::new(ITERATIONS, 3),
            reach: Reach::new(),
            consistency: Consistency::default(),
            most_iterations: 0,
            not_finite: None,
            frozen: false,
            renewing: false,
            given: empty(),
        }
    }

    /// The parts of the right-hand side of `ivp`. A method without an explicit companion takes it
    /// whole, and so does one with, where it is not split.
    pub(super) fn parts<'a>(&self, ivp: &Ivp<'a, T>) -> Result<Parts<'a, T>, SolveError> {
        let structure = ivp.rhs.structure();
        let split = structure.split.filter(|_| self.tableau.explicit.is_some());
        let Some(split) = split else {
            return Ok(Parts { stiff: ivp.rhs, rest: None });
        };
        if structure.mass.is_some() {
            return Err(SolveError::Invalid(format!(
                "the method {} solves no equations with a mass matrix or algebraic variables; use \
                 kencarp4",
                self.tableau.id
            )));
        }
        Ok(Parts { stiff: split.stiff, rest: Some(split.rest) })
    }

    pub(super) fn resize(&mut self, ivp: &Ivp<'_, T>, parts: Parts<'_, T>) {
        let (n, stages) = (ivp.u0.len(), self.tableau.stages());
        self.n = n;
        let is_split = parts.rest.is_some();
        for (vector, len) in [
            (&mut self.start, n),
            (&mut self.end, n),
            (&mut self.slope, n),
            (&mut self.rest_slope, if is_split { n } else { 0 }),
            (&mut self.increments, stages * n),
            (&mut self.rest, if is_split { stages * n } else { 0 }),
            (&mut self.base, n),
            (&mut self.stage, n),
            (&mut self.update, n),
            (&mut self.work, n),
        ] {
            vector.resize(len, T::ZERO);
        }
        let rest = parts.rest.map_or(0, |rest| rest.scratch_len());
        self.scratch.resize(parts.stiff.scratch_len().max(rest), T::ZERO);
    }

    /// Work space of the length of the state, for the first step.
    pub(super) fn work_space(&mut self) -> (&mut [T], &mut [T], &mut Consistency<T>) {
        (&mut self.stage, &mut self.update, &mut self.consistency)
    }

    /// Makes the end of the step held the beginning of the next.
    fn advance(&mut self, ivp: &Ivp<'_, T>, parts: Parts<'_, T>, counts: &mut Stats) {
        std::mem::swap(&mut self.start, &mut self.end);
        let h = self.t_new - self.t;
        self.t = self.t_new;
        self.linearisation.leave();
        match parts.rest {
            // The last increment is the slope there without another evaluation, and without the
            // amplification that one means for stiff components.
            None => {
                let last = &self.increments[(self.tableau.stages() - 1) * self.n..];
                let per_length = T::of(1.0 / h);
                for (slope, z) in self.slope.iter_mut().zip(last) {
                    *slope = *z * per_length;
                }
            }
            Some(rest) => {
                let (t, p) = (T::of(self.t), ivp.p);
                counts.rhs += 2;
                parts.stiff.eval(t, &self.start, p, &mut self.slope, &mut self.scratch);
                rest.eval(t, &self.start, p, &mut self.rest_slope, &mut self.scratch);
            }
        }
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
        let Ok(parts) = self.parts(ivp) else {
            return Attempt::Failed { factor: 0.5, reason: Failure::NotConverged };
        };
        if from_end {
            self.reach.take(self.t_new - self.t);
            self.advance(ivp, parts, counts);
        }
        self.t = t;
        self.t_new = t_new;
        self.not_finite = None;
        self.renewing = false;
        let is_good = !self.frozen && from_end && self.convergence.slowest_rate() <= KEEP_JACOBIAN;
        if !is_good && !self.linearisation.is_current() {
            self.renew(ivp, parts, counts);
        }
        loop {
            self.convergence.forget_rates();
            if self.factor(counts).is_err() {
                if self.linearisation.is_current() {
                    return Attempt::Failed { factor: 0.5, reason: Failure::Singular };
                }
                self.renew(ivp, parts, counts);
                continue;
            }
            match self.solve_stages(ivp, parts, norm, counts) {
                Ok(()) if self.frozen => return Attempt::Measured(0.0),
                Ok(()) => return Attempt::Measured(self.measure(parts, norm, counts)),
                Err(_) if !self.linearisation.is_current() => self.renew(ivp, parts, counts),
                Err(_) if self.frozen && !self.renewing => self.renewing = true,
                Err(Trouble::NotFinite) => return Attempt::Measured(f64::NAN),
                Err(Trouble::Hopeless(factor)) => {
                    self.reach.fail(t_new - t);
                    return Attempt::Failed { factor, reason: Failure::NotConverged };
                }
            }
        }
    }

    fn renew(&mut self, ivp: &Ivp<'_, T>, parts: Parts<'_, T>, counts: &mut Stats) {
        self.linearisation.renew(parts.stiff, ivp, self.t, &self.start, counts);
    }

    /// Factors `M − hγJ`.
    fn factor(&mut self, counts: &mut Stats) -> Result<(), slopefield_linear::Singular> {
        let coefficient = self.tableau.gamma * (self.t_new - self.t);
        let version = self.linearisation.version();
        if let Some((held, of)) = self.factored
            && of == version
            && (coefficient - held).abs() <= SAME_LENGTH * held.abs()
        {
            return Ok(());
        }
        self.factored = None;
        counts.factorisations += 1;
        self.matrix.factor(
            T::ONE,
            T::of(coefficient),
            self.linearisation.jacobian(),
            self.linearisation.mass(),
        )?;
        self.factored = Some((coefficient, version));
        Ok(())
    }

    fn solve_stages(
        &mut self,
        ivp: &Ivp<'_, T>,
        parts: Parts<'_, T>,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Result<(), Trouble> {
        let n = self.n;
        let h = T::of(self.t_new - self.t);
        let size = norm.of_value(&self.start, &self.start);
        let target = Target::for_tolerance(norm.rtol(), size, T::EPSILON);
        self.most_iterations = 0;
        for (z, slope) in self.increments.iter_mut().zip(&self.slope) {
            *z = h * *slope;
        }
        for (r, slope) in self.rest.iter_mut().zip(&self.rest_slope) {
            *r = h * *slope;
        }
        for i in 1..self.tableau.stages() {
            self.prepare_stage(i);
            self.solve_stage(ivp, parts, i, norm, target, counts)?;
            if let Some(rest) = parts.rest {
                let t = T::of(self.t + self.tableau.c[i] * (self.t_new - self.t));
                let out = &mut self.rest[i * n..(i + 1) * n];
                counts.rhs += 1;
                rest.eval(t, &self.stage, ivp.p, out, &mut self.scratch);
                for r in out.iter_mut() {
                    *r *= h;
                }
                if let Some(state) = out.iter().position(|r| !r.finite()) {
                    self.not_finite = Some(state);
                    return Err(Trouble::NotFinite);
                }
            }
        }
        match parts.rest {
            None => self.end.copy_from_slice(&self.stage),
            Some(_) => {
                self.end.copy_from_slice(&self.start);
                for i in 0..self.tableau.stages() {
                    let weight = self.tableau.weight(i);
                    add(&mut self.end, weight, &self.increments[i * n..(i + 1) * n]);
                    add(&mut self.end, weight, &self.rest[i * n..(i + 1) * n]);
                }
            }
        }
        Ok(())
    }

    /// Computes what stage `i` has from those before it, and a guess of its increment.
    fn prepare_stage(&mut self, i: usize) {
        let n = self.n;
        let (before, own) = self.increments.split_at_mut(i * n);
        let own = &mut own[..n];
        self.base.copy_from_slice(&self.start);
        own.fill(T::ZERO);
        for (j, z) in before.chunks_exact(n).enumerate() {
            add(&mut self.base, self.tableau.a[i][j], z);
            add(own, self.tableau.predictor[i][j], z);
        }
        if let Some(given) = self.given.get(i * n..(i + 1) * n) {
            own.copy_from_slice(given);
        }
        if let Some(explicit) = self.tableau.explicit {
            for (j, r) in self.rest.chunks_exact(n).take(i).enumerate() {
                add(&mut self.base, explicit[i][j], r);
            }
        }
    }

    /// Newton's iteration for `M z = h f(t + c h, base + γ z)`; leaves the state in `stage`.
    fn solve_stage(
        &mut self,
        ivp: &Ivp<'_, T>,
        parts: Parts<'_, T>,
        i: usize,
        norm: &ErrorNorm,
        target: Target,
        counts: &mut Stats,
    ) -> Result<(), Trouble> {
        let n = self.n;
        let length = self.t_new - self.t;
        let h = T::of(length);
        let gamma = T::of(self.tableau.gamma);
        let t = T::of(self.t + self.tableau.c[i] * length);
        let z = &mut self.increments[i * n..(i + 1) * n];
        for ((u, base), z) in self.stage.iter_mut().zip(&self.base).zip(&*z) {
            *u = *base + gamma * *z;
        }
        self.convergence.begin(target);
        let mut to_rounding = ToRounding::default();
        loop {
            counts.rhs += 1;
            counts.solves += 1;
            counts.iterations += 1;
            parts.stiff.eval(t, &self.stage, ivp.p, &mut self.update, &mut self.scratch);
            let mass = self.linearisation.mass();
            if mass.is_identity() {
                for (update, z) in self.update.iter_mut().zip(&*z) {
                    *update = h * *update - *z;
                }
            } else {
                mass.multiply(z, &mut self.work);
                for (update, mass_z) in self.update.iter_mut().zip(&self.work) {
                    *update = h * *update - *mass_z;
                }
            }
            if let Some(state) = self.update.iter().position(|v| !v.finite()) {
                self.not_finite = Some(state);
                self.convergence.judge(f64::NAN);
                return Err(Trouble::NotFinite);
            }
            if self.renewing {
                let (t, stage) = (self.t + self.tableau.c[i] * length, &self.stage);
                self.linearisation.renew(parts.stiff, ivp, t, stage, counts);
                counts.factorisations += 1;
                let (jacobian, mass) = (self.linearisation.jacobian(), self.linearisation.mass());
                self.factored = None;
                let factored = self.matrix.factor(T::ONE, h * gamma, jacobian, mass);
                factored.map_err(|_| Trouble::Hopeless(0.5))?;
            }
            self.matrix.solve(&mut self.update);
            for (z, update) in z.iter_mut().zip(&self.update) {
                *z += *update;
            }
            for ((u, base), z) in self.stage.iter_mut().zip(&self.base).zip(&*z) {
                *u = *base + gamma * *z;
            }
            let size = self.tableau.gamma * norm.of_value(&self.update, &self.start);
            let verdict = if self.frozen {
                to_rounding.judge(largest_part(&self.update, self.tableau.gamma, &self.stage), size)
            } else {
                self.convergence.judge(size)
            };
            match verdict {
                Verdict::Again => {}
                Verdict::Converged => {
                    self.most_iterations = self.most_iterations.max(self.convergence.iterations());
                    return Ok(());
                }
                Verdict::Hopeless { factor } => return Err(Trouble::Hopeless(factor)),
            }
        }
    }

    /// Squared norm of the error estimate, which is `(M − hγJ)⁻¹ M (b − b̂)ᵀ z`: the solve damps
    /// stiff components, in which the embedded method is not accurate (Hosea, Shampine 1996,
    /// section 3), and gives algebraic variables the error that follows from those of the others.
    fn measure(&mut self, parts: Parts<'_, T>, norm: &ErrorNorm, counts: &mut Stats) -> f64 {
        let n = self.n;
        self.update.fill(T::ZERO);
        for (i, weight) in self.tableau.b_error.iter().enumerate() {
            add(&mut self.update, *weight, &self.increments[i * n..(i + 1) * n]);
            if parts.rest.is_some() {
                add(&mut self.update, *weight, &self.rest[i * n..(i + 1) * n]);
            }
        }
        let mass = self.linearisation.mass();
        if !mass.is_identity() {
            mass.multiply(&self.update, &mut self.work);
            std::mem::swap(&mut self.update, &mut self.work);
        }
        counts.solves += 1;
        self.matrix.solve(&mut self.update);
        norm.square_of_error(&self.update, &self.start, &self.end)
    }
}

/// `sum += weight · x`.
pub(super) fn add<T: Real>(sum: &mut [T], weight: f64, x: &[T]) {
    if weight != 0.0 {
        let weight = T::of(weight);
        for (sum, x) in sum.iter_mut().zip(x) {
            *sum += weight * *x;
        }
    }
}
