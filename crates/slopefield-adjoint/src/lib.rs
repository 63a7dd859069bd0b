//! Gradients through solvers.
//!
//! Methods behind one trait, [`GradientMethod`]:
//!
//! | method | what it is | cost | for |
//! |---|---|---|---|
//! | [`DiscreteAdjoint`] | exact reverse of the accepted steps | a few solves, whatever the number of parameters | explicit Runge–Kutta methods |
//! | [`ForwardSensitivity`] | tangent of the accepted steps | one product per stage and direction | few unknowns; also gives Jacobians |
//! | [`ImplicitAdjoint`], [`ImplicitSensitivity`] | the same two for implicit steps | likewise, with a factorisation per step or stage | Rosenbrock, diagonally implicit and Radau methods, algebraic equations, automatic switching |
//! | [`GaussAdjoint`] | continuous adjoint over stored dense output | a second solve backward | every stepper, plugins included |
//!
//! [`check`] compares any of them with differences of the very same steps, and [`choose`] says
//! which one to take.
//!
//! *Invariant:* never changes what `slopefield-solve` computed: gradients are of the very
//! trajectory the user sees.

mod check;
mod choose;
mod dense;
mod discrete;
mod forward;
mod gauss;
mod implicit;
mod method;
mod methods;
mod moments;
mod saves;
mod tape;

pub use check::{Case, CheckReport, DirectionCheck, Replay, check};
pub use choose::choose;
pub use discrete::DiscreteAdjoint;
pub use forward::ForwardSensitivity;
pub use gauss::GaussAdjoint;
pub use implicit::{ImplicitAdjoint, ImplicitSensitivity};
pub use method::{Evaluated, GradientMethod, Loss};
pub use methods::{METHODS, MethodInfo, Through, applicable, method_info};
