//! What authors of plugins need: a folder to begin with, tests, and the layout of an installed plugin.

use super::Session;
use super::plugin::{installed, refusal, versions};
use crate::arguments::{PluginCheck, PluginKind, PluginLanguage, PluginNew, PluginPack};
use crate::output;
use slopefield_api::ApiError;
use slopefield_plugin_check::{
    Kind, Language, Line, Report, Request, StageError, Template, Verdict, catalogue, stage,
};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Tests a plugin; fails when a test does.
pub async fn check(session: &Session, check: PluginCheck) -> Result<ExitCode, ApiError> {
    let Some(plugin) = check.plugin.as_deref().filter(|_| !check.list) else {
        list(session);
        return Ok(ExitCode::SUCCESS);
    };
    let source = source(session, plugin).await?;
    let program = std::env::current_exe().map_err(|e| {
        refusal(format!("this program does not know where it is: {e}"), "start it by its path")
    })?;
    let request = Request {
        source,
        library: check.library,
        include: check.include,
        exclude: check.exclude,
        seed: check.seed,
        time_limit: Duration::from_secs_f64(check.time_limit),
        program,
    };
    let tell = |line: &Line| {
        if !session.json && (!session.quiet || line.outcome.verdict.is_bad()) {
            output::print(&words(line));
        }
    };
    let report = slopefield_plugin_check::check(&request, tell).map_err(|e| staging(&e))?;
    if report.tests.is_empty() {
        return Err(refusal(
            "there is no such test for this plugin".to_owned(),
            "see `slopefield plugin check --list`",
        ));
    }
    if session.json {
        output::json(&Counted { ok: report.is_good(), report: &report });
    } else {
        output::print(&summary(&report));
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The report of `--json`.
#[derive(serde::Serialize)]
struct Counted<'a> {
    ok: bool,
    #[serde(flatten)]
    report: &'a Report,
}

fn list(session: &Session) {
    if session.json {
        let tests = catalogue::TESTS.iter();
        let tests: Vec<_> =
            tests.map(|t| serde_json::json!({ "test": t.name, "about": t.about })).collect();
        output::json(&tests);
        return;
    }
    let width = catalogue::TESTS.iter().map(|t| t.name.len()).max().unwrap_or(0);
    for test in catalogue::TESTS {
        output::print(&format!("{:<width$}  {}\n", test.name, test.about));
    }
}

/// The folder of a plugin that is given by its path or id.
async fn source(session: &Session, plugin: &str) -> Result<PathBuf, ApiError> {
    let path = Path::new(plugin);
    if path.join("plugin.toml").is_file() {
        return Ok(path.to_owned());
    }
    if path.is_dir() {
        return Err(refusal(
            format!("there is no plugin.toml in {plugin}"),
            "name the folder that has one",
        ));
    }
    let list = installed(session).await?;
    let views = versions(&list, plugin)?;
    // The newest that may run: naming an id is no reason to run what nobody has trusted.
    match views.iter().find(|p| p.trust.state.may_run()) {
        Some(view) => Ok(PathBuf::from(&view.path)),
        None => Err(refusal(
            format!("the plugin {plugin} is not trusted, and testing it would run its code"),
            "trust it with `slopefield plugin trust`, or name its folder if it is yours",
        )),
    }
}

fn staging(error: &StageError) -> ApiError {
    refusal(
        error.to_string(),
        "see docs/how-to/write-a-solver-plugin.md for the layout of a plugin",
    )
}

/// A test for people.
fn words(line: &Line) -> String {
    let Line { test, subject, outcome, output, about, .. } = line;
    let mut text = format!("{:<9}  {test:<24}", outcome.verdict.word());
    if !subject.is_empty() {
        let _ = write!(text, "  {subject}");
    }
    if !outcome.message.is_empty() {
        let _ = write!(text, "  {}", outcome.message);
    }
    text = text.trim_end().to_owned();
    text.push('\n');
    if outcome.verdict.is_bad() {
        let _ = writeln!(text, "           {about}");
    }
    for line in output {
        let _ = writeln!(text, "           | {line}");
    }
    text
}

fn summary(report: &Report) -> String {
    let verdicts = [
        Verdict::Passed,
        Verdict::Warning,
        Verdict::Failed,
        Verdict::Crashed,
        Verdict::TimedOut,
        Verdict::Skipped,
    ];
    let counts = verdicts.into_iter().map(|v| (report.count(v), v.word().to_lowercase()));
    let counts: Vec<String> =
        counts.filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    format!("{} {}: {}\n", report.plugin, report.version, counts.join(", "))
}

/// Puts a built plugin into a folder of plugins.
pub fn pack(session: &Session, pack: &PluginPack) -> Result<ExitCode, ApiError> {
    let staged =
        stage(&pack.plugin, pack.library.as_deref(), &pack.out).map_err(|e| staging(&e))?;
    let (id, version) = (&staged.manifest.id, &staged.manifest.version);
    let folder = staged.folder.display().to_string();
    if session.json {
        output::json(&serde_json::json!({ "id": id, "version": version, "folder": folder }));
    } else {
        output::print(&format!("{id} {version} is in {folder}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the folder of a new plugin.
pub fn new(session: &Session, new: PluginNew) -> Result<ExitCode, ApiError> {
    let id = new.id.unwrap_or_else(|| format!("org.example.{}", new.name));
    let template = Template {
        kind: match new.kind {
            PluginKind::Solver => Kind::Solver,
            PluginKind::Network => Kind::Network,
            PluginKind::Tableau => Kind::Tableau,
        },
        language: match new.language {
            PluginLanguage::Rust => Language::Rust,
            PluginLanguage::C => Language::C,
        },
        name: new.name,
        id,
    };
    let folder = template
        .write(Path::new("."))
        .map_err(|e| refusal(e.to_string(), "see `slopefield plugin new --help`"))?;
    let name = &template.name;
    let build = match (template.kind, template.language) {
        (Kind::Tableau, _) => "",
        (_, Language::Rust) => "cargo build --release && ",
        (_, Language::C) => "make && ",
    };
    if session.json {
        let folder = folder.display().to_string();
        output::json(&serde_json::json!({ "id": template.id, "folder": folder }));
    } else {
        output::print(&format!(
            "{name} is begun; README.md in it says what is where. Now\n\n  cd {name} && \
             {build}slopefield plugin check .\n"
        ));
    }
    Ok(ExitCode::SUCCESS)
}
