//! `network_graph`: networks as plugins recorded them, so that a project opens and trains without
//! the plugin.
//!
//! Unlike `run_network`, which is part of what a run found, these belong to the project: they are
//! found by what a model writes (kind, options, sizes). This crate knows neither the encoding of a
//! graph nor the spelling of options.

use super::{Holds, Table, array};
use crate::error::{Doing, ProjectError};
use crate::text::{self, Rule};
use crate::time::now_utc_ms;
use rusqlite::{Connection, OptionalExtension, params};

const DOING: &str = "reading the graph of a network";
const WRITING: &str = "storing the graph of a network";
/// The step of the schema that made the table: a file of an older version, open for reading, has
/// no such table and no such graphs.
const STEP: i64 = 3;

/// Graphs that plugins recorded.
pub(crate) const NETWORK_GRAPH: Table = Table {
    name: "network_graph",
    create: "CREATE TABLE network_graph (
  id INTEGER NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  options TEXT NOT NULL,
  inputs INTEGER NOT NULL CHECK (inputs BETWEEN 1 AND 4294967295),
  outputs INTEGER NOT NULL CHECK (outputs BETWEEN 1 AND 4294967295),
  plugin_version TEXT NOT NULL,
  plugin_blake3 TEXT NOT NULL,
  op_set INTEGER NOT NULL CHECK (op_set BETWEEN 1 AND 4294967295),
  array_id INTEGER NOT NULL REFERENCES array (id),
  recorded_utc_ms INTEGER NOT NULL,
  UNIQUE (kind, options, inputs, outputs, plugin_version, plugin_blake3, op_set)
) STRICT",
    indexes: &["CREATE INDEX network_graph_array ON network_graph (array_id)"],
    columns: &[
        ("id", Holds::Integer),
        ("kind", Holds::Text(Rule::Name)),
        ("options", Holds::Text(Rule::Body)),
        ("inputs", Holds::Integer),
        ("outputs", Holds::Integer),
        ("plugin_version", Holds::Text(Rule::Name)),
        ("plugin_blake3", Holds::Text(Rule::Name)),
        ("op_set", Holds::Integer),
        ("array_id", Holds::Integer),
        ("recorded_utc_ms", Holds::Integer),
    ],
};

/// A network of a model as a plugin recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedNetwork {
    /// Kind with the plugin's id, e.g. `org.example.kan/kan`.
    pub kind: String,
    /// Options in a spelling that is the same for the same options.
    pub options: String,
    /// Number of inputs.
    pub inputs: u32,
    /// Number of outputs.
    pub outputs: u32,
    /// Version of the plugin that recorded it.
    pub plugin_version: String,
    /// BLAKE3 of the plugin's library, hexadecimal.
    pub plugin_blake3: String,
    /// Op set that the graph was recorded in.
    pub op_set: u32,
    /// The graph in its own encoding.
    pub bytes: Vec<u8>,
}

/// Whether the file is older than the table.
fn absent(conn: &Connection) -> Result<bool, ProjectError> {
    Ok(crate::schema::newest_step(conn)? < STEP)
}

fn load(conn: &Connection, id: i64) -> Result<RecordedNetwork, ProjectError> {
    let (mut network, array_id) = conn
        .prepare_cached(
            "SELECT kind, options, inputs, outputs, plugin_version, plugin_blake3, op_set, array_id
             FROM network_graph WHERE id = ?1",
        )
        .doing(DOING)?
        .query_row([id], |row| {
            let network = RecordedNetwork {
                kind: row.get(0)?,
                options: row.get(1)?,
                inputs: row.get(2)?,
                outputs: row.get(3)?,
                plugin_version: row.get(4)?,
                plugin_blake3: row.get(5)?,
                op_set: row.get(6)?,
                bytes: Vec::new(),
            };
            Ok((network, row.get(7)?))
        })
        .doing(DOING)?;
    network.bytes = array::load_bytes(conn, array_id)?;
    Ok(network)
}

/// Checks that a graph reads back.
pub(crate) fn verify(conn: &Connection) -> Result<(), ProjectError> {
    ids(conn)?.into_iter().try_for_each(|id| load(conn, id).map(drop))
}

