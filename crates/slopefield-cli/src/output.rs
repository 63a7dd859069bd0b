//! Printing: tables, JSON, failures.

use anstyle::{AnsiColor, Style};
use slopefield_api::ApiError;
use slopefield_api::table::write_csv;
use std::io::{self, IsTerminal, Write};

/// Prints lines to standard output; a closed pipe (`| head`) ends the program quietly.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints the JSON object of `--json` as the last line.
pub fn json(value: &impl serde::Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => print(&format!("{text}\n")),
        Err(e) => eprintln!("error: the result cannot be written as JSON: {e}"),
    }
}

/// Tells a failure on standard error, and as JSON where that was asked for.
pub fn failure(error: &ApiError, as_json: bool) {
    let red = style(AnsiColor::Red);
    eprintln!("{red}error{red:#}: {}", error.message);
    for line in &error.details {
        eprintln!("{line}");
    }
    if let Some(advice) = &error.advice {
        let cyan = style(AnsiColor::Cyan);
        eprintln!("{cyan}try{cyan:#}: {advice}");
    }
    if as_json {
        json(&serde_json::json!({ "error": error }));
    }
}

/// A colour for standard error, where it is a terminal that wants one.
pub fn style(colour: AnsiColor) -> Style {
    let wanted = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if wanted { colour.on_default().bold() } else { Style::new() }
}

/// A number for people: six significant digits.
pub fn number(x: f64) -> String {
    if x == 0.0 {
        return "0".into();
    }
    let magnitude = x.abs().log10().floor();
    if (-4.0..7.0).contains(&magnitude) {
        let decimals = (6.0 - magnitude).max(0.0) as usize;
        let text = format!("{x:.decimals$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    } else {
        format!("{x:.6e}")
    }
}

/// Rows as text with aligned columns; the first column to the left, the others to the right.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let header = header.iter().map(|h| (*h).to_owned()).collect();
    for row in std::iter::once(&header).chain(rows) {
        let cells = row.iter().zip(&widths).enumerate();
        let line: Vec<String> = cells
            .map(
                |(i, (cell, width))| {
                    if i == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            )
            .collect();
        text += line.join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// Columns as CSV: names, then rows at 17 significant digits.
pub fn csv(names: &[&str], columns: &[&[f64]]) -> String {
    let mut text = Vec::new();
    // Memory takes everything that is written to it.
    let _ = write_csv(&mut text, names, columns);
    String::from_utf8_lossy(&text).into_owned()
}
