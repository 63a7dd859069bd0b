//! Functions written once over any [`Number`], as kernels.

use crate::number::{Float, Jet, Number};
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};

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
pub(crate) const LANES: usize = 8;

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
        let columns = |base| {
            sweep(&self.0, at, w, |kind, i| {
                let column = match kind {
                    Input::Time => 0,
                    Input::State => 1 + i,
                    Input::Parameter => 1 + at.u.len() + i,
                };
                column.wrapping_sub(base)
            })
        };
        let (n, m) = (at.u.len(), at.p.len());
        let mut base = 0;
        while base < 1 + n + m {
            for (lane, sum) in columns(base).into_iter().enumerate() {
                let place = match base + lane {
                    0 => &mut *grad.t,
                    c if c <= n => &mut grad.u[c - 1],
                    c if c <= n + m => &mut grad.p[c - 1 - n],
                    _ => break,
                };
                *place = *place + sum;
            }
            base += LANES;
        }
    }
}

/// Which input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    Time,
    State,
    Parameter,
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

/// `wᵀ` times up to [`LANES`] columns of the derivative: `lane` says in which lane an input is
/// seeded (any number from [`LANES`] on for none).
fn sweep<F: Function, T: Float>(
    f: &F,
    at: Point<'_, T>,
    w: &[T],
    lane: impl Fn(Input, usize) -> usize,
) -> [T; LANES] {
    let mut sums = [T::default(); LANES];
    seeded::<F, T, LANES>(f, at, lane, |i, x| {
        for (sum, slope) in sums.iter_mut().zip(x.slopes) {
            *sum = *sum + w[i] * slope;
        }
    });
    sums
}

/// Evaluates with inputs seeded in lanes.
#[inline(always)]
pub(crate) fn seeded<F: Function, T: Float, const K: usize>(
    f: &F,
    at: Point<'_, T>,
    lane: impl Fn(Input, usize) -> usize,
    out: impl FnMut(usize, Jet<T, K>),
) {
    let seed = |kind, i, value| {
        let chosen = lane(kind, i);
        let one = |k| if k == chosen { T::of(1.0) } else { T::default() };
        Jet { value, slopes: std::array::from_fn(one) }
    };
    f.eval(
        seed(Input::Time, 0, at.t),
        |i| seed(Input::State, i, at.u[i]),
        |i| seed(Input::Parameter, i, at.p[i]),
        out,
    );
}
