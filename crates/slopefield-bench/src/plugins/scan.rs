//! The list of plugins: 50 manifests read and checked, 50 libraries of 512 KiB hashed and compared
//! with the record of trust. Nothing of them runs, so the libraries need not be any.

use crate::suite::{Case, Check, Reference, Saved, Target, Trial};
use crate::{BenchError, Subject};
use slopefield_plugin_host::{Places, Trust, TrustState, platform};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

const PLUGINS: usize = 50;
const LIBRARY_BYTES: usize = 512 << 10;

/// See the module.
pub(crate) fn case() -> Case {
    Case {
        name: "scan".into(),
        about: "50 plugins found, their libraries of 512 KiB hashed, trust looked up".into(),
        target: Some(Target::Seconds(0.2)),
        saved: Saved { bench: "core", case: "plugins: scan of 50".into(), metric: "time" },
        prepare: Box::new(|_| {
            let scan = Scan::new()?;
            // All are found, none has a problem, all are trusted, each offers two solvers.
            let counts = [PLUGINS as f64, 0.0, PLUGINS as f64, 2.0 * PLUGINS as f64];
            Ok(Trial {
                ours: Box::new(scan),
                comparator: None,
                check: Check {
                    agreement: 0.0,
                    reference: Some(Reference::relative(0, &counts, 0.0)),
                },
                work: 1,
                compile_s: None,
            })
        }),
    }
}

/// Installed plugins in a folder that goes with this value.
struct Scan {
    folder: Folder,
    trust: Trust,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // The system clears its folder of temporary files in any case.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Scan {
    fn new() -> Result<Scan, BenchError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (pid, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Folder(std::env::temp_dir().join(format!("slopefield-scan-{pid}-{next}")));
        for i in 0..PLUGINS {
            install(&folder.0, i).map_err(|source| BenchError::File {
                path: folder.0.clone(),
                action: "written",
                source,
            })?;
        }
        let mut scan = Scan { folder, trust: Trust::default() };
        for found in scan.places().discover() {
            if let Ok(hash) = found.hash() {
                scan.trust.add(&found, &hash);
            }
        }
        Ok(scan)
    }

    fn places(&self) -> Places {
        Places { others: vec![self.folder.0.clone()], ..Places::default() }
    }

    /// What the list of plugins reads: found, with a problem, trusted, offered.
    fn scan(&self) -> [f64; 4] {
        let mut counts = [0.0; 4];
        for found in self.places().discover() {
            counts[0] += 1.0;
            counts[1] += f64::from(u8::from(found.problem.is_some()));
            let hash = found.hash().unwrap_or_default();
            let trusted = self.trust.state(&found, &hash) == TrustState::Trusted;
            counts[2] += f64::from(u8::from(trusted));
            counts[3] += found.manifest.map_or(0.0, |m| m.provides.len() as f64);
        }
        counts
    }
}

fn install(folder: &Path, i: usize) -> std::io::Result<()> {
    let (id, platform) = (format!("org.example.scan{i}"), platform());
    let place = folder.join(&id).join("1.0.0");
    let lib = place.join("lib").join(&platform);
    std::fs::create_dir_all(&lib)?;
    let byte = |k: usize| (k.wrapping_mul(2_654_435_761).wrapping_add(i) >> 7) as u8;
    std::fs::write(lib.join("plugin.so"), (0..LIBRARY_BYTES).map(byte).collect::<Vec<_>>())?;
    let manifest = format!(
        "manifest = 1\nid = \"{id}\"\nversion = \"1.0.0\"\nname = \"Scan {i}\"\nlicense = \"MIT\"\n\
         [native]\nabi = \"1.0\"\n[native.library.{platform}]\n\
         file = \"lib/{platform}/plugin.so\"\n\
         [[provides]]\nkind = \"solver\"\nid = \"a\"\nname = \"A\"\n\
         [[provides]]\nkind = \"solver\"\nid = \"b\"\nname = \"B\"\n"
    );
    std::fs::write(place.join("plugin.toml"), manifest)
}

impl Subject for Scan {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        for _ in 0..calls {
            std::hint::black_box(self.scan());
        }
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        Ok(self.scan().to_vec())
    }
}
