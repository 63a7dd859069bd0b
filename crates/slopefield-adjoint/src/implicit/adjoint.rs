//! The discrete adjoint: exact reverse of the accepted steps of an implicit method.

use super::equations::{StageEquations, StepView, Sums, add_scaled, is_zero};
use super::linear::Linear;
use super::path::{HONOURED, Path};
use crate::method::{ensure_finite, validate_gradients};
use crate::saves::{SavedStates, saves_at_start, saves_in_step};
use crate::{Evaluated, GradientMethod, ImplicitSensitivity, Loss, StateSensitivities};
use slopefield_kernel::{Cotangent, Point, Structure};
use slopefield_solve::{ConsistentSums, Ivp, Settings, SolveError};

/// Exact reverse of the accepted steps of an implicit one-step method: Rosenbrock23, Rodas4P,
/// Rodas5P, TR-BDF2, KenCarp4, Kvaerno5 or Radau IIA 5, and of automatic switching between Rodas5P
/// and explicit methods. Mass matrices are honoured, and so is the
/// way from the given to the consistent initial state.
pub struct ImplicitAdjoint {
    solver: String,
    path: Path,
    saved: SavedStates,
    sweep: Sweep,
}

impl ImplicitAdjoint {
    /// Through the built-in implicit method called `name`, with up to 256 MiB of record; none for
    /// other methods.
    pub fn named(name: &str) -> Option<Self> {
        let path = Path::named(name)?;
        let (solver, saved) = (name.to_owned(), SavedStates::default());
        Some(ImplicitAdjoint { solver, path, saved, sweep: Sweep::new() })
    }

    /// Whether the system has what the derivatives need; otherwise a sentence.
    ///
    /// # Errors
    /// Steps of Rosenbrock methods of systems whose second derivatives are not known.
    pub fn suits(&self, structure: &Structure<'_>) -> Result<(), String> {
        self.path.suits(structure)
    }

    /// Keeps the record below `bytes` where that is possible: with `N` steps at least the `N` times
    /// and about `√N` states are needed.
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.path.set_memory(bytes);
        self
    }
}

impl GradientMethod for ImplicitAdjoint {
    fn name(&self) -> &'static str {
        "discrete"
    }

    fn state_sensitivities(&self) -> Option<Box<dyn StateSensitivities>> {
        Some(Box::new(ImplicitSensitivity::named(&self.solver)?))
    }

    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        validate_gradients(ivp, grad_u0, grad_p, HONOURED)?;
        let n = ivp.u0.len();
        self.saved.resize(saves.len(), n);
        let forward = self.path.solve(ivp, settings, saves, &mut self.saved.states)?;
        let loss = self.saved.evaluate(loss);
        grad_p.fill(0.0);
        self.path.begin(ivp, settings)?;
        self.sweep.begin(ivp, saves.len(), self.path.equations.stages())?;
        let segments = self.path.record.segments();
        for index in (0..segments).rev() {
            let (segment, equations) = self.path.segment(ivp, settings, index)?;
            for i in (0..segment.len()).rev() {
                let step = segment.step(i);
                if settings.cancelled() {
                    return Err(SolveError::Cancelled { t: step.t_new });
                }
                equations.select(step.explicit);
                self.sweep.timed = index == 0 && i == 0;
                self.sweep.reverse_step(ivp, equations, &step, saves, &self.saved, grad_p)?;
            }
        }
        let by_start_time = self.sweep.finish(ivp, &mut self.path, &self.saved, grad_p)?;
        grad_u0.copy_from_slice(&self.sweep.lambda);
        if segments == 0 {
            for row in 0..saves_at_start(saves, ivp) {
                add_scaled(grad_u0, 1.0, self.saved.row_by_state(row, n));
            }
        }
        ensure_finite(ivp, &self.saved.by_state, grad_u0, grad_p)?;
        Ok(Evaluated {
            loss,
            forward,
            reverse_products: self.sweep.products
                + self.path.record.recomputed
                + self.path.repeated,
            memory: self.path.bytes(),
            by_start_time: (segments > 0).then_some(by_start_time),
        })
    }
}

/// The reverse pass: cotangents carried from step to step, last to first.
struct Sweep {
    /// Cotangent λ of the state at the end of the step to be reversed.
    lambda: Vec<f64>,
    /// Cotangent κ of the slope handed over there.
    kappa: Vec<f64>,
    /// Cotangents of the unknowns of the step.
    unknowns: Vec<f64>,
    /// The unknowns themselves, of the first step.
    rows: Vec<f64>,
    /// Gradient by the entries of the mass matrix.
    by_mass: Vec<f64>,
    /// Its derivative by parameters.
    mass: Linear,
    /// Whether the step is the first, whose length depends on the start time.
    timed: bool,
    /// Derivative by the start time at a fixed end of the first step.
    by_start_time: f64,
    scratch: Vec<f64>,
    /// Save times below this index are still to come.
    saves_end: usize,
    products: u64,
}

impl Sweep {
    fn new() -> Self {
        Sweep {
            lambda: Vec::new(),
            kappa: Vec::new(),
            unknowns: Vec::new(),
            rows: Vec::new(),
            by_mass: Vec::new(),
            mass: Linear::new(),
            timed: false,
            by_start_time: 0.0,
            scratch: Vec::new(),
            saves_end: 0,
            products: 0,
        }
    }

