//! Columns of numbers as text with commas between them.

use std::io::{self, Write};

/// Writes names, then rows at 17 significant digits, which read back as the same numbers.
///
/// # Errors
/// Those of `out`.
pub fn write_csv(out: &mut dyn Write, names: &[&str], columns: &[&[f64]]) -> io::Result<()> {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    writeln!(out, "{}", names.join(","))?;
    for row in 0..columns.first().map_or(0, |c| c.len()) {
        for (k, column) in columns.iter().enumerate() {
            let comma = if k > 0 { "," } else { "" };
            write!(out, "{comma}{:.16e}", column[row])?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    }
}
