//! Products with the second derivative of a loss: the tangent of the discrete adjoint.
//!
//! Along one direction of initial state and parameters, the tangent of every accepted step is carried
//! forward, and then the reverse of the steps together with its own tangent backward ("forward over
//! reverse"). With `ū_i = (∂f/∂u)ᵀ k̄_i` at the stage `(t_i, U_i)`,
//!
//! ```text
//! dū_i = (∂f/∂u)ᵀ dk̄_i + ∂(∂(k̄_iᵀ f)/∂u) · (dU_i, dp)
//! ```
//!
//! and the same by the parameters. Everything else in a step is linear. The step sequence counts as
//! constant, as for [`crate::DiscreteAdjoint`], whose gradient this differentiates; the derivation is
//! on the page `docs/derivations/discrete-adjoint.md`. D. B. Özyurt, P. I. Barton, *Cheap second order
//! directional derivatives of stiff ODE embedded functionals*, SIAM J. Sci. Comput. 26 (2005).

use crate::Evaluated;
use crate::implicit::{TapedSecondOrder, needs_curvature};
use crate::method::validate_gradients;
use crate::saves::{saves_at_start, saves_in_step};
use crate::tape::{Segment, Tape};
use slopefield_kernel::{Cotangent, HessianProduct, Point, Tangent};
use slopefield_solve::runge_kutta::MAX_DENSE_STAGES;
use slopefield_solve::{
    ExplicitRungeKutta, Ivp, Settings, SolveError, Stages, Tableau, drive, tableau,
};

/// A loss of the states at the save times with its second derivative. Called once per product with
/// the states and their tangents, both row by row (`saves.len() × n`); writes the derivative `w` of
/// the loss by each state and the tangent of `w` (same layout, given zeroed), and returns the loss.
pub type CurvedLoss<'a> = dyn FnMut(&[f64], &[f64], &mut [f64], &mut [f64]) -> f64 + 'a;

/// Why a product is refused that is not finite.
pub(crate) const NOT_FINITE: &str = "a first or second derivative of the equations is not finite somewhere \
    on the trajectory, although their value is";

/// A gradient and its change along a direction, both by initial state and parameters.
#[derive(Debug)]
pub struct SecondOrder<'a> {
    /// Gradient by the initial state.
    pub by_u0: &'a mut [f64],
    /// Gradient by the parameters.
    pub by_p: &'a mut [f64],
    /// Change of the first.
    pub change_u0: &'a mut [f64],
    /// Change of the second.
    pub change_p: &'a mut [f64],
}

/// Exact products with the Hessian of a loss along the accepted steps of a one-step method, through events
/// too, for systems that offer second derivatives. About four solves, whatever the number of parameters.
pub struct SecondOrderAdjoint {
    /// None for implicit methods.
    explicit: Option<Explicit>,
    /// Implicit methods, and events.
    taped: Option<TapedSecondOrder>,
}

impl SecondOrderAdjoint {
    /// Through the method of `tableau`, with up to 256 MiB of tape.
    pub fn new(tableau: &'static Tableau) -> Self {
        SecondOrderAdjoint {
            explicit: Some(Explicit::new(tableau)),
            taped: TapedSecondOrder::explicit(tableau),
        }
    }

    /// Through the built-in method called `name` (see [`slopefield_solve::methods`]): an explicit
    /// Runge–Kutta, Rosenbrock, diagonally implicit or Radau method, or automatic switching.
    pub fn named(name: &str) -> Option<Self> {
        if let Some(table) = tableau(name) {
            return Some(Self::new(table));
        }
        let taped = TapedSecondOrder::implicit(name)?;
        Some(SecondOrderAdjoint { explicit: None, taped: Some(taped) })
    }

