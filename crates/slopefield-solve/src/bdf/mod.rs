//! Backward differentiation of variable order for large and small stiff systems, also those with
//! algebraic variables.
//!
//! The numerical differentiation formulas of L. F. Shampine and M. W. Reichelt, *The MATLAB ODE
//! suite*, SIAM J. Sci. Comput. 18 (1997) 1–22, doi:10.1137/S1064827594276424: backward
//! differences on steps of one length, which are interpolated to another when the length changes.
//! Compared with the fixed-leading-coefficient form of CVODE they have a smaller error at orders 1
//! to 3 and need no coefficients from step to step; a change of length costs one pass over the
//! differences, which is little beside the new factorisation that it needs in either form.
//!
//! Own code and not a wrapped library, because the accepted step must allocate nothing, states may
//! be of single precision, and gradients will need the very steps. The iteration differs from that
//! of one-step methods: matrix, Jacobian and measured rate of convergence outlive many steps, and a
//! matrix made for another step length is used with a correction.

mod coefficients;
mod frozen;
mod history;
mod linear;
mod methods;
mod newton;
mod stepper;

#[cfg(test)]
mod tests;

pub use coefficients::{ALPHA, GAMMA, MAX_ORDER, respacing, weights_within};
pub use frozen::{BackwardStep, BackwardSteps, FrozenBdf};
pub(crate) use methods::METHODS;
pub use stepper::Bdf;
