//! Steady states of a table of data: one for each of its times.
//!
//! The row at the time `t` is the steady state of `f(t, u, p) = 0` that is reached from the initial
//! values. Where nothing depends on the time all rows are the same state; where an input does, such
//! as a dose, each row has its own.

use super::SteadyAdjoint;
use crate::method::validate_gradients;
use crate::saves::SavedStates;
use crate::{Evaluated, GradientMethod, Loss, MethodInfo, StateSensitivities};
use slopefield_kernel::{Part, Point, Tangent};
use slopefield_solve::{Ivp, Settings, SolveError, Stats, steady_state};

/// Implicit differentiation, as users see it. It is no member of [`crate::METHODS`], which go along
/// a solution over time.
pub static STEADY: MethodInfo = MethodInfo {
    id: "steady",
    title: "Implicit differentiation",
    description: "For steady states: one linear system with the transposed Jacobian at each, \
                  whatever the number of parameters.",
    exact: true,
    make: |_| Ok(Box::new(SteadyRows::new())),
};

/// Largest relative tolerance of a search. What is left of the last step is far below it, so that
/// losses are smooth to eleven digits and gradients as good.
const TIGHT: f64 = 1e-8;

/// The settings of a search for the settings of a study.
fn searching(settings: &Settings) -> Settings {
    let mut tight = settings.clone();
    if settings.rtol > TIGHT {
        tight.atol.iter_mut().for_each(|atol| *atol *= TIGHT / settings.rtol);
        tight.rtol = TIGHT;
    }
    tight
}

/// Writes the steady state at each of the times `saves` that is reached from `ivp.u0` to `states`, row
/// by row; the times of `ivp` do not matter. Equal times in a row are searched once.
///
/// # Errors
/// Those of [`steady_state`]; [`SolveError::Invalid`] for systems with events, which have no rest
/// that the equations alone determine.
pub fn steady_states(
    ivp: &Ivp<'_>,
    settings: &Settings,
    saves: &[f64],
    states: &mut [f64],
) -> Result<Stats, SolveError> {
    let n = ivp.u0.len();
    if states.len() != saves.len() * n {
        return Err(SolveError::Invalid(format!(
            "room for {} numbers was given, but {} steady states of {n} are to be found",
            states.len(),
            saves.len()
        )));
    }
    if ivp.rhs.structure().events.is_some() {
        return Err(SolveError::Invalid(
            "systems with events have no steady state that their equations alone determine".into(),
        ));
    }
    let settings = searching(settings);
    let mut stats = Stats::default();
    for (row, &t) in saves.iter().enumerate() {
        let (before, rest) = states.split_at_mut(row * n);
        if row > 0 && saves[row - 1] == t {
            rest[..n].copy_from_slice(&before[(row - 1) * n..]);
            continue;
        }
        let found = steady_state(ivp.rhs, t, ivp.u0, ivp.p, &settings)?;
        rest[..n].copy_from_slice(&found.u);
        stats += found.stats;
    }
    Ok(stats)
}

/// Gradients and derivatives of [`steady_states`], by implicit differentiation ([`SteadyAdjoint`]).
/// Derivatives by the initial values, which choose among steady states and do not move them, are 0.
#[derive(Default)]
pub struct SteadyRows {
    method: SteadyAdjoint,
    saved: SavedStates,
}

impl SteadyRows {
    /// Without work arrays.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl GradientMethod for SteadyRows {
    fn name(&self) -> &'static str {
        STEADY.id
    }

    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        validate_gradients(ivp, grad_u0, grad_p, &[Part::Mass])?;
        let n = ivp.u0.len();
        let SteadyRows { method, saved } = self;
        saved.resize(saves.len(), n);
        let forward = steady_states(ivp, settings, saves, &mut saved.states)?;
        let loss = saved.evaluate(loss);
        grad_u0.fill(0.0);
        grad_p.fill(0.0);
        let mut products = 0;
        for (row, &t) in saves.iter().enumerate() {
            method.by_state.clear();
            method.by_state.extend_from_slice(saved.row_by_state(row, n));
            if method.by_state.iter().all(|w| *w == 0.0) {
                continue;
            }
            let at = Point { t, u: &saved.states[row * n..(row + 1) * n], p: ivp.p };
            method.factor(ivp.rhs, t, at.u, ivp.p)?;
            method.pull_back(ivp.rhs, at, grad_p)?;
            products += 1;
        }
        Ok(Evaluated {
            loss,
            forward,
            reverse_products: products,
            memory: 8 * method.jacobian.values().len() as u64,
            by_start_time: None,
        })
    }

    fn state_sensitivities(&self) -> Option<Box<dyn StateSensitivities>> {
        Some(Box::new(SteadyRows::new()))
    }
}

impl StateSensitivities for SteadyRows {
    fn states_and_jacobian(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
        jacobian: &mut [f64],
    ) -> Result<Stats, SolveError> {
        let (n, m) = (ivp.u0.len(), ivp.p.len());
        let columns = n + m;
        if jacobian.len() != saves.len() * n * columns {
            return Err(SolveError::Invalid(format!(
                "room for a Jacobian of {} numbers was given, but {} are needed",
                jacobian.len(),
                saves.len() * n * columns
            )));
        }
        let stats = steady_states(ivp, settings, saves, states)?;
        let (still, mut along) = (vec![0.0; n], vec![0.0; m]);
        let (mut value, mut change) = (vec![0.0; n], vec![0.0; n]);
        let mut scratch = vec![0.0; ivp.rhs.scratch_len()];
        jacobian.fill(0.0);
        for (row, &t) in saves.iter().enumerate() {
            let u = &states[row * n..(row + 1) * n];
            self.method.factor(ivp.rhs, t, u, ivp.p)?;
            for parameter in 0..m {
                along[parameter] = 1.0;
                let (at, tangent) =
                    (Point { t, u, p: ivp.p }, Tangent { t: 0.0, u: &still, p: &along });
                ivp.rhs.jvp(at, tangent, &mut value, &mut change, &mut scratch);
                along[parameter] = 0.0;
                self.method.matrix.solve(&mut change);
                for (i, du) in change.iter().enumerate() {
                    jacobian[(row * n + i) * columns + n + parameter] = -du;
                }
            }
        }
        Ok(stats)
    }
}
