//! `run_parameter`, `run_weights`, `run_network`: what a run found.
//!
//! Scalars are plain rows that anybody can read; weights are arrays with a shape; a network's graph
//! is bytes in its own encoding, never code.

use super::{Holds, Table, array, run};
use crate::error::{Doing, ProjectError};
use crate::text::{self, Rule};
use rusqlite::{Connection, params};

const DOING: &str = "reading parameters";
const WRITING: &str = "storing parameters";

/// Scalar parameters.
pub(crate) const RUN_PARAMETER: Table = Table {
    name: "run_parameter",
    create: "CREATE TABLE run_parameter (
  run_number INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
  role TEXT NOT NULL CHECK (role IN ('start', 'best', 'last')),
  position INTEGER NOT NULL CHECK (position >= 0),
  name TEXT NOT NULL,
  value REAL NOT NULL,
  PRIMARY KEY (run_number, role, position)
) STRICT",
    indexes: &[],
    columns: &[
        ("run_number", Holds::Integer),
        ("role", Holds::Word(&["start", "best", "last"])),
        ("position", Holds::Integer),
        ("name", Holds::Text(Rule::Name)),
        ("value", Holds::Real),
    ],
};

/// Arrays of weights.
pub(crate) const RUN_WEIGHTS: Table = Table {
    name: "run_weights",
    create: "CREATE TABLE run_weights (
  run_number INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
  role TEXT NOT NULL CHECK (role IN ('start', 'best', 'last')),
  position INTEGER NOT NULL CHECK (position >= 0),
  name TEXT NOT NULL,
  array_id INTEGER NOT NULL REFERENCES array (id),
  PRIMARY KEY (run_number, role, position)
) STRICT",
    indexes: &["CREATE INDEX run_weights_array ON run_weights (array_id)"],
    columns: &[
        ("run_number", Holds::Integer),
        ("role", Holds::Word(&["start", "best", "last"])),
        ("position", Holds::Integer),
        ("name", Holds::Text(Rule::Name)),
        ("array_id", Holds::Integer),
    ],
};

/// Graphs of networks.
pub(crate) const RUN_NETWORK: Table = Table {
    name: "run_network",
    create: "CREATE TABLE run_network (
  run_number INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
  name TEXT NOT NULL,
  array_id INTEGER NOT NULL REFERENCES array (id),
  PRIMARY KEY (run_number, name)
) STRICT",
    indexes: &["CREATE INDEX run_network_array ON run_network (array_id)"],
    columns: &[
        ("run_number", Holds::Integer),
        ("name", Holds::Text(Rule::Name)),
        ("array_id", Holds::Integer),
    ],
};

/// Which parameters of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Those it started from.
    Start,
    /// The best found.
    Best,
    /// Those of its last iteration.
    Last,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Role::Start => "start",
            Role::Best => "best",
            Role::Last => "last",
        }
    }
}

/// An array of weights with its name, e.g. `nn.layer0.weight`.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Name.
    pub name: String,
    /// Sizes, slowest first; their product is the number of values.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub values: Vec<f64>,
}

/// Parameters of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters {
    /// Scalars by name, in their order.
    pub scalars: Vec<(String, f64)>,
    /// Weights of networks, in their order.
    pub weights: Vec<Weights>,
}

fn clear(conn: &Connection, number: i64, role: Role) -> Result<(), ProjectError> {
    conn.execute(
        "DELETE FROM run_parameter WHERE run_number = ?1 AND role = ?2",
        params![number, role.as_str()],
    )
    .doing(WRITING)?;
    let mut statement = conn
        .prepare_cached("SELECT array_id FROM run_weights WHERE run_number = ?1 AND role = ?2")
        .doing(WRITING)?;
    let old: Vec<i64> = statement
        .query_map(params![number, role.as_str()], |row| row.get(0))
        .doing(WRITING)?
        .collect::<Result<_, _>>()
        .doing(WRITING)?;
    conn.execute(
        "DELETE FROM run_weights WHERE run_number = ?1 AND role = ?2",
        params![number, role.as_str()],
    )
    .doing(WRITING)?;
    old.into_iter().try_for_each(|id| array::delete(conn, id))
}

