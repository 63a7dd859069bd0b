//! Exact gradients through implicit one-step methods: Rosenbrock, diagonally implicit Runge–Kutta
//! and Radau IIA methods, for stiff systems and for algebraic equations of index 1.
//!
//! A step finds unknowns `X_1 … X_s` from its beginning by equations that each method has in its own
//! form ([`equations::StageEquations`]), and everything that leaves it is `u + Σ w_i X_i`: the end,
//! and the solution at save points within. So all methods share the record of a solve ([`path`]),
//! the reverse pass ([`ImplicitAdjoint`]) and the tangents ([`ImplicitSensitivity`]); a method
//! adds how cotangents and tangents go through its equations. The derivation is on the page
//! `docs/derivations/implicit-adjoints.md`.

mod adjoint;
mod consistent_rows;
mod diagonal;
mod equations;
mod events;
mod interpolant;
mod linear;
mod path;
mod radau;
mod record;
mod rosenbrock;
mod sensitivity;
mod switched;

pub use adjoint::ImplicitAdjoint;
pub(crate) use events::HONOURED as HONOURED_WITH_EVENTS;
pub use events::{ImplicitEventAdjoint, ImplicitEventSensitivity};
pub(crate) use events::{TapedSecondOrder, needs_curvature};
pub use sensitivity::ImplicitSensitivity;
