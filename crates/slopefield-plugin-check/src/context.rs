//! What a test is about: a plugin in place, and one solver or network of it.

use crate::raw;
use slopefield_lang::OptionValue;
use slopefield_plugin_host::{
    Found, Manifest, NetworkDescription, Places, PluginNetworks, Provides, Registry,
    SolverDescription, Trust,
};
use slopefield_solve::Stepper;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// See the module.
pub(crate) struct Context {
    /// The plugin, as the application finds it.
    pub found: Found,
    /// Id of the solver, network or method; empty for tests of the whole plugin.
    pub subject: String,
    /// Seed of the tests that draw numbers.
    pub seed: u64,
    /// Where the result of the test goes, for tests that may end in the middle of a call.
    #[cfg_attr(not(unix), allow(dead_code, reason = "only Unix has such tests"))]
    pub result: PathBuf,
    places: Places,
    /// Loaded when first asked for.
    registry: OnceLock<Result<Arc<Registry>, String>>,
}

impl Context {
    /// The plugin in `folder`, `…/<id>/<version>`.
    pub fn new(folder: &Path, subject: &str, seed: u64, result: &Path) -> Result<Context, String> {
        let root = folder.ancestors().nth(2).ok_or("a plugin lies in <id>/<version>")?;
        // Its author wants it to run, which is what a folder of the application stands for.
        let places = Places {
            bundled: vec![root.to_owned()],
            others: Vec::new(),
            cache: root.with_file_name("cache"),
        };
        let mut found = places.discover();
        found.retain(|f| f.path == folder);
        let found = found.pop().ok_or("the application does not find the plugin")?;
        let (subject, result) = (subject.to_owned(), result.to_owned());
        Ok(Context { found, subject, seed, result, places, registry: OnceLock::new() })
    }

    /// The manifest.
    pub fn manifest(&self) -> Result<&Manifest, String> {
        match (&self.found.manifest, &self.found.problem) {
            (Some(manifest), None) => Ok(manifest),
            (_, Some(problem)) => Err(problem.to_string()),
            (None, None) => Err("there is no manifest".to_owned()),
        }
    }

    /// What the manifest says of the subject.
    pub fn provided(&self) -> Result<&Provides, String> {
        let provided = self.manifest()?.provides.iter().find(|p| p.id == self.subject);
        provided.ok_or_else(|| format!("the manifest has no `{}`", self.subject))
    }

    /// The id of the subject in a study or model.
    pub fn full_id(&self) -> Result<String, String> {
        Ok(format!("{}/{}", self.manifest()?.id, self.subject))
    }

    /// The library.
    pub fn library(&self) -> Result<PathBuf, String> {
        self.manifest()?;
        self.found.library().ok_or_else(|| "there is no library for this machine".to_owned())
    }

    /// The plugin as the application loads it.
    pub fn registry(&self) -> Result<&Arc<Registry>, String> {
        let load = || {
            let id = &self.manifest()?.id;
            let registry = Registry::load(&self.places, &Trust::default(), &[id]);
            match registry.problems().first() {
                Some((_, problem)) => Err(problem.to_string()),
                None => Ok(Arc::new(registry)),
            }
        };
        self.registry.get_or_init(load).as_ref().map_err(Clone::clone)
    }

    /// The plugin's networks beside the built-in ones, as the application builds them.
    pub fn networks(&self) -> Result<PluginNetworks, String> {
        Ok(PluginNetworks::new(Arc::clone(self.registry()?)))
    }

    /// What the application knows of the subject, a solver.
    pub fn solver(&self) -> Result<SolverDescription, String> {
        let (registry, id) = (self.registry()?, self.full_id()?);
        let solver = registry.solvers().find(|s| s.id == id).cloned();
        solver.ok_or_else(|| format!("the plugin has no solver `{}`", self.subject))
    }

    /// What the application knows of the subject, a network.
    pub fn network(&self) -> Result<NetworkDescription, String> {
        let (registry, id) = (self.registry()?, self.full_id()?);
        let network = registry.networks().find(|n| n.id == id).cloned();
        network.ok_or_else(|| format!("the plugin has no network `{}`", self.subject))
    }

    /// The subject as the application's own loop sees it.
    pub fn stepper(&self, options: &[(String, OptionValue)]) -> Result<Box<dyn Stepper>, String> {
        self.registry()?.stepper_with(&self.full_id()?, options).map_err(|e| e.to_string())
    }

    /// The library through its interface alone.
    pub fn raw(&self) -> Result<raw::Root, String> {
        raw::Library::open(&self.library()?)?.root()
    }

    /// The solvers through the interface alone.
    pub fn raw_solvers(&self) -> Result<raw::Solvers, String> {
        self.raw()?.solvers().ok_or_else(|| "the library has no solvers".to_owned())
    }

    /// Numbers between 0 and 1 that follow from the seed and from what they are for.
    pub fn random(&self, purpose: &str) -> impl FnMut() -> f64 {
        let mut state = purpose.bytes().fold(self.seed ^ 0x9E37_79B9_7F4A_7C15, |s, b| {
            (s ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        // SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
        move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        }
    }
}
