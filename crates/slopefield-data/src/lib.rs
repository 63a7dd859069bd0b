//! Reading tables of measurements.
//!
//! People's files differ in delimiters, headers, missing values, encodings and decimal marks. This
//! crate guesses what is safe to guess and says so in [`Table::reasons`]; it refuses, with the place
//! and what to do, where a guess could silently change a number. It never writes a file, knows no
//! units and does not interpret dates.
//!
//! ```
//! use slopefield_data::{ColumnData, Options, read_text};
//!
//! let table = read_text("# pelts\nyear\thare\n1900\t30\n1901\tNA\n", "pelts", &Options::default())?;
//! assert_eq!(table.time.as_deref(), Some("year"));
//! let ColumnData::Numeric(hare) = &table.columns[1].values else { panic!("numbers") };
//! assert_eq!(hare[0], 30.0);
//! assert_eq!(table.columns[1].missing, 1);
//! # Ok::<(), slopefield_data::DataError>(())
//! ```

mod cells;
mod columns;
mod delimiter;
mod encoding;
mod error;
mod header;
mod number;
mod records;
mod table;
mod time;
mod workbook;

pub use columns::CENSORED;
pub use delimiter::Delimiter;
pub use error::{DataError, Place};
pub use table::{Column, ColumnData, Decimal, HeaderRow, Options, Table, read_path, read_text};

#[cfg(test)]
mod tests;
