//! Plugins without code: a manifest and a file of coefficients.
//!
//! The methods run on the engine's own steppers, with exact gradients, and need no trust: nothing of
//! theirs is executed. What the file claims is checked: row sums, order conditions of the result, of
//! the embedded result and of the interpolant, and stability.

mod claims;
mod diagonal;
mod explicit;
mod extension;
mod number;
mod order;
mod rosenbrock;
mod stability;

use crate::PluginError;
use crate::describe::SolverDescription;
use crate::discover::{Found, Places};
use crate::manifest::ProvidesKind;
use diagonal::RawDiagonal;
use explicit::RawExplicit;
use rosenbrock::RawRosenbrock;
use serde::Deserialize;
use slopefield_solve::sdirk::ImplicitTableau;
use slopefield_solve::{Coefficients, RosenbrockTable, Table, Tableau, register};
use std::fs;

/// Name of the file beside `plugin.toml`.
pub(crate) const FILE: &str = "tableaus.toml";
/// Longest file accepted, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A method given by its coefficients.
#[derive(Debug, Clone)]
pub(crate) struct TableauEntry {
    pub description: SolverDescription,
    pub table: Coefficients,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    solver: Vec<RawSolver>,
}

/// One `[[solver]]` of the file.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum RawSolver {
    ExplicitRk(RawExplicit),
    Sdirk(RawDiagonal),
    Esdirk(RawDiagonal),
    Rosenbrock(RawRosenbrock),
}

impl RawSolver {
    fn id(&self) -> &str {
        match self {
            RawSolver::ExplicitRk(raw) => &raw.id,
            RawSolver::Sdirk(raw) | RawSolver::Esdirk(raw) => &raw.id,
            RawSolver::Rosenbrock(raw) => &raw.id,
        }
    }

    /// The checked table, under the name `id`, or what is wrong in a sentence.
    fn check(&self, id: &str, name: &str) -> Result<Checked, String> {
        Ok(match self {
            RawSolver::ExplicitRk(raw) => Checked::Explicit(explicit::table(raw, id, name)?),
            RawSolver::Sdirk(raw) => Checked::Diagonal(diagonal::table(raw, false, id, name)?),
            RawSolver::Esdirk(raw) => Checked::Diagonal(diagonal::table(raw, true, id, name)?),
            RawSolver::Rosenbrock(raw) => Checked::Rosenbrock(rosenbrock::table(raw, id, name)?),
        })
    }
}

/// A table that is what its file says, not yet known by name.
enum Checked {
    Explicit(Tableau),
    Diagonal(ImplicitTableau),
    Rosenbrock(RosenbrockTable),
}

impl Checked {
    fn register(self) -> Coefficients {
        match self {
            Checked::Explicit(table) => register(table).coefficients(),
            Checked::Diagonal(table) => register(table).coefficients(),
            Checked::Rosenbrock(table) => register(table).coefficients(),
        }
    }
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
fn read(found: &Found) -> Result<Vec<Checked>, PluginError> {
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
        file.solver.iter().find(|raw| !manifest.provides.iter().any(|p| p.id == raw.id()))
    {
        return Err(wrong(format!("`{}` is not among what plugin.toml provides", stray.id())));
    }
    // All are checked before any is made known.
    let mut tables = Vec::new();
    for provided in &manifest.provides {
        let mut of_id = file.solver.iter().filter(|raw| raw.id() == provided.id);
        let (Some(raw), None) = (of_id.next(), of_id.next()) else {
            return Err(wrong(format!("it must have exactly one [[solver]] `{}`", provided.id)));
        };
        let full = format!("{}/{}", manifest.id, provided.id);
        let table = raw
            .check(&full, &provided.name)
            .map_err(|message| wrong(format!("the method `{}`: {message}", provided.id)))?;
        tables.push(table);
    }
    Ok(tables)
}

fn entry(table: Checked) -> TableauEntry {
    let table = table.register();
    let (name, reference, order, dense_order) = match table {
        Coefficients::Explicit(t) => (t.name, t.reference, t.order, t.dense_order),
        Coefficients::Diagonal(t) => (t.name, t.reference, t.order, t.dense_order),
        Coefficients::Rosenbrock(t) => (t.name, t.reference, t.order, t.dense_order),
    };
    let description = SolverDescription {
        id: table.id().to_owned(),
        name: name.to_owned(),
        reference: reference.to_owned(),
        order: f64::from(order),
        dense_order: f64::from(dense_order),
        dense_segment: false,
        adaptive: true,
        implicit: !matches!(table, Coefficients::Explicit(_)),
        mass_matrix: !matches!(table, Coefficients::Explicit(_)),
        singular_mass: !matches!(table, Coefficients::Explicit(_)),
        noise: false,
        delays: false,
        state_delays: false,
        step_vjp: false,
        step_redo: false,
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
