//! `slopefield plugin list`.

use super::Session;
use crate::arguments::Plugin;
use crate::output;
use slopefield_api::types::{Empty, PluginList};
use slopefield_api::{ApiError, Command};
use std::process::ExitCode;

/// Prints what is installed.
pub async fn run(session: &Session, plugin: Plugin) -> Result<ExitCode, ApiError> {
    let Plugin::List = plugin;
    let (list, _): (PluginList, _) =
        session.call(Command::plugin_list, Empty {}, |_, _| {}).await?;
    if session.json {
        output::json(&list);
        return Ok(ExitCode::SUCCESS);
    }
    if list.plugins.is_empty() {
        output::print("no plugins are installed; looked in\n");
        for folder in &list.folders {
            output::print(&format!("  {folder}\n"));
        }
    }
    for p in &list.plugins {
        let mut text = format!("{} {}: {} ({})\n", p.id, p.version, p.name, p.license);
        for (id, name) in &p.solvers {
            text += &format!("  solver   {id}: {name}\n");
        }
        for (kind, name) in &p.networks {
            text += &format!("  network  {kind}: {name}\n");
        }
        if let Some(problem) = &p.problem {
            text += &format!("  cannot be used: {problem}\n");
        }
        output::print(&text);
    }
    Ok(ExitCode::SUCCESS)
}
