//! The plugins of a process: loaded once, asked by full id.

use crate::describe::{NetworkDescription, SolverDescription};
use crate::discover::{Found, discover};
use crate::manifest::{VersionKey, version_key};
use crate::native::{Library, NetworkEntry, PluginSolver, SolverEntry};
use crate::{PluginError, names};
use slopefield_lang::OptionValue;
use slopefield_solve::Stepper;
use std::collections::BTreeMap;
use std::path::Path;

/// The usable plugins of some folders, and what is wrong with the others.
#[derive(Debug, Default)]
pub struct Registry {
    plugins: Vec<Plugin>,
    problems: Vec<(Found, PluginError)>,
    solvers: BTreeMap<String, SolverEntry>,
    networks: BTreeMap<String, NetworkEntry>,
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
    /// BLAKE3 of its library.
    pub hash: String,
    /// Its solvers.
    pub solvers: Vec<SolverDescription>,
    /// Its network kinds.
    pub networks: Vec<NetworkDescription>,
}

impl Registry {
    /// Finds the plugins in `folders` and loads the newest version of each; of one version in two
    /// folders, that in the first. Libraries are loaded from private copies in the folder `cache`.
    /// **This runs code of the plugins**, so it belongs into a process that may die.
    pub fn load(folders: &[impl AsRef<Path>], cache: &Path) -> Registry {
        let mut registry = Registry::default();
        let mut newest: BTreeMap<String, (VersionKey, Found)> = BTreeMap::new();
        for found in discover(folders) {
            if let Some(problem) = found.problem.clone() {
                registry.problems.push((found, problem));
                continue;
            }
            let Some((id, key)) = found
                .manifest
                .as_ref()
                .and_then(|m| Some((m.id.clone(), version_key(&m.version)?)))
            else {
                continue;
            };
            match newest.get(&id) {
                Some((other, _)) if *other >= key => {}
                _ => {
                    newest.insert(id, (key, found));
                }
            }
        }
        for (_, found) in newest.into_values() {
            match Library::load(&found, cache) {
                Ok(library) => registry.add(found, library),
                Err(problem) => registry.problems.push((found, problem)),
            }
        }
        registry
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

    /// The loaded plugins, in the order of their ids.
    pub fn plugins(&self) -> &[Plugin] {
        &self.plugins
    }

    /// What was found and cannot be used.
    pub fn problems(&self) -> &[(Found, PluginError)] {
        &self.problems
    }

    /// All solvers, in the order of their ids.
    pub fn solvers(&self) -> impl Iterator<Item = &SolverDescription> {
        self.solvers.values().map(|s| &s.description)
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
        let entry = self.solvers.get(id).ok_or_else(|| self.unknown("solver", id))?;
        Ok(Box::new(PluginSolver::new(entry.clone(), options.to_vec())))
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
        let known: Vec<&str> = if kind == "solver" {
            self.solvers.keys().map(String::as_str).collect()
        } else {
            self.networks.keys().map(String::as_str).collect()
        };
        let hint = match broken {
            Some((_, problem)) => format!("; its plugin could not be loaded: {problem}"),
            None => names::hint(id, &known),
        };
        PluginError::Unknown { kind, id: id.to_owned(), hint }
    }
}