fn ids(conn: &Connection) -> Result<Vec<i64>, ProjectError> {
    if absent(conn)? {
        return Ok(Vec::new());
    }
    let mut statement =
        conn.prepare_cached("SELECT id FROM network_graph ORDER BY id").doing(DOING)?;
    let rows = statement.query_map([], |row| row.get(0)).doing(DOING)?;
    rows.collect::<Result<_, _>>().doing(DOING)
}

impl crate::Project {
    /// Keeps a network that a plugin recorded, in the place of one that the same plugin recorded of
    /// the same kind, options and sizes. Nothing is written when it is there already. This is no
    /// edit: undo does not take it back.
    ///
    /// # Errors
    /// When a text cannot be stored or the project is read-only.
    pub fn keep_network(&mut self, network: &RecordedNetwork) -> Result<(), ProjectError> {
        let n = network;
        text::check("the kind of a network", &n.kind, Rule::Name)?;
        text::check("the options of a network", &n.options, Rule::Body)?;
        text::check("the version of a plugin", &n.plugin_version, Rule::Name)?;
        text::check("the hash of a plugin", &n.plugin_blake3, Rule::Name)?;
        let newest = self.recorded_network(&n.kind, &n.options, n.inputs, n.outputs)?;
        if newest.as_ref() == Some(network) {
            return Ok(());
        }
        self.change(WRITING, |conn| {
            let old: Option<(i64, i64)> = conn
                .query_row(
                    "SELECT id, array_id FROM network_graph WHERE kind = ?1 AND options = ?2
                       AND inputs = ?3 AND outputs = ?4 AND plugin_version = ?5
                       AND plugin_blake3 = ?6 AND op_set = ?7",
                    params![
                        n.kind,
                        n.options,
                        n.inputs,
                        n.outputs,
                        n.plugin_version,
                        n.plugin_blake3,
                        n.op_set
                    ],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()
                .doing(WRITING)?;
            if let Some((id, array_id)) = old {
                conn.execute("DELETE FROM network_graph WHERE id = ?1", [id]).doing(WRITING)?;
                array::delete(conn, array_id)?;
            }
            let array_id = array::store_bytes(conn, &n.bytes)?;
            // One more than the largest, so that the newest has the largest.
            conn.execute(
                "INSERT INTO network_graph (id, kind, options, inputs, outputs, plugin_version,
                   plugin_blake3, op_set, array_id, recorded_utc_ms)
                 VALUES ((SELECT coalesce(max(id), 0) + 1 FROM network_graph),
                   ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    n.kind,
                    n.options,
                    n.inputs,
                    n.outputs,
                    n.plugin_version,
                    n.plugin_blake3,
                    n.op_set,
                    array_id,
                    now_utc_ms()
                ],
            )
            .doing(WRITING)?;
            Ok(())
        })
    }

    /// The network of a kind, options and sizes that was recorded last.
    ///
    /// # Errors
    /// When its graph is damaged or the file cannot be read.
    pub fn recorded_network(
        &self,
        kind: &str,
        options: &str,
        inputs: u32,
        outputs: u32,
    ) -> Result<Option<RecordedNetwork>, ProjectError> {
        let conn = self.read();
        if absent(conn)? {
            return Ok(None);
        }
        let id: Option<i64> = conn
            .prepare_cached(
                "SELECT id FROM network_graph WHERE kind = ?1 AND options = ?2 AND inputs = ?3
                   AND outputs = ?4 ORDER BY id DESC LIMIT 1",
            )
            .doing(DOING)?
            .query_row(params![kind, options, inputs, outputs], |row| row.get(0))
            .optional()
            .doing(DOING)?;
        id.map(|id| load(conn, id)).transpose()
    }

    /// Shows every recorded network to `look`, one at a time, oldest first.
    ///
    /// # Errors
    /// When a graph is damaged or the file cannot be read.
    pub fn each_recorded_network(
        &self,
        look: &mut dyn FnMut(&RecordedNetwork),
    ) -> Result<(), ProjectError> {
        let conn = self.read();
        for id in ids(conn)? {
            look(&load(conn, id)?);
        }
        Ok(())
    }
}
