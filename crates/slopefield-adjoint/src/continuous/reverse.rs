//! Which method solves the adjoint equation, and how accurately.

use super::path::DensePath;
use super::recorder::Recorder;
use slopefield_kernel::{Point, Tangent};
use slopefield_solve::runge_kutta::TSIT5;
use slopefield_solve::{Bdf, ExplicitRungeKutta, Ivp, Settings, Stepper, method};

/// Places of a path at which its largest eigenvalue is looked at,
const PLACES: usize = 12;
/// each by so many steps of a power iteration, which keeps its direction from place to place.
const ITERATIONS: usize = 5;
/// Longest stable step of the explicit method times the largest eigenvalue.
const STABILITY: f64 = 3.3;
/// An implicit step is worth so many explicit ones.
const WORTH: f64 = 3.0;
/// From so many unknowns on, the method with the fewest factorisations.
const LARGE: usize = 50;

/// Solvers of the adjoint equation.
pub(crate) struct Reverse {
    explicit: ExplicitRungeKutta,
    implicit: Option<(&'static str, Box<dyn Stepper>)>,
    pub settings: Settings,
    direction: Vec<f64>,
    product: Vec<f64>,
    still: Vec<f64>,
    scratch: Vec<f64>,
}

impl Default for Reverse {
    fn default() -> Self {
        Reverse {
            explicit: ExplicitRungeKutta::new(&TSIT5),
            implicit: None,
            settings: Settings::default(),
            direction: Vec::new(),
            product: Vec::new(),
            still: Vec::new(),
            scratch: Vec::new(),
        }
    }
}

impl Reverse {
    /// Tolerances: relative as in the forward solve, absolute relative to `largest`, the size of λ,
    /// which is measured in units of the loss.
    pub fn configure(&mut self, settings: &Settings, largest: f64) {
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

    /// The absolute tolerance of λ.
    pub fn lambda_tolerance(&self) -> f64 {
        self.settings.atol[0]
    }

    /// Whether an explicit method would take far more steps on the adjoint equation than the
    /// forward solve took, whatever method that was: the eigenvalues are those of the forward
    /// Jacobian, and an explicit step is no longer than its stability allows.
    pub fn is_stiff(&mut self, ivp: &Ivp<'_>, recorder: &Recorder) -> bool {
        let path = &recorder.path;
        if ivp.rhs.structure().mass.is_some() {
            return true;
        }
        if recorder.explicit || path.len() == 0 {
            return false;
        }
        self.direction.clear();
        // Signs without a period: differences of neighbours are fast where sums are slow.
        let sign = |i: usize| if (i * i + i / 3) % 2 == 1 { -1.0 } else { 1.0 };
        self.direction.extend((0..ivp.u0.len()).map(|i| sign(i) / (1.0 + 0.1 * (i % 7) as f64)));
        self.product.resize(ivp.u0.len(), 0.0);
        self.still.clear();
        self.still.resize(ivp.p.len(), 0.0);
        self.scratch.resize(ivp.u0.len() + ivp.rhs.scratch_len(), 0.0);
        let steps = path.len();
        let places = steps.min(PLACES);
        let mut explicit_steps = 0.0;
        for place in 0..places {
            let (first, next) = (place * steps / places, (place + 1) * steps / places);
            let radius = self.radius(ivp, path, (first + next) / 2);
            let (begin, end) = (path.step(first).0, path.step(next - 1).1);
            explicit_steps += radius * (end - begin).abs() / STABILITY;
        }
        // Not a number counts as stiff, like a huge one.
        !(explicit_steps <= WORTH * steps as f64)
    }

    /// Size of the largest eigenvalue at the end of a step.
    fn radius(&mut self, ivp: &Ivp<'_>, path: &DensePath, step: usize) -> f64 {
        let (t, u) = (path.step(step).1, path.end(step));
        let (value, scratch) = self.scratch.split_at_mut(u.len());
        let mut radius = 0.0;
        for _ in 0..ITERATIONS {
            let along = Tangent { t: 0.0, u: &self.direction, p: &self.still };
            ivp.rhs.jvp(Point { t, u, p: ivp.p }, along, value, &mut self.product, scratch);
            let size = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
            let (before, after) = (size(&self.direction), size(&self.product));
            radius = after / before;
            if !(after > 0.0 && after.is_finite()) {
                return radius;
            }
            for (entry, product) in self.direction.iter_mut().zip(&self.product) {
                *entry = product / after;
            }
        }
        radius
    }

    /// The method for `unknowns` unknowns, and the settings.
    pub fn solver(&mut self, stiff: bool, unknowns: usize) -> (&mut dyn Stepper, &Settings) {
        if !stiff {
            return (&mut self.explicit, &self.settings);
        }
        let id = implicit(unknowns);
        let held = self.implicit.take().filter(|(held, _)| *held == id);
        let (_, stepper) = self.implicit.insert(held.unwrap_or_else(|| (id, make(id))));
        (&mut **stepper, &self.settings)
    }
}

/// Methods that need no derivative by time of the right-hand side, which the adjoint equation does
/// not have.
fn implicit(unknowns: usize) -> &'static str {
    if unknowns > LARGE { "bdf" } else { "kvaerno5" }
}

fn make(id: &str) -> Box<dyn Stepper> {
    method(id).unwrap_or_else(|| Box::new(Bdf::new()))
}
