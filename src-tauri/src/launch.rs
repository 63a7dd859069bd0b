//! What the program was started with, and where the worker, the examples and the plugins are.

use slopefield_api::client::Launch;
use std::path::PathBuf;
use tauri::{AppHandle, Manager, Runtime};

/// The worker beside this program, told where the bundled examples and plugins are: among the
/// installed resources, or in the source tree while developing.
pub fn worker<R: Runtime>(app: &AppHandle<R>) -> Launch {
    let folder = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(PathBuf::from))
        .unwrap_or_default();
    let program = folder.join(format!("slopefield-worker{}", std::env::consts::EXE_SUFFIX));
    let resources = app.path().resource_dir().unwrap_or_default();
    let mut examples = resources.join("examples");
    let mut plugins = resources.join("plugins");
    if cfg!(debug_assertions) {
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        examples = source.join("../examples");
        plugins = folder.join("plugins");
    }
    let arguments =
        vec!["--examples".into(), examples.into(), "--bundled-plugins".into(), plugins.into()];
    Launch { program, arguments }
}

/// What the window shall show first.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "kebab-case")]
pub enum LaunchRequest {
    /// `--example ID`.
    Example(String),
    /// The path of a project file, as the file manager of the system gives it.
    Project(String),
}

/// What the command line asked for; the page opens it once it is ready.
#[tauri::command]
pub fn launch_request() -> Option<LaunchRequest> {
    parse(std::env::args().skip(1))
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Option<LaunchRequest> {
    match arguments.next()?.as_str() {
        "--example" => arguments.next().map(LaunchRequest::Example),
        // Systems and debuggers add options of their own.
        option if option.starts_with('-') => None,
        path => {
            let path = std::path::absolute(path).ok()?;
            Some(LaunchRequest::Project(path.to_string_lossy().into_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Option<LaunchRequest> {
        parse(arguments.iter().map(|a| (*a).to_owned()))
    }

    #[test]
    fn an_example_or_a_project_may_be_named() {
        assert_eq!(parsed(&["--example", "x"]), Some(LaunchRequest::Example("x".into())));
        let Some(LaunchRequest::Project(path)) = parsed(&["a.slopefield"]) else { panic!() };
        assert!(std::path::Path::new(&path).is_absolute());
        assert_eq!(parsed(&[]), None);
        assert_eq!(parsed(&["--example"]), None);
        assert_eq!(parsed(&["-psn_0_1"]), None);
    }
}
