//! Copies built plugins into the layout of installed ones; see `plugins/README.md`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: bundle-plugins BUILT OUT [--with NAME]... [VARIABLE=value]...

BUILT        folder of build products, such as target/debug
OUT          folder to fill with <id>/<version>/
--with NAME  also build and bundle the plugin in plugins/NAME, which has a Makefile
VARIABLE     settings of those Makefiles, such as SUNDIALS=/opt/sundials";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (mut folders, mut with, mut variables) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--with") => match arguments.next().and_then(|name| name.into_string().ok()) {
                Some(name) => with.push(name),
                None => return usage(),
            },
            Some(word) if word.contains('=') => variables.push(word.to_owned()),
            _ => folders.push(PathBuf::from(argument)),
        }
    }
    let [built, out] = folders.as_slice() else { return usage() };
    let sources = sources();
    let bundled = slopefield_plugin_host::bundle(&sources, built, out).and_then(|mut all| {
        for name in &with {
            let made = slopefield_plugin_host::bundle_made;
            all.push(made(&sources, name, &variables, built, out)?);
        }
        Ok(all)
    });
    match bundled {
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

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

/// The folder `plugins` of the repository: from cargo when it runs this program, else below the
/// working directory.
fn sources() -> PathBuf {
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(folder) => Path::new(&folder).join("../../plugins"),
        None => PathBuf::from("plugins"),
    }
}
