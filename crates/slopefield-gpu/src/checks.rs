//! What models, plans and problems have to be, and the columns of a problem's numbers.

use slopefield_ensemble::Values;
use slopefield_graph::plan::{Entry, Plan};
use slopefield_graph::{LoweredModel, ModelFunction};
use slopefield_solve::Settings;

use crate::error::GpuError;
use crate::trajectories::Trajectories;

/// Refuses plans that are not the slopes of as many states.
pub(crate) fn check_slopes(plan: &Plan) -> Result<(), GpuError> {
    if plan.entry != Entry::Eval || plan.shape.outputs == 0 {
        return Err(GpuError::Invalid("a solve needs the values of slopes".into()));
    }
    if plan.shape.states != plan.shape.outputs {
        return Err(GpuError::Model { what: "models with inputs or delays" });
    }
    check_operators(plan)
}

/// Refuses plans with operators that plugins compute, whose code is for the processor.
pub(crate) fn check_operators(plan: &Plan) -> Result<(), GpuError> {
    match plan.custom() {
        Some(_) => Err(GpuError::Model { what: "models with operators of plugins" }),
        None => Ok(()),
    }
}

/// Refuses room for another number of values than `row` for each of a problem's trajectories or paths.
pub(crate) fn check_room(
    what: &str,
    count: usize,
    row: usize,
    room: usize,
) -> Result<(), GpuError> {
    if count.checked_mul(row) == Some(room) {
        return Ok(());
    }
    Err(GpuError::Invalid(format!(
        "room for {room} values was given, but {count} {what} need {row} each"
    )))
}

/// Refuses models that are more than an ordinary differential equation, and operators of plugins.
pub(crate) fn check_model(model: &LoweredModel) -> Result<(), GpuError> {
    if let Some((function, _)) = model.others.first() {
        return Err(refused(function));
    }
    check_operators(&model.rhs.eval)
}

/// The refusal of a model that has a function.
pub(crate) fn refused(function: &ModelFunction) -> GpuError {
    let what = match function {
        ModelFunction::Mass | ModelFunction::Invariants => "algebraic equations and mass matrices",
        ModelFunction::History | ModelFunction::Lags => "delays",
        ModelFunction::Noise | ModelFunction::DiagonalNoise => "equations with noise",
        ModelFunction::Rates | ModelFunction::JumpAffect(_) => "random jumps",
        _ => "events",
    };
    GpuError::Model { what }
}

/// Checks sizes, times and settings of a problem with so many states, parameters, and parameters of each
/// trajectory.
pub(crate) fn check_values(
    problem: &Trajectories<'_>,
    settings: &Settings,
    saves: &[f64],
    (n, params, own_len): (usize, usize, usize),
) -> Result<(), GpuError> {
    let invalid = |text: String| Err(GpuError::Invalid(text));
    let Trajectories { t0, t1, count, u0, shared, own } = *problem;
    if shared.len() != params {
        return invalid(format!(
            "{} parameters were given, but the right-hand side takes {params}",
            shared.len()
        ));
    }
    for (what, values, len) in [("initial states", u0, n), ("own parameters", own, own_len)] {
        let (found, wanted) = match values {
            Values::Same(row) => (row.len(), Some(len)),
            Values::Each(rows) => (rows.len(), count.checked_mul(len)),
        };
        if Some(found) != wanted {
            return invalid(format!(
                "{found} {what} were given for {count} trajectories of {len} each"
            ));
        }
    }
    if u32::try_from(count).is_err() {
        return invalid(format!("{count} trajectories are too many"));
    }
    if !t0.is_finite() || !t1.is_finite() {
        return invalid(format!("the time span {t0} to {t1} is not finite"));
    }
    settings.validate(n).map_err(|e| GpuError::Invalid(e.to_string()))?;
    let direction = if t1 < t0 { -1.0 } else { 1.0 };
    let mut previous = t0;
    for (index, &t) in saves.iter().enumerate() {
        if !((t - t0) * direction >= 0.0 && (t1 - t) * direction >= 0.0) {
            return invalid(format!("save time {index} is {t}, outside the span {t0} to {t1}"));
        }
        if (t - previous) * direction < 0.0 {
            return invalid(format!(
                "save time {index} is {t}, before its predecessor {previous}; sort them in \
                 the direction of integration"
            ));
        }
        previous = t;
    }
    Ok(())
}

/// Initial states and own parameters of the trajectories `from .. from + lanes`, a column for each.
pub(crate) fn columns(
    problem: &Trajectories<'_>,
    (n, own): (usize, usize),
    (from, lanes): (usize, usize),
) -> Vec<f64> {
    let mut columns = Vec::with_capacity((n + own) * lanes);
    for row in 0..n + own {
        let value = column(problem, (n, own), from, row);
        columns.extend((0..lanes).map(value));
    }
    columns
}

/// The values of a row of [`columns`], by the number of the trajectory after `from`.
pub(crate) fn column<'a>(
    problem: &Trajectories<'a>,
    (n, own): (usize, usize),
    from: usize,
    row: usize,
) -> impl Fn(usize) -> f64 + Sync + use<'a> {
    let (values, len, i) = if row < n { (problem.u0, n, row) } else { (problem.own, own, row - n) };
    move |k| match values {
        Values::Same(row) => row[i],
        Values::Each(rows) => rows[(from + k) * len + i],
    }
}

/// The parameters of each trajectory ascend and exist.
pub(crate) fn check_own(plan: &Plan, own: &[usize]) -> Result<(), GpuError> {
    let params = plan.shape.params;
    if own.is_sorted_by(|a, b| a < b) && own.iter().all(|&i| i < params) {
        return Ok(());
    }
    Err(GpuError::Invalid(format!(
        "the parameters of each trajectory must ascend and be less than {params}: {own:?}"
    )))
}
