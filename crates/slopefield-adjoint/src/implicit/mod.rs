//! Exact gradients through implicit one-step methods: Rosenbrock, diagonally implicit Runge–Kutta
//! and Radau IIA methods, for stiff systems and for algebraic equations of index 1.
//!
//! A step finds unknowns `X_1 … X_s` from its beginning by equations that each method has in its own
//! form ([`equations::StageEquations`]), and everything that leaves it is `u + Σ w_i X_i`: the end,
//! and the solution at save points within. So all methods share the record of a solve ([`path`]),
//! the reverse pass ([`ImplicitAdjoint`]) and the tangents ([`ImplicitSensitivity`]); a method
//! adds how cotangents and tangents go through its equations. Backward differentiation, whose steps hang
//! together by more than the state, has a record and passes of its own ([`bdf`]). The derivation is on the page
//! `docs/derivations/implicit-adjoints.md`.

mod adjoint;
mod bdf;
mod consistent_rows;
mod diagonal;
mod equations;
mod hybrid;
mod interpolant;
mod linear;
mod path;
mod radau;
mod record;
mod rosenbrock;
mod sensitivity;
mod sides;
mod switched;

pub use adjoint::ImplicitAdjoint;
pub use bdf::{BdfAdjoint, BdfSensitivity};
pub(crate) use hybrid::HONOURED as HONOURED_IMPLICITLY;
pub use hybrid::{ImplicitHybridAdjoint, ImplicitHybridSensitivity};
pub(crate) use hybrid::{TapedSecondOrder, needs_curvature};
pub use sensitivity::ImplicitSensitivity;
