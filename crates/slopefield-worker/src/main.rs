//! The worker program: `slopefield-worker [--examples DIR] [--bundled-plugins DIR]...
//! [--plugins DIR]...`.

use slopefield_worker::{Engine, Folders, serve};
use std::process::ExitCode;

fn main() -> ExitCode {
    let folders = match Folders::from_arguments(std::env::args_os().skip(1)) {
        Ok(folders) => folders,
        Err(message) => {
            eprintln!("slopefield-worker: {message}");
            return ExitCode::from(2);
        }
    };
    match serve(Engine::new(folders)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("slopefield-worker: {e}");
            ExitCode::FAILURE
        }
    }
}
