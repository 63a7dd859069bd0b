//! Dual numbers, and systems with events and delays written in them: derivatives are exact.

use slopefield_kernel::{
    Cotangent, Crossing, DelayedRead, Delays, Event, EventHessians, Events, HessianProduct, Kernel,
    MatrixKernel, MatrixPattern, Point, Shape, Structure, Tangent, Trigger,
};
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};
use std::sync::Arc;

/// A value and its derivative along one direction.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct D {
    pub v: f64,
    pub d: f64,
}

/// A constant.
pub fn c(v: f64) -> D {
    D { v, d: 0.0 }
}

impl D {
    /// A function with the value `v` and the slope `slope` here.
    fn through(self, v: f64, slope: f64) -> D {
        D { v, d: if self.d == 0.0 { 0.0 } else { slope * self.d } }
    }
    pub fn sin(self) -> D {
        self.through(self.v.sin(), self.v.cos())
    }
    pub fn cos(self) -> D {
        self.through(self.v.cos(), -self.v.sin())
    }
    pub fn exp(self) -> D {
        self.through(self.v.exp(), self.v.exp())
    }
    pub fn ln(self) -> D {
        self.through(self.v.ln(), 1.0 / self.v)
    }
    pub fn powi(self, n: i32) -> D {
        self.through(self.v.powi(n), f64::from(n) * self.v.powi(n - 1))
    }
    pub fn abs(self) -> D {
        self.through(self.v.abs(), self.v.signum())
    }
}

impl Add for D {
    type Output = D;
    fn add(self, o: D) -> D {
        D { v: self.v + o.v, d: self.d + o.d }
    }
}
impl AddAssign for D {
    fn add_assign(&mut self, o: D) {
        *self = *self + o;
    }
}
impl Sub for D {
    type Output = D;
    fn sub(self, o: D) -> D {
        D { v: self.v - o.v, d: self.d - o.d }
    }
}
impl Mul for D {
    type Output = D;
    fn mul(self, o: D) -> D {
        D { v: self.v * o.v, d: self.d * o.v + self.v * o.d }
    }
}
impl Div for D {
    type Output = D;
    fn div(self, o: D) -> D {
        let v = self.v / o.v;
        D { v, d: (self.d - v * o.d) / o.v }
    }
}
impl Neg for D {
    type Output = D;
    fn neg(self) -> D {
        D { v: -self.v, d: -self.d }
    }
}
impl Add<f64> for D {
    type Output = D;
    fn add(self, o: f64) -> D {
        self + c(o)
    }
}
impl Sub<f64> for D {
    type Output = D;
    fn sub(self, o: f64) -> D {
        self - c(o)
    }
}
impl Mul<D> for f64 {
    type Output = D;
    fn mul(self, o: D) -> D {
        c(self) * o
    }
}
impl Sub<D> for f64 {
    type Output = D;
    fn sub(self, o: D) -> D {
        c(self) - o
    }
}
impl Add<D> for f64 {
    type Output = D;
    fn add(self, o: D) -> D {
        c(self) + o
    }
}
impl Div<D> for f64 {
    type Output = D;
    fn div(self, o: D) -> D {
        c(self) / o
    }
}

/// A function of time, state and parameters.
pub type Closure = Box<dyn Fn(D, &[D], &[D], &mut [D]) + Send + Sync>;

/// A kernel from a closure over dual numbers.
pub struct Function {
    shape: Shape,
    f: Closure,
}

impl Function {
    pub fn new(states: usize, params: usize, outputs: usize, f: Closure) -> Self {
        Function { shape: Shape { states, params, outputs }, f }
    }

    /// The function itself.
    pub fn call(&self, t: D, u: &[D], p: &[D]) -> Vec<D> {
        let mut out = vec![D::default(); self.shape.outputs];
        (self.f)(t, u, p, &mut out);
        out
    }

    fn along(&self, at: &Point<'_>, t: f64, u: &[f64], p: &[f64]) -> Vec<D> {
        let seed = |x: &[f64], dx: &[f64]| -> Vec<D> {
            let d = |i: usize| dx.get(i).copied().unwrap_or(0.0);
            x.iter().enumerate().map(|(i, &v)| D { v, d: d(i) }).collect()
        };
        self.call(D { v: at.t, d: t }, &seed(at.u, u), &seed(at.p, p))
    }
}

