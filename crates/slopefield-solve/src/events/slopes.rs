//! Slopes of the solution at an instant, for the rates of change of numbers that depend on it.

use crate::consistent::Consistency;
use crate::{Ivp, Real, Settings, SolveError, Stats};
use slopefield_kernel::{
    Cotangent, Kernel, MatrixKernel, MatrixPattern, Point, Shape, Structure, Tangent,
};

/// Finds slopes, also where a mass matrix stands before them.
pub(super) struct Slopes<T: Real> {
    /// For systems with a mass matrix.
    consistency: Option<Consistency<T>>,
    /// The state, which may be moved by less than its tolerance.
    state: Vec<T>,
    scratch: Vec<T>,
}

impl<T: Real> Slopes<T> {
    pub(super) fn new(ivp: &Ivp<'_, T>, settings: &Settings) -> Self {
        let n = ivp.u0.len();
        let consistency = ivp.rhs.structure().mass.is_some().then(|| {
            let pinned = Pinned::new(ivp.rhs, ivp.u0, &[]);
            let mut consistency = Consistency::default();
            consistency.configure(&Ivp { rhs: &pinned, ..*ivp }, settings);
            consistency
        });
        Slopes {
            consistency,
            state: vec![T::ZERO; n],
            scratch: vec![T::ZERO; ivp.rhs.scratch_len()],
        }
    }

    /// Writes the slopes at the state `u`, with delayed values behind it, to `out`.
    ///
    /// # Errors
    /// Those of consistent values.
    pub(super) fn write(
        &mut self,
        ivp: &Ivp<'_, T>,
        t: f64,
        u: &[T],
        out: &mut [T],
    ) -> Result<(), SolveError> {
        let Some(consistency) = &mut self.consistency else {
            ivp.rhs.eval(T::of(t), u, ivp.p, out, &mut self.scratch);
            return Ok(());
        };
        let (states, delayed) = u.split_at(self.state.len());
        self.state.copy_from_slice(states);
        let pinned = Pinned::new(ivp.rhs, states, delayed);
        let ivp = Ivp { rhs: &pinned, ..*ivp };
        consistency.establish(&ivp, t, &mut self.state, out, &mut Stats::default())
    }

    /// Writes to `out` a direction along all algebraic variables, whose slopes are not known where
    /// delayed values change.
    pub(super) fn algebraic(&self, out: &mut [T]) {
        out.fill(T::ZERO);
        if let Some(consistency) = &self.consistency {
            consistency.algebraic_direction(out);
        }
    }
}

/// A system with its delayed values held at numbers, as one without delays.
struct Pinned<'a, T: Real> {
    rhs: &'a dyn Kernel<T>,
    n: usize,
    delayed: &'a [T],
    mass: Option<PinnedMatrix<'a, T>>,
}

impl<'a, T: Real> Pinned<'a, T> {
    fn new(rhs: &'a dyn Kernel<T>, u: &[T], delayed: &'a [T]) -> Self {
        let n = u.len();
        let mass = rhs.structure().mass.map(|matrix| PinnedMatrix { matrix, n, delayed });
        Pinned { rhs, n, delayed, mass }
    }

    fn states(&self) -> usize {
        self.rhs.shape().states
    }

    /// States and delayed values, and a direction, in the work space; and the rest of that.
    fn split<'s>(&self, u: &[T], scratch: &'s mut [T]) -> [&'s mut [T]; 3] {
        let (full, rest) = scratch.split_at_mut(self.states());
        let (direction, rest) = rest.split_at_mut(self.states());
        full[..self.n].copy_from_slice(u);
        full[self.n..].copy_from_slice(self.delayed);
        direction.fill(T::ZERO);
        [full, direction, rest]
    }
}

impl<T: Real> Kernel<T> for Pinned<'_, T> {
    fn shape(&self) -> Shape {
        Shape { states: self.n, ..self.rhs.shape() }
    }

    fn scratch_len(&self) -> usize {
        2 * self.states() + self.rhs.scratch_len()
    }

    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], scratch: &mut [T]) {
        let [full, _, rest] = self.split(u, scratch);
        self.rhs.eval(t, full, p, out, rest);
    }

    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        scratch: &mut [T],
    ) {
        let [full, direction, rest] = self.split(at.u, scratch);
        direction[..self.n].copy_from_slice(along.u);
        let (at, along) = (Point { u: full, ..at }, Tangent { u: direction, ..along });
        self.rhs.jvp(at, along, out, dout, rest);
    }

    fn vjp(&self, at: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, scratch: &mut [T]) {
        let [full, direction, rest] = self.split(at.u, scratch);
        let Cotangent { t, u, p } = grad;
        self.rhs.vjp(Point { u: full, ..at }, w, Cotangent { t, u: direction, p }, rest);
        for (sum, x) in u.iter_mut().zip(direction) {
            *sum += *x;
        }
    }

    fn structure(&self) -> Structure<'_, T> {
        Structure {
            mass: self.mass.as_ref().map(|mass| mass as &dyn MatrixKernel<T>),
            ..Structure::default()
        }
    }
}

/// The mass matrix of such a system.
struct PinnedMatrix<'a, T: Real> {
    matrix: &'a dyn MatrixKernel<T>,
    n: usize,
    delayed: &'a [T],
}

impl<T: Real> MatrixKernel<T> for PinnedMatrix<'_, T> {
    fn pattern(&self) -> MatrixPattern<'_> {
        self.matrix.pattern()
    }

    fn scratch_len(&self) -> usize {
        self.n + self.delayed.len() + self.matrix.scratch_len()
    }

    fn eval(&self, t: T, u: &[T], p: &[T], values: &mut [T], scratch: &mut [T]) {
        let (full, rest) = scratch.split_at_mut(self.n + self.delayed.len());
        full[..self.n].copy_from_slice(u);
        full[self.n..].copy_from_slice(self.delayed);
        self.matrix.eval(t, full, p, values, rest);
    }

    fn is_constant(&self) -> bool {
        self.matrix.is_constant()
    }
}
