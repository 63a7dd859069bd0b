//! A system together with its tangent along one direction, over one step.
//!
//! The tangent of a step of a one-step method is the same step of the system `(u, u̇)` with
//! `u̇' = f_u u̇ + f_t ṫ + f_p ṗ`, and the reverse of that step has the second derivatives that the tangent of
//! the reverse has. Where the beginning `T` of the step and its length `h` move, they are parameters: the
//! step goes from 0 to 1 in `σ`, with `t = T + σ h` and the right-hand side
//!
//! ```text
//! (h f, ḣ f + h ḟ),      ḟ = f' (ṫ, u̇, ṗ),      ṫ = Ṫ + σ ḣ,
//! ```
//!
//! whose parameters are `(p, T, h, ṗ, Ṫ, ḣ)`. Every method of this folder has the same unknowns for it.

use crate::hybrid::reverse::DIFFERENCES;
use slopefield_kernel::{
    Cotangent, HessianProduct, Kernel, MatrixKernel, MatrixPattern, Point, Shape, Structure,
    Tangent,
};

/// Distance of the places of differences of second derivatives, as a part of a change over the step.
const PLACE: f64 = 0.02;

/// A system with its tangent, for one step.
pub(super) struct Doubled<'a> {
    rhs: &'a dyn Kernel,
    hessian: &'a dyn HessianProduct,
    /// States and parameters of the system itself.
    n: usize,
    m: usize,
    /// The end of the step, which `T + h` may miss by rounding.
    end: f64,
    /// Where a dense matrix of twice the size has entries.
    pattern: &'a Pattern,
    /// Whether steps of the method have the Jacobian in their formulas.
    curved: bool,
}

/// The pattern of a dense matrix.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl Pattern {
    /// Makes it one of `n` rows and columns.
    pub fn resize(&mut self, n: usize) {
        if self.starts.len() != n + 1 {
            self.starts = (0..=n).map(|j| j * n).collect();
            self.rows = (0..n * n).map(|k| (k % n) as u32).collect();
        }
    }
}

/// Parts of the work space.
struct Work<'s> {
    f: &'s mut [f64],
    df: &'s mut [f64],
    /// Weights of `f` and of its tangent.
    a: &'s mut [f64],
    b: &'s mut [f64],
    /// Gradients by states and parameters,
    by_u: &'s mut [f64],
    by_p: &'s mut [f64],
    /// further ones,
    more_u: &'s mut [f64],
    more_p: &'s mut [f64],
    /// and a place beside another.
    u: &'s mut [f64],
    /// Zeros.
    still: &'s mut [f64],
    rest: &'s mut [f64],
}

/// A point in the variables of the system itself, and the direction there.
#[derive(Clone, Copy)]
struct Here<'x> {
    at: Point<'x>,
    along: Tangent<'x>,
    sigma: f64,
    h: f64,
    dh: f64,
}

impl<'a> Doubled<'a> {
    /// The step of `rhs` that ends at `end`.
    pub fn new(
        rhs: &'a dyn Kernel,
        hessian: &'a dyn HessianProduct,
        end: f64,
        pattern: &'a Pattern,
        curved: bool,
    ) -> Self {
        let Shape { outputs: n, params: m, .. } = rhs.shape();
        Doubled { rhs, hessian, n, m, end, pattern, curved }
    }

    /// Length of its parameters.
    pub fn params(m: usize) -> usize {
        2 * (m + 2)
    }

