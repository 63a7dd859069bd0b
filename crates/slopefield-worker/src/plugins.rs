//! The plugins of this process. Code of third parties is loaded only in a process that was started
//! for it, see `isolation`. One is loaded when something first asks for it by name, and when
//! the user trusts it: a model or a study that names none never runs a line of their code.

use crate::failure::{advised, error};
use crate::folders::Folders;
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code};
use slopefield_graph::network::{BuiltinNetworks, NetworkError, NetworkGraph, NetworkLibrary};
use slopefield_lang::{Network, OptionValue};
use slopefield_plugin_host::{
    Crashes, Found, Places, PluginError, PluginNetworks, ProvidesKind, Registry, ScanCache, Trust,
    TrustState, register_tableaus, tableau_problem,
};
use slopefield_project::{Fact, FactKind};
use slopefield_solve::Stepper;
use slopefield_study::{BuiltinSolvers, Prepared, Solvers};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Plugins in some folders.
pub struct Plugins {
    places: Places,
    /// The user's record of trusted plugins.
    record: PathBuf,
    /// The user's record of plugins whose process died.
    crashes: PathBuf,
    /// Ids of the third-party plugins whose code may run in this process; empty in the worker.
    own: Vec<String>,
    /// By id, those that something asked for: loaded, or refused when last asked for.
    asked: Mutex<BTreeMap<String, Arc<Registry>>>,
}

/// What stands in the way of a solver or network of a plugin.
pub struct Hindrance {
    /// The plugin is there.
    pub installed: bool,
    /// Why it cannot be used, as the end of a sentence.
    pub why: String,
}