    fn begin(&mut self, ivp: &Ivp<'_>, saves: usize, stages: usize) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        if ivp.rhs.structure().mass.is_some() {
            self.mass.prepare(ivp)?;
        }
        for (vector, len) in [
            (&mut self.lambda, n),
            (&mut self.kappa, n),
            (&mut self.unknowns, stages * n),
            (&mut self.by_mass, self.mass.mass_entries()),
            (&mut self.scratch, ivp.rhs.scratch_len()),
        ] {
            vector.clear();
            vector.resize(len, 0.0);
        }
        self.by_start_time = 0.0;
        self.saves_end = saves;
        self.products = 0;
        Ok(())
    }

    fn reverse_step(
        &mut self,
        ivp: &Ivp<'_>,
        equations: &mut dyn StageEquations,
        step: &StepView<'_>,
        saves: &[f64],
        saved: &SavedStates,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let (n, h) = (ivp.u0.len(), step.h());
        let last = equations.stages() - 1;
        let inside = saves_in_step(saves, self.saves_end, step.t, ivp.direction());
        self.saves_end = inside.start;
        let within = |row: &usize| saves[*row] != step.t_new;
        for row in inside.clone().filter(|row| !within(row)) {
            add_scaled(&mut self.lambda, 1.0, saved.row_by_state(row, n));
        }
        self.unknowns.fill(0.0);
        let weights = equations.end_weights();
        for (row, weight) in self.unknowns.chunks_exact_mut(n).zip(weights) {
            add_scaled(row, weight, &self.lambda);
        }
        let (mut by_t, mut by_h) = (0.0, 0.0);
        if equations.hands_over_slope() {
            add_scaled(&mut self.unknowns[last * n..], 1.0 / h, &self.kappa);
            if self.timed {
                by_h -= dot(&self.kappa, step.row(last)) / (h * h);
            }
        }
        if self.timed {
            equations.unknowns(ivp, step, &mut self.rows);
        }
        for row in inside.filter(within) {
            let w = saved.row_by_state(row, n);
            let theta = (saves[row] - step.t) / h;
            let (weights, slopes) = equations.dense_weights(theta);
            add_scaled(&mut self.lambda, 1.0, w);
            for (i, unknown) in self.unknowns.chunks_exact_mut(n).enumerate() {
                add_scaled(unknown, weights[i], w);
                if self.timed {
                    // θ changes with the beginning by (θ − 1)/h at a fixed end.
                    let along = self.rows.get(i * n..(i + 1) * n).map_or(0.0, |row| dot(w, row));
                    self.by_start_time += slopes[i] * along * (theta - 1.0) / h;
                }
            }
        }
        if is_zero(&self.unknowns) {
            self.kappa.fill(0.0);
        } else {
            let mut sums = Sums {
                start: &mut self.lambda,
                p: grad_p,
                mass: &mut self.by_mass,
                timed: self.timed,
                t: &mut by_t,
                h: &mut by_h,
            };
            self.products += equations.reverse(ivp, step, &mut self.unknowns, &mut sums)?;
            if equations.hands_over_slope() {
                for (kappa, first) in self.kappa.iter_mut().zip(&self.unknowns) {
                    *kappa = h * first;
                }
            }
        }
        if self.timed {
            self.by_start_time += by_t - by_h;
        }
        if step.t == ivp.t0 {
            for row in 0..self.saves_end {
                add_scaled(&mut self.lambda, 1.0, saved.row_by_state(row, n));
            }
        }
        match self.lambda.iter().position(|v| !v.is_finite()) {
            Some(state) if saved.by_state.iter().all(|w| w.is_finite()) => {
                Err(SolveError::NonFinite { t: step.t, state, u: step.start.to_vec() })
            }
            _ => Ok(()),
        }
    }

    /// From the consistent state at the start to the one given. Returns the derivative by the start
    /// time.
    fn finish(
        &mut self,
        ivp: &Ivp<'_>,
        path: &mut Path,
        saved: &SavedStates,
        grad_p: &mut [f64],
    ) -> Result<f64, SolveError> {
        if path.record.steps() == 0 {
            return Ok(0.0);
        }
        for row in 0..self.saves_end {
            // A later start is an earlier point of the solution from there.
            self.by_start_time -= dot(saved.row_by_state(row, ivp.u0.len()), &path.slope);
        }
        if ivp.rhs.structure().mass.is_some() {
            path.consistency.linearise(ivp, ivp.t0, &path.start)?;
            let sums = ConsistentSums {
                state: &mut self.lambda,
                slope: &self.kappa,
                p: grad_p,
                mass: &mut self.by_mass,
                t: &mut self.by_start_time,
            };
            let values = (ivp.u0, &path.start[..], &path.slope[..]);
            path.consistency.reverse(ivp, ivp.t0, values, sums)?;
            self.mass.add_mass_gradient(&self.by_mass, grad_p);
        } else if !is_zero(&self.kappa) {
            let at = Point { t: ivp.t0, u: ivp.u0, p: ivp.p };
            let grad = Cotangent { t: &mut self.by_start_time, u: &mut self.lambda, p: grad_p };
            ivp.rhs.vjp(at, &self.kappa, grad, &mut self.scratch);
            self.products += 1;
        }
        Ok(self.by_start_time)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
