//! `slopefield check MODEL`.

use super::{Session, read};
use crate::arguments::Check;
use crate::output;
use slopefield_api::types::{ModelReport, ModelText, SeverityView, TextReply};
use slopefield_api::{ApiError, Code, Command};
use std::process::ExitCode;

/// Prints findings and the classification; fails when there is an error.
pub async fn run(session: &Session, check: Check) -> Result<ExitCode, ApiError> {
    let text = read(&check.model)?;
    let request = ModelText { text };
    let (mut report, _): (ModelReport, _) =
        session.call(Command::model_check, &request, |_, _| {}).await?;
    if report.ok && report.networks.iter().any(|n| n.kind.contains('/')) {
        // A check alone runs no plugin; here the user asks for everything. The graph needs every
        // network, and what hinders that is found again by the check, but for a plugin whose
        // process died.
        let built: Result<(TextReply, _), _> =
            session.call(Command::model_dump, &request, |_, _| {}).await;
        if let Err(e) = built
            && e.code == Code::Plugin
        {
            return Err(e);
        }
        (report, _) = session.call(Command::model_check, &request, |_, _| {}).await?;
    }
    let name = check.model.display().to_string();
    eprint!("{}", report.rendered.replace("--> model:", &format!("--> {name}:")));
    let count = |s| report.diagnostics.iter().filter(|d| d.severity == s).count();
    let (errors, warnings) = (count(SeverityView::Error), count(SeverityView::Warning));
    if report.ok {
        if check.dump_graph {
            let (dump, _): (TextReply, _) =
                session.call(Command::model_dump, &request, |_, _| {}).await?;
            output::print(&dump.text);
        } else if check.format {
            output::print(report.formatted.as_deref().unwrap_or_default());
        } else if !session.json {
            output::print(&format!("{name}: {}\n", report.classification));
        }
    } else {
        eprintln!("{name}: {} in the model", plural(errors, "error"));
    }
    if warnings > 0 {
        eprintln!("{name}: {}", plural(warnings, "warning"));
    }
    if session.json {
        output::json(&report);
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
