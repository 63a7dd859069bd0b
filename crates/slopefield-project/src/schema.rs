//! The schema: how it is created, its ledger of steps, and the comparison with what a file holds.

use crate::connect::{Link, set_pragma};
use crate::error::{Doing, ProjectError};
use crate::identify::{APPLICATION_ID, READER_VERSION};
use crate::tables;
use crate::time::now_utc_ms;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::path::Path;

const CREATING: &str = "creating the project";

/// One step of the schema. Immutable once released: the ledger in each file holds its hash.
struct Step {
    number: i64,
    name: &'static str,
    sql: fn() -> Vec<String>,
}

/// All steps in order. The first one is the schema of version 1.
const STEPS: &[Step] = &[
    Step { number: 1, name: "version 1", sql: || statements(tables::FIRST) },
    Step { number: 2, name: "uncertainty", sql: || statements(tables::SECOND) },
    Step { number: 3, name: "network graphs", sql: || statements(tables::THIRD) },
];

fn statements(tables: &[&tables::Table]) -> Vec<String> {
    tables
        .iter()
        .flat_map(|table| std::iter::once(table.create).chain(table.indexes.iter().copied()))
        .map(String::from)
        .collect()
}

fn hash(sql: &[String]) -> String {
    blake3::hash(sql.join(";\n").as_bytes()).to_hex().to_string()
}

/// Creates every table in an empty database, without rows except those of the ledger.
pub(crate) fn create(link: &Link) -> Result<(), ProjectError> {
    create_steps(link, known_steps())
}

/// As [`create`], the schema as it was after a step.
pub(crate) fn create_steps(link: &Link, last: i64) -> Result<(), ProjectError> {
    link.maintenance(|conn| {
        set_pragma(conn, "application_id", &APPLICATION_ID.to_string())?;
        set_pragma(conn, "user_version", &READER_VERSION.to_string())?;
        let tx = conn.unchecked_transaction().doing(CREATING)?;
        let steps = STEPS.iter().filter(|step| step.number <= last);
        steps.into_iter().try_for_each(|step| apply(&tx, step))?;
        tx.commit().doing(CREATING)
    })
}

/// Brings the schema of a file that an older version wrote up to date: the steps it lacks, all or
/// none. What is in the file stays as it is.
pub(crate) fn upgrade(link: &Link) -> Result<(), ProjectError> {
    let found = newest_step(link.conn())?;
    if found >= known_steps() {
        return Ok(());
    }
    link.maintenance(|conn| {
        let tx = conn.unchecked_transaction().doing(CREATING)?;
        let steps = STEPS.iter().filter(|step| step.number > found);
        steps.into_iter().try_for_each(|step| apply(&tx, step))?;
        tx.commit().doing(CREATING)
    })
}

fn apply(conn: &Connection, step: &Step) -> Result<(), ProjectError> {
    let sql = (step.sql)();
    for statement in &sql {
        conn.execute(statement, []).doing(CREATING)?;
    }
    conn.execute(
        "INSERT INTO migration (step, name, sql_hash, applied_utc_ms) VALUES (?1, ?2, ?3, ?4)",
        params![step.number, step.name, hash(&sql), now_utc_ms()],
    )
    .doing(CREATING)?;
    Ok(())
}

/// Number of the last step this program knows.
pub(crate) fn known_steps() -> i64 {
    STEPS.iter().map(|step| step.number).max().unwrap_or(0)
}

/// Number of the last step a file went through.
pub(crate) fn newest_step(conn: &Connection) -> Result<i64, ProjectError> {
    conn.query_row("SELECT coalesce(max(step), 0) FROM migration", [], |row| row.get(0))
        .doing("reading the ledger of schema steps")
}

