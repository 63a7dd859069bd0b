//! The continuous adjoint with the parameter integral by Gauss quadrature.
//!
//! `λ' = −(∂f/∂u)ᵀ λ` is integrated backward over the stored trajectory with jumps at the save
//! times, and `dL/dp = ∫ (∂f/∂p)ᵀ λ dt` by three Gauss points per reverse step, so the
//! parameters do not enlarge the reverse system (Norcliffe, Deisenroth, *Faster training of
//! neural ODEs using Gauss–Legendre quadrature*, TMLR 2023).
//!
//! It needs nothing of the stepper but dense output, and so serves plugin solvers. Its gradient
//! is that of the exact solution, approached as the tolerances fall; it is not the exact
//! derivative of the computed steps. Accuracy is limited by the stepper's dense output.

use crate::dense::DensePath;
use crate::method::{ensure_finite, validate_gradients};
use crate::saves::SavedStates;
use crate::{Evaluated, GradientMethod, Loss};
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Structure, Tangent};
use slopefield_solve::runge_kutta::TSIT5;
use slopefield_solve::{
    ExplicitRungeKutta, Ivp, Settings, SolveError, Step, StepObserver, Stepper, drive,
};

/// Continuous adjoint through any stepper.
pub struct GaussAdjoint {
    stepper: Box<dyn Stepper>,
    reverse: ExplicitRungeKutta,
    path: DensePath,
    saved: SavedStates,
    settings: Settings,
    lambda: Vec<f64>,
    end: Vec<f64>,
    quadrature: QuadratureWork,
}

impl GaussAdjoint {
    /// Through the dense output of `stepper`.
    pub fn new(stepper: Box<dyn Stepper>) -> Self {
        GaussAdjoint {
            stepper,
            reverse: ExplicitRungeKutta::new(&TSIT5),
            path: DensePath::default(),
            saved: SavedStates::default(),
            settings: Settings::default(),
            lambda: Vec::new(),
            end: Vec::new(),
            quadrature: QuadratureWork::default(),
        }
    }

    /// Tolerances of the reverse solve: relative as in the forward solve, absolute relative to
    /// the loss's largest derivative, since λ is measured in units of the loss.
    fn reverse_settings(&mut self, settings: &Settings) {
        let largest = self.saved.by_state.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        let scale = if largest > 0.0 && largest.is_finite() { largest } else { 1.0 };
        let smallest = settings.atol.iter().fold(f64::INFINITY, |m, a| m.min(*a));
        let relative = settings.rtol.max(1e-13);
        self.settings.rtol = relative;
        self.settings.atol.clear();
        self.settings.atol.push(scale * smallest.clamp(1e-3 * relative, relative));
        self.settings.h_init = None;
        self.settings.h_max = settings.h_max;
        self.settings.max_steps = settings.max_steps;
        self.settings.cancel.clone_from(&settings.cancel);
    }
}

impl GradientMethod for GaussAdjoint {
    fn name(&self) -> &'static str {
        "gauss"
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
        validate_gradients(ivp, grad_u0, grad_p, &[])?;
        let n = ivp.u0.len();
        self.saved.resize(saves.len(), n);
        self.path.clear(n);
        let states = &mut self.saved.states;
        let forward =
            drive(&mut *self.stepper, ivp, settings, saves, states, Some(&mut self.path))?;
        let loss = self.saved.evaluate(loss);
        grad_p.fill(0.0);
        self.reverse_settings(settings);
        self.lambda.clear();
        self.lambda.resize(n, 0.0);
        self.end.resize(n, 0.0);
        let kernel = AdjointKernel { rhs: ivp.rhs, p: ivp.p, path: &self.path };
        self.quadrature.resize(ivp);
        self.quadrature.products = 0;
        let mut products = 0;
        let mut remaining = saves.len();
        while remaining > 0 {
            let t = saves[remaining - 1];
            while remaining > 0 && saves[remaining - 1] == t {
                remaining -= 1;
                for (l, w) in self.lambda.iter_mut().zip(self.saved.row_by_state(remaining, n)) {
                    *l += w;
                }
            }
            let until = if remaining > 0 { saves[remaining - 1] } else { ivp.t0 };
            if until == t {
                continue;
            }
            let back = Ivp { rhs: &kernel, t0: t, t1: until, u0: &self.lambda, p: &[] };
            let mut quadrature = Quadrature {
                ivp,
                path: &self.path,
                work: &mut self.quadrature,
                grad_p: &mut *grad_p,
            };
            let (reverse, end) = (&mut self.reverse, &mut self.end);
            let stats = drive(reverse, &back, &self.settings, &[until], end, Some(&mut quadrature))
                .map_err(|error| with_state(error, &self.path))?;
            products += stats.rhs;
            self.lambda.copy_from_slice(&self.end);
            // The next stretch is as smooth as this one: begin with the step that went well.
            self.settings.h_init = self.quadrature.last_step;
        }
        grad_u0.copy_from_slice(&self.lambda);
        ensure_finite(ivp, &self.saved.by_state, grad_u0, grad_p)?;
        Ok(Evaluated {
            loss,
            forward,
            reverse_products: products + self.quadrature.products,
            memory: self.path.bytes(),
            by_start_time: None,
        })
    }
}