    fn split<'s>(&self, scratch: &'s mut [f64]) -> Work<'s> {
        let (n, m) = (self.n, self.m);
        let mut rest = scratch;
        let mut take = |len: usize| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(len);
            rest = after;
            part
        };
        let (f, df, a, b) = (take(n), take(n), take(n), take(n));
        let (by_u, by_p, more_u, more_p) = (take(n), take(m), take(n), take(m));
        let (u, still) = (take(n), take(m));
        by_u.fill(0.0);
        by_p.fill(0.0);
        more_u.fill(0.0);
        more_p.fill(0.0);
        still.fill(0.0);
        Work { f, df, a, b, by_u, by_p, more_u, more_p, u, still, rest }
    }

    /// The point `(σ, (u, u̇), q)`.
    fn here<'x>(&self, sigma: f64, u: &'x [f64], q: &'x [f64]) -> Here<'x> {
        let (own, along) = q.split_at(self.m + 2);
        let (begin, h, dbegin, dh) =
            (own[self.m], own[self.m + 1], along[self.m], along[self.m + 1]);
        let t = if sigma == 1.0 { self.end } else { begin + sigma * h };
        let at = Point { t, u: &u[..self.n], p: &own[..self.m] };
        let dt = dbegin + sigma * dh;
        let along = Tangent { t: dt, u: &u[self.n..], p: &along[..self.m] };
        Here { at, along, sigma, h, dh }
    }

    /// Writes the Jacobian, by columns.
    fn matrix(&self, here: &Here<'_>, values: &mut [f64], scratch: &mut [f64]) {
        let (n, wide) = (self.n, 2 * self.n);
        let Work { a: unit, by_u, by_p, more_u, more_p, rest, .. } = self.split(scratch);
        values.fill(0.0);
        unit.fill(0.0);
        for i in 0..n {
            unit[i] = 1.0;
            by_u.fill(0.0);
            more_u.fill(0.0);
            let grad = Cotangent { t: &mut 0.0, u: &mut *by_u, p: &mut *by_p };
            self.rhs.vjp(here.at, unit, grad, rest);
            let grad = Cotangent { t: &mut 0.0, u: &mut *more_u, p: &mut *more_p };
            self.hessian.hvp(here.at, here.along, unit, grad, rest);
            unit[i] = 0.0;
            for (j, (own, change)) in by_u.iter().zip(more_u.iter()).enumerate() {
                let entry = here.h * own;
                values[j * wide + i] = entry;
                values[(n + j) * wide + n + i] = entry;
                values[j * wide + n + i] = here.dh * own + here.h * change;
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(sum: &mut [f64], factor: f64, x: &[f64]) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum += factor * x;
    }
}

/// Writes the weights of `f` and of its tangent in what `w` weighs: `(h w₁ + ḣ w₂)·f + h w₂·ḟ`.
fn weigh(here: &Here<'_>, w: &[f64], a: &mut [f64], b: &mut [f64]) {
    let (first, second) = w.split_at(a.len());
    for (i, (a, b)) in a.iter_mut().zip(b).enumerate() {
        *a = here.h * first[i] + here.dh * second[i];
        *b = here.h * second[i];
    }
}

impl Kernel for Doubled<'_> {
    fn shape(&self) -> Shape {
        Shape { states: 2 * self.n, outputs: 2 * self.n, params: Self::params(self.m) }
    }

    fn scratch_len(&self) -> usize {
        7 * self.n + 3 * self.m + self.rhs.scratch_len().max(self.hessian.scratch_len())
    }

    fn eval(&self, sigma: f64, u: &[f64], q: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        let here = self.here(sigma, u, q);
        let (first, second) = out.split_at_mut(self.n);
        self.rhs.jvp(here.at, here.along, first, second, scratch);
        for (f, df) in first.iter_mut().zip(second) {
            *df = here.dh * *f + here.h * *df;
            *f *= here.h;
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
        // Row by row: no method of this folder asks for it in the reverse of a step.
        Kernel::eval(self, at.t, at.u, at.p, out, scratch);
        let wide = 2 * self.n;
        let (mut w, mut by_u) = (vec![0.0; wide], vec![0.0; wide]);
        let mut by_q = vec![0.0; at.p.len()];
        for (i, dout) in dout.iter_mut().enumerate() {
            w[i] = 1.0;
            by_u.fill(0.0);
            by_q.fill(0.0);
            let mut by_t = 0.0;
            let grad = Cotangent { t: &mut by_t, u: &mut by_u, p: &mut by_q };
            self.vjp(at, &w, grad, scratch);
            *dout = by_t * along.t + dot(&by_u, along.u) + dot(&by_q, along.p);
            w[i] = 0.0;
        }
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        let here = self.here(at.t, at.u, at.p);
        let (n, m, sigma) = (self.n, self.m, here.sigma);
        let Work { f, df, a, b, by_u, by_p, more_u, more_p, rest, .. } = self.split(scratch);
        self.rhs.jvp(here.at, here.along, f, df, rest);
        weigh(&here, w, a, b);
        let (mut by_t, mut by_dt) = (0.0, 0.0);
        let own = Cotangent { t: &mut by_t, u: &mut *by_u, p: &mut *by_p };
        self.rhs.vjp(here.at, a, own, rest);
        let own = Cotangent { t: &mut by_t, u: &mut *by_u, p: &mut *by_p };
        self.hessian.hvp(here.at, here.along, b, own, rest);
        let own = Cotangent { t: &mut by_dt, u: &mut *more_u, p: &mut *more_p };
        self.rhs.vjp(here.at, b, own, rest);
        add(&mut grad.u[..n], 1.0, by_u);
        add(&mut grad.u[n..], 1.0, more_u);
        let (own, along) = grad.p.split_at_mut(m + 2);
        add(&mut own[..m], 1.0, by_p);
        add(&mut along[..m], 1.0, more_p);
        own[m] += by_t;
        own[m + 1] += dot(&w[..n], f) + dot(&w[n..], df) + sigma * by_t;
        along[m] += by_dt;
        along[m + 1] += dot(&w[n..], f) + sigma * by_dt;
        *grad.t += here.h * by_t + here.dh * by_dt;
    }

    fn structure(&self) -> Structure<'_> {
        Structure {
            jacobian: Some(self),
            hessian: self.curved.then_some(self as &dyn HessianProduct),
            ..Structure::default()
        }
    }
}