impl Kernel for Function {
    fn shape(&self) -> Shape {
        self.shape
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], _: &mut [f64]) {
        let values = self.along(&Point { t, u, p }, 0.0, &[], &[]);
        out.iter_mut().zip(values).for_each(|(out, value)| *out = value.v);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        _: &mut [f64],
    ) {
        let values = self.along(&at, along.t, along.u, along.p);
        for ((out, dout), value) in out.iter_mut().zip(dout).zip(values) {
            (*out, *dout) = (value.v, value.d);
        }
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        let product = |t: f64, u: &[f64], p: &[f64]| -> f64 {
            self.along(&at, t, u, p).iter().zip(w).map(|(x, w)| x.d * w).sum()
        };
        *grad.t += product(1.0, &[], &[]);
        let mut unit = vec![0.0; at.u.len().max(at.p.len())];
        for i in 0..at.u.len() {
            unit[i] = 1.0;
            grad.u[i] += product(0.0, &unit, &[]);
            unit[i] = 0.0;
        }
        for i in 0..at.p.len() {
            unit[i] = 1.0;
            grad.p[i] += product(0.0, &[], &unit);
            unit[i] = 0.0;
        }
    }
}

/// A system with events and delays.
pub struct System {
    pub states: usize,
    pub params: usize,
    pub rhs: Function,
    pub list: Vec<Event>,
    pub roots: Option<Function>,
    pub times: Option<Function>,
    pub changes: Vec<Arc<Function>>,
    affects: Vec<Arc<dyn Kernel>>,
    affect_hessians: Vec<Arc<dyn HessianProduct>>,
    pub reads: Vec<DelayedRead>,
    pub lags: Option<Function>,
    pub history: Option<Function>,
    pub constant: Vec<bool>,
    pub jumps_at_start: bool,
    curved: bool,
    mass: Option<Mass>,
}

impl System {
    pub fn new(
        states: usize,
        params: usize,
        f: impl Fn(D, &[D], &[D], &mut [D]) + Send + Sync + 'static,
    ) -> Self {
        System {
            states,
            params,
            rhs: Function::new(states, params, states, Box::new(f)),
            list: Vec::new(),
            roots: None,
            times: None,
            changes: Vec::new(),
            affects: Vec::new(),
            affect_hessians: Vec::new(),
            reads: Vec::new(),
            lags: None,
            history: None,
            constant: Vec::new(),
            jumps_at_start: false,
            curved: false,
            mass: None,
        }
    }

    /// Delayed values behind the states: `reads` are (state, lag, slope).
    pub fn delayed(
        mut self,
        reads: &[(u32, u32, bool)],
        constant: &[bool],
        lags: impl Fn(D, &[D], &[D], &mut [D]) + Send + Sync + 'static,
        history: impl Fn(D, &[D], &[D], &mut [D]) + Send + Sync + 'static,
    ) -> Self {
        self.reads =
            reads.iter().map(|&(state, lag, slope)| DelayedRead { state, lag, slope }).collect();
        self.rhs.shape.states = self.all();
        self.constant = constant.to_vec();
        self.lags = Some(Function::new(self.all(), self.params, constant.len(), Box::new(lags)));
        self.history = Some(Function::new(0, self.params, self.states, Box::new(history)));
        self
    }

    pub fn jumps_at_start(mut self) -> Self {
        self.jumps_at_start = true;
        self
    }

    /// With second derivatives.
    pub fn curved(mut self) -> Self {
        self.curved = true;
        self
    }

    /// With a full mass matrix, column by column, as a function of the parameters.
    pub fn mass(mut self, f: impl Fn(&[D], &mut [D]) + Send + Sync + 'static) -> Self {
        let n = self.states;
        let f = move |_: D, _: &[D], p: &[D], out: &mut [D]| f(p, out);
        self.mass = Some(Mass {
            height: n,
            starts: (0..=n).map(|j| j * n).collect(),
            rows: (0..n * n).map(|i| (i % n) as u32).collect(),
            entries: Function::new(0, self.params, n * n, Box::new(f)),
        });
        self
    }

    pub fn all(&self) -> usize {
        self.states + self.reads.len()
    }

    /// The numbers whose zeros are events.
    pub fn roots(
        mut self,
        count: usize,
        f: impl Fn(D, &[D], &[D], &mut [D]) + Send + Sync + 'static,
    ) -> Self {
        self.roots = Some(Function::new(self.all(), self.params, count, Box::new(f)));
        self
    }

    /// Times and periods of time events, functions of the parameters.
    pub fn times(
        mut self,
        count: usize,
        f: impl Fn(&[D], &mut [D]) + Send + Sync + 'static,
    ) -> Self {
        let f = move |_: D, _: &[D], p: &[D], out: &mut [D]| f(p, out);
        self.times = Some(Function::new(0, self.params, count, Box::new(f)));
        self
    }

    /// An event that changes the state, which `f` receives as it was and as the result begins.
    pub fn event(
        mut self,
        trigger: Trigger,
        f: impl Fn(D, &[D], &[D], &mut [D]) + Send + Sync + 'static,
    ) -> Self {
        let states = self.states;
        let change = Arc::new(Function::new(
            self.all(),
            self.params,
            states,
            Box::new(move |t: D, u: &[D], p: &[D], out: &mut [D]| {
                out.copy_from_slice(&u[..states]);
                f(t, u, p, out);
            }),
        ));
        let affect = Some(self.affects.len() as u32);
        self.list.push(Event { trigger, affect, stop: false });
        self.affects.push(change.clone());
        self.affect_hessians.push(change.clone());
        self.changes.push(change);
        self
    }

