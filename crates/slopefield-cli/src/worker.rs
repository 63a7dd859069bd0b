//! The worker process of the command line: this very program, started with a word of its own.

use crate::arguments::Arguments;
use slopefield_api::client::{Client, Launch};
use slopefield_worker::{Engine, Folders};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// First argument that makes this program the worker.
pub const SUBCOMMAND: &str = "__worker";

/// Serves requests until standard input ends.
pub fn serve(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let result = Folders::from_arguments(arguments).and_then(|folders| {
        slopefield_worker::serve(Engine::new(folders)).map_err(|e| e.to_string())
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("slopefield worker: {message}");
            ExitCode::FAILURE
        }
    }
}

/// A client that starts this program as its worker.
pub fn client(arguments: &Arguments) -> Arc<Client> {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("slopefield"));
    let mut bundled: Vec<PathBuf> = Vec::new();
    if let Some(beside) = program.parent() {
        bundled.push(beside.join("plugins"));
        // Where the installer of Debian and its kin puts them.
        bundled.extend(beside.parent().map(|above| above.join("lib/Slopefield/plugins")));
    }
    let mut words: Vec<OsString> = vec![SUBCOMMAND.into()];
    for folder in bundled {
        words.extend([OsStr::new("--bundled-plugins").into(), folder.into()]);
    }
    for folder in &arguments.plugins {
        // The worker takes only folders that are the same from everywhere.
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
        words.extend([OsStr::new("--plugins").into(), folder.into()]);
    }
    Arc::new(Client::new(Launch { program, arguments: words }, |_| {}))
}
