//! Everything that can be checked about a project file, one sentence per finding.

use crate::connect::{Link, pragma};
use crate::error::{Doing, ProjectError};
use crate::identify::{self, MAX_FILE_BYTES};
use crate::project::{Project, quiet_link, write_version};
use crate::registry;
use crate::schema::{self, Agreement};
use crate::tables::{
    self, Holds, array, data_table, network_graph, run, run_history, trajectory, uncertainty,
};
use crate::text;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::path::Path;

/// One check and what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// The first finding, as a sentence.
    pub result: Result<(), String>,
}

/// The outcome of [`verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// Nothing was found.
    pub ok: bool,
    /// Every check in the order it was made; later ones are left out when an earlier finding makes
    /// them meaningless.
    pub checks: Vec<Check>,
}

impl VerifyReport {
    fn new() -> Self {
        VerifyReport { ok: true, checks: Vec::new() }
    }

    /// Adds a check; returns whether it passed.
    fn add(&mut self, name: &'static str, result: Result<(), ProjectError>) -> bool {
        let passed = result.is_ok();
        self.ok &= passed;
        self.checks.push(Check { name, result: result.map_err(|error| error.to_string()) });
        passed
    }

    /// The first finding.
    pub fn first_finding(&self) -> Option<&str> {
        self.checks.iter().find_map(|check| check.result.as_ref().err().map(String::as_str))
    }
}

/// How thoroughly pages are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    /// Everything but the content of indexes.
    Quick,
    /// Everything.
    Full,
}

/// Checks the file at `path` without changing it: header, pages, schema, references, texts, arrays
/// with their checksums, tables with their hashes, histories and curves.
///
/// # Errors
/// When the file cannot be read at all or is open for writing; what is wrong *inside* is in the
/// report.
pub fn verify(path: impl AsRef<Path>) -> Result<VerifyReport, ProjectError> {
    let path = identify::absolute(path.as_ref())?;
    registry::check(&path)?;
    let mut report = VerifyReport::new();
    let header = match identify::identify(&path, MAX_FILE_BYTES) {
        Ok(header) => header,
        Err(error @ ProjectError::Io { .. }) => return Err(error),
        Err(error) => {
            report.add("header", Err(error));
            return Ok(report);
        }
    };
    report.add("header", Ok(()));
    match quiet_link(&path, &header) {
        Ok((link, _private)) => {
            check_all(&mut report, &link, &path);
            Ok(report)
        }
        Err(error @ (ProjectError::Io { .. } | ProjectError::InUse { .. })) => Err(error),
        Err(error) => {
            report.add("opening", Err(error));
            Ok(report)
        }
    }
}

impl Project {
    /// As [`verify`](crate::verify()), for the open project.
    pub fn verify(&self) -> VerifyReport {
        let mut report = VerifyReport::new();
        check_all(&mut report, &self.link, &self.path);
        report
    }
}

/// Every check on an open connection.
///
/// The schema comes first: checking the pages calls the code of virtual tables, should there be
/// any, and a file that has some is refused before that.
fn check_all(report: &mut VerifyReport, link: &Link, path: &Path) {
    let conn = link.whole_file();
    let newer = schema::newest_step(conn).is_ok_and(|step| step > schema::known_steps());
    let agreement = if newer { Agreement::Additive } else { Agreement::Exact };
    if !report.add("schema", schema::check(conn, path, agreement)) {
        return;
    }
    if !report.add("pages", pages(link, Pages::Full)) {
        return;
    }
    report.add("ledger", schema::check_ledger(conn, path, agreement));
    content(report, conn);
}

/// The checks that need our schema and nothing else.
pub(crate) fn content(report: &mut VerifyReport, conn: &Connection) {
    report.add("references", references(conn));
    if !report.add(
        "values",
        schema::tables_of(conn).and_then(|all| all.into_iter().try_for_each(|t| values(conn, t))),
    ) {
        return;
    }
    report.add("head", head(conn));
    report.add("arrays", for_each(conn, "SELECT id FROM array ORDER BY id", array::verify));
    let each_table = "SELECT id FROM data_table ORDER BY id";
    report.add("tables", for_each(conn, each_table, data_table::verify));
    let each_run = "SELECT number FROM run ORDER BY number";
    report.add("runs", for_each(conn, each_run, run::verify));
    report.add("histories", for_each(conn, each_run, run_history::verify));
    report.add("curves", for_each(conn, each_run, trajectory::verify));
    report.add("uncertainty", for_each(conn, each_run, uncertainty::verify));
    report.add("recorded networks", network_graph::verify(conn));
}

/// First finding of [`content`], as an error.
pub(crate) fn content_or_error(conn: &Connection) -> Result<(), ProjectError> {
    let mut report = VerifyReport::new();
    content(&mut report, conn);
    match report.first_finding() {
        Some(finding) => Err(ProjectError::Damaged { finding: finding.to_string() }),
        None => Ok(()),
    }
}

fn for_each(
    conn: &Connection,
    sql: &str,
    check: fn(&Connection, i64) -> Result<(), ProjectError>,
) -> Result<(), ProjectError> {
    const DOING: &str = "listing what to check";
    let mut statement = conn.prepare(sql).doing(DOING)?;
    let ids: Vec<i64> = statement
        .query_map([], |row| row.get(0))
        .doing(DOING)?
        .collect::<Result<_, _>>()
        .doing(DOING)?;
    ids.into_iter().try_for_each(|id| check(conn, id))
}

