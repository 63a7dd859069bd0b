//! Which states are positions and which velocities, and whether the equations have the form that
//! a method needs.

use crate::unsupported::refuse_all_but_explicit;
use crate::{Ivp, Real, SolveError};
use slopefield_kernel::{Point, Tangent};

/// A system `q' = g(t, v)`, `v' = a(t, q)`.
#[derive(Debug, Default)]
pub(super) struct Partition<T: Real> {
    /// State indices of the positions.
    pub positions: Vec<u32>,
    /// State indices of their velocities, or momenta.
    pub velocities: Vec<u32>,
    /// Whether `q' = v`.
    pub plain: bool,
    /// Whether `q'` is linear in `v`, as with kinetic energies that are quadratic.
    pub linear: bool,
    derivatives: Vec<T>,
    roles: Vec<Role>,
    state: Vec<T>,
    along: Vec<T>,
    still: Vec<T>,
    value: Vec<T>,
    product: Vec<T>,
    scratch: Vec<T>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Neither,
    Position,
    Velocity,
}

impl<T: Real> Partition<T> {
    /// Reads the pairs of `ivp` and checks the form at the start and near it, where a derivative
    /// that happens to vanish at the start does not.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] with a sentence that names the first state out of place.
    pub fn configure(&mut self, ivp: &Ivp<'_, T>, method: &str) -> Result<(), SolveError> {
        let refuse = |text: String| Err(SolveError::Invalid(text));
        refuse_all_but_explicit(ivp, method)?;
        let structure = ivp.rhs.structure();
        if structure.pairs.is_empty() {
            return refuse(format!(
                "the method {method} solves second-order equations, and this system has none; use \
                 tsit5 or vern7"
            ));
        }
        self.read(structure.pairs.iter().map(|pair| (pair.position, pair.velocity)), ivp.u0.len());
        if let Some(state) = self.roles.iter().position(|role| *role == Role::Neither) {
            return refuse(format!(
                "the method {method} solves second-order equations alone, but state {state} is \
                 neither a position nor a velocity; use tsit5 or vern7"
            ));
        }
        self.resize(ivp);
        self.plain = true;
        self.probe(ivp, method, 0.0)?;
        self.derivatives.copy_from_slice(&self.product);
        self.probe(ivp, method, 1e-3)?;
        self.linear = self.positions.iter().all(|q| {
            let (here, near) = (self.derivatives[*q as usize], self.product[*q as usize]);
            let change = (near.f64() - here.f64()).abs();
            !(change > 16.0 * T::EPSILON * here.f64().abs())
        });
        Ok(())
    }

    /// Evaluations of [`Partition::configure`].
    pub const EVALUATIONS: u64 = 4;

    fn read(&mut self, pairs: impl Iterator<Item = (u32, u32)>, n: usize) {
        self.positions.clear();
        self.velocities.clear();
        self.roles.clear();
        self.roles.resize(n, Role::Neither);
        for (position, velocity) in pairs {
            self.positions.push(position);
            self.velocities.push(velocity);
            self.roles[position as usize] = Role::Position;
            self.roles[velocity as usize] = Role::Velocity;
        }
    }

    fn resize(&mut self, ivp: &Ivp<'_, T>) {
        let n = ivp.u0.len();
        for vector in [
            &mut self.state,
            &mut self.along,
            &mut self.value,
            &mut self.product,
            &mut self.derivatives,
        ] {
            vector.resize(n, T::ZERO);
        }
        self.still.clear();
        self.still.resize(ivp.p.len(), T::ZERO);
        self.scratch.resize(ivp.rhs.scratch_len(), T::ZERO);
    }

    /// Two derivatives, along all positions and along all velocities, at the start moved by a
    /// fraction `off`.
    fn probe(&mut self, ivp: &Ivp<'_, T>, method: &str, off: f64) -> Result<(), SolveError> {
        let largest = ivp.u0.iter().fold(0.0_f64, |m, x| m.max(x.f64().abs()));
        let typical = if largest > 0.0 { largest } else { 1.0 };
        for (i, (x, u)) in self.state.iter_mut().zip(ivp.u0).enumerate() {
            *x = T::of(u.f64() + off * typical * scatter(2 * i));
        }
        self.product_along(ivp, Role::Position);
        for (q, v) in self.positions.iter().zip(&self.velocities) {
            let (q, v) = (*q as usize, *v as usize);
            if depends(self.product[q]) {
                return Err(SolveError::Invalid(format!(
                    "the method {method} needs slopes of positions that depend on velocities \
                     alone, but that of state {q} depends on a position; use tsit5 or vern7"
                )));
            }
            self.plain &= self.value[q] == self.state[v] || !self.value[q].finite();
        }
        self.product_along(ivp, Role::Velocity);
        for (q, v) in self.positions.iter().zip(&self.velocities) {
            let (q, v) = (*q as usize, *v as usize);
            if depends(self.product[v]) {
                return Err(SolveError::Invalid(format!(
                    "the method {method} needs accelerations that depend on positions alone, but \
                     that of state {v} depends on a velocity; use tsit5 or vern7"
                )));
            }
            self.plain &= self.product[q] == self.along[v] || !self.product[q].finite();
        }
        Ok(())
    }

    fn product_along(&mut self, ivp: &Ivp<'_, T>, role: Role) {
        for (i, (d, found)) in self.along.iter_mut().zip(&self.roles).enumerate() {
            *d = if *found == role { T::of(scatter(2 * i + 1)) } else { T::ZERO };
        }
        let at = Point { t: T::of(ivp.t0), u: &self.state, p: ivp.p };
        let along = Tangent { t: T::ZERO, u: &self.along, p: &self.still };
        ivp.rhs.jvp(at, along, &mut self.value, &mut self.product, &mut self.scratch);
    }
}

/// A derivative outside the function's domain says nothing.
fn depends<T: Real>(derivative: T) -> bool {
    derivative.finite() && derivative != T::ZERO
}

/// Numbers between 0.5 and 1.5 without any relation (multiples of the golden ratio).
fn scatter(i: usize) -> f64 {
    0.5 + (0.618_033_988_749_894_9 * (i + 1) as f64).fract()
}
