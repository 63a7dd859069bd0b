//! Plugins without code: a manifest and a file of coefficients.
//!
//! The methods run on the engine's own stepper, with exact gradients, and need no trust: nothing of
//! theirs is executed. What the file claims is checked: row sums, order conditions of the result, of
//! the embedded result and of the interpolant.

mod explicit;
mod number;
mod order;

use crate::PluginError;
use crate::describe::SolverDescription;
use crate::discover::{Found, Places};
use crate::manifest::ProvidesKind;
use explicit::RawTableau;
use serde::Deserialize;
use slopefield_solve::{Tableau, register};
use std::fs;

/// Name of the file beside `plugin.toml`.
pub(crate) const FILE: &str = "tableaus.toml";
/// Longest file accepted, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A method given by its coefficients.
#[derive(Debug, Clone)]
pub(crate) struct TableauEntry {
    pub description: SolverDescription,
    pub table: &'static Tableau,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    solver: Vec<RawTableau>,
}

/// Makes the methods of the tableau plugins in `places` known by name, so that they can be asked for
/// without loading any code. What is wrong with a file is told by [`crate::Registry::load`].
pub fn register_tableaus(places: &Places) {
    // The newest last: it takes the place of older ones.
    let mut all: Vec<Found> = places.discover().into_iter().filter(is_usable).collect();
    let key = |found: &Found| {
        let version = &found.manifest.as_ref()?.version;
        crate::manifest::version_key(version)
    };
    // Of one version in two folders, that in the first counts.
    all.reverse();
    all.sort_by_key(key);
    for found in &all {
        let _ = load(found);
    }
}

fn is_usable(found: &Found) -> bool {
    found.problem.is_none() && found.manifest.as_ref().is_some_and(|m| m.is_tableau())
}

/// Reads and checks the coefficients of a plugin and makes its methods known by name.
pub(crate) fn load(found: &Found) -> Result<Vec<TableauEntry>, PluginError> {
    Ok(read(found)?.into_iter().map(entry).collect())
}

/// What is wrong with the coefficients of a tableau plugin; none for other plugins.
pub fn tableau_problem(found: &Found) -> Option<PluginError> {
    if is_usable(found) { read(found).err() } else { None }
}

/// Reads and checks the coefficients of a plugin.
fn read(found: &Found) -> Result<Vec<Tableau>, PluginError> {
    let path = found.path.join(FILE);
    let wrong = |message: String| PluginError::Manifest { path: path.clone(), message };
    let Some(manifest) = &found.manifest else {
        return Err(wrong("its plugin has no manifest".to_owned()));
    };
    let about =
        fs::symlink_metadata(&path).map_err(|e| wrong(format!("it cannot be read: {e}")))?;
    if !about.is_file() || about.len() > MAX_BYTES {
        return Err(wrong(format!("it is not a plain file of at most {MAX_BYTES} bytes")));
    }
    let text = fs::read_to_string(&path).map_err(|e| wrong(format!("it cannot be read: {e}")))?;
    let file: File = toml::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    if let Some(stray) =
        file.solver.iter().find(|raw| !manifest.provides.iter().any(|p| p.id == raw.id))
    {
        return Err(wrong(format!("`{}` is not among what plugin.toml provides", stray.id)));
    }
    // All are checked before any is made known.
    let mut tables = Vec::new();
    for provided in &manifest.provides {
        let mut of_id = file.solver.iter().filter(|raw| raw.id == provided.id);
        let (Some(raw), None) = (of_id.next(), of_id.next()) else {
            return Err(wrong(format!("it must have exactly one [[solver]] `{}`", provided.id)));
        };
        let full = format!("{}/{}", manifest.id, provided.id);
        let table = explicit::table(raw, &full, &provided.name)
            .map_err(|message| wrong(format!("the method `{}`: {message}", provided.id)))?;
        tables.push(table);
    }
    Ok(tables)
}

fn entry(table: Tableau) -> TableauEntry {
    let table = register(table);
    let description = SolverDescription {
        id: table.id.to_owned(),
        name: table.name.to_owned(),
        reference: table.reference.to_owned(),
        order: f64::from(table.order),
        dense_order: f64::from(table.dense_order),
        adaptive: true,
        implicit: false,
        mass_matrix: false,
        singular_mass: false,
        noise: false,
        delays: false,
        step_vjp: false,
        backward: true,
        deterministic: true,
        options: Vec::new(),
    };
    TableauEntry { description, table }
}

/// Whether a manifest offers coefficients, code, or wrongly both.
pub(crate) fn check_kinds(kinds: &[ProvidesKind], native: bool) -> Result<(), String> {
    let tableaus = kinds.iter().filter(|k| **k == ProvidesKind::Tableau).count();
    if native && tableaus > 0 {
        return Err("a plugin of tableaus holds no code: leave out [native], or put them into a \
                    plugin of their own"
            .to_owned());
    }
    if !native && tableaus < kinds.len() {
        return Err("missing field `native`: only plugins of tableaus go without".to_owned());
    }
    Ok(())
}
