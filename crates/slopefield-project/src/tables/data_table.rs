//! `data_table` and `data_column`: measurements, as they were when they were added.
//!
//! Content never changes after it is stored. Removing a table only hides it, so that undo can bring
//! it back and a run can always show what it was trained on; `compact` deletes what neither needs.

use super::{Holds, Table, array};
use crate::error::{Doing, ProjectError};
use crate::text::{self, Rule};
use crate::time::now_utc_ms;
use rusqlite::{Connection, OptionalExtension, Row, params};

const DOING: &str = "reading the tables";

/// Tables of measurements.
pub(crate) const DATA_TABLE: Table = Table {
    name: "data_table",
    create: "CREATE TABLE data_table (
  id INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  source TEXT NOT NULL,
  row_count INTEGER NOT NULL CHECK (row_count >= 0),
  content_blake3 TEXT NOT NULL,
  present INTEGER NOT NULL CHECK (present IN (0, 1)),
  added_utc_ms INTEGER NOT NULL
) STRICT",
    indexes: &[
        "CREATE UNIQUE INDEX data_table_present_name ON data_table (name) WHERE present = 1",
    ],
    columns: &[
        ("id", Holds::Integer),
        ("name", Holds::Text(Rule::Name)),
        ("source", Holds::Text(Rule::Line)),
        ("row_count", Holds::Integer),
        ("content_blake3", Holds::Text(Rule::Name)),
        ("present", Holds::Integer),
        ("added_utc_ms", Holds::Integer),
    ],
};

/// Columns of tables.
pub(crate) const DATA_COLUMN: Table = Table {
    name: "data_column",
    create: "CREATE TABLE data_column (
  table_id INTEGER NOT NULL REFERENCES data_table (id) ON DELETE CASCADE,
  position INTEGER NOT NULL CHECK (position >= 0),
  name TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('number', 'text')),
  array_id INTEGER NOT NULL REFERENCES array (id),
  PRIMARY KEY (table_id, position)
) STRICT",
    indexes: &["CREATE INDEX data_column_array ON data_column (array_id)"],
    columns: &[
        ("table_id", Holds::Integer),
        ("position", Holds::Integer),
        ("name", Holds::Text(Rule::Name)),
        ("kind", Holds::Word(&["number", "text"])),
        ("array_id", Holds::Integer),
    ],
};

/// Values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnValues {
    /// Numbers; NaN where the measurement is missing.
    Numbers(Vec<f64>),
    /// Texts, e.g. dates and subjects.
    Texts(Vec<String>),
}

impl ColumnValues {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            ColumnValues::Numbers(values) => values.len(),
            ColumnValues::Texts(values) => values.len(),
        }
    }

    /// There are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableColumn {
    /// Name.
    pub name: String,
    /// Values.
    pub values: ColumnValues,
}

/// A table to store.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTable {
    /// Name; unique among the tables of the project.
    pub name: String,
    /// Where it came from, for people: a file name, "pasted", a reference.
    pub source: String,
    /// Columns of equal length.
    pub columns: Vec<TableColumn>,
}

/// A stored table without its values.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSummary {
    /// Name.
    pub name: String,
    /// Where it came from.
    pub source: String,
    /// Number of rows.
    pub row_count: u64,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// BLAKE3 of names and values in hexadecimal; equal content has equal hashes.
    pub content_hash: String,
    /// When it was added, milliseconds since 1970 UTC.
    pub added_utc_ms: i64,
}

/// A stored table.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTable {
    /// Everything but the values.
    pub summary: TableSummary,
    /// Columns in their order.
    pub columns: Vec<TableColumn>,
}

