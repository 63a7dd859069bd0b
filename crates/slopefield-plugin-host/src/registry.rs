//! The plugins of a process: loaded once, asked by full id.

use crate::describe::{NetworkDescription, SolverDescription};
use crate::discover::{Found, Places};
use crate::manifest::{Manifest, ProvidesKind, VersionKey, version_key};
use crate::native::{Library, NetworkEntry, PluginSolver, SolverEntry};
use crate::tableau::{self, TableauEntry};
use crate::trust::{Trust, TrustState};
use crate::{PluginError, names};
use slopefield_lang::OptionValue;
use slopefield_solve::Stepper;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Loaded plugins, and what is wrong with others that were found.
#[derive(Debug, Default)]
pub struct Registry {
    plugins: Vec<Plugin>,
    problems: Vec<(Found, PluginError)>,
    solvers: BTreeMap<String, SolverEntry>,
    networks: BTreeMap<String, NetworkEntry>,
    tableaus: BTreeMap<String, TableauEntry>,
    /// What the manifests of all plugins offer, loaded or not: whether it is a solver, full id.
    offered: BTreeSet<(bool, String)>,
}

/// A loaded plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugin {
    /// Where it was found, with its manifest.
    pub found: Found,
    /// Id.
    pub id: String,
    /// Version.
    pub version: String,
    /// BLAKE3 of its library, or of its coefficients.
    pub hash: String,
    /// Its solvers.
    pub solvers: Vec<SolverDescription>,
    /// Its network kinds.
    pub networks: Vec<NetworkDescription>,
}

impl Registry {
    /// Loads those plugins of `places` whose ids are in `wanted`: of each the newest version that
    /// is the application's own or that `trust` allows. A version that was trusted and has changed
    /// is refused even when there is an older one. **This runs code of the plugins**, so it belongs
    /// into a process that may die; of a plugin that is not wanted or not trusted nothing runs.
    pub fn load(places: &Places, trust: &Trust, wanted: &[&str]) -> Registry {
        let mut registry = Registry::default();
        let mut versions: BTreeMap<String, Vec<(VersionKey, Found)>> = BTreeMap::new();
        for found in places.discover() {
            if let Some(problem) = found.problem.clone() {
                registry.problems.push((found, problem));
                continue;
            }
            let Some(manifest) = &found.manifest else { continue };
            let Some(key) = version_key(&manifest.version) else { continue };
            for p in &manifest.provides {
                let name = format!("{}/{}", manifest.id, p.id);
                registry.offered.insert((p.kind != ProvidesKind::Network, name));
            }
            if wanted.contains(&manifest.id.as_str()) {
                versions.entry(manifest.id.clone()).or_default().push((key, found));
            }
        }
        for (_, mut versions) in versions {
            versions.sort_by(|a, b| b.0.cmp(&a.0));
            registry.load_newest(versions, trust, &places.cache);
        }
        registry
    }

    /// Whether loading a plugin would run code that is not the application's own: the version that
    /// [`load`](Registry::load) would choose is native, trusted by the user and not bundled. Nothing
    /// is loaded here.
    pub fn is_foreign(places: &Places, trust: &Trust, id: &str) -> bool {
        let mut versions: Vec<(VersionKey, Found)> = places
            .discover()
            .into_iter()
            .filter(|found| found.problem.is_none())
            .filter_map(|found| {
                let manifest = found.manifest.as_ref().filter(|m| m.id == id)?;
                Some((version_key(&manifest.version)?, found))
            })
            .collect();
        versions.sort_by(|a, b| b.0.cmp(&a.0));
        for (_, found) in versions {
            if found.manifest.as_ref().is_some_and(Manifest::is_tableau) {
                return false;
            }
            match found.hash().map(|hash| trust.state(&found, &hash)) {
                Ok(TrustState::NotTrusted) => {}
                state => return matches!(state, Ok(TrustState::Trusted)),
            }
        }
        false
    }

    /// `versions` of one plugin, the newest first.
    fn load_newest(&mut self, versions: Vec<(VersionKey, Found)>, trust: &Trust, cache: &Path) {
        let mut refused = None;
        for (_, found) in versions {
            // Coefficients need no trust: nothing of theirs is executed.
            if found.manifest.as_ref().is_some_and(Manifest::is_tableau) {
                match tableau::load(&found) {
                    Ok(entries) => self.add_tableaus(found, entries),
                    Err(problem) => self.problems.push((found, problem)),
                }
                return;
            }
            let image = match Library::read(&found) {
                Ok(image) => image,
                Err(problem) => {
                    self.problems.push((found, problem));
                    return;
                }
            };
            let state = trust.state(&found, &image.hash);
            match state.refusal(&found) {
                None => {
                    match Library::load(&found, image, cache) {
                        Ok(library) => self.add(found, library),
                        Err(problem) => self.problems.push((found, problem)),
                    }
                    return;
                }
                Some(problem) if state == TrustState::NotTrusted => {
                    refused.get_or_insert((found, problem));
                }
                Some(problem) => {
                    self.problems.push((found, problem));
                    return;
                }
            }
        }
        self.problems.extend(refused);
    }