    /// Keeps tape and checkpoints below `bytes` where that is possible; the tangents of the states at
    /// the beginnings of steps, those of one segment between checkpoints, come on top. Through implicit
    /// methods and events the whole solve is kept, and one that takes more is refused.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        if let Some(explicit) = &mut self.explicit {
            explicit.tape.set_budget(bytes);
        }
        if let Some(taped) = &mut self.taped {
            taped.set_memory(bytes);
        }
        self
    }

    /// Solves, evaluates the loss and *writes* its gradient and the change of the gradient along
    /// `(du0, dp)`, which is the product of the Hessian with that direction. `saves` are as for
    /// [`crate::GradientMethod::evaluate`].
    ///
    /// # Errors
    /// Those of the forward solve; [`SolveError::Invalid`] for systems with parts that are not
    /// differentiated or without second derivatives, and for a product that is not finite.
    pub fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        (du0, dp): (&[f64], &[f64]),
        loss: &mut CurvedLoss<'_>,
        out: SecondOrder<'_>,
    ) -> Result<Evaluated, SolveError> {
        match (&mut self.explicit, &mut self.taped) {
            (Some(explicit), taped) if taped.is_none() || ivp.rhs.structure().events.is_none() => {
                explicit.evaluate(ivp, settings, saves, (du0, dp), loss, out)
            }
            (_, Some(taped)) => taped.evaluate(ivp, settings, saves, (du0, dp), loss, out),
            (_, None) => Err(needs_curvature()),
        }
    }
}

/// Over the plain steps of an explicit method.
struct Explicit {
    stepper: ExplicitRungeKutta,
    tape: Tape,
    sweep: Sweep,
}

impl Explicit {
    fn new(tableau: &'static Tableau) -> Self {
        Explicit {
            stepper: ExplicitRungeKutta::new(tableau),
            tape: Tape::new(tableau, crate::DEFAULT_MEMORY),
            sweep: Sweep::new(tableau),
        }
    }

    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        (du0, dp): (&[f64], &[f64]),
        loss: &mut CurvedLoss<'_>,
        out: SecondOrder<'_>,
    ) -> Result<Evaluated, SolveError> {
        validate_gradients(ivp, out.by_u0, out.by_p, &[])?;
        validate_gradients(ivp, out.change_u0, out.change_p, &[])?;
        validate_gradients(ivp, du0, dp, &[])?;
        let hessian = ivp.rhs.structure().hessian.ok_or_else(needs_curvature)?;
        let n = ivp.u0.len();
        let sweep = &mut self.sweep;
        let problem = Curved { ivp, hessian, dp, saves };
        sweep.begin(&problem);
        self.tape.clear(n);
        let tape = Some(&mut self.tape as &mut dyn slopefield_solve::StepObserver);
        let forward = drive(&mut self.stepper, ivp, settings, saves, &mut sweep.states, tape)?;
        let segments = self.tape.segments();
        sweep.state.copy_from_slice(du0);
        for row in 0..saves_at_start(saves, ivp) {
            sweep.tangents[row * n..(row + 1) * n].copy_from_slice(du0);
        }
        for index in 0..segments {
            sweep.checkpoints.extend_from_slice(&sweep.state);
            let segment = self.tape.segment(ivp, index);
            sweep.forward(&problem, settings, &segment, true)?;
        }
        let found =
            loss(&sweep.states, &sweep.tangents, &mut sweep.weights.0, &mut sweep.weights.1);
        out.by_p.fill(0.0);
        out.change_p.fill(0.0);
        for index in (0..segments).rev() {
            let segment = self.tape.segment(ivp, index);
            if segments > 1 {
                sweep.state.copy_from_slice(&sweep.checkpoints[index * n..(index + 1) * n]);
                sweep.forward(&problem, settings, &segment, false)?;
            }
            for i in (0..segment.len()).rev() {
                if settings.cancelled() {
                    return Err(SolveError::Cancelled { t: segment.times[i + 1] });
                }
                sweep.reverse(&problem, &segment, i, out.by_p, out.change_p);
            }
        }
        for row in 0..saves_at_start(saves, ivp) {
            let place = row * n..(row + 1) * n;
            add_scaled(&mut sweep.lambda.0, 1.0, &sweep.weights.0[place.clone()]);
            add_scaled(&mut sweep.lambda.1, 1.0, &sweep.weights.1[place]);
        }
        out.by_u0.copy_from_slice(&sweep.lambda.0);
        out.change_u0.copy_from_slice(&sweep.lambda.1);
        let finite = |x: &[f64]| x.iter().all(|x| x.is_finite());
        let given = finite(&sweep.weights.0) && finite(&sweep.weights.1);
        let parts = [&*out.by_u0, &*out.by_p, &*out.change_u0, &*out.change_p];
        if given && !parts.into_iter().all(finite) {
            return Err(SolveError::Invalid(NOT_FINITE.into()));
        }
        Ok(Evaluated {
            loss: found,
            forward,
            reverse_products: sweep.products + self.tape.recomputed,
            memory: self.tape.bytes() + 8 * (sweep.checkpoints.len() + sweep.starts.len()) as u64,
            by_start_time: None,
        })
    }
}

