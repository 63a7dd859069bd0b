//! Solvers of a plugin that is part of this program: what measures the interface needs no library
//! file, and everything from the entry function on is as with one.

use super::library::{enter, read_solvers};
use super::stepper::PluginSolver;
use crate::PluginError;
use slopefield_plugin_abi as abi;

/// The solver `id`, without the plugin's own id before it, of the plugin behind an entry function of
/// this program.
///
/// # Errors
/// As for a library: a plugin that refuses or breaks the interface, or that has no such solver.
///
/// # Safety
/// `entry` and all that it leads to keep to the interface, as the header states it.
pub unsafe fn linked_solver(
    entry: abi::slf_entry_fn,
    id: &str,
) -> Result<PluginSolver, PluginError> {
    // SAFETY: promised by the caller.
    let (root, plugin, _) = unsafe { enter(entry, "linked into this program") }?;
    let broken = |message: &str| PluginError::Interface {
        plugin: plugin.clone(),
        message: message.to_owned(),
    };
    let get_factory =
        root.get_factory.ok_or_else(|| broken("a function of the plugin table is null"))?;
    // SAFETY: a function of the plugin, given text that lives for ever.
    let table = unsafe { get_factory(abi::slf_str::new(abi::SOLVER_FACTORY)) };
    let solvers = read_solvers(table.cast(), &plugin).map_err(|message| broken(&message))?;
    let entry = solvers.into_iter().find(|s| s.description.local_id() == id);
    let entry = entry.ok_or_else(|| PluginError::Unknown {
        kind: "solver",
        id: format!("{plugin}/{id}"),
        hint: String::new(),
    })?;
    Ok(PluginSolver::new(entry, Vec::new()))
}