    fn add(&mut self, found: Found, library: Library) {
        self.plugins.push(Plugin {
            found,
            id: library.id,
            version: library.version,
            hash: library.hash,
            solvers: library.solvers.iter().map(|s| s.description.clone()).collect(),
            networks: library.networks.iter().map(|n| n.description.clone()).collect(),
        });
        for solver in library.solvers {
            self.solvers.insert(solver.description.id.clone(), solver);
        }
        for network in library.networks {
            self.networks.insert(network.description.id.clone(), network);
        }
    }

    fn add_tableaus(&mut self, found: Found, entries: Vec<TableauEntry>) {
        self.plugins.push(Plugin {
            id: found.manifest.as_ref().map(|m| m.id.clone()).unwrap_or_default(),
            version: found.manifest.as_ref().map(|m| m.version.clone()).unwrap_or_default(),
            // Just read, so it can be read again; if not, a record says that nothing is known.
            hash: found.hash().unwrap_or_default(),
            found,
            solvers: entries.iter().map(|e| e.description.clone()).collect(),
            networks: Vec::new(),
        });
        self.tableaus.extend(entries.into_iter().map(|e| (e.description.id.clone(), e)));
    }

    /// The loaded plugins, in the order of their ids.
    pub fn plugins(&self) -> &[Plugin] {
        &self.plugins
    }

    /// What was found and cannot be used.
    pub fn problems(&self) -> &[(Found, PluginError)] {
        &self.problems
    }

    /// All solvers: those of native code, then those given by coefficients, each in the order of
    /// their ids.
    pub fn solvers(&self) -> impl Iterator<Item = &SolverDescription> {
        let native = self.solvers.values().map(|s| &s.description);
        native.chain(self.tableaus.values().map(|t| &t.description))
    }

    /// All network kinds, in the order of their ids.
    pub fn networks(&self) -> impl Iterator<Item = &NetworkDescription> {
        self.networks.values().map(|n| &n.description)
    }

    /// A solver by full id, `org.example.name/solver`, with its default options.
    pub fn stepper(&self, id: &str) -> Result<Box<dyn Stepper>, PluginError> {
        self.stepper_with(id, &[])
    }

    /// A solver with options. The plugin checks them when the first run starts.
    pub fn stepper_with(
        &self,
        id: &str,
        options: &[(String, OptionValue)],
    ) -> Result<Box<dyn Stepper>, PluginError> {
        if let Some(entry) = self.tableaus.get(id) {
            return match options.first() {
                None => Ok(entry.table.stepper()),
                Some((name, _)) => Err(PluginError::Refused {
                    plugin: id.to_owned(),
                    message: format!("`{name}` is not an option; tableaus have none"),
                }),
            };
        }
        let entry = self.solvers.get(id).ok_or_else(|| self.unknown("solver", id))?;
        Ok(Box::new(PluginSolver::new(entry.clone(), options.to_vec())))
    }

    /// Whether a loaded plugin offers this network, `org.example.name/network`.
    ///
    /// # Errors
    /// Why there is none: the trouble with its plugin, or names that are near.
    pub fn offers_network(&self, id: &str) -> Result<(), PluginError> {
        self.network(id).map(drop)
    }

    pub(crate) fn network(&self, id: &str) -> Result<&NetworkEntry, PluginError> {
        self.networks.get(id).ok_or_else(|| self.unknown("network", id))
    }

    fn unknown(&self, kind: &'static str, id: &str) -> PluginError {
        // A plugin that is there but broken is the likelier reason than a misspelt name.
        let plugin = id.split('/').next().unwrap_or(id);
        let broken = self
            .problems
            .iter()
            .find(|(found, _)| found.manifest.as_ref().is_some_and(|m| m.id == plugin));
        let known: Vec<&str> = self
            .offered
            .iter()
            .filter(|(solver, _)| *solver == (kind == "solver"))
            .map(|(_, name)| name.as_str())
            .collect();
        let hint = match broken {
            Some((_, problem)) => format!("; its plugin could not be loaded: {problem}"),
            None => {
                let ours = format!("{plugin}/");
                let absent = self.offered.iter().all(|(_, name)| !name.starts_with(&ours));
                let absent = match absent && id.contains('/') {
                    true => format!("; the plugin {plugin} is not installed"),
                    false => String::new(),
                };
                absent + &names::hint(id, &known)
            }
        };
        PluginError::Unknown { kind, id: id.to_owned(), hint }
    }
}
