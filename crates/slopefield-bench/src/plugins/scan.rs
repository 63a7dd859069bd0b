//! The list of plugins: 50 manifests read and checked, 50 libraries of 512 KiB hashed and compared
//! with the record of trust; and the same when the record of the list before has the hashes. Nothing
//! of the plugins runs, so the libraries need not be any.

use crate::suite::{Case, Check, Reference, Saved, Target, Trial};
use crate::{BenchError, Subject};
use slopefield_plugin_host::{Places, ScanCache, Trust, TrustState, platform};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const PLUGINS: usize = 50;
const LIBRARY_BYTES: usize = 512 << 10;

/// Longer than files have to be left alone until the list remembers them.
const SETTLED: Duration = Duration::from_millis(2100);

/// The first list, and one that finds what the list before has written down.
pub(crate) fn cases() -> [Case; 2] {
    let first = "50 plugins found, their libraries of 512 KiB hashed, trust looked up";
    let again = "the same when the hashes are in the record of the list before";
    [case("scan", first, 0.2, false), case("scan-again", again, 0.02, true)]
}

fn case(name: &'static str, about: &str, target: f64, again: bool) -> Case {
    let saved = if again { "plugins: scan of 50 again" } else { "plugins: scan of 50" };
    Case {
        name: name.into(),
        about: about.into(),
        target: Some(Target::Seconds(target)),
        saved: Saved { bench: "core", case: saved.into(), metric: "time" },
        prepare: Box::new(move |_| {
            let scan = Scan::new(again)?;
            // All are found, none has a problem, all are trusted, each offers two solvers; all
            // libraries are read, or none.
            let n = PLUGINS as f64;
            let counts = [n, 0.0, n, 2.0 * n, if again { 0.0 } else { n }];
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
    /// The record of the list before is used.
    again: bool,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // The system clears its folder of temporary files in any case.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Scan {
    fn new(again: bool) -> Result<Scan, BenchError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (pid, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Folder(std::env::temp_dir().join(format!("slopefield-scan-{pid}-{next}")));
        let mut scan = Scan { folder, trust: Trust::default(), again };
        scan.prepare().map_err(|source| BenchError::File {
            path: scan.folder.0.clone(),
            action: "written",
            source,
        })?;
        Ok(scan)
    }

    fn prepare(&mut self) -> std::io::Result<()> {
        let places = self.places();
        for i in 0..PLUGINS {
            install(&places.others[0], i)?;
        }
        if self.again {
            std::thread::sleep(SETTLED);
        }
        let mut record = ScanCache::default();
        for found in places.discover() {
            let hash = record.hash(&found)?;
            self.trust.add(&found, &hash);
        }
        if self.again { record.write(&places.cache) } else { Ok(()) }
    }

    fn places(&self) -> Places {
        Places {
            others: vec![self.folder.0.join("plugins")],
            cache: self.folder.0.join("cache"),
            ..Places::default()
        }
    }

    /// What the list of plugins reads: found, with a problem, trusted, offered, libraries read.
    fn scan(&self) -> [f64; 5] {
        let mut counts = [0.0; 5];
        let places = self.places();
        let mut record =
            if self.again { ScanCache::read(&places.cache) } else { ScanCache::default() };
        for found in places.discover() {
            counts[0] += 1.0;
            counts[1] += f64::from(u8::from(found.problem.is_some()));
            let hash = record.hash(&found).unwrap_or_default();
            let trusted = self.trust.state(&found, &hash) == TrustState::Trusted;
            counts[2] += f64::from(u8::from(trusted));
            counts[3] += found.manifest.map_or(0.0, |m| m.provides.len() as f64);
        }
        counts[4] = record.reads() as f64;
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
