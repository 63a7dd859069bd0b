//! Forcing signals from the columns of a table.

use super::{Resolved, number_column};
use crate::error::Problem;
use crate::file::{ColumnNames, DataSource};
use crate::load::TableData;
use crate::signal::{Signal, Signals};
use slopefield_lang::Model;

/// A table, and what is known of its rows.
pub(super) struct Columns<'a> {
    pub source: &'a DataSource,
    pub table: &'a TableData,
    pub times: &'a [f64],
    /// Rows that hold a measurement.
    pub measured: &'a [bool],
}

/// A signal for each input of the model; none when it has no inputs, or when one of them has no data,
/// which is reported.
pub(super) fn signals(
    model: &Model,
    columns: &Columns<'_>,
    place: &str,
    problems: &mut Vec<Problem>,
) -> Option<Signals> {
    if model.inputs.is_empty() {
        return None;
    }
    let mut list = Vec::with_capacity(model.inputs.len());
    for input in &model.inputs {
        let (name, column) = (&input.name, columns.source.columns.get(&input.name));
        let column = match column.map(ColumnNames::names) {
            None => &input.column,
            Some([one]) => one,
            Some(several) => {
                let message = format!("the input `{name}` takes one column, not {}", several.len());
                problems.push(Problem::error(format!("{place}.columns"), message));
                continue;
            }
        };
        let values = match number_column(columns.table, column) {
            Ok(values) => values,
            Err(why) => {
                let message = format!("the input `{name}`: {why}");
                problems.push(Problem::error(format!("{place}.columns"), message));
                continue;
            }
        };
        let points = || columns.times.iter().copied().zip(values.iter().copied());
        let missing = points().filter(|(t, v)| t.is_finite() && v.is_nan()).count();
        // Where no row has both, measurements have rows of their own.
        let shared =
            values.iter().zip(columns.measured).any(|(v, measured)| *measured && !v.is_nan());
        if missing > 0 && shared {
            let rows = if missing == 1 { "row has" } else { "rows have" };
            let warning = Problem::warning(
                place,
                format!(
                    "{missing} {rows} no value of the input `{name}`; it is interpolated across them"
                ),
            );
            // Experiments may share a table.
            if !problems.contains(&warning) {
                problems.push(warning);
            }
        }
        match Signal::new(name, input.interpolation, points()) {
            Ok(signal) => list.push(signal),
            Err(why) => {
                let message = format!("the column `{column}` of the input `{name}` {why}");
                problems.push(Problem::error(place, message));
            }
        }
    }
    (list.len() == model.inputs.len()).then(|| Signals::new(list))
}

/// Warnings where solves leave the data of inputs.
pub(super) fn warn_beyond(model: &Model, until: Option<f64>, resolved: &mut Resolved) {
    let end = resolved.forecast_end(until);
    for experiment in &resolved.experiments {
        let Some(signals) = &experiment.signals else { continue };
        for note in signals.leaving(experiment.start, end, &model.time.name) {
            let place = format!("data.{}", experiment.table);
            let warning = Problem::warning(place, note);
            if !resolved.problems.contains(&warning) {
                resolved.problems.push(warning);
            }
        }
    }
}