impl MatrixKernel for Doubled<'_> {
    fn pattern(&self) -> MatrixPattern<'_> {
        let Pattern { starts, rows } = self.pattern;
        MatrixPattern { height: 2 * self.n, starts, rows }
    }

    fn scratch_len(&self) -> usize {
        Kernel::scratch_len(self)
    }

    fn eval(&self, sigma: f64, u: &[f64], q: &[f64], values: &mut [f64], scratch: &mut [f64]) {
        self.matrix(&self.here(sigma, u, q), values, scratch);
    }
}

/// For Rosenbrock methods, along changes of time and states. What third derivatives it has are differences
/// of order six of second ones: a change over the step is a length on which these are smooth.
impl HessianProduct for Doubled<'_> {
    fn shape(&self) -> Shape {
        Kernel::shape(self)
    }

    fn scratch_len(&self) -> usize {
        Kernel::scratch_len(self)
    }

    fn hvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        w: &[f64],
        grad: Cotangent<'_>,
        scratch: &mut [f64],
    ) {
        let here = self.here(at.t, at.u, at.p);
        let (n, m, sigma) = (self.n, self.m, here.sigma);
        let Work { f, df, a, b, by_u, by_p, more_u, more_p, u, still, rest } = self.split(scratch);
        weigh(&here, w, a, b);
        let (change, change_along) = along.u.split_at(n);
        let moved = Tangent { t: here.h * along.t, u: change, p: &*still };
        let moved_along = Tangent { t: here.dh * along.t, u: change_along, p: &*still };
        // How the derivatives by time, and by its tangent, of what is weighed change.
        let (mut by_t, mut by_dt) = (0.0, 0.0);
        let own = Cotangent { t: &mut by_t, u: &mut *by_u, p: &mut *by_p };
        self.hessian.hvp(here.at, moved, a, own, rest);
        let own = Cotangent { t: &mut by_t, u: &mut *by_u, p: &mut *by_p };
        self.hessian.hvp(here.at, moved_along, b, own, rest);
        let own = Cotangent { t: &mut by_dt, u: &mut *more_u, p: &mut *more_p };
        self.hessian.hvp(here.at, moved, b, own, rest);
        add(&mut grad.u[n..], 1.0, more_u);
        let (own, tangents) = grad.p.split_at_mut(m + 2);
        add(&mut tangents[..m], 1.0, more_p);
        // f and its tangent change by these.
        self.rhs.jvp(here.at, moved, a, f, rest);
        self.rhs.jvp(here.at, moved_along, a, df, rest);
        let mut by_h = dot(&w[..n], f) + dot(&w[n..], df);
        let by_dh = dot(&w[n..], f);
        // Third derivatives.
        for (place, weight) in DIFFERENCES {
            let step = PLACE * place;
            for ((u, x), change) in u.iter_mut().zip(here.at.u).zip(change) {
                *u = x + step * change;
            }
            let beside = Point { t: here.at.t + step * moved.t, u: &*u, ..here.at };
            a.iter_mut().zip(b.iter()).for_each(|(a, b)| *a = weight / PLACE * b);
            let own = Cotangent { t: &mut by_t, u: &mut *by_u, p: &mut *by_p };
            self.hessian.hvp(beside, here.along, a, own, rest);
        }
        add(&mut grad.u[..n], 1.0, by_u);
        add(&mut own[..m], 1.0, by_p);
        // Second derivatives along both directions, and the derivatives themselves where σ changes.
        by_u.fill(0.0);
        more_u.fill(0.0);
        let (mut along_t, mut here_t, mut here_dt) = (0.0, 0.0, 0.0);
        let by = Cotangent { t: &mut along_t, u: &mut *by_u, p: &mut *by_p };
        self.hessian.hvp(here.at, here.along, b, by, rest);
        by_h += (along_t * moved.t + dot(by_u, change)) / here.h;
        here_t += along_t;
        weigh(&here, w, a, b);
        let by = Cotangent { t: &mut here_t, u: &mut *more_u, p: &mut *more_p };
        self.rhs.vjp(here.at, a, by, rest);
        let by = Cotangent { t: &mut here_dt, u: &mut *more_u, p: &mut *more_p };
        self.rhs.vjp(here.at, b, by, rest);
        own[m] += by_t;
        own[m + 1] += by_h + along.t * here_t + sigma * by_t;
        tangents[m] += by_dt;
        tangents[m + 1] += by_dh + along.t * here_dt + sigma * by_dt;
        *grad.t += here.h * by_t + here.dh * by_dt;
    }
}