/// What is differentiated, and along what.
struct Curved<'a> {
    ivp: &'a Ivp<'a>,
    hessian: &'a dyn HessianProduct,
    dp: &'a [f64],
    saves: &'a [f64],
}

/// A number of the reverse pass for each state, and its tangent.
type Pair = (Vec<f64>, Vec<f64>);

/// Tangents forward and both adjoints backward.
struct Sweep {
    tableau: &'static Tableau,
    /// States at the saves, their tangents, the derivatives of the loss and their tangents.
    states: Vec<f64>,
    tangents: Vec<f64>,
    weights: Pair,
    /// Tangent of the state at hand, at the beginnings of segments and of the steps of one.
    state: Vec<f64>,
    checkpoints: Vec<f64>,
    starts: Vec<f64>,
    /// Tangents of the stage states of a step, and of its slopes.
    stages: Vec<f64>,
    slopes: Vec<f64>,
    /// Stage states that only the interpolant needs.
    extra: Vec<f64>,
    replay: Stages,
    /// Cotangents: of the state at the end of the step, of the slopes, of one stage state.
    lambda: Pair,
    back: Pair,
    rows: Pair,
    value: Vec<f64>,
    scratch: Vec<f64>,
    next_save: usize,
    saves_end: usize,
    products: u64,
}

impl Sweep {
    fn new(tableau: &'static Tableau) -> Self {
        Sweep {
            tableau,
            states: Vec::new(),
            tangents: Vec::new(),
            weights: Pair::default(),
            state: Vec::new(),
            checkpoints: Vec::new(),
            starts: Vec::new(),
            stages: Vec::new(),
            slopes: Vec::new(),
            extra: Vec::new(),
            replay: Stages::new(tableau),
            lambda: Pair::default(),
            back: Pair::default(),
            rows: Pair::default(),
            value: Vec::new(),
            scratch: Vec::new(),
            next_save: 0,
            saves_end: 0,
            products: 0,
        }
    }

    fn begin(&mut self, problem: &Curved<'_>) {
        let n = problem.ivp.u0.len();
        let (saved, rows) = (problem.saves.len() * n, self.tableau.dense_stages() * n);
        let scratch = problem.ivp.rhs.scratch_len().max(problem.hessian.scratch_len());
        for (vector, len) in [
            (&mut self.states, saved),
            (&mut self.tangents, saved),
            (&mut self.weights.0, saved),
            (&mut self.weights.1, saved),
            (&mut self.state, n),
            (&mut self.checkpoints, 0),
            (&mut self.starts, 0),
            (&mut self.stages, rows),
            (&mut self.slopes, rows),
            (&mut self.rows.0, rows),
            (&mut self.rows.1, rows),
            (&mut self.lambda.0, n),
            (&mut self.lambda.1, n),
            (&mut self.back.0, n),
            (&mut self.back.1, n),
            (&mut self.value, n),
            (&mut self.scratch, scratch),
        ] {
            vector.clear();
            vector.resize(len, 0.0);
        }
        self.next_save = saves_at_start(problem.saves, problem.ivp);
        self.saves_end = problem.saves.len();
        self.products = 0;
    }

