//! Gradients through solvers.
//!
//! Methods behind one trait, [`GradientMethod`]:
//!
//! | method | what it is | cost | for |
//! |---|---|---|---|
//! | [`DiscreteAdjoint`] | exact reverse of the accepted steps | a few solves, whatever the number of parameters | explicit Runge–Kutta methods |
//! | [`ForwardSensitivity`] | tangent of the accepted steps | one product per stage and direction | few unknowns; also gives Jacobians |
//! | [`GaussAdjoint`] | continuous adjoint over stored dense output | a second solve backward | every stepper, plugins included |
//! | [`InterpolatingAdjoint`], [`QuadratureAdjoint`] | the same with other parameter integrals | likewise | likewise |
//! | [`BacksolveAdjoint`] | continuous adjoint with the solution integrated backward | likewise, in constant memory | solutions that come back |
//!
//! [`check`] compares any of them with differences of the very same steps, and [`choose`] says
//! which one to take.
//!
//! *Invariant:* never changes what `slopefield-solve` computed: gradients are of the very
//! trajectory the user sees.

mod check;
mod choose;
mod continuous;
mod discrete;
mod forward;
mod implicit;
mod method;
mod methods;
mod moments;
mod saves;
mod tape;

pub use check::{Case, CheckReport, DirectionCheck, Replay, check};
pub use choose::choose;
pub use continuous::{
    BacksolveAdjoint, ContinuousAdjoint, GaussAdjoint, InterpolatingAdjoint, QuadratureAdjoint,
    Reversal, reversal,
};
pub use discrete::DiscreteAdjoint;
pub use forward::ForwardSensitivity;
pub use implicit::{ImplicitAdjoint, ImplicitSensitivity};
pub use method::{Evaluated, GradientMethod, Loss};
pub use methods::{METHODS, MethodInfo, Through, applicable, method_info};