/// A system whose one parameter goes along a direction of the parameters it has.
pub(super) struct Directed<'a> {
    pub rhs: &'a dyn Kernel,
    pub hessian: Option<&'a dyn HessianProduct>,
    pub p: &'a [f64],
    pub along: &'a [f64],
}

impl Directed<'_> {
    fn inner<'x>(&'x self, at: Point<'x>) -> Point<'x> {
        Point { p: self.p, ..at }
    }

    /// Runs `pull` with room for the gradient by all parameters, and adds that along the direction.
    fn pull(
        &self,
        grad: Cotangent<'_>,
        scratch: &mut [f64],
        pull: &dyn Fn(Cotangent<'_>, &mut [f64]),
    ) {
        let (by_p, rest) = scratch.split_at_mut(self.p.len());
        by_p.fill(0.0);
        pull(Cotangent { t: grad.t, u: grad.u, p: &mut *by_p }, rest);
        grad.p[0] += dot(by_p, self.along);
    }
}

impl Kernel for Directed<'_> {
    fn shape(&self) -> Shape {
        Shape { params: 1, ..self.rhs.shape() }
    }

    fn scratch_len(&self) -> usize {
        let hessian = self.hessian.map_or(0, |hessian| hessian.scratch_len());
        2 * self.p.len() + self.rhs.scratch_len().max(hessian)
    }

    fn eval(&self, t: f64, u: &[f64], _: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.rhs.eval(t, u, self.p, out, scratch);
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        let (dp, rest) = scratch.split_at_mut(self.p.len());
        for (dp, direction) in dp.iter_mut().zip(self.along) {
            *dp = along.p[0] * direction;
        }
        self.rhs.jvp(self.inner(at), Tangent { p: dp, ..along }, out, dout, rest);
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.pull(grad, scratch, &|grad, rest| self.rhs.vjp(self.inner(at), w, grad, rest));
    }

    fn structure(&self) -> Structure<'_> {
        Structure {
            jacobian: self.rhs.structure().jacobian.map(|_| self as &dyn MatrixKernel),
            hessian: self.hessian.map(|_| self as &dyn HessianProduct),
            ..Structure::default()
        }
    }
}

impl MatrixKernel for Directed<'_> {
    fn pattern(&self) -> MatrixPattern<'_> {
        let none = MatrixPattern { height: 0, starts: &[], rows: &[] };
        self.rhs.structure().jacobian.map_or(none, |matrix| matrix.pattern())
    }

    fn scratch_len(&self) -> usize {
        self.rhs.structure().jacobian.map_or(0, |matrix| matrix.scratch_len())
    }

    fn eval(&self, t: f64, u: &[f64], _: &[f64], values: &mut [f64], scratch: &mut [f64]) {
        if let Some(matrix) = self.rhs.structure().jacobian {
            matrix.eval(t, u, self.p, values, scratch);
        }
    }
}

impl HessianProduct for Directed<'_> {
    fn shape(&self) -> Shape {
        Kernel::shape(self)
    }

    fn scratch_len(&self) -> usize {
        Kernel::scratch_len(self)
    }

    fn hvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        w: &[f64],
        grad: Cotangent<'_>,
        scratch: &mut [f64],
    ) {
        let Some(hessian) = self.hessian else { return };
        let (dp, rest) = scratch.split_at_mut(self.p.len());
        for (dp, direction) in dp.iter_mut().zip(self.along) {
            *dp = along.p[0] * direction;
        }
        let along = Tangent { p: &*dp, ..along };
        self.pull(grad, rest, &|grad, rest| hessian.hvp(self.inner(at), along, w, grad, rest));
    }
}