    /// Carries the tangent over the steps of a segment and keeps that at the beginning of each. With
    /// `first`, also writes those at the saves.
    fn forward(
        &mut self,
        problem: &Curved<'_>,
        settings: &Settings,
        segment: &Segment<'_>,
        first: bool,
    ) -> Result<(), SolveError> {
        let n = self.state.len();
        self.starts.clear();
        for i in 0..segment.len() {
            let (t, t_new) = (segment.times[i], segment.times[i + 1]);
            if settings.cancelled() {
                return Err(SolveError::Cancelled { t });
            }
            self.starts.extend_from_slice(&self.state);
            let reached = |save: &&f64| (t_new - **save) * problem.ivp.direction() >= 0.0;
            let from = self.next_save;
            let count = problem.saves[from..].iter().take_while(reached).count();
            let inside = if first { from..from + count } else { from..from };
            self.next_save = inside.end;
            let dense = problem.saves[inside.clone()].iter().any(|save| *save != t_new);
            self.stages_along(problem, segment, i, dense);
            for row in inside.clone().filter(|row| problem.saves[*row] != t_new) {
                let weights = self.weights_at((problem.saves[row] - t) / (t_new - t));
                let tangent = &mut self.tangents[row * n..(row + 1) * n];
                tangent.copy_from_slice(&self.state);
                add_weighted(tangent, t_new - t, &weights, &self.slopes);
            }
            add_weighted(&mut self.state, t_new - t, self.tableau.b, &self.slopes);
            for row in inside.filter(|row| problem.saves[*row] == t_new) {
                self.tangents[row * n..(row + 1) * n].copy_from_slice(&self.state);
            }
        }
        Ok(())
    }

    fn weights_at(&self, theta: f64) -> [f64; MAX_DENSE_STAGES] {
        let mut weights = [0.0; MAX_DENSE_STAGES];
        self.tableau.dense_weights(theta, &mut weights);
        weights
    }

    fn time(&self, t: f64, t_new: f64, i: usize) -> f64 {
        let c = self.tableau.stage(i).1;
        if c == 1.0 { t_new } else { t + c * (t_new - t) }
    }

    /// Tangents of the stages of step `i` of a segment, from that of its beginning in `starts`; with
    /// `dense` also of those that only the interpolant needs.
    fn stages_along(
        &mut self,
        problem: &Curved<'_>,
        segment: &Segment<'_>,
        step: usize,
        dense: bool,
    ) {
        let (ivp, n) = (problem.ivp, self.state.len());
        let (t, t_new, block) = (segment.times[step], segment.times[step + 1], segment.block(step));
        let mut count = self.tableau.stages();
        if dense && !self.tableau.extra.a.is_empty() {
            count = self.tableau.dense_stages();
            self.replay.begin(ivp, t, &block[..n]);
            self.products += 1 + self.replay.attempt(ivp, t, t_new);
            self.products += self.replay.prepare_dense(ivp);
            self.extra.clear();
            self.extra.extend_from_slice(self.replay.extra_states());
        }
        for i in 0..count {
            let stage = &mut self.stages[i * n..(i + 1) * n];
            stage.copy_from_slice(&self.starts[step * n..(step + 1) * n]);
            add_weighted(stage, t_new - t, self.tableau.stage(i).0, &self.slopes);
            let time = self.time(t, t_new, i);
            let u = state_of(self.tableau, block, &self.extra, i, n);
            let along = Tangent { t: 0.0, u: &self.stages[i * n..(i + 1) * n], p: problem.dp };
            let (value, out) = (&mut self.value, &mut self.slopes[i * n..(i + 1) * n]);
            ivp.rhs.jvp(Point { t: time, u, p: ivp.p }, along, value, out, &mut self.scratch);
            self.products += 1;
        }
    }

