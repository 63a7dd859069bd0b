//! `slopefield plugin`: what is installed, and what of it may run. What authors need is in
//! [`plugin_author`].

use super::{Session, plugin_author};
use crate::arguments::Plugin;
use crate::output;
use slopefield_api::types::{
    Empty, EnableRequest, PluginList, PluginState, PluginView, TrustRequest, UntrustRequest,
};
use slopefield_api::{ApiError, Code, Command};
use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

/// What is installed.
pub async fn installed(session: &Session) -> Result<PluginList, ApiError> {
    Ok(session.call(Command::plugin_list, Empty {}, |_, _| {}).await?.0)
}

/// Lists plugins, shows one, changes the trust in one; or serves an author.
pub async fn run(session: &Session, plugin: Plugin) -> Result<ExitCode, ApiError> {
    let plugin = match plugin {
        Plugin::Check(check) => return plugin_author::check(session, check).await,
        Plugin::Pack(pack) => return plugin_author::pack(session, &pack),
        Plugin::New(new) => return plugin_author::new(session, new),
        other => other,
    };
    let list = installed(session).await?;
    match plugin {
        Plugin::Check(_) | Plugin::Pack(_) | Plugin::New(_) => {}
        Plugin::List => show_list(session, &list),
        Plugin::Info { id } => {
            let views = versions(&list, &id)?;
            if session.json {
                output::json(&views);
            } else {
                views.iter().for_each(|p| output::print(&about(p)));
            }
        }
        Plugin::Trust { id, yes } => return trust(session, &list, &id, yes).await,
        Plugin::Untrust { id } => {
            let request = UntrustRequest { id: id.clone() };
            let (list, _): (PluginList, _) =
                session.call(Command::plugin_untrust, request, |_, _| {}).await?;
            if session.json {
                output::json(&list);
            } else {
                output::print(&format!("{id} is not trusted any more\n"));
            }
        }
        Plugin::Enable { id } => {
            let request = EnableRequest { id: id.clone() };
            let (list, _): (PluginList, _) =
                session.call(Command::plugin_enable, request, |_, _| {}).await?;
            if session.json {
                output::json(&list);
            } else {
                output::print(&format!("{id} is enabled again\n"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show_list(session: &Session, list: &PluginList) {
    if session.json {
        output::json(list);
        return;
    }
    if list.plugins.is_empty() {
        output::print("no plugins are installed; looked in\n");
        for folder in &list.folders {
            output::print(&format!("  {folder}\n"));
        }
    }
    for p in &list.plugins {
        let state = word(p.trust.state);
        let mut text = format!("{} {}: {} ({}), {state}\n", p.id, p.version, p.name, p.license);
        text += &offers(p);
        if let Some(problem) = &p.problem {
            let _ = writeln!(text, "  cannot be used: {problem}");
        }
        output::print(&text);
    }
}

fn word(state: PluginState) -> &'static str {
    match state {
        PluginState::Bundled => "part of the application",
        PluginState::NoCode => "coefficients only, no code",
        PluginState::Trusted => "trusted",
        PluginState::NotTrusted => "not trusted",
        PluginState::Changed => "changed since it was trusted",
        PluginState::Disabled => "disabled after crashes",
    }
}

fn offers(p: &PluginView) -> String {
    let mut text = String::new();
    for (id, name) in &p.solvers {
        let _ = writeln!(text, "  solver   {id}: {name}");
    }
    for (kind, name) in &p.networks {
        let _ = writeln!(text, "  network  {kind}: {name}");
    }
    text
}

/// All that is known about a plugin without running it.
fn about(p: &PluginView) -> String {
    let claimed = |texts: &str| if texts.is_empty() { "not given" } else { texts }.to_owned();
    let short = |hash: &str| claimed(hash.get(..16).unwrap_or(hash));
    let mut text = format!("{} {}: {}\n", p.id, p.version, p.name);
    let _ = writeln!(text, "  publisher, as it claims: {}", claimed(&p.trust.publisher.join(", ")));
    let _ = writeln!(text, "  web page, as it claims: {}", claimed(&p.trust.homepage));
    let _ = writeln!(text, "  licence: {}", p.license);
    let _ = writeln!(text, "  folder: {}", p.path);
    let _ = writeln!(text, "  hash of its library (BLAKE3): {}", short(&p.trust.library));
    let _ = writeln!(text, "  hash of its manifest (BLAKE3): {}", short(&p.trust.manifest));
    let _ = writeln!(text, "  state: {}", word(p.trust.state));
    for change in &p.trust.changes {
        let _ = writeln!(text, "    {change}");
    }
    text += &offers(p);
    if let Some(problem) = &p.problem {
        let _ = writeln!(text, "  cannot be used: {problem}");
    }
    text
}

/// The installed versions of a plugin.
pub fn versions<'a>(list: &'a PluginList, id: &str) -> Result<Vec<&'a PluginView>, ApiError> {
    let views: Vec<&PluginView> = list.plugins.iter().filter(|p| p.id == id).collect();
    if views.is_empty() {
        let folders = list.folders.join(", ");
        let message = format!("no plugin {id} is installed; looked in {folders}");
        return Err(refusal(message, "see `slopefield plugin list`"));
    }
    Ok(views)
}

pub fn refusal(message: String, advice: &str) -> ApiError {
    ApiError { code: Code::Request, message, advice: Some(advice.to_owned()), details: Vec::new() }
}

async fn trust(
    session: &Session,
    list: &PluginList,
    id: &str,
    yes: bool,
) -> Result<ExitCode, ApiError> {
    let views = versions(list, id)?;
    // The newest version that has a library for this machine.
    let p = views.iter().find(|p| !p.trust.library.is_empty()).unwrap_or(&views[0]);
    if p.trust.state.may_run() {
        if session.json {
            output::json(list);
        } else {
            output::print(&format!("{id} is {} already\n", word(p.trust.state)));
        }
        return Ok(ExitCode::SUCCESS);
    }
    eprint!("{}", about(p));
    eprintln!(
        "This is native code. Once trusted it runs with your rights: it can read, change and \
         delete your files\nand use the network. Slopefield cannot hold it back. Trust it only if \
         you know who made it."
    );
    if !yes && !confirmed()? {
        eprintln!("not trusted");
        return Ok(ExitCode::FAILURE);
    }
    let request = TrustRequest {
        id: p.id.clone(),
        version: p.version.clone(),
        manifest: p.trust.manifest.clone(),
        library: p.trust.library.clone(),
    };
    let (list, _): (PluginList, _) =
        session.call(Command::plugin_trust, request, |_, _| {}).await?;
    if session.json {
        output::json(&list);
    } else {
        output::print(&format!("{} {} is trusted\n", p.id, p.version));
    }
    Ok(ExitCode::SUCCESS)
}

fn confirmed() -> Result<bool, ApiError> {
    if !std::io::stdin().is_terminal() {
        return Err(refusal(
            "nobody can be asked: standard input is no terminal".to_owned(),
            "repeat the command with --yes to trust the plugin as shown",
        ));
    }
    eprint!("Trust it? Type yes: ");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    Ok(read.is_ok() && answer.trim().eq_ignore_ascii_case("yes"))
}
