//! The tables of a project file: one file per table or small family, with its definition, its
//! queries and the part of [`crate::Project`] that speaks about it.
//!
//! Every definition is `STRICT`, states `NOT NULL`, and has units in its column names. Deliberately
//! absent: triggers, views, virtual tables, generated columns, functions in constraints.

pub(crate) mod array;
pub(crate) mod checkpoint;
pub(crate) mod data_table;
pub(crate) mod edit;
pub(crate) mod meta;
pub(crate) mod model_text;
pub(crate) mod network_graph;
pub(crate) mod parameters;
pub(crate) mod run;
pub(crate) mod run_history;
pub(crate) mod run_note;
pub(crate) mod study;
pub(crate) mod trajectory;
pub(crate) mod uncertainty;

use crate::text::Rule;

/// What a column holds, for the checks on a stranger's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// A 64-bit integer or null.
    Integer,
    /// A finite number or null.
    Real,
    /// A number that may be infinite (a loss that overflowed) or null.
    AnyReal,
    /// Text under a rule.
    Text(Rule),
    /// One of these words. The definition has the same list as a constraint; it is checked here as
    /// well because `integrity_check` of SQLite 3.54.1, on a connection with the settings of this
    /// crate, was seen to let a wrong word pass. Importing applies every constraint in any case.
    Word(&'static [&'static str]),
    /// Bytes.
    Bytes,
}

/// A table of the file.
#[derive(Debug)]
pub(crate) struct Table {
    /// Name.
    pub name: &'static str,
    /// The `CREATE TABLE` statement.
    pub create: &'static str,
    /// `CREATE INDEX` statements.
    pub indexes: &'static [&'static str],
    /// Columns in the order of `create`.
    pub columns: &'static [(&'static str, Holds)],
}

/// Tables of the first step of the schema, each after those it refers to.
pub(crate) const FIRST: &[&Table] = &[
    &meta::META,
    &meta::MIGRATION,
    &array::ARRAY,
    &array::ARRAY_CHUNK,
    &model_text::MODEL_TEXT,
    &study::STUDY,
    &edit::HEAD,
    &data_table::DATA_TABLE,
    &data_table::DATA_COLUMN,
    &edit::EDIT,
    &edit::EDIT_CHANGE,
    &run::RUN,
    &run::RUN_FACT,
    &run::RUN_DATA,
    &run_history::RUN_HISTORY,
    &run_note::RUN_NOTE,
    &checkpoint::CHECKPOINT,
    &parameters::RUN_PARAMETER,
    &parameters::RUN_WEIGHTS,
    &parameters::RUN_NETWORK,
    &trajectory::TRAJECTORY,
];

/// Tables that the second step added.
pub(crate) const SECOND: &[&Table] = &[&uncertainty::RUN_UNCERTAINTY];

/// Tables that the third step added.
pub(crate) const THIRD: &[&Table] = &[&network_graph::NETWORK_GRAPH];

/// All tables with the step that made them, each after those it refers to.
pub(crate) fn all() -> impl Iterator<Item = (i64, &'static Table)> {
    let step = |number, tables: &'static [&'static Table]| {
        tables.iter().map(move |&table| (number, table))
    };
    step(1, FIRST).chain(step(2, SECOND)).chain(step(3, THIRD))
}

/// Is this one of our tables?
pub(crate) fn is_known(name: &str) -> bool {
    all().any(|(_, table)| table.name == name)
}