    /// Pulls both cotangents back over step `i` of a segment.
    fn reverse(
        &mut self,
        problem: &Curved<'_>,
        segment: &Segment<'_>,
        i: usize,
        by_p: &mut [f64],
        change_p: &mut [f64],
    ) {
        let (ivp, n) = (problem.ivp, self.state.len());
        let (t, t_new, block) = (segment.times[i], segment.times[i + 1], segment.block(i));
        let h = t_new - t;
        let inside = saves_in_step(problem.saves, self.saves_end, t, ivp.direction());
        self.saves_end = inside.start;
        for row in inside.clone().filter(|row| problem.saves[*row] == t_new) {
            let place = row * n..(row + 1) * n;
            add_scaled(&mut self.lambda.0, 1.0, &self.weights.0[place.clone()]);
            add_scaled(&mut self.lambda.1, 1.0, &self.weights.1[place]);
        }
        self.rows.0.fill(0.0);
        self.rows.1.fill(0.0);
        for (stage, b) in self.tableau.b.iter().enumerate() {
            add_scaled(&mut self.rows.0[stage * n..(stage + 1) * n], h * b, &self.lambda.0);
            add_scaled(&mut self.rows.1[stage * n..(stage + 1) * n], h * b, &self.lambda.1);
        }
        let mut dense = false;
        for row in inside.filter(|row| problem.saves[*row] != t_new) {
            dense = true;
            let weights = self.weights_at((problem.saves[row] - t) / h);
            let place = row * n..(row + 1) * n;
            let (w, dw) = (&self.weights.0[place.clone()], &self.weights.1[place]);
            for (stage, b) in weights.iter().take(self.tableau.dense_stages()).enumerate() {
                add_scaled(&mut self.rows.0[stage * n..(stage + 1) * n], h * b, w);
                add_scaled(&mut self.rows.1[stage * n..(stage + 1) * n], h * b, dw);
            }
            add_scaled(&mut self.lambda.0, 1.0, w);
            add_scaled(&mut self.lambda.1, 1.0, dw);
        }
        if is_zero(&self.rows.0) && is_zero(&self.rows.1) {
            return;
        }
        self.stages_along(problem, segment, i, dense);
        let last = if dense { self.tableau.dense_stages() } else { self.tableau.stages() };
        for stage in (0..last).rev() {
            let ((before, this), (change_before, change)) =
                (self.rows.0.split_at_mut(stage * n), self.rows.1.split_at_mut(stage * n));
            let (w, dw) = (&this[..n], &change[..n]);
            if is_zero(w) && is_zero(dw) {
                continue;
            }
            let (weights, c) = self.tableau.stage(stage);
            let u = state_of(self.tableau, block, &self.extra, stage, n);
            let at = Point { t: if c == 1.0 { t_new } else { t + c * h }, u, p: ivp.p };
            let (back, dback) = (&mut self.back.0, &mut self.back.1);
            back.fill(0.0);
            dback.fill(0.0);
            let grad = Cotangent { t: &mut 0.0, u: back, p: by_p };
            ivp.rhs.vjp(at, w, grad, &mut self.scratch);
            let grad = Cotangent { t: &mut 0.0, u: dback, p: change_p };
            ivp.rhs.vjp(at, dw, grad, &mut self.scratch);
            let du = &self.stages[stage * n..(stage + 1) * n];
            let along = Tangent { t: 0.0, u: du, p: problem.dp };
            let grad = Cotangent { t: &mut 0.0, u: dback, p: change_p };
            problem.hessian.hvp(at, along, w, grad, &mut self.scratch);
            self.products += 3;
            for (j, a) in weights.iter().enumerate() {
                add_scaled(&mut before[j * n..(j + 1) * n], h * a, back);
                add_scaled(&mut change_before[j * n..(j + 1) * n], h * a, dback);
            }
            add_scaled(&mut self.lambda.0, 1.0, back);
            add_scaled(&mut self.lambda.1, 1.0, dback);
        }
    }
}

/// The state of stage `i` of a step, which may be one that only the interpolant needs.
fn state_of<'a>(
    tableau: &Tableau,
    block: &'a [f64],
    extra: &'a [f64],
    i: usize,
    n: usize,
) -> &'a [f64] {
    match i.checked_sub(tableau.stages()) {
        None => &block[i * n..(i + 1) * n],
        Some(i) => &extra[i * n..(i + 1) * n],
    }
}

fn is_zero(x: &[f64]) -> bool {
    x.iter().all(|v| *v == 0.0)
}

/// `sum += factor · x`.
fn add_scaled(sum: &mut [f64], factor: f64, x: &[f64]) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum += factor * x;
    }
}

/// `sum += h Σ weights_j rows_j`.
fn add_weighted(sum: &mut [f64], h: f64, weights: &[f64], rows: &[f64]) {
    for (weight, row) in weights.iter().zip(rows.chunks_exact(sum.len())) {
        add_scaled(sum, h * weight, row);
    }
}