/// Stores a table and returns its id.
pub(crate) fn insert(conn: &Connection, table: &NewTable) -> Result<i64, ProjectError> {
    const DOING: &str = "storing a table";
    text::check("the table name", &table.name, Rule::Name)?;
    let source = text::clean_line(&table.source);
    let row_count = table.columns.first().map_or(0, |c| c.values.len());
    for (index, column) in table.columns.iter().enumerate() {
        text::check("a column name", &column.name, Rule::Name)?;
        if column.values.len() != row_count {
            return Err(ProjectError::Shape {
                what: format!("column `{}` of table `{}`", column.name, table.name),
                found: column.values.len(),
                expected: row_count,
            });
        }
        if table.columns[..index].iter().any(|c| c.name == column.name) {
            return Err(ProjectError::BadText {
                what: format!("the column name `{}`", column.name),
                reason: format!("table `{}` has two columns of this name", table.name),
            });
        }
        if let ColumnValues::Texts(cells) = &column.values {
            cells
                .iter()
                .try_for_each(|cell| text::check("a cell of a text column", cell, Rule::Body))?;
        }
        if let ColumnValues::Numbers(values) = &column.values
            && let Some(row) = values.iter().position(|v| v.is_infinite())
        {
            return Err(ProjectError::BadValue {
                what: format!("the value in row {} of column `{}`", row + 1, column.name),
                reason: "it is infinite".into(),
            });
        }
    }
    if present_id(conn, &table.name)?.is_some() {
        return Err(ProjectError::NameTaken { name: table.name.clone() });
    }
    conn.execute(
        "INSERT INTO data_table (name, source, row_count, content_blake3, present, added_utc_ms)
         VALUES (?1, ?2, ?3, ?4, 1, ?5)",
        params![table.name, source, row_count as i64, content_hash(&table.columns), now_utc_ms()],
    )
    .doing(DOING)?;
    let id = conn.last_insert_rowid();
    for (position, column) in table.columns.iter().enumerate() {
        let (kind, array_id) = match &column.values {
            ColumnValues::Numbers(values) => {
                ("number", array::store_f64(conn, values, &[values.len()])?)
            }
            ColumnValues::Texts(values) => {
                ("text", array::store_bytes(conn, join_texts(values).as_bytes())?)
            }
        };
        conn.execute(
            "INSERT INTO data_column (table_id, position, name, kind, array_id) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![id, position as i64, column.name, kind, array_id],
        )
        .doing(DOING)?;
    }
    Ok(id)
}

/// Hash of names, kinds, lengths and values, column after column; not of the table's own name.
struct ContentHasher(blake3::Hasher);

impl ContentHasher {
    fn new() -> Self {
        ContentHasher(blake3::Hasher::new())
    }

