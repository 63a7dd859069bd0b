//! The derivatives of saved states by everything the solve began with: what least-squares methods
//! and information matrices are made of.

use crate::{
    BdfSensitivity, ForwardSensitivity, HybridForward, ImplicitHybridSensitivity,
    ImplicitSensitivity, StochasticForward,
};
use slopefield_solve::{Ivp, Settings, SolveError, Stats};

/// Saved states with their derivatives by initial state and parameters. The derivatives are those
/// of the accepted steps, so they agree with differences of the same steps up to rounding, and
/// contract to the gradients of [`crate::DiscreteAdjoint`] and its kin.
pub trait StateSensitivities: Send {
    /// Solves and writes the states at `saves` to `states` (`saves.len() × n`) and their derivatives
    /// to `jacobian` (`saves.len() · n` rows of `n + p.len()`): row `m·n + i` belongs to state `i` at
    /// save time `m` and holds `n` derivatives by the initial state, then those by the parameters
    /// (through the right-hand side only). Rows that are not reached because an event stops the solve
    /// are 0. Where a method shows delayed values ([`crate::GradientMethod::show_delayed`]), they stand
    /// behind the states of each save time, and are rows of the Jacobian likewise.
    ///
    /// # Errors
    /// As [`crate::GradientMethod::evaluate`]; [`SolveError::Invalid`] when the room does not fit.
    fn states_and_jacobian(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
        jacobian: &mut [f64],
    ) -> Result<Stats, SolveError>;
}

macro_rules! through_tangents {
    ($($name:ident),*) => {$(
        impl StateSensitivities for $name {
            fn states_and_jacobian(
                &mut self,
                ivp: &Ivp<'_>,
                settings: &Settings,
                saves: &[f64],
                states: &mut [f64],
                jacobian: &mut [f64],
            ) -> Result<Stats, SolveError> {
                self.jacobian(ivp, settings, saves, states, jacobian)
            }
        }
    )*};
}
through_tangents!(
    BdfSensitivity,
    ForwardSensitivity,
    HybridForward,
    ImplicitHybridSensitivity,
    ImplicitSensitivity,
    StochasticForward
);
