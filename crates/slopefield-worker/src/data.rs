//! The `data_preview` command.

use crate::failure::{self, advised, error};
use crate::numbers::Numbers;
use slopefield_api::schema::Block;
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code};
use slopefield_data::{ColumnData, Options, Table};
use std::path::Path;

/// Reads the table that a request names.
pub fn read(request: &PreviewRequest) -> Result<Table, ApiError> {
    let options = Options { sheet: request.sheet.clone(), ..Options::default() };
    let table = match (&request.path, &request.text) {
        (Some(path), None) => slopefield_data::read_path(Path::new(path), &options),
        (None, Some(text)) => slopefield_data::read_text(text, "pasted", &options),
        _ => return Err(error(Code::Request, "give either a path or a text")),
    };
    table.map_err(|e| advised(Code::Data, e.to_string(), e.advice()))
}

/// Describes a table before it is stored.
pub fn preview(request: &PreviewRequest) -> Result<(TablePreview, Block), ApiError> {
    let table = read(request)?;
    let mut numbers = Numbers::default();
    let preview = TablePreview {
        name: table.name.clone(),
        columns: columns(&table, &mut numbers),
        row_count: table.row_count as u32,
        head: table.head.clone(),
        reasons: table.reasons.clone(),
        warnings: table.warnings.clone(),
        sheets: table.sheets.clone(),
        time: table.time.clone(),
    };
    Ok((preview, numbers.into_block()))
}

/// Columns with their numbers.
pub fn columns(table: &Table, numbers: &mut Numbers) -> Vec<PreviewColumn> {
    let describe = |c: &slopefield_data::Column| {
        let (numeric, values, texts) = match &c.values {
            ColumnData::Numeric(values) => (true, numbers.add(values.iter().copied()), Vec::new()),
            ColumnData::Text(cells) => (false, Slice::default(), PreviewColumn::first_texts(cells)),
        };
        PreviewColumn { name: c.name.clone(), numeric, values, missing: c.missing as u32, texts }
    };
    table.columns.iter().map(describe).collect()
}

/// Reads a study with everything that it names.
pub fn load(path: &str) -> Result<slopefield_study::Loaded, ApiError> {
    slopefield_study::load::load(Path::new(path)).map_err(failure::study)
}
