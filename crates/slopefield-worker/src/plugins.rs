//! The plugins of this process. They are loaded when something first asks for one: a model or a
//! study that names none never runs a line of their code.

use slopefield_api::types::{PluginList, PluginView};
use slopefield_graph::network::{BuiltinNetworks, NetworkError, NetworkGraph, NetworkLibrary};
use slopefield_lang::{Network, OptionValue};
use slopefield_plugin_host::{Found, PluginNetworks, Registry};
use slopefield_project::{Fact, FactKind};
use slopefield_solve::Stepper;
use slopefield_study::{BuiltinSolvers, Prepared, Solvers};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Plugins in some folders.
pub struct Plugins {
    folders: Vec<PathBuf>,
    cache: PathBuf,
    registry: OnceLock<Arc<Registry>>,
}

impl Plugins {
    /// Plugins in `folders`, loaded from copies in `cache`. Nothing is read yet.
    pub fn new(folders: Vec<PathBuf>, cache: PathBuf) -> Plugins {
        Plugins { folders, cache, registry: OnceLock::new() }
    }

    fn registry(&self) -> &Arc<Registry> {
        self.registry.get_or_init(|| Arc::new(Registry::load(&self.folders, &self.cache)))
    }

    /// Builds a network for a check of a text: `None` when that would run the code of a plugin for
    /// the first time. Looking at a project shall run nothing.
    pub fn preview(&self, network: &Network) -> Option<Result<NetworkGraph, NetworkError>> {
        let known = !network.kind.contains('/') || self.registry.get().is_some();
        known.then(|| self.build(&network.kind, network.inputs, network.outputs, &network.options))
    }

    /// As a source of solvers that threads may share.
    pub fn solvers(self: Arc<Self>) -> Arc<dyn Solvers + Send + Sync> {
        self
    }

    /// What is installed.
    pub fn list(&self) -> PluginList {
        let registry = self.registry();
        let described = |found: &Found| {
            let m = found.manifest.as_ref();
            PluginView {
                id: m.map(|m| m.id.clone()).unwrap_or_default(),
                name: m.map(|m| m.name.clone()).unwrap_or_default(),
                version: m.map(|m| m.version.clone()).unwrap_or_default(),
                license: m.map(|m| m.license.clone()).unwrap_or_default(),
                path: found.path.to_string_lossy().into_owned(),
                solvers: Vec::new(),
                networks: Vec::new(),
                problem: None,
            }
        };
        let mut plugins: Vec<PluginView> = registry
            .plugins()
            .iter()
            .map(|p| PluginView {
                solvers: p.solvers.iter().map(|s| (s.id.clone(), s.name.clone())).collect(),
                networks: p.networks.iter().map(|n| (n.id.clone(), n.name.clone())).collect(),
                ..described(&p.found)
            })
            .collect();
        for (found, problem) in registry.problems() {
            plugins.push(PluginView { problem: Some(problem.to_string()), ..described(found) });
        }
        plugins.sort_by(|a, b| a.id.cmp(&b.id));
        let folders = self.folders.iter().map(|f| f.to_string_lossy().into_owned()).collect();
        PluginList { plugins, folders }
    }

    /// Plugins that a study uses, with the hash of their libraries, for the record of a run.
    pub fn facts(&self, prepared: &Prepared) -> Vec<Fact> {
        let solver = prepared.solver.0.as_str();
        let kinds = prepared.model.model.networks.iter().map(|n| n.kind.as_str());
        let mut used: Vec<&str> =
            kinds.chain([solver]).filter_map(|name| Some(name.split_once('/')?.0)).collect();
        used.sort_unstable();
        used.dedup();
        let fact = |id: &str| {
            let plugin = self.registry().plugins().iter().find(|p| p.id == id)?;
            let value = format!("{} {}", plugin.version, plugin.hash);
            Some(Fact { kind: FactKind::Plugin, name: id.into(), value })
        };
        used.into_iter().filter_map(fact).collect()
    }
}

impl Solvers for Plugins {
    fn stepper(&self, method: &str) -> Result<Box<dyn Stepper>, String> {
        if method.contains('/') {
            self.registry().stepper(method).map_err(|e| e.to_string())
        } else {
            BuiltinSolvers.stepper(method)
        }
    }
}

impl NetworkLibrary for Plugins {
    fn build(
        &self,
        kind: &str,
        inputs: u32,
        outputs: u32,
        options: &[(String, OptionValue)],
    ) -> Result<NetworkGraph, NetworkError> {
        if kind.contains('/') {
            PluginNetworks::new(self.registry().clone()).build(kind, inputs, outputs, options)
        } else {
            BuiltinNetworks.build(kind, inputs, outputs, options)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_at_a_model_loads_no_plugin() {
        let plugins = Plugins::new(Vec::new(), PathBuf::new());
        let text = "state x = 1\nnetwork f: org.example.a/b(inputs: 1, outputs: 1)\nx' = f(x)\n";
        let report = crate::model::report(text, &plugins);
        assert!(report.ok, "{}", report.rendered);
        assert!(plugins.registry.get().is_none());
        // Once something has asked for plugins, the same check is complete.
        assert!(plugins.list().plugins.is_empty());
        let report = crate::model::report(text, &plugins);
        assert!(!report.ok && report.rendered.contains("org.example.a/b"), "{}", report.rendered);
    }
}