    /// An event that changes nothing.
    pub fn watch(mut self, trigger: Trigger) -> Self {
        self.list.push(Event { trigger, affect: None, stop: false });
        self
    }

    /// An event that stops the solve.
    pub fn stop(mut self, trigger: Trigger) -> Self {
        self.list.push(Event { trigger, affect: None, stop: true });
        self
    }
}

/// Number `root` passes 0.
pub fn crossing(root: u32, direction: Crossing) -> Trigger {
    Trigger::Crossing { root, direction }
}

impl Kernel for System {
    fn shape(&self) -> Shape {
        self.rhs.shape
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.rhs.eval(t, u, p, out, scratch);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.rhs.jvp(at, along, out, dout, scratch);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.rhs.vjp(at, w, grad, scratch);
    }
    fn structure(&self) -> Structure<'_> {
        let delays = self.lags.as_ref().zip(self.history.as_ref());
        Structure {
            events: (!self.list.is_empty()).then(|| Events {
                list: &self.list,
                roots: self.roots.as_ref().map(|f| f as &dyn Kernel),
                times: self.times.as_ref().map(|f| f as &dyn Kernel),
                affects: &self.affects,
            }),
            delays: delays.map(|(lags, history)| Delays {
                reads: &self.reads,
                lags,
                constant: &self.constant,
                history,
                jumps_at_start: self.jumps_at_start,
            }),
            hessian: self.curved.then_some(&self.rhs as &dyn HessianProduct),
            event_hessians: self.curved.then(|| EventHessians {
                roots: self.roots.as_ref().map(|f| f as &dyn HessianProduct),
                times: self.times.as_ref().map(|f| f as &dyn HessianProduct),
                affects: &self.affect_hessians,
            }),
            mass: self.mass.as_ref().map(|mass| mass as &dyn MatrixKernel),
            ..Structure::default()
        }
    }
}

/// Differences of first derivatives of order six: good to some twelve digits.
impl HessianProduct for Function {
    fn shape(&self) -> Shape {
        self.shape
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn hvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        w: &[f64],
        grad: Cotangent<'_>,
        _: &mut [f64],
    ) {
        let size = along.u.iter().chain(along.p).fold(along.t.abs(), |m, x| m.max(x.abs()));
        if size == 0.0 {
            return;
        }
        let h = 0.02 / size;
        for (place, weight) in [(1.0, 0.75), (2.0, -0.15), (3.0, 1.0 / 60.0)] {
            for (place, weight) in [(place, weight / h), (-place, -weight / h)] {
                let moved = |x: &[f64], d: &[f64]| -> Vec<f64> {
                    x.iter().zip(d).map(|(x, d)| x + place * h * d).collect()
                };
                let (u, p) = (moved(at.u, along.u), moved(at.p, along.p));
                let at = Point { t: at.t + place * h * along.t, u: &u, p: &p };
                let (mut by_t, mut by_u, mut by_p) = (0.0, vec![0.0; u.len()], vec![0.0; p.len()]);
                let once = Cotangent { t: &mut by_t, u: &mut by_u, p: &mut by_p };
                self.vjp(at, w, once, &mut []);
                *grad.t += weight * by_t;
                grad.u.iter_mut().zip(by_u).for_each(|(g, x)| *g += weight * x);
                grad.p.iter_mut().zip(by_p).for_each(|(g, x)| *g += weight * x);
            }
        }
    }
}

/// A full mass matrix.
struct Mass {
    height: usize,
    starts: Vec<usize>,
    rows: Vec<u32>,
    entries: Function,
}

impl MatrixKernel for Mass {
    fn pattern(&self) -> MatrixPattern<'_> {
        MatrixPattern { height: self.height, starts: &self.starts, rows: &self.rows }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, _: &[f64], p: &[f64], values: &mut [f64], scratch: &mut [f64]) {
        self.entries.eval(t, &[], p, values, scratch);
    }
    fn is_constant(&self) -> bool {
        true
    }
    fn parameter_vjp(
        &self,
        at: Point<'_>,
        weights: &[f64],
        by_p: &mut [f64],
        scratch: &mut [f64],
    ) -> bool {
        let grad = Cotangent { t: &mut 0.0, u: &mut [], p: by_p };
        self.entries.vjp(Point { u: &[], ..at }, weights, grad, scratch);
        true
    }
}

impl D {
    pub fn sqrt(self) -> D {
        let root = self.v.sqrt();
        self.through(root, 0.5 / root)
    }
}
