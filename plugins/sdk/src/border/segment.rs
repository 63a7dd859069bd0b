//! The solution within a step as polynomials, as a solver writes it.

use crate::Error;
use slopefield_plugin_abi as abi;

/// Room for the polynomials of a step, for [`Solver::segment`](crate::Solver::segment). Each state has
/// one, in `s`, which runs from 0 to 1 through the step.
pub struct Segment<'a> {
    n: usize,
    room: &'a mut [f64],
    basis: u32,
    degree: usize,
}

impl<'a> Segment<'a> {
    /// Room for `n` states.
    pub(super) fn new(n: usize, room: &'a mut [f64]) -> Self {
        Segment { n, room, basis: 0, degree: 0 }
    }

    /// Polynomials `Σ c_k s^k` of a degree of at most
    /// [`Solver::segment_degree`](crate::Solver::segment_degree), whose coefficients are to be written:
    /// `c_k` of all states, zeros so far, from `k * n` on. A higher degree panics.
    pub fn powers(&mut self, degree: usize) -> &mut [f64] {
        self.coefficients(abi::SLF_BASIS_POWERS, degree)
    }

    /// Polynomials `Σ c_k T_k(2 s − 1)`, likewise.
    pub fn chebyshev(&mut self, degree: usize) -> &mut [f64] {
        self.coefficients(abi::SLF_BASIS_CHEBYSHEV, degree)
    }

    fn coefficients(&mut self, basis: u32, degree: usize) -> &mut [f64] {
        let room = &mut self.room[..(degree + 1) * self.n];
        room.fill(0.0);
        (self.basis, self.degree) = (basis, degree);
        room
    }

    /// Basis and degree.
    pub(super) fn kind(&self) -> Result<(u32, usize), Error> {
        match self.basis {
            0 => Err(Error::internal("the solver wrote no polynomials of its step")),
            basis => Ok((basis, self.degree)),
        }
    }

    /// Writes the values at `s`, or the slopes by `s`.
    pub(super) fn evaluate(&self, s: f64, derivative: u32, out: &mut [f64]) -> Result<(), Error> {
        let (basis, degree) = self.kind()?;
        out.fill(0.0);
        // Number `k` of the basis and its slope, and those of number `k - 1`.
        let x = 2.0 * s - 1.0;
        let (mut now, mut before) = ((1.0, 0.0), (0.0, 0.0));
        for k in 0..=degree {
            let weight = if derivative == 0 { now.0 } else { now.1 };
            for (out, c) in out.iter_mut().zip(&self.room[k * self.n..]) {
                *out += weight * c;
            }
            let next = match (basis, k) {
                (abi::SLF_BASIS_POWERS, _) => (s * now.0, now.0 + s * now.1),
                (_, 0) => (x, 2.0),
                _ => (2.0 * x * now.0 - before.0, 4.0 * now.0 + 2.0 * x * now.1 - before.1),
            };
            (before, now) = (now, next);
        }
        Ok(())
    }
}
