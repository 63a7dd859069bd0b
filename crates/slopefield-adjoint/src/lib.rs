//! Gradients through solvers.
//!
//! Methods behind one trait, [`GradientMethod`]:
//!
//! | method | what it is | cost | for |
//! |---|---|---|---|
//! | [`DiscreteAdjoint`] | exact reverse of the accepted steps | a few solves, whatever the number of parameters | explicit Runge–Kutta methods |
//! | [`ForwardSensitivity`] | tangent of the accepted steps | one product per stage and direction | few unknowns; also gives Jacobians |
//! | [`SecondOrderAdjoint`] | exact product with the Hessian of a loss | about four solves per direction | one-step methods, through events too, where second derivatives are known |
//! | [`ImplicitAdjoint`], [`ImplicitSensitivity`] | the same two for implicit steps | likewise, with a factorisation per step or stage | Rosenbrock, diagonally implicit and Radau methods, algebraic equations, automatic switching |
//! | [`BdfAdjoint`], [`BdfSensitivity`] | the same two for backward differentiation of variable order | likewise, with one factorisation per step and one more solve | large stiff systems, algebraic equations |
//! | [`OwnStepsAdjoint`] | exact reverse of the accepted steps by the stepper itself | likewise | plugins that offer it |
//! | [`HybridAdjoint`], [`HybridForward`] | the same through events and delays | the same; the adjoint goes through events part by part where memory is short, and delays keep the whole solve | explicit Runge–Kutta methods |
//! | [`ImplicitHybridAdjoint`], [`ImplicitHybridSensitivity`] | the same through events, mass matrices included, and through delays | the same, and one more solve | Rosenbrock, diagonally implicit and Radau methods, automatic switching |
//! | [`GaussAdjoint`] | continuous adjoint over stored dense output | a second solve backward | every stepper, plugins included |
//! | [`InterpolatingAdjoint`], [`QuadratureAdjoint`] | the same with other parameter integrals | likewise | likewise |
//! | [`BacksolveAdjoint`] | continuous adjoint with the solution integrated backward | likewise, in constant memory | solutions that come back |
//! | [`StochasticAdjoint`], [`StochasticForward`] | the same along one path of an equation with noise | as above | methods for noise |
//! | [`JumpScore`], [`JumpDiffusionGradient`] | likelihood ratio, and the path between jumps | a few solves per path | means over random jumps |
//!
//! [`mean_gradient`] and [`moment_gradient`] make gradients of means over many paths of those along
//! one; [`SteadyAdjoint`] differentiates a steady state, [`SteadyRows`] those of a table of data.
//!
//! [`StateSensitivities`] are the derivatives of saved states themselves, of the same steps as a
//! gradient ([`GradientMethod::state_sensitivities`]).
//!
//! [`check`] compares any of them with differences of the very same steps, and [`choose`] says
//! which one to take.
//!
//! *Invariant:* never changes what `slopefield-solve` computed: gradients are of the very
//! trajectory the user sees.

mod check;
mod choose;
mod continuous;
mod costs;
mod discrete;
mod forward;
mod hybrid;
mod implicit;
mod method;
mod methods;
mod moments;
mod own_steps;
mod recorded;
mod saves;
mod second_order;
mod sensitivity;
mod states;
mod steady;
mod stochastic;
mod tape;

pub use check::{Case, CheckReport, DirectionCheck, Replay, check};
pub use choose::{Estimate, GradientChoice, choose, estimate};
pub use continuous::{
    BacksolveAdjoint, ContinuousAdjoint, GaussAdjoint, InterpolatingAdjoint, QuadratureAdjoint,
    Reversal, reversal,
};
pub use costs::Costs;
pub use discrete::DiscreteAdjoint;
pub use forward::ForwardSensitivity;
pub use hybrid::{HybridAdjoint, HybridForward};
pub use implicit::{
    BdfAdjoint, BdfSensitivity, ImplicitAdjoint, ImplicitHybridAdjoint, ImplicitHybridSensitivity,
    ImplicitSensitivity,
};
pub use method::{DEFAULT_MEMORY, Evaluated, GradientMethod, Loss};
pub use methods::{METHODS, MethodInfo, Through, applicable, method_info};
pub use own_steps::OwnStepsAdjoint;
pub use second_order::{CurvedLoss, SecondOrder, SecondOrderAdjoint};
pub use slopefield_stochastic::Paths;
pub use states::StateSensitivities;
pub use steady::{STEADY, SteadyAdjoint, SteadyEvaluated, SteadyLoss, SteadyRows, steady_states};
pub use stochastic::{
    AlongPaths, FrozenPath, JumpDiffusionGradient, JumpScore, MeanGradient, MomentLoss, Moments,
    PathGradient, PathLoss, PathMethod, Pathwise, StochasticAdjoint, StochasticForward,
    mean_gradient, moment_gradient, observed_moment_gradient, observed_moments,
};
