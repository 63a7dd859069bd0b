//! `trajectory`: curves of the model at the best parameters of a run, forecast included.

use super::{Holds, Table, array, run};
use crate::error::{Doing, ProjectError};
use crate::text::{self, Rule};
use rusqlite::{Connection, params};

const DOING: &str = "reading curves";
const WRITING: &str = "storing curves";

/// Curves.
pub(crate) const TRAJECTORY: Table = Table {
    name: "trajectory",
    create: "CREATE TABLE trajectory (
  run_number INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
  position INTEGER NOT NULL CHECK (position >= 0),
  experiment TEXT NOT NULL,
  observation TEXT NOT NULL,
  time_array_id INTEGER NOT NULL REFERENCES array (id),
  value_array_id INTEGER NOT NULL REFERENCES array (id),
  PRIMARY KEY (run_number, position)
) STRICT",
    indexes: &[
        "CREATE INDEX trajectory_time_array ON trajectory (time_array_id)",
        "CREATE INDEX trajectory_value_array ON trajectory (value_array_id)",
    ],
    columns: &[
        ("run_number", Holds::Integer),
        ("position", Holds::Integer),
        ("experiment", Holds::Text(Rule::Name)),
        ("observation", Holds::Text(Rule::Name)),
        ("time_array_id", Holds::Integer),
        ("value_array_id", Holds::Integer),
    ],
};

/// A curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Experiment.
    pub experiment: String,
    /// Observation.
    pub observation: String,
    /// Times, finite.
    pub times: Vec<f64>,
    /// Values, one per time; NaN where the model has none.
    pub values: Vec<f64>,
}

fn clear(conn: &Connection, number: i64) -> Result<(), ProjectError> {
    let mut statement = conn
        .prepare_cached(
            "SELECT time_array_id FROM trajectory WHERE run_number = ?1
             UNION SELECT value_array_id FROM trajectory WHERE run_number = ?1",
        )
        .doing(WRITING)?;
    let old: Vec<i64> = statement
        .query_map([number], |row| row.get(0))
        .doing(WRITING)?
        .collect::<Result<_, _>>()
        .doing(WRITING)?;
    conn.execute("DELETE FROM trajectory WHERE run_number = ?1", [number]).doing(WRITING)?;
    old.into_iter().try_for_each(|id| array::delete(conn, id))
}

/// Times are finite and as many as values.
pub(crate) fn verify(conn: &Connection, number: i64) -> Result<(), ProjectError> {
    for curve in load(conn, number)? {
        if curve.times.len() != curve.values.len() || !curve.times.iter().all(|t| t.is_finite()) {
            return Err(ProjectError::Damaged {
                finding: format!(
                    "the curve `{}` of run {number} has {} times and {} values, or a time that is not finite",
                    curve.observation,
                    curve.times.len(),
                    curve.values.len()
                ),
            });
        }
    }
    Ok(())
}

fn load(conn: &Connection, number: i64) -> Result<Vec<Curve>, ProjectError> {
    let mut statement = conn
        .prepare_cached(
            "SELECT experiment, observation, time_array_id, value_array_id FROM trajectory
             WHERE run_number = ?1 ORDER BY position",
        )
        .doing(DOING)?;
    let mut rows = statement.query([number]).doing(DOING)?;
    let mut curves = Vec::new();
    while let Some(row) = rows.next().doing(DOING)? {
        let time_array: i64 = row.get(2).doing(DOING)?;
        let value_array: i64 = row.get(3).doing(DOING)?;
        curves.push(Curve {
            experiment: row.get(0).doing(DOING)?,
            observation: row.get(1).doing(DOING)?,
            times: array::load_f64(conn, time_array)?.1,
            values: array::load_f64(conn, value_array)?.1,
        });
    }
    Ok(curves)
}

impl crate::Project {
    /// Stores the curves of a run in the place of earlier ones. Neighbours with the same times
    /// share them in the file.
    ///
    /// # Errors
    /// When the run is unknown, a curve has more times than values, a time is not finite, or the
    /// project is read-only.
    pub fn set_curves(&mut self, id: &str, curves: &[Curve]) -> Result<(), ProjectError> {
        self.change(WRITING, |conn| {
            let number = run::number(conn, id)?;
            clear(conn, number)?;
            let mut times: Option<(&[f64], i64)> = None;
            for (position, curve) in curves.iter().enumerate() {
                text::check("the name of an experiment", &curve.experiment, Rule::Name)?;
                text::check("the name of an observation", &curve.observation, Rule::Name)?;
                let n = curve.times.len();
                if curve.values.len() != n {
                    return Err(ProjectError::Shape {
                        what: format!("the curve `{}`", curve.observation),
                        found: curve.values.len(),
                        expected: n,
                    });
                }
                if let Some(at) = curve.times.iter().position(|t| !t.is_finite()) {
                    return Err(ProjectError::BadValue {
                        what: format!("time {} of the curve `{}`", at + 1, curve.observation),
                        reason: "it is not finite".into(),
                    });
                }
                let time_array = match times {
                    Some((earlier, id)) if earlier == curve.times => id,
                    _ => array::store_f64(conn, &curve.times, &[n])?,
                };
                times = Some((&curve.times, time_array));
                let value_array = array::store_f64(conn, &curve.values, &[n])?;
                conn.execute(
                    "INSERT INTO trajectory (run_number, position, experiment, observation,
                       time_array_id, value_array_id)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        number,
                        position as i64,
                        curve.experiment,
                        curve.observation,
                        time_array,
                        value_array
                    ],
                )
                .doing(WRITING)?;
            }
            Ok(())
        })
    }

    /// The curves of a run in the order they were stored.
    ///
    /// # Errors
    /// When the run is unknown or an array is damaged.
    pub fn curves(&self, id: &str) -> Result<Vec<Curve>, ProjectError> {
        let conn = self.read();
        load(conn, run::number(conn, id)?)
    }
}