    fn column(&mut self, column: &TableColumn) {
        let mut counted = |bytes: &[u8]| {
            self.0.update(&(bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        };
        counted(column.name.as_bytes());
        match &column.values {
            ColumnValues::Numbers(values) => {
                counted(b"number");
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                counted(&bytes);
            }
            ColumnValues::Texts(values) => {
                counted(b"text");
                counted(join_texts(values).as_bytes());
            }
        }
    }

    fn finish(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

/// Hash of the content of a table; see [`TableSummary::content_hash`].
pub(crate) fn content_hash(columns: &[TableColumn]) -> String {
    let mut hasher = ContentHasher::new();
    for column in columns {
        hasher.column(column);
    }
    hasher.finish()
}

/// Each text ends with a line feed; line feeds and backslashes inside are escaped.
fn join_texts(texts: &[String]) -> String {
    let mut joined = String::new();
    for text in texts {
        joined.push_str(&text.replace('\\', "\\\\").replace('\n', "\\n"));
        joined.push('\n');
    }
    joined
}

fn split_texts(joined: &str) -> Vec<String> {
    let unescape = |text: &str| {
        let mut out = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('n') => out.push('\n'),
                    Some(other) => out.push(other),
                    None => out.push('\\'),
                },
                other => out.push(other),
            }
        }
        out
    };
    joined.split_terminator('\n').map(unescape).collect()
}

/// Id of the table of this name that the project shows.
pub(crate) fn present_id(conn: &Connection, name: &str) -> Result<Option<i64>, ProjectError> {
    conn.query_row("SELECT id FROM data_table WHERE name = ?1 AND present = 1", [name], |row| {
        row.get(0)
    })
    .optional()
    .doing(DOING)
}

/// Shows or hides a table.
pub(crate) fn set_present(conn: &Connection, id: i64, present: bool) -> Result<(), ProjectError> {
    conn.execute("UPDATE data_table SET present = ?2 WHERE id = ?1", params![id, present])
        .doing("changing the tables")?;
    Ok(())
}

const SUMMARY: &str =
    "SELECT id, name, source, row_count, content_blake3, added_utc_ms FROM data_table";

fn summary(row: &Row<'_>) -> rusqlite::Result<(i64, TableSummary)> {
    Ok((
        row.get(0)?,
        TableSummary {
            name: row.get(1)?,
            source: row.get(2)?,
            row_count: row.get::<_, i64>(3)?.unsigned_abs(),
            columns: Vec::new(),
            content_hash: row.get(4)?,
            added_utc_ms: row.get(5)?,
        },
    ))
}

/// Reads a table with its values.
pub(crate) fn load(conn: &Connection, id: i64) -> Result<StoredTable, ProjectError> {
    let mut columns = Vec::new();
    let mut summary = each_column(conn, id, |_, column| {
        columns.push(column);
        Ok(())
    })?;
    summary.columns = columns.iter().map(|c| c.name.clone()).collect();
    Ok(StoredTable { summary, columns })
}

/// Reads the columns of a table one at a time, so that a check need not hold them all.
fn each_column(
    conn: &Connection,
    id: i64,
    mut visit: impl FnMut(&TableSummary, TableColumn) -> Result<(), ProjectError>,
) -> Result<TableSummary, ProjectError> {
    let (_, summary) =
        conn.query_row(&format!("{SUMMARY} WHERE id = ?1"), [id], summary).doing(DOING)?;
    let mut statement = conn
        .prepare_cached(
            "SELECT name, kind, array_id FROM data_column WHERE table_id = ?1 ORDER BY position",
        )
        .doing(DOING)?;
    let mut rows = statement.query([id]).doing(DOING)?;
    while let Some(row) = rows.next().doing(DOING)? {
        let name: String = row.get(0).doing(DOING)?;
        let kind: String = row.get(1).doing(DOING)?;
        let array_id: i64 = row.get(2).doing(DOING)?;
        let values = if kind == "number" {
            ColumnValues::Numbers(array::load_f64(conn, array_id)?.1)
        } else {
            let bytes = array::load_bytes(conn, array_id)?;
            let joined = String::from_utf8(bytes).map_err(|_| ProjectError::Damaged {
                finding: format!("column `{name}` of table `{}` is not UTF-8", summary.name),
            })?;
            ColumnValues::Texts(split_texts(&joined))
        };
        if values.len() as u64 != summary.row_count {
            return Err(ProjectError::Damaged {
                finding: format!(
                    "column `{name}` of table `{}` has {} rows and claims {}",
                    summary.name,
                    values.len(),
                    summary.row_count
                ),
            });
        }
        visit(&summary, TableColumn { name, values })?;
    }
    Ok(summary)
}

/// Compares the content of a table with the hash it carries, and looks for infinities.
pub(crate) fn verify(conn: &Connection, id: i64) -> Result<(), ProjectError> {
    let mut hasher = ContentHasher::new();
    let summary = each_column(conn, id, |table, column| {
        hasher.column(&column);
        match &column.values {
            ColumnValues::Numbers(values) if values.iter().any(|v| v.is_infinite()) => {
                Err(ProjectError::Damaged {
                    finding: format!(
                        "column `{}` of table `{}` holds an infinite value",
                        column.name, table.name
                    ),
                })
            }
            ColumnValues::Texts(texts) => texts
                .iter()
                .try_for_each(|cell| text::check("a cell of a text column", cell, Rule::Body)),
            ColumnValues::Numbers(_) => Ok(()),
        }
    })?;
    if hasher.finish() == summary.content_hash {
        Ok(())
    } else {
        Err(ProjectError::Damaged {
            finding: format!("table `{}` does not match its content hash", summary.name),
        })
    }
}

/// Deletes hidden tables that no run and no edit refers to. Returns how many; none in a file with
/// steps of a newer version, as for arrays.
pub(crate) fn delete_unused(conn: &Connection) -> Result<usize, ProjectError> {
    if crate::schema::newest_step(conn)? > crate::schema::known_steps() {
        return Ok(0);
    }
    conn.execute(
        "DELETE FROM data_table WHERE present = 0
         AND NOT EXISTS (SELECT 1 FROM run_data WHERE run_data.table_id = data_table.id)
         AND NOT EXISTS (SELECT 1 FROM edit_change
                         WHERE edit_change.kind IN ('add-table', 'remove-table')
                         AND (edit_change.before_id = data_table.id OR edit_change.after_id = data_table.id))",
        [],
    )
    .doing("deleting unused tables")
}

impl crate::Project {
    /// The tables of the project in the order they were added.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tables(&self) -> Result<Vec<TableSummary>, ProjectError> {
        let conn = self.read();
        let mut statement = conn
            .prepare_cached(&format!("{SUMMARY} WHERE present = 1 ORDER BY id"))
            .doing(DOING)?;
        let found: Vec<(i64, TableSummary)> = statement
            .query_map([], summary)
            .doing(DOING)?
            .collect::<Result<_, _>>()
            .doing(DOING)?;
        let mut names = conn
            .prepare_cached("SELECT name FROM data_column WHERE table_id = ?1 ORDER BY position")
            .doing(DOING)?;
        let mut tables = Vec::with_capacity(found.len());
        for (id, mut table) in found {
            table.columns = names
                .query_map([id], |row| row.get(0))
                .doing(DOING)?
                .collect::<Result<_, _>>()
                .doing(DOING)?;
            tables.push(table);
        }
        Ok(tables)
    }

    /// A table with its values.
    ///
    /// # Errors
    /// When there is none of this name or its content is damaged.
    pub fn table(&self, name: &str) -> Result<StoredTable, ProjectError> {
        let conn = self.read();
        let id = present_id(conn, name)?
            .ok_or_else(|| ProjectError::UnknownTable { name: name.to_string() })?;
        load(conn, id)
    }
}