/// The ledger must begin with exactly our steps and hashes. A file of an older version lacks our
/// last ones, together with their tables; steps that a newer version added may follow when the
/// agreement is [`Agreement::Additive`].
pub(crate) fn check_ledger(
    conn: &Connection,
    path: &Path,
    agreement: Agreement,
) -> Result<(), ProjectError> {
    const DOING: &str = "reading the ledger of schema steps";
    let mut statement =
        conn.prepare("SELECT step, sql_hash FROM migration ORDER BY step").doing(DOING)?;
    let found: Vec<(i64, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .doing(DOING)?
        .collect::<Result<_, _>>()
        .doing(DOING)?;
    let ours: Vec<(i64, String)> =
        STEPS.iter().map(|step| (step.number, hash(&(step.sql)()))).collect();
    let older = !found.is_empty() && ours.starts_with(&found);
    let fits = older || (agreement == Agreement::Additive && found.starts_with(&ours));
    let claimed = found.last().map_or(0, |(step, _)| *step).min(known_steps());
    if fits && claimed == step_of(&entries(conn)?) {
        Ok(())
    } else {
        Err(ProjectError::Refused {
            path: path.to_path_buf(),
            reason: "its ledger of schema steps is not one of Slopefield".into(),
        })
    }
}

/// How closely the schema of a file must agree with ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// Every row equal, none more, none fewer.
    Exact,
    /// Our tables are there; a newer version may have added tables, indexes and columns.
    Additive,
}

/// Last step whose tables are in a schema, by their names alone: nothing is read from a table
/// before its definition has been compared.
fn step_of(found: &Entries) -> i64 {
    let there = |table: &tables::Table| {
        found.keys().any(|(kind, name, _)| kind == "table" && name == table.name)
    };
    tables::all().filter(|(_, table)| there(table)).map(|(step, _)| step).max().unwrap_or(1)
}

/// The tables that a file has whose schema was checked: all of ours up to its last step.
pub(crate) fn tables_of(conn: &Connection) -> Result<Vec<&'static tables::Table>, ProjectError> {
    let newest = newest_step(conn)?;
    Ok(tables::all().filter(|(step, _)| *step <= newest).map(|(_, table)| table).collect())
}

/// Type, name and table of an entry → its SQL.
type Entries = BTreeMap<(String, String, String), String>;

/// Compares `sqlite_schema` with the allow-list.
pub(crate) fn check(
    conn: &Connection,
    path: &Path,
    agreement: Agreement,
) -> Result<(), ProjectError> {
    let refused = |reason: String| ProjectError::Refused { path: path.to_path_buf(), reason };
    let found = entries(conn)?;
    let expected_in = Link::in_memory()?;
    create_steps(&expected_in, step_of(&found))?;
    let expected = entries(expected_in.conn())?;
    for (key @ (kind, name, _), sql) in &found {
        let shown = crate::text::clean_line(name);
        match (kind.as_str(), expected.get(key)) {
            ("table" | "index", Some(ours)) if ours == sql || agreement == Agreement::Additive => {}
            ("table" | "index", Some(_)) => {
                return Err(refused(format!(
                    "its {kind} `{shown}` is not defined as in a project"
                )));
            }
            ("table", None)
                if agreement == Agreement::Additive
                    && sql.to_ascii_uppercase().starts_with("CREATE TABLE ") => {}
            ("index", None) if agreement == Agreement::Additive => {}
            ("table", None) if sql.to_ascii_uppercase().starts_with("CREATE VIRTUAL") => {
                return Err(refused(format!("it has the virtual table `{shown}`")));
            }
            ("table" | "index" | "view" | "trigger", _) => {
                return Err(refused(format!("it has the {kind} `{shown}`, which no project has")));
            }
            _ => {
                return Err(refused(format!(
                    "its schema has an entry of the unknown kind `{}`",
                    crate::text::clean_line(kind)
                )));
            }
        }
    }
    match expected.keys().find(|key| !found.contains_key(*key)) {
        Some((kind, name, _)) => Err(refused(format!("its {kind} `{name}` is missing"))),
        None => Ok(()),
    }
}

fn entries(conn: &Connection) -> Result<Entries, ProjectError> {
    const DOING: &str = "reading the schema";
    let mut statement =
        conn.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema").doing(DOING)?;
    let mut rows = statement.query([]).doing(DOING)?;
    let mut entries = Entries::new();
    while let Some(row) = rows.next().doing(DOING)? {
        let text = |column: usize| -> Result<String, ProjectError> {
            Ok(row.get::<_, Option<String>>(column).doing(DOING)?.unwrap_or_default())
        };
        let key = (text(0)?, text(1)?, text(2)?);
        let finding = format!("its schema names `{}` twice", crate::text::clean_line(&key.1));
        if entries.insert(key, normalise(&text(3)?)).is_some() {
            return Err(ProjectError::Damaged { finding });
        }
    }
    Ok(entries)
}

/// Runs of white space become one space.
fn normalise(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}