/// Id of the plugin in the full name of a solver or network.
pub fn plugin_of(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

impl Plugins {
    /// Makes methods known that plugins give as coefficients. No code is loaded yet.
    pub fn new(folders: &Folders) -> Plugins {
        let places = Places {
            bundled: folders.bundled_plugins.clone(),
            others: folders.plugins.clone(),
            cache: folders.plugin_cache.clone(),
        };
        register_tableaus(&places);
        Plugins {
            places,
            record: folders.settings.join("trusted-plugins.json"),
            crashes: folders.crashes(),
            own: folders.for_plugins.clone(),
            asked: Mutex::default(),
        }
    }

    fn asked(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Registry>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plugin of a solver or network, loaded now if it was not before.
    fn registry(&self, name: &str) -> Result<Arc<Registry>, PluginError> {
        let id = plugin_of(name);
        let mut asked = self.asked();
        if let Some(registry) = asked.get(id).filter(|r| !r.plugins().is_empty()) {
            return Ok(registry.clone());
        }
        let trust = Trust::read(&self.record);
        let none = Trust::default();
        // The application's own plugins do not depend on the record.
        let allowed = trust.as_ref().unwrap_or(&none);
        if !self.own.iter().any(|own| own == id) && Registry::is_foreign(&self.places, allowed, id)
        {
            asked.insert(id.to_owned(), Arc::default());
            let disabled = Crashes::read(&self.crashes)?.refusal(id);
            return Err(disabled.unwrap_or(PluginError::Elsewhere { plugin: id.to_owned() }));
        }
        let registry = Registry::load(&self.places, allowed, &[id]);
        let registry = Arc::new(registry);
        asked.insert(id.to_owned(), registry.clone());
        match trust {
            Err(problem) if registry.plugins().is_empty() => Err(problem),
            _ => Ok(registry),
        }
    }

    /// This is the process of a third-party plugin.
    pub fn is_process(&self) -> bool {
        !self.own.is_empty()
    }

    /// Whether a plugin has code of a third party that may run, which only a process of its own
    /// does. Where the answer is no, [`Plugins::registry`] gives the plugin or says why not.
    pub fn runs_apart(&self, id: &str) -> bool {
        let enabled = Crashes::read(&self.crashes).is_ok_and(|c| c.refusal(id).is_none());
        let trust = Trust::read(&self.record);
        enabled && trust.is_ok_and(|trust| Registry::is_foreign(&self.places, &trust, id))
    }

    /// Builds a network for a check of a text: `None` when that would run the code of a plugin for
    /// the first time. Looking at a project shall run nothing.
    pub fn preview(&self, network: &Network) -> Option<Result<NetworkGraph, NetworkError>> {
        let known =
            !network.kind.contains('/') || self.asked().contains_key(plugin_of(&network.kind));
        known.then(|| self.build(&network.kind, network.inputs, network.outputs, &network.options))
    }

    /// Loads the plugin of a network kind, or says why it cannot be used.
    pub fn usable(&self, kind: &str) -> Result<(), String> {
        let offered = self.registry(kind).and_then(|r| r.offers_network(kind));
        offered.map_err(|e| self.hindrance(kind).map_or_else(|| e.to_string(), |h| h.why))
    }

    /// Version and hash of the plugin of a network kind, when it is loaded and offers it.
    pub fn loaded(&self, kind: &str) -> Option<(String, String)> {
        let asked = self.asked();
        let plugin = asked.get(plugin_of(kind))?.plugins().first()?;
        let offered = plugin.networks.iter().any(|n| n.id == kind);
        offered.then(|| (plugin.version.clone(), plugin.hash.clone()))
    }

    /// Why a solver or network of a plugin cannot be used, by manifests and the record of trust
    /// alone: no plugin runs. What only its code can say is found when it is used.
    pub fn hindrance(&self, name: &str) -> Option<Hindrance> {
        let id = plugin_of(name);
        if self.asked().get(id).is_some_and(|r| !r.plugins().is_empty()) {
            return None;
        }
        let trust = Trust::read(&self.record).unwrap_or_default();
        let mut why = None;
        for found in self.places.discover() {
            let Some(manifest) = found.manifest.as_ref().filter(|m| m.id == id) else { continue };
            let problem = match &found.problem {
                Some(problem) => Some(problem.clone()),
                None => trust.state(&found, &found.hash().unwrap_or_default()).refusal(&found),
            };
            match problem {
                None if manifest.provides.iter().any(|p| name == format!("{id}/{}", p.id)) => {
                    return None;
                }
                None => {
                    let version = &manifest.version;
                    why = Some(format!("version {version} of the plugin does not offer it"));
                }
                Some(problem) => why = why.or(Some(problem.to_string())),
            }
        }
        let installed = why.is_some();
        let why = why.unwrap_or_else(|| format!("the plugin {id} is not installed"));
        Some(Hindrance { installed, why })
    }

    /// As a source of solvers that threads may share.
    pub fn solvers(self: Arc<Self>) -> Arc<dyn Solvers + Send + Sync> {
        self
    }

    /// What is installed, by the manifests: nothing of it runs. Libraries that look as they did are
    /// not read again.
    pub fn list(&self) -> PluginList {
        let (trust, damaged) = match Trust::read(&self.record) {
            Ok(trust) => (trust, None),
            Err(problem) => (Trust::default(), Some(problem)),
        };
        let mut found = self.places.discover();
        // By id, and of each the newest version first.
        found.sort_by(|a, b| match (&a.manifest, &b.manifest) {
            (Some(a), Some(b)) => a.id.cmp(&b.id).then_with(|| b.compare_version(a)),
            (a, b) => a.is_some().cmp(&b.is_some()),
        });
        let crashes = Crashes::read(&self.crashes);
        let disabled = |f: &Found| match (&crashes, f.manifest.as_ref()) {
            (Ok(crashes), Some(m)) => crashes.refusal(&m.id),
            (Err(problem), _) => Some(problem.clone()),
            _ => None,
        };
        let mut scan = ScanCache::read(&self.places.cache);
        let plugins = found
            .iter()
            .map(|f| {
                let library = scan.hash(f).unwrap_or_default();
                view(f, library, &trust, damaged.as_ref(), disabled(f))
            })
            .collect();
        // Without the record the next list takes longer, which is no reason to fail.
        let _ = scan.write(&self.places.cache);
        let folders = self.places.bundled.iter().chain(&self.places.others);
        let folders = folders.map(|f| f.to_string_lossy().into_owned()).collect();
        PluginList { plugins, folders }
    }

    /// Trusts the files that the user was shown.
    pub fn trust(&self, request: &TrustRequest) -> Result<PluginList, ApiError> {
        let mut trust = Trust::read(&self.record).map_err(|e| refused(&e))?;
        let found = self.places.discover();
        let found = found.iter().find(|f| {
            f.manifest
                .as_ref()
                .is_some_and(|m| (&m.id, &m.version) == (&request.id, &request.version))
        });
        let Some(found) = found else {
            let message = format!("no plugin {} {} is installed", request.id, request.version);
            return Err(error(Code::Request, message));
        };
        if let Some(problem) = &found.problem {
            return Err(refused(problem));
        }
        let library = found.hash().map_err(|e| {
            error(Code::File, format!("the library of {} cannot be read: {e}", request.id))
        })?;
        if found.manifest_hash.as_ref() != Some(&request.manifest) || library != request.library {
            // The list may have shown what it remembered; looking again shall show what is there.
            ScanCache::remove(&self.places.cache);
            return Err(advised(
                Code::Request,
                format!("the plugin {} has changed since it was shown", request.id),
                "look at it again before you trust it",
            ));
        }
        if !found.bundled {
            trust.add(found, &library);
            trust.write(&self.record).map_err(|e| refused(&e))?;
            // Other files may well work.
            self.forgive(&request.id)?;
        }
        Ok(self.list())
    }

    /// Takes the trust in a plugin back. What is loaded is not used for anything new.
    pub fn untrust(&self, id: &str) -> Result<PluginList, ApiError> {
        let mut trust = Trust::read(&self.record).map_err(|e| refused(&e))?;
        if !trust.remove(id) {
            return Err(error(
                Code::Request,
                format!("no plugin {id} is on the list of trusted ones"),
            ));
        }
        trust.write(&self.record).map_err(|e| refused(&e))?;
        self.asked().remove(id);
        Ok(self.list())
    }

    /// Enables a plugin again whose process died too often in a row.
    pub fn enable(&self, id: &str) -> Result<PluginList, ApiError> {
        if !self.forgive(id)? {
            let message = format!("no process of a plugin {id} has died; it is not disabled");
            return Err(error(Code::Request, message));
        }
        self.asked().remove(id);
        Ok(self.list())
    }

    /// Forgets that the process of a plugin died; whether it had.
    fn forgive(&self, id: &str) -> Result<bool, ApiError> {
        let mut crashes = Crashes::read(&self.crashes).map_err(|e| refused(&e))?;
        let had = crashes.clear(id);
        if had {
            crashes.write(&self.crashes).map_err(|e| refused(&e))?;
        }
        Ok(had)
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
            let registry = self.registry(id).ok()?;
            let plugin = registry.plugins().iter().find(|p| p.id == id)?;
            let value = format!("{} {}", plugin.version, plugin.hash);
            Some(Fact { kind: FactKind::Plugin, name: id.into(), value })
        };
        used.into_iter().filter_map(fact).collect()
    }
}

fn refused(problem: &PluginError) -> ApiError {
    error(Code::Request, problem.to_string())
}

/// One line of the list; `library` is the hash of its library, empty when that cannot be read.
fn view(
    found: &Found,
    library: String,
    trust: &Trust,
    damaged: Option<&PluginError>,
    disabled: Option<PluginError>,
) -> PluginView {
    let m = found.manifest.as_ref();
    let state = trust.state(found, &library);
    let offers = |network: bool| {
        let all = m.into_iter().flat_map(|m| m.provides.iter().map(|p| (m.id.as_str(), p)));
        all.filter(|(_, p)| (p.kind == ProvidesKind::Network) == network)
            .map(|(id, p)| (format!("{id}/{}", p.id), p.name.clone()))
            .collect()
    };
    let refusal = state.refusal(found);
    // A damaged record is why nothing is trusted.
    let refusal = refusal.map(|r| damaged.unwrap_or(&r).to_string());
    let disabled = disabled.filter(|_| state == TrustState::Trusted);
    PluginView {
        id: m.map(|m| m.id.clone()).unwrap_or_default(),
        name: m.map(|m| m.name.clone()).unwrap_or_default(),
        version: m.map(|m| m.version.clone()).unwrap_or_default(),
        license: m.map(|m| m.license.clone()).unwrap_or_default(),
        path: found.path.to_string_lossy().into_owned(),
        solvers: offers(false),
        networks: offers(true),
        trust: PluginTrust {
            state: match state {
                TrustState::Bundled => PluginState::Bundled,
                TrustState::NoCode => PluginState::NoCode,
                TrustState::Trusted if disabled.is_some() => PluginState::Disabled,
                TrustState::Trusted => PluginState::Trusted,
                TrustState::NotTrusted => PluginState::NotTrusted,
                TrustState::Changed { .. } => PluginState::Changed,
            },
            changes: state.changes().into_iter().map(str::to_owned).collect(),
            publisher: m.map(|m| m.authors.clone()).unwrap_or_default(),
            homepage: m.map(|m| m.homepage.clone()).unwrap_or_default(),
            manifest: found.manifest_hash.clone().unwrap_or_default(),
            library,
        },
        problem: found
            .problem
            .as_ref()
            .map(ToString::to_string)
            .or_else(|| tableau_problem(found).map(|problem| problem.to_string()))
            .or(refusal)
            .or(disabled.map(|problem| problem.to_string())),
    }
}

impl Solvers for Plugins {
    fn stepper(&self, method: &str) -> Result<Box<dyn Stepper>, String> {
        if method.contains('/') {
            self.registry(method).and_then(|r| r.stepper(method)).map_err(|e| e.to_string())
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
            let registry =
                self.registry(kind).map_err(|e| NetworkError { message: e.to_string() })?;
            PluginNetworks::new(registry).build(kind, inputs, outputs, options)
        } else {
            BuiltinNetworks.build(kind, inputs, outputs, options)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::Networks;

    #[test]
    fn looking_at_a_model_loads_no_plugin() {
        let plugins = Plugins::new(&Folders::default());
        let text = "state x = 1\nnetwork f: org.example.a/b(inputs: 1, outputs: 1)\nx' = f(x)\n";
        let look = || {
            let (model, diagnostics) = slopefield_lang::check(text);
            let networks = Networks::of_plugins(&plugins);
            crate::model::report(text, (&model, diagnostics), &networks)
        };
        let report = look();
        assert!(report.ok, "{}", report.rendered);
        // Nor does the list of plugins.
        assert!(plugins.list().plugins.is_empty());
        let report = look();
        assert!(report.ok && plugins.asked().is_empty(), "{}", report.rendered);
        // Once something has asked for this plugin, the same check is complete.
        assert!(plugins.build("org.example.a/b", 1, 1, &[]).is_err());
        let report = look();
        assert!(!report.ok && report.rendered.contains("org.example.a/b"), "{}", report.rendered);
    }

    /// A hash that the list remembers wrongly can be shown; it cannot be trusted, and is forgotten then.
    #[test]
    fn what_the_list_remembers_is_not_what_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let (plugins, cache) = (folder.path().join("plugins"), folder.path().join("cache"));
        let platform = slopefield_plugin_host::platform();
        let place = plugins.join("org.example.a/1.0.0");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("a.so"), b"").unwrap();
        let manifest = format!(
            "manifest = 1\nid = \"org.example.a\"\nversion = \"1.0.0\"\nname = \"A\"\n\
             license = \"MIT\"\n[native]\nabi = \"1.0\"\n\
             [native.library.{platform}]\nfile = \"a.so\"\n\
             [[provides]]\nkind = \"solver\"\nid = \"s\"\nname = \"S\"\n"
        );
        std::fs::write(place.join("plugin.toml"), manifest).unwrap();
        let plugins = Plugins::new(&Folders {
            plugins: vec![plugins],
            plugin_cache: cache.clone(),
            settings: folder.path().join("settings"),
            ..Folders::default()
        });
        let shown = || {
            let [plugin] = <[PluginView; 1]>::try_from(plugins.list().plugins).unwrap();
            assert_eq!(plugin.problem.is_some(), plugin.trust.state != PluginState::Trusted);
            plugin.trust
        };
        // Young files are not remembered.
        let record = cache.join("scan.json");
        let right = shown().library;
        // BLAKE3 of nothing, from the paper's test vectors.
        assert_eq!(right, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
        assert!(!record.exists());
        std::thread::sleep(std::time::Duration::from_millis(2100));
        assert_eq!(shown().library, right);
        let text = std::fs::read_to_string(&record).unwrap();
        let wrong = "7".repeat(64);
        std::fs::write(&record, text.replace(&right, &wrong)).unwrap();
        let believed = shown();
        assert_eq!(believed.library, wrong);
        let request = |trust: PluginTrust| TrustRequest {
            id: "org.example.a".into(),
            version: "1.0.0".into(),
            manifest: trust.manifest,
            library: trust.library,
        };
        let refused = plugins.trust(&request(believed)).unwrap_err();
        assert!(refused.message.contains("has changed since it was shown"), "{refused:?}");
        let seen = shown();
        assert_eq!(seen.library, right);
        plugins.trust(&request(seen)).unwrap();
        assert_eq!(shown().state, PluginState::Trusted);
    }
}