/// `quick_check` or `integrity_check`.
pub(crate) fn pages(link: &Link, pages: Pages) -> Result<(), ProjectError> {
    const DOING: &str = "checking the pages of the file";
    let sql = match pages {
        Pages::Quick => "PRAGMA quick_check(1)",
        Pages::Full => "PRAGMA integrity_check(1)",
    };
    let conn = link.whole_file();
    let answer: String = conn.query_row(sql, [], |row| row.get(0)).doing(DOING)?;
    if answer == "ok" {
        Ok(())
    } else {
        Err(ProjectError::Damaged { finding: text::clean_line(&answer) })
    }
}

pub(crate) fn references(conn: &Connection) -> Result<(), ProjectError> {
    const DOING: &str = "checking references";
    let mut statement = conn.prepare("PRAGMA foreign_key_check").doing(DOING)?;
    let mut rows = statement.query([]).doing(DOING)?;
    match rows.next().doing(DOING)? {
        None => Ok(()),
        Some(row) => {
            let table: String = row.get(0).doing(DOING)?;
            Err(ProjectError::Damaged {
                finding: format!("a row of `{table}` refers to something that is not there"),
            })
        }
    }
}

fn head(conn: &Connection) -> Result<(), ProjectError> {
    let rows: i64 = conn
        .query_row("SELECT count(*) FROM head", [], |row| row.get(0))
        .doing("checking what is current")?;
    if rows != 1 {
        return Err(ProjectError::Damaged {
            finding: "the file does not say which model and study are current".into(),
        });
    }
    write_version(conn)?;
    // These ids point into one of three tables, so no foreign key can watch them.
    let lost: i64 = conn
        .query_row(
            "SELECT count(*) FROM edit_change, (SELECT 'before' AS side UNION ALL SELECT 'after')
             WHERE CASE side WHEN 'before' THEN before_id ELSE after_id END IS NOT NULL
             AND CASE kind
               WHEN 'model' THEN NOT EXISTS (SELECT 1 FROM model_text
                 WHERE id = CASE side WHEN 'before' THEN before_id ELSE after_id END)
               WHEN 'study' THEN NOT EXISTS (SELECT 1 FROM study
                 WHERE id = CASE side WHEN 'before' THEN before_id ELSE after_id END)
               ELSE NOT EXISTS (SELECT 1 FROM data_table
                 WHERE id = CASE side WHEN 'before' THEN before_id ELSE after_id END)
             END",
            [],
            |row| row.get(0),
        )
        .doing("checking the edits")?;
    if lost > 0 {
        return Err(ProjectError::Damaged {
            finding: format!("{lost} changes in the history of edits point to nothing"),
        });
    }
    if pragma(conn, "application_id")? != Some(i64::from(identify::APPLICATION_ID)) {
        return Err(ProjectError::Damaged { finding: "the application id is wrong".into() });
    }
    Ok(())
}

/// Every value of a table is what its column holds.
fn values(conn: &Connection, table: &tables::Table) -> Result<(), ProjectError> {
    const DOING: &str = "checking the values";
    let mut statement = conn.prepare(&select_all(table)).doing(DOING)?;
    let mut rows = statement.query([]).doing(DOING)?;
    while let Some(row) = rows.next().doing(DOING)? {
        for (index, (column, holds)) in table.columns.iter().enumerate() {
            let value = row.get_ref(index).doing(DOING)?;
            value_fits(value, *holds).map_err(|reason| ProjectError::Damaged {
                finding: format!("`{}.{column}` holds {reason}", table.name),
            })?;
        }
    }
    Ok(())
}

/// `SELECT` of all our columns in our order.
pub(crate) fn select_all(table: &tables::Table) -> String {
    let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    format!("SELECT {} FROM {}", columns.join(", "), table.name)
}

/// Is `value` what the column holds? The error completes the sentence "… holds".
pub(crate) fn value_fits(value: ValueRef<'_>, holds: Holds) -> Result<(), String> {
    match (value, holds) {
        (ValueRef::Null, _)
        | (ValueRef::Integer(_), Holds::Integer)
        | (ValueRef::Real(_), Holds::AnyReal)
        | (ValueRef::Blob(_), Holds::Bytes) => Ok(()),
        (ValueRef::Real(number), Holds::Real) if number.is_finite() => Ok(()),
        (ValueRef::Real(_), Holds::Real) => Err("a number that is not finite".into()),
        (ValueRef::Text(bytes), Holds::Text(rule)) => match std::str::from_utf8(bytes) {
            Ok(value) => text::check("the text", value, rule).map_err(|e| match e {
                ProjectError::BadText { reason, .. } => {
                    format!("a text that is not allowed: {reason}")
                }
                other => other.to_string(),
            }),
            Err(_) => Err("a text that is not UTF-8".into()),
        },
        (ValueRef::Text(bytes), Holds::Word(words)) => {
            if words.iter().any(|word| word.as_bytes() == bytes) {
                Ok(())
            } else {
                Err(format!("none of the words {}", words.join(", ")))
            }
        }
        (found, _) => Err(format!("a value of the kind {}", found.data_type())),
    }
}
