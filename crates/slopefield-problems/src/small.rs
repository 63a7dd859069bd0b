//! Problems of a few states written as a right-hand side and its Jacobian matrices.

use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};

/// A right-hand side with its Jacobians in closed form. All matrices are row by row and arrive
/// filled with zeros; an implementation writes the entries that are not zero.
pub(crate) trait SmallSystem: Send + Sync {
    const STATES: usize;
    const PARAMS: usize;
    fn rhs(t: f64, u: &[f64], p: &[f64], out: &mut [f64]);
    /// `∂f/∂u`, `STATES × STATES`.
    fn by_state(t: f64, u: &[f64], p: &[f64], matrix: &mut [f64]);
    /// `∂f/∂p`, `STATES × PARAMS`.
    fn by_parameter(t: f64, u: &[f64], p: &[f64], matrix: &mut [f64]);
    /// `∂f/∂t`; zero unless overridden.
    fn by_time(_t: f64, _u: &[f64], _p: &[f64], _out: &mut [f64]) {}
}

/// The kernel of a [`SmallSystem`]: derivative products through its Jacobians, which fit into
/// the scratch space side by side.
pub(crate) struct Small<S>(std::marker::PhantomData<S>);

impl<S: SmallSystem> Small<S> {
    pub(crate) fn boxed() -> Box<dyn Kernel>
    where
        S: 'static,
    {
        Box::new(Small::<S>(std::marker::PhantomData))
    }

    /// Fills and returns `∂f/∂u`, `∂f/∂p`, `∂f/∂t`.
    fn jacobians<'s>(at: &Point<'_>, scratch: &'s mut [f64]) -> (&'s [f64], &'s [f64], &'s [f64]) {
        let (n, m) = (S::STATES, S::PARAMS);
        let (by_state, rest) = scratch.split_at_mut(n * n);
        let (by_parameter, rest) = rest.split_at_mut(n * m);
        let by_time = &mut rest[..n];
        by_state.fill(0.0);
        by_parameter.fill(0.0);
        by_time.fill(0.0);
        S::by_state(at.t, at.u, at.p, by_state);
        S::by_parameter(at.t, at.u, at.p, by_parameter);
        S::by_time(at.t, at.u, at.p, by_time);
        (by_state, by_parameter, by_time)
    }
}

impl<S: SmallSystem> Kernel for Small<S> {
    fn shape(&self) -> Shape {
        Shape { states: S::STATES, params: S::PARAMS, outputs: S::STATES }
    }

    fn scratch_len(&self) -> usize {
        S::STATES * (S::STATES + S::PARAMS + 1)
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], _: &mut [f64]) {
        S::rhs(t, u, p, out);
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        S::rhs(at.t, at.u, at.p, out);
        let (by_state, by_parameter, by_time) = Self::jacobians(&at, scratch);
        for i in 0..S::STATES {
            let state_row = &by_state[i * S::STATES..(i + 1) * S::STATES];
            let parameter_row = &by_parameter[i * S::PARAMS..(i + 1) * S::PARAMS];
            dout[i] = by_time[i] * along.t + dot(state_row, along.u) + dot(parameter_row, along.p);
        }
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        let (by_state, by_parameter, by_time) = Self::jacobians(&at, scratch);
        *grad.t += dot(w, by_time);
        for i in 0..S::STATES {
            add_scaled(grad.u, w[i], &by_state[i * S::STATES..(i + 1) * S::STATES]);
            add_scaled(grad.p, w[i], &by_parameter[i * S::PARAMS..(i + 1) * S::PARAMS]);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn add_scaled(sum: &mut [f64], factor: f64, row: &[f64]) {
    for (s, x) in sum.iter_mut().zip(row) {
        *s += factor * x;
    }
}
