//! Standard problems with trusted references.
//!
//! Differential equations that the literature uses again and again, as data: right-hand side with
//! exact derivative products, the rest of the system, default parameters, initial state, time
//! span, model text, and reference values with their source. Tests, benchmarks, documentation and
//! the plugin kit share them. Nothing here solves anything.
//!
//! An equation is written once, over any [`Number`]; [`System`] makes of it a kernel in double and
//! single precision with its sparse Jacobian.

mod function;
mod non_stiff;
mod number;
mod problem;
mod stiff;
mod system;

#[cfg(test)]
mod tests;

pub use function::{Derived, Function};
pub use non_stiff::*;
pub use number::{Float, Jet, Number, Seen};
pub use problem::{Class, Exact, Moment, PathSolution, Problem, Reference};
pub use stiff::*;
pub use system::{Equations, System};

/// All problems of this crate, each in its usual size.
pub fn everything() -> Vec<Problem> {
    let mut problems = all();
    problems.extend(stiff());
    problems
}
