//! Systems with events and delays, written as closures, in either precision.

use slopefield_kernel::{
    Cotangent, Crossing, DelayedRead, Delays, Event, Events, Kernel, MatrixKernel, MatrixPattern,
    Point, Shape, Structure, Tangent, Trigger,
};
use slopefield_solve::Real;
use std::sync::Arc;

type Closure = Box<dyn Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync>;

/// Largest number of states, delayed values, parameters or results.
const MOST: usize = 16;

/// A function with derivatives by differences of order four.
pub struct Function {
    shape: Shape,
    f: Closure,
}

impl Function {
    pub fn new(
        states: usize,
        params: usize,
        outputs: usize,
        f: impl Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync + 'static,
    ) -> Self {
        assert!(states.max(params).max(outputs) <= MOST);
        Function { shape: Shape { states, params, outputs }, f: Box::new(f) }
    }

    fn at<T: Real>(&self, t: f64, u: &[T], p: &[T]) -> [f64; MOST] {
        self.along(t, u, p, (0.0, &[], &[]), 0.0)
    }

    /// The value at a distance along a direction.
    fn along<T: Real>(
        &self,
        t: f64,
        u: &[T],
        p: &[T],
        (dt, du, dp): (f64, &[T], &[T]),
        distance: f64,
    ) -> [f64; MOST] {
        let moved = |x: &[T], dx: &[T]| {
            let mut out = [0.0; MOST];
            for (i, x) in x.iter().enumerate() {
                out[i] = x.f64() + distance * dx.get(i).map_or(0.0, |d| d.f64());
            }
            out
        };
        let (u_moved, p_moved) = (moved(u, du), moved(p, dp));
        let mut out = [0.0; MOST];
        let results = &mut out[..self.shape.outputs];
        (self.f)(t + distance * dt, &u_moved[..u.len()], &p_moved[..p.len()], results);
        out
    }

    fn derivative<T: Real>(&self, at: &Point<'_, T>, along: (f64, &[T], &[T])) -> [f64; MOST] {
        const H: f64 = 1e-3;
        let size = |x: &[T]| x.iter().fold(0.0_f64, |most, x| most.max(x.f64().abs()));
        let length = along.0.abs().max(size(along.1)).max(size(along.2));
        let mut out = [0.0; MOST];
        if length == 0.0 {
            return out;
        }
        let h = H / length;
        let value = |k: f64| self.along(at.t.f64(), at.u, at.p, along, k * h);
        let (far, near, back, far_back) = (value(2.0), value(1.0), value(-1.0), value(-2.0));
        for i in 0..self.shape.outputs {
            out[i] = (8.0 * (near[i] - back[i]) - (far[i] - far_back[i])) / (12.0 * h);
        }
        out
    }
}

fn write<T: Real>(values: [f64; MOST], out: &mut [T]) {
    for (out, value) in out.iter_mut().zip(values) {
        *out = T::of(value);
    }
}

impl<T: Real> Kernel<T> for Function {
    fn shape(&self) -> Shape {
        self.shape
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], _: &mut [T]) {
        write(self.at(t.f64(), u, p), out);
    }
    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        _: &mut [T],
    ) {
        write(self.at(at.t.f64(), at.u, at.p), out);
        write(self.derivative(&at, (along.t.f64(), along.u, along.p)), dout);
    }
    fn vjp(&self, at: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, _: &mut [T]) {
        let product = |along: (f64, &[T], &[T])| {
            let column = self.derivative(&at, along);
            T::of(w.iter().zip(column).map(|(w, x)| w.f64() * x).sum())
        };
        *grad.t += product((1.0, &[], &[]));
        let mut unit = [T::ZERO; MOST];
        for i in 0..at.u.len() {
            unit[i] = T::ONE;
            grad.u[i] += product((0.0, &unit[..at.u.len()], &[]));
            unit[i] = T::ZERO;
        }
        for i in 0..at.p.len() {
            unit[i] = T::ONE;
            grad.p[i] += product((0.0, &[], &unit[..at.p.len()]));
            unit[i] = T::ZERO;
        }
    }
}

/// A right-hand side with events and delays. Functions that an event needs are leaked; tests are
/// short.
pub struct System {
    states: usize,
    params: usize,
    rhs: Function,
    list: Vec<Event>,
    roots: Option<Function>,
    times: Option<Function>,
    affects_f64: Vec<Arc<dyn Kernel<f64>>>,
    affects_f32: Vec<Arc<dyn Kernel<f32>>>,
    reads: Vec<DelayedRead>,
    lags: Option<(Function, Vec<bool>, Function, bool)>,
    mass: Option<Mass>,
}

/// A constant matrix, all entries held.
struct Mass {
    n: usize,
    starts: Vec<usize>,
    rows: Vec<u32>,
    /// Column by column.
    entries: Vec<f64>,
}

impl<T: Real> MatrixKernel<T> for Mass {
    fn pattern(&self) -> MatrixPattern<'_> {
        MatrixPattern { height: self.n, starts: &self.starts, rows: &self.rows }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: T, _: &[T], _: &[T], values: &mut [T], _: &mut [T]) {
        for (value, entry) in values.iter_mut().zip(&self.entries) {
            *value = T::of(*entry);
        }
    }
    fn is_constant(&self) -> bool {
        true
    }
}