impl crate::Project {
    /// Stores parameters of a run in the place of those with the same role.
    ///
    /// # Errors
    /// When the run is unknown, a scalar is not finite, a shape does not fit, or the project is
    /// read-only.
    pub fn set_parameters(
        &mut self,
        id: &str,
        role: Role,
        parameters: &Parameters,
    ) -> Result<(), ProjectError> {
        self.change(WRITING, |conn| {
            let number = run::number(conn, id)?;
            clear(conn, number, role)?;
            for (position, (name, value)) in parameters.scalars.iter().enumerate() {
                text::check("a parameter name", name, Rule::Name)?;
                if !value.is_finite() {
                    return Err(ProjectError::BadValue {
                        what: format!("the value {value} of parameter `{name}`"),
                        reason: "it is not finite".into(),
                    });
                }
                conn.prepare_cached(
                    "INSERT INTO run_parameter (run_number, role, position, name, value) VALUES (?1, ?2, ?3, ?4, ?5)",
                )
                .doing(WRITING)?
                .execute(params![number, role.as_str(), position as i64, name, value])
                .doing(WRITING)?;
            }
            for (position, weights) in parameters.weights.iter().enumerate() {
                text::check("the name of weights", &weights.name, Rule::Name)?;
                let array_id = array::store_f64(conn, &weights.values, &weights.shape)?;
                conn.prepare_cached(
                    "INSERT INTO run_weights (run_number, role, position, name, array_id) VALUES (?1, ?2, ?3, ?4, ?5)",
                )
                .doing(WRITING)?
                .execute(params![number, role.as_str(), position as i64, weights.name, array_id])
                .doing(WRITING)?;
            }
            Ok(())
        })
    }

    /// Parameters of a run; empty when none with this role were stored.
    ///
    /// # Errors
    /// When the run is unknown or an array is damaged.
    pub fn parameters(&self, id: &str, role: Role) -> Result<Parameters, ProjectError> {
        let conn = self.read();
        load(conn, run::number(conn, id)?, role)
    }

    /// Stores the graphs of a run's networks (name and bytes) in the place of earlier ones.
    ///
    /// # Errors
    /// When the run is unknown, a name is not storable, or the project is read-only.
    pub fn set_networks(
        &mut self,
        id: &str,
        networks: &[(String, Vec<u8>)],
    ) -> Result<(), ProjectError> {
        self.change(WRITING, |conn| {
            let number = run::number(conn, id)?;
            for (_, array_id) in network_arrays(conn, number)? {
                conn.execute("DELETE FROM run_network WHERE array_id = ?1", [array_id])
                    .doing(WRITING)?;
                array::delete(conn, array_id)?;
            }
            for (name, bytes) in networks {
                text::check("the name of a network", name, Rule::Name)?;
                let array_id = array::store_bytes(conn, bytes)?;
                conn.execute(
                    "INSERT INTO run_network (run_number, name, array_id) VALUES (?1, ?2, ?3)",
                    params![number, name, array_id],
                )
                .doing(WRITING)?;
            }
            Ok(())
        })
    }

    /// Graphs of a run's networks: name and bytes, ordered by name.
    ///
    /// # Errors
    /// When the run is unknown or an array is damaged.
    pub fn networks(&self, id: &str) -> Result<Vec<(String, Vec<u8>)>, ProjectError> {
        let conn = self.read();
        load_networks(conn, run::number(conn, id)?)
    }
}

fn load(conn: &Connection, number: i64, role: Role) -> Result<Parameters, ProjectError> {
    let mut statement = conn
        .prepare_cached(
            "SELECT name, value FROM run_parameter WHERE run_number = ?1 AND role = ?2 ORDER BY position",
        )
        .doing(DOING)?;
    let scalars = statement
        .query_map(params![number, role.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .doing(DOING)?
        .collect::<Result<_, _>>()
        .doing(DOING)?;
    let mut statement = conn
        .prepare_cached(
            "SELECT name, array_id FROM run_weights WHERE run_number = ?1 AND role = ?2 ORDER BY position",
        )
        .doing(DOING)?;
    let heads: Vec<(String, i64)> = statement
        .query_map(params![number, role.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .doing(DOING)?
        .collect::<Result<_, _>>()
        .doing(DOING)?;
    let mut weights = Vec::with_capacity(heads.len());
    for (name, array_id) in heads {
        let (shape, values) = array::load_f64(conn, array_id)?;
        weights.push(Weights { name, shape, values });
    }
    Ok(Parameters { scalars, weights })
}

fn load_networks(conn: &Connection, number: i64) -> Result<Vec<(String, Vec<u8>)>, ProjectError> {
    network_arrays(conn, number)?
        .into_iter()
        .map(|(name, array_id)| Ok((name, array::load_bytes(conn, array_id)?)))
        .collect()
}

/// Checks that the parameters and networks of a run read back.
pub(crate) fn verify(conn: &Connection, number: i64) -> Result<(), ProjectError> {
    for role in [Role::Start, Role::Best, Role::Last] {
        load(conn, number, role)?;
    }
    load_networks(conn, number).map(drop)
}

fn network_arrays(conn: &Connection, number: i64) -> Result<Vec<(String, i64)>, ProjectError> {
    let mut statement = conn
        .prepare_cached(
            "SELECT name, array_id FROM run_network WHERE run_number = ?1 ORDER BY name",
        )
        .doing(DOING)?;
    let rows = statement.query_map([number], |row| Ok((row.get(0)?, row.get(1)?))).doing(DOING)?;
    rows.collect::<Result<_, _>>().doing(DOING)
}