/// An error of the reverse solve with the state of the model in place of its cotangent.
fn with_state(error: SolveError, path: &DensePath) -> SolveError {
    match error {
        SolveError::NonFinite { t, state, mut u } => {
            path.at(t, &mut u);
            SolveError::NonFinite { t, state, u }
        }
        other => other,
    }
}

/// `λ' = −(∂f/∂u)ᵀ λ` along the stored trajectory, as a right-hand side without parameters.
struct AdjointKernel<'a> {
    rhs: &'a dyn Kernel,
    p: &'a [f64],
    path: &'a DensePath,
}

impl Kernel for AdjointKernel<'_> {
    /// The integrand jumps where the right-hand side does.
    fn structure(&self) -> Structure<'_> {
        Structure { breaks: self.rhs.structure().breaks, ..Structure::default() }
    }

    fn shape(&self) -> Shape {
        let states = self.rhs.shape().states;
        Shape { states, params: 0, outputs: states }
    }

    fn scratch_len(&self) -> usize {
        let shape = self.rhs.shape();
        3 * shape.states + shape.params + self.rhs.scratch_len()
    }

    fn eval(&self, t: f64, lambda: &[f64], _: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        let (u, rest) = scratch.split_at_mut(lambda.len());
        let (unused, scratch) = rest.split_at_mut(self.p.len());
        self.path.at(t, u);
        out.fill(0.0);
        // Reverse products add; what they add for the parameters is needed at the Gauss points
        // only. Cleared, lest it grow without bound.
        unused.fill(0.0);
        let grad = Cotangent { t: &mut 0.0, u: out, p: unused };
        self.rhs.vjp(Point { t, u, p: self.p }, lambda, grad, scratch);
        for slope in out {
            *slope = -*slope;
        }
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        // Linear in λ. Its derivative by time would need second derivatives of the model, which
        // no kernel has; nobody who solves the adjoint asks for it.
        assert_eq!(along.t, 0.0, "the adjoint equation is not differentiated by time");
        self.eval(at.t, at.u, at.p, out, scratch);
        self.eval(at.t, along.u, at.p, dout, scratch);
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        // The transpose of −Jᵀ is −J: a forward product of the original right-hand side.
        let n = w.len();
        let (u, rest) = scratch.split_at_mut(n);
        let (value, rest) = rest.split_at_mut(n);
        let (product, rest) = rest.split_at_mut(n);
        let (zero, scratch) = rest.split_at_mut(self.p.len());
        self.path.at(at.t, u);
        zero.fill(0.0);
        let along = Tangent { t: 0.0, u: w, p: zero };
        self.rhs.jvp(Point { t: at.t, u, p: self.p }, along, value, product, scratch);
        for (g, x) in grad.u.iter_mut().zip(product) {
            *g -= *x;
        }
    }
}

#[derive(Default)]
struct QuadratureWork {
    state: Vec<f64>,
    lambda: Vec<f64>,
    unused: Vec<f64>,
    scratch: Vec<f64>,
    last_step: Option<f64>,
    products: u64,
}

impl QuadratureWork {
    fn resize(&mut self, ivp: &Ivp<'_>) {
        let n = ivp.u0.len();
        self.state.resize(n, 0.0);
        self.lambda.resize(n, 0.0);
        self.unused.resize(n, 0.0);
        self.scratch.resize(ivp.rhs.scratch_len(), 0.0);
        self.last_step = None;
    }
}

/// Adds `∫ (∂f/∂p)ᵀ λ dt` over each reverse step.
struct Quadrature<'a> {
    ivp: &'a Ivp<'a>,
    path: &'a DensePath,
    work: &'a mut QuadratureWork,
    grad_p: &'a mut [f64],
}

/// Points on [0, 1] and weights of the three-point Gauss–Legendre rule: √(3/5)/2 off the middle.
const GAUSS: [(f64, f64); 3] = [
    (0.112_701_665_379_258_3, 5.0 / 18.0),
    (0.5, 8.0 / 18.0),
    (0.887_298_334_620_741_7, 5.0 / 18.0),
];

impl StepObserver for Quadrature<'_> {
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        let h = step.t - step.t_prev;
        for (point, weight) in GAUSS {
            let t = step.t_prev + point * h;
            let work = &mut *self.work;
            solution.interpolate(t, &mut work.lambda)?;
            self.path.at(t, &mut work.state);
            work.unused.fill(0.0);
            // The integral runs forward in time and the step backward: −h.
            for l in &mut work.lambda {
                *l *= -h * weight;
            }
            let at = Point { t, u: &work.state, p: self.ivp.p };
            let grad = Cotangent { t: &mut 0.0, u: &mut work.unused, p: self.grad_p };
            self.ivp.rhs.vjp(at, &work.lambda, grad, &mut work.scratch);
            work.products += 1;
        }
        self.work.last_step = Some(h.abs().max(self.work.last_step.unwrap_or(0.0) * 0.5));
        Ok(())
    }
}
