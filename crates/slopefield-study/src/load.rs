//! Reading a study and what it names from files.

use crate::error::Problem;
use crate::{StudyError, StudyFile};
use slopefield_data::{ColumnData, Table};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The columns of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableData {
    /// Columns of numbers, NaN where missing.
    pub numeric: Vec<(String, Vec<f64>)>,
    /// Columns of text.
    pub text: Vec<(String, Vec<String>)>,
}

impl From<&Table> for TableData {
    fn from(table: &Table) -> TableData {
        let mut data = TableData::default();
        for column in &table.columns {
            match &column.values {
                ColumnData::Numeric(values) => {
                    data.numeric.push((column.name.clone(), values.clone()));
                }
                ColumnData::Text(texts) => data.text.push((column.name.clone(), texts.clone())),
            }
        }
        data
    }
}

/// A study with everything it names, read into memory.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The study; data sources name tables, not files.
    pub file: StudyFile,
    /// Text of the model.
    pub model: String,
    /// Tables by the name of their data source.
    pub tables: BTreeMap<String, Table>,
    /// The study as it stands in the file.
    pub text: String,
}

/// Reads `study.toml`, the model and the tables.
///
/// # Errors
/// A file that cannot be read, a study or a table that is not well formed.
pub fn load(path: &Path) -> Result<Loaded, StudyError> {
    let text = read(path)?;
    let file = parse(&text, path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let Some(model) = &file.model else {
        let message = "the study names no model; add a line such as `model = \"model.slope\"`";
        return Err(StudyError::Study(vec![Problem::error("model", message)]));
    };
    let model = read(&folder.join(model))?;
    let mut tables = BTreeMap::new();
    for (name, source) in &file.data {
        let path = folder.join(&source.file);
        tables.insert(name.clone(), read_table(&path)?);
    }
    Ok(Loaded { file, model, tables, text })
}

/// Reads one table with default options.
///
/// # Errors
/// A file that cannot be read or is not a table, with the place.
pub fn read_table(path: &Path) -> Result<Table, StudyError> {
    slopefield_data::read_path(path, &slopefield_data::Options::default()).map_err(|e| {
        StudyError::Data {
            path: PathBuf::from(path),
            message: e.to_string(),
            advice: Some(e.advice().to_owned()),
        }
    })
}

/// Reads the text of a study.
///
/// # Errors
/// Text that is not TOML, unknown keys, values of the wrong kind: with the line.
pub fn parse(text: &str, path: &Path) -> Result<StudyFile, StudyError> {
    toml::from_str(text).map_err(|e| {
        let place = e.span().map_or_else(
            || path.display().to_string(),
            |s| {
                let line = text[..s.start.min(text.len())].matches('\n').count() + 1;
                format!("{}, line {line}", path.display())
            },
        );
        StudyError::Study(vec![Problem::error(place, e.message().trim())])
    })
}

fn read(path: &Path) -> Result<String, StudyError> {
    std::fs::read_to_string(path)
        .map_err(|e| StudyError::File { path: path.into(), message: e.to_string() })
}