impl System {
    /// Without anything beyond `u' = f(t, u, p)`.
    pub fn new(
        states: usize,
        params: usize,
        f: impl Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync + 'static,
    ) -> Self {
        System {
            states,
            params,
            rhs: Function::new(states, params, states, f),
            list: Vec::new(),
            roots: None,
            times: None,
            affects_f64: Vec::new(),
            affects_f32: Vec::new(),
            reads: Vec::new(),
            lags: None,
            mass: None,
        }
    }

    /// With the mass matrix of these rows.
    pub fn mass<const N: usize>(mut self, rows: [[f64; N]; N]) -> Self {
        assert_eq!(self.states, N);
        self.mass = Some(Mass {
            n: N,
            starts: (0..=N).map(|j| j * N).collect(),
            rows: (0..N).flat_map(|_| 0..N as u32).collect(),
            entries: (0..N * N).map(|at| rows[at % N][at / N]).collect(),
        });
        self
    }

    /// With delayed values behind the states in `f`: `reads` are (state, lag, slope); `lags` is
    /// evaluated as (t, [u; 0], p); `history` as (t, [], p).
    pub fn delayed(
        states: usize,
        params: usize,
        f: impl Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync + 'static,
        reads: &[(u32, u32, bool)],
        constant: &[bool],
        lags: impl Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync + 'static,
        history: impl Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync + 'static,
    ) -> Self {
        let all = states + reads.len();
        let mut system = System::new(states, params, |_, _, _, _| {});
        system.rhs = Function::new(all, params, states, f);
        system.reads =
            reads.iter().map(|&(state, lag, slope)| DelayedRead { state, lag, slope }).collect();
        system.lags = Some((
            Function::new(all, params, constant.len(), lags),
            constant.to_vec(),
            Function::new(0, params, states, history),
            false,
        ));
        system
    }

    /// The history differs from the initial state.
    pub fn jumps_at_start(mut self) -> Self {
        self.lags.as_mut().unwrap().3 = true;
        self
    }

    fn all(&self) -> usize {
        self.states + self.reads.len()
    }

    /// The numbers whose zeros are events.
    pub fn roots(
        mut self,
        count: usize,
        f: impl Fn(f64, &[f64], &[f64], &mut [f64]) + Send + Sync + 'static,
    ) -> Self {
        self.roots = Some(Function::new(self.all(), self.params, count, f));
        self
    }

    /// Times and periods of time events.
    pub fn times(mut self, times: &'static [f64]) -> Self {
        let f = move |_: f64, _: &[f64], _: &[f64], out: &mut [f64]| out.copy_from_slice(times);
        self.times = Some(Function::new(0, self.params, times.len(), f));
        self
    }

    /// An event that changes the state, which `f` receives as it was and as the result begins.
    pub fn event(
        mut self,
        trigger: Trigger,
        f: impl Fn(f64, &[f64], &mut [f64]) + Send + Sync + 'static,
    ) -> Self {
        let states = self.states;
        let change = Arc::new(Function::new(
            self.all(),
            self.params,
            states,
            move |t, u, _, out: &mut [f64]| {
                out.copy_from_slice(&u[..states]);
                f(t, u, out);
            },
        ));
        let affect = Some(self.affects_f64.len() as u32);
        self.list.push(Event { trigger, affect, stop: false });
        self.affects_f64.push(change.clone());
        self.affects_f32.push(change);
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

macro_rules! kernel {
    ($t:ident, $affects:ident) => {
        impl Kernel<$t> for System {
            fn shape(&self) -> Shape {
                self.rhs.shape
            }
            fn scratch_len(&self) -> usize {
                0
            }
            fn eval(&self, t: $t, u: &[$t], p: &[$t], out: &mut [$t], scratch: &mut [$t]) {
                self.rhs.eval(t, u, p, out, scratch);
            }
            fn jvp(
                &self,
                at: Point<'_, $t>,
                along: Tangent<'_, $t>,
                out: &mut [$t],
                dout: &mut [$t],
                scratch: &mut [$t],
            ) {
                self.rhs.jvp(at, along, out, dout, scratch);
            }
            fn vjp(
                &self,
                at: Point<'_, $t>,
                w: &[$t],
                grad: Cotangent<'_, $t>,
                scratch: &mut [$t],
            ) {
                self.rhs.vjp(at, w, grad, scratch);
            }
            fn structure(&self) -> Structure<'_, $t> {
                Structure {
                    events: (!self.list.is_empty()).then(|| Events {
                        list: &self.list,
                        roots: self.roots.as_ref().map(|f| f as &dyn Kernel<$t>),
                        times: self.times.as_ref().map(|f| f as &dyn Kernel<$t>),
                        affects: &self.$affects,
                    }),
                    delays: self.lags.as_ref().map(|(lags, constant, history, jumps)| Delays {
                        reads: &self.reads,
                        lags,
                        constant,
                        history,
                        jumps_at_start: *jumps,
                    }),
                    mass: self.mass.as_ref().map(|mass| mass as &dyn MatrixKernel<$t>),
                    ..Structure::default()
                }
            }
        }
    };
}

kernel!(f64, affects_f64);
kernel!(f32, affects_f32);
