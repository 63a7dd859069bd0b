//! `slopefield project info|verify` and `slopefield report`.

use super::{Session, path};
use crate::arguments::{Project, Report};
use crate::output::{self, number};
use slopefield_api::types::{PathRequest, ProjectInfo, ReportRequest, VerifyReply};
use slopefield_api::{ApiError, Command};
use std::process::ExitCode;

/// Looks into a project file.
pub async fn run(session: &Session, project: Project) -> Result<ExitCode, ApiError> {
    match project {
        Project::Info { project } => info(session, PathRequest { path: path(&project) }).await,
        Project::Verify { project } => verify(session, PathRequest { path: path(&project) }).await,
    }
}

async fn info(session: &Session, request: PathRequest) -> Result<ExitCode, ApiError> {
    let (info, _): (ProjectInfo, _) =
        session.call(Command::project_info, request, |_, _| {}).await?;
    if session.json {
        output::json(&info);
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!("{}\n", info.path);
    if let Some(title) = &info.title {
        text += &format!("  model    {title} ({} versions of the text)\n", info.model_versions);
    }
    text += &format!(
        "  file     {:.1} kB, format {} (readable from {}), made by {}, last written by {}\n",
        info.bytes as f64 / 1e3,
        info.write_version,
        info.read_version,
        info.created_by,
        info.written_by
    );
    for (name, rows) in &info.tables {
        text += &format!("  table    {name}, {rows} rows\n");
    }
    output::print(&text);
    if !info.runs.is_empty() {
        let rows: Vec<_> = info
            .runs
            .iter()
            .map(|r| {
                vec![
                    format!("run {}", r.number),
                    format!("{:?}", r.status).to_lowercase(),
                    r.iterations.to_string(),
                    r.loss.map_or("-".into(), number),
                    r.log_likelihood.map_or("-".into(), number),
                    r.hold_out.map_or("-".into(), number),
                ]
            })
            .collect();
        let header = ["", "status", "iterations", "loss", "log-likelihood", "hold-out"];
        output::print(&output::table(&header, &rows));
    }
    Ok(ExitCode::SUCCESS)
}

async fn verify(session: &Session, request: PathRequest) -> Result<ExitCode, ApiError> {
    let (reply, _): (VerifyReply, _) =
        session.call(Command::project_verify, request, |_, _| {}).await?;
    if session.json {
        output::json(&reply);
    } else {
        let rows: Vec<_> =
            reply.checks.iter().map(|(name, result)| vec![name.clone(), result.clone()]).collect();
        output::print(&output::table(&["check", "result"], &rows));
        output::print(if reply.ok {
            "\nnothing is wrong\n"
        } else {
            "\nthe file is damaged, or is not a project\n"
        });
    }
    Ok(if reply.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes the report.
pub async fn report(session: &Session, report: Report) -> Result<ExitCode, ApiError> {
    let request = ReportRequest {
        project: Some(path(&report.project)),
        run: report.run,
        out: report.out.as_deref().map(path),
    };
    let (reply, _): (PathRequest, _) = session.call(Command::report, request, |_, _| {}).await?;
    if session.json {
        output::json(&reply);
    } else {
        output::print(&format!("{}\n", reply.path));
    }
    Ok(ExitCode::SUCCESS)
}
