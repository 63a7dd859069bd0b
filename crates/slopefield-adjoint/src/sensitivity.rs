//! What all forward sensitivities share: a solve, tangents carried over its steps, and what is made
//! of them, a Jacobian of the saved states or a gradient of a loss.

use crate::method::{ensure_finite, validate_gradients, validate_parts};
use crate::saves::SavedStates;
use crate::{Evaluated, Loss};
use slopefield_kernel::Part;
use slopefield_solve::{Ivp, Settings, SolveError, Stats};

/// Takes `(save, direction, tangent)`: the derivative of the state at a save time along a direction.
/// Directions are all initial values, then all parameters, then the start time. Behind all save times
/// come those of the delayed values at them, where these are shown.
pub(crate) type Sink<'a> = dyn FnMut(usize, usize, &[f64]) + 'a;

/// Solves, and carries tangents over the steps that were taken.
pub(crate) trait TangentPass {
    /// Parts of systems that are differentiated.
    fn honoured(&self) -> &'static [Part];

    /// Solves, keeps what the tangents need and writes the states at `saves`. Returns the counters
    /// and the number of save times that were reached before an event stopped the solve.
    fn solve(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
    ) -> Result<(Stats, usize), SolveError>;

    /// Whether the tangent along the start time is carried as well, after [`TangentPass::solve`].
    fn follows_start_time(&self) -> bool {
        false
    }

    /// Hands the tangents at `saves`, those reached, to `sink`; that along the start time only where
    /// it is asked for.
    fn propagate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        start_time: bool,
        sink: &mut Sink<'_>,
    ) -> Result<(), SolveError>;

    /// From now on shows delayed values; whether it can.
    fn show(&mut self) -> bool {
        false
    }

    /// Number of delayed values that are shown at each save time.
    fn shown(&self, ivp: &Ivp<'_>) -> usize {
        let _ = ivp;
        0
    }

    /// Writes them at the save times that the last solve has reached.
    fn write_shown(&self, delayed: &mut [f64]) {
        let _ = delayed;
    }

    /// Products and evaluations since the solve.
    fn products(&self) -> u64;

    /// Bytes of tape and tangents at the peak.
    fn bytes(&self) -> u64;
}

/// Solves and writes the states at `saves` to `states` (`saves.len() × n`) and their derivatives to
/// `jacobian`: row `m·n + i` belongs to state `i` at save time `m` and holds `n` derivatives by the
/// initial state, then those by the parameters. Rows that a stopped solve does not reach are 0.
pub(crate) fn jacobian(
    pass: &mut dyn TangentPass,
    ivp: &Ivp<'_>,
    settings: &Settings,
    saves: &[f64],
    states: &mut [f64],
    jacobian: &mut [f64],
) -> Result<Stats, SolveError> {
    let n = ivp.u0.len();
    let (columns, behind) = (n + ivp.p.len(), pass.shown(ivp));
    let width = n + behind;
    if states.len() != saves.len() * width || jacobian.len() != states.len() * columns {
        return Err(SolveError::Invalid(format!(
            "room for {} states and a Jacobian of {} numbers was given, but {} and {} are needed",
            states.len(),
            jacobian.len(),
            saves.len() * width,
            saves.len() * width * columns
        )));
    }
    validate_parts(ivp, pass.honoured())?;
    let (stats, reached) = if behind == 0 {
        pass.solve(ivp, settings, saves, states)?
    } else {
        let mut saved = SavedStates::default();
        saved.resize_with_delayed(saves.len(), n, behind);
        let solved = pass.solve(ivp, settings, saves, &mut saved.states)?;
        pass.write_shown(&mut saved.delayed);
        saved.evaluate(&mut |rows, _| {
            states.copy_from_slice(rows);
            0.0
        });
        solved
    };
    jacobian[reached * width * columns..].fill(0.0);
    pass.propagate(ivp, settings, &saves[..reached], false, &mut |row, column, tangent| {
        let first = match row.checked_sub(reached) {
            None => row * width,
            Some(row) => row * width + n,
        };
        for (i, value) in tangent.iter().enumerate() {
            jacobian[(first + i) * columns + column] = *value;
        }
    })?;
    Ok(stats)
}

