//! Functions written once over any [`Number`], as kernels.

use crate::number::{Float, Jet, Number};
use slopefield_kernel::{Cotangent, HessianProduct, Kernel, Point, Shape, Tangent};

/// A vector function `(t, u, p) → out`, written over any number type. An implementation reads
/// inputs by index and writes each output exactly once, whatever the values are.
pub trait Function: Send + Sync {
    /// The sizes.
    fn shape(&self) -> Shape;

    /// Evaluates.
    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        out: impl FnMut(usize, N),
    );
}

/// How many derivatives are computed at once.
pub(crate) const LANES: usize = 4;

/// The kernel of a [`Function`]: products by forward accumulation, the reverse product
/// [`LANES`] columns at a time. Needs no scratch.
#[derive(Debug, Clone, Copy)]
pub struct Derived<F>(pub F);

impl<F: Function, T: Float> Kernel<T> for Derived<F> {
    fn shape(&self) -> Shape {
        self.0.shape()
    }

    fn scratch_len(&self) -> usize {
        0
    }

    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], _: &mut [T]) {
        value(&self.0, t, u, p, out);
    }

    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        _: &mut [T],
    ) {
        forward(&self.0, at, along, out, dout);
    }

    fn vjp(&self, at: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, _: &mut [T]) {
        let columns = Columns { states: None, first_state: 0, first_parameter: at.u.len() };
        let count = at.u.len() + at.p.len() + 1;
        for base in (0..count).step_by(LANES) {
            let mut sums = [T::default(); LANES];
            seeded(&self.0, at, columns, base, &mut |i, slopes| {
                for (sum, slope) in sums.iter_mut().zip(slopes) {
                    *sum = *sum + w[i] * slope;
                }
            });
            for (lane, sum) in sums.into_iter().enumerate() {
                let place = match base + lane {
                    c if c < at.u.len() => &mut grad.u[c],
                    c if c + 1 < count => &mut grad.p[c - at.u.len()],
                    c if c + 1 == count => &mut *grad.t,
                    _ => break,
                };
                *place = *place + sum;
            }
        }
    }
}

/// Second derivatives by forward accumulation of forward accumulation.
impl<F: Function> HessianProduct for Derived<F> {
    fn shape(&self) -> Shape {
        self.0.shape()
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
        let (n, count) = (at.u.len(), at.u.len() + at.p.len() + 1);
        for column in 0..count {
            let seed = |value: f64, slope: f64, this: usize| Jet::<Jet<f64, 1>, 1> {
                value: Jet { value, slopes: [slope] },
                slopes: [Float::of(if this == column { 1.0 } else { 0.0 })],
            };
            let mut sum = 0.0;
            self.0.eval(
                seed(at.t, along.t, count - 1),
                |i| seed(at.u[i], along.u[i], i),
                |i| seed(at.p[i], along.p[i], n + i),
                |i, x| sum += w[i] * x.slopes[0].slopes[0],
            );
            match column {
                c if c < n => grad.u[c] += sum,
                c if c + 1 < count => grad.p[c - n] += sum,
                _ => *grad.t += sum,
            }
        }
    }
}

/// Numbers of the columns of a derivative: states, then parameters, then time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<'a> {
    /// Columns of the first states; states may share one.
    pub states: Option<&'a [u32]>,
    /// Column of the first state without one of its own.
    pub first_state: usize,
    /// Column of the first parameter.
    pub first_parameter: usize,
}

impl Columns<'_> {
    #[inline(always)]
    fn of_state(&self, i: usize) -> usize {
        match self.states {
            Some(own) if i < own.len() => own[i] as usize,
            Some(own) => self.first_state + i - own.len(),
            None => self.first_state + i,
        }
    }
}

pub(crate) fn value<F: Function, T: Float>(f: &F, t: T, u: &[T], p: &[T], out: &mut [T]) {
    let plain = Jet::<T, 0>::constant;
    f.eval(plain(t), |i| plain(u[i]), |i| plain(p[i]), |i, x| out[i] = x.value);
}

pub(crate) fn forward<F: Function, T: Float>(
    f: &F,
    at: Point<'_, T>,
    along: Tangent<'_, T>,
    out: &mut [T],
    dout: &mut [T],
) {
    let jet = |value, slope| Jet::<T, 1> { value, slopes: [slope] };
    f.eval(
        jet(at.t, along.t),
        |i| jet(at.u[i], along.u[i]),
        |i| jet(at.p[i], along.p[i]),
        |i, x| {
            out[i] = x.value;
            dout[i] = x.slopes[0];
        },
    );
}

/// How the derivatives of [`seeded`] change along a direction. One instance for each function.
#[inline(never)]
pub(crate) fn curved<F: Function>(
    f: &F,
    at: Point<'_>,
    along: Tangent<'_>,
    columns: Columns<'_>,
    base: usize,
    out: &mut dyn FnMut(usize, [f64; LANES]),
) {
    let seed = |value: f64, slope: f64, column: usize| {
        let chosen = column.wrapping_sub(base);
        let one = |k| Jet::constant(if k == chosen { 1.0 } else { 0.0 });
        Jet { value: Jet { value, slopes: [slope] }, slopes: std::array::from_fn(one) }
    };
    f.eval(
        seed(at.t, along.t, columns.first_parameter + at.p.len()),
        |i| seed(at.u[i], along.u[i], columns.of_state(i)),
        |i| seed(at.p[i], along.p[i], columns.first_parameter + i),
        |i, x: Jet<Jet<f64, 1>, LANES>| out(i, x.slopes.map(|slope| slope.slopes[0])),
    );
}

/// Evaluates with derivatives along the columns from `base` on, which go to `out` row by row. One
/// instance for each function and number type: they are most of what there is to compile.
#[inline(never)]
pub(crate) fn seeded<F: Function, T: Float>(
    f: &F,
    at: Point<'_, T>,
    columns: Columns<'_>,
    base: usize,
    out: &mut dyn FnMut(usize, [T; LANES]),
) {
    let seed = |value: T, column: usize| {
        let chosen = column.wrapping_sub(base);
        let one = |k| if k == chosen { T::of(1.0) } else { T::default() };
        Jet { value, slopes: std::array::from_fn(one) }
    };
    f.eval(
        seed(at.t, columns.first_parameter + at.p.len()),
        |i| seed(at.u[i], columns.of_state(i)),
        |i| seed(at.p[i], columns.first_parameter + i),
        |i, x| out(i, x.slopes),
    );
}
