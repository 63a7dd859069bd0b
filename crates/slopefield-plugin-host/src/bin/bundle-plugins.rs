//! Copies built plugins into the layout of installed ones; see `plugins/README.md`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [built, out] = arguments.as_slice() else {
        eprintln!(
            "usage: bundle-plugins BUILT OUT\n\nBUILT  folder of build products, such as target/debug\nOUT    folder to fill with <id>/<version>/"
        );
        return ExitCode::from(2);
    };
    match slopefield_plugin_host::bundle(&sources(), built, out) {
        Ok(folders) => {
            folders.iter().for_each(|f| println!("{}", f.display()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The folder `plugins` of the repository: from cargo when it runs this program, else below the
/// working directory.
fn sources() -> PathBuf {
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(folder) => Path::new(&folder).join("../../plugins"),
        None => PathBuf::from("plugins"),
    }
}