/// A gradient, as [`crate::GradientMethod::evaluate`] gives it; `saved` holds the work arrays.
pub(crate) fn gradient(
    pass: &mut dyn TangentPass,
    saved: &mut SavedStates,
    (ivp, settings, saves): (&Ivp<'_>, &Settings, &[f64]),
    loss: &mut Loss<'_>,
    grad_u0: &mut [f64],
    grad_p: &mut [f64],
) -> Result<Evaluated, SolveError> {
    validate_gradients(ivp, grad_u0, grad_p, pass.honoured())?;
    let (n, m) = (ivp.u0.len(), ivp.p.len());
    saved.resize_with_delayed(saves.len(), n, pass.shown(ivp));
    let (forward, reached) = pass.solve(ivp, settings, saves, &mut saved.states)?;
    pass.write_shown(&mut saved.delayed);
    let loss = saved.evaluate(loss);
    // States after a stop do not depend on anything.
    saved.by_state[reached * n..].fill(0.0);
    grad_u0.fill(0.0);
    grad_p.fill(0.0);
    let mut by_start_time = pass.follows_start_time().then_some(0.0);
    let start_time = by_start_time.is_some();
    let weighted = &*saved;
    pass.propagate(ivp, settings, &saves[..reached], start_time, &mut |row, d, tangent| {
        let weights = match row.checked_sub(reached) {
            None => weighted.row_by_state(row, n),
            Some(row) => weighted.row_by_delayed(row),
        };
        let along: f64 = weights.iter().zip(tangent).map(|(w, s)| w * s).sum();
        match (d.checked_sub(n), &mut by_start_time) {
            (None, _) => grad_u0[d] += along,
            (Some(parameter), _) if parameter < m => grad_p[parameter] += along,
            (Some(_), Some(sum)) => *sum += along,
            (Some(_), None) => {}
        }
    })?;
    ensure_finite(ivp, &saved.by_state, grad_u0, grad_p)?;
    Ok(Evaluated {
        loss,
        forward,
        reverse_products: pass.products(),
        memory: pass.bytes(),
        by_start_time,
    })
}

/// The public interface of a type with a [`TangentPass`] in `pass` and its work arrays in `saved`.
macro_rules! sensitivities {
    ($name:ident) => {
        impl $name {
            /// Solves and writes the states at `saves` to `states` (`saves.len() × n`) and their
            /// derivatives to `jacobian`: row `m·n + i` belongs to state `i` at save time `m` and
            /// holds `n` derivatives by the initial state, then those by the parameters. Rows that
            /// are not reached because an event stops the solve are 0.
            ///
            /// # Errors
            /// As [`crate::GradientMethod::evaluate`].
            pub fn jacobian(
                &mut self,
                ivp: &slopefield_solve::Ivp<'_>,
                settings: &slopefield_solve::Settings,
                saves: &[f64],
                states: &mut [f64],
                jacobian: &mut [f64],
            ) -> Result<slopefield_solve::Stats, slopefield_solve::SolveError> {
                let pass = &mut self.pass;
                $crate::sensitivity::jacobian(pass, ivp, settings, saves, states, jacobian)
            }
        }

        impl $crate::GradientMethod for $name {
            fn name(&self) -> &'static str {
                "forward"
            }

            fn show_delayed(&mut self) -> bool {
                $crate::sensitivity::TangentPass::show(&mut self.pass)
            }

            fn state_sensitivities(&self) -> Option<Box<dyn $crate::StateSensitivities>> {
                Some(Box::new(self.again()?))
            }

            fn evaluate(
                &mut self,
                ivp: &slopefield_solve::Ivp<'_>,
                settings: &slopefield_solve::Settings,
                saves: &[f64],
                loss: &mut $crate::Loss<'_>,
                grad_u0: &mut [f64],
                grad_p: &mut [f64],
            ) -> Result<$crate::Evaluated, slopefield_solve::SolveError> {
                let (pass, saved) = (&mut self.pass, &mut self.saved);
                let case = (ivp, settings, saves);
                $crate::sensitivity::gradient(pass, saved, case, loss, grad_u0, grad_p)
            }
        }
    };
}
pub(crate) use sensitivities;
