//! Networks of a project: built by plugins where these can be used, else from the graphs that the
//! project holds.
//!
//! A graph is data. Using one runs no code of a plugin, so neither installation nor trust is asked
//! for; it was recorded by a plugin once, but the file may be a stranger's, so it is checked op by
//! op as if a plugin were recording it now. One that uses operators of its plugin names them and needs
//! the plugin, by the rules for its code.

use crate::plugins::{Hindrance, Plugins, plugin_of};
use crate::session::project_error;
use slopefield_api::ApiError;
use slopefield_graph::custom;
use slopefield_graph::network::{
    BuiltinNetworks, NetworkError, NetworkGraph, NetworkLibrary, OP_SET, decode, encode,
};
use slopefield_lang::{Model, Network, OptionValue};
use slopefield_project::{Fact, FactKind, Project, RecordedNetwork};
use slopefield_study::Prepared;
use slopefield_study::error::Problem;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// Where a problem with a network is.
const PLACE: &str = "model";

/// Whose model it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Nobody's: a text or a study in files.
    Files,
    /// The open project's.
    Project,
    /// A run's, which is looked at and goes on with the graphs it was trained with.
    Run,
}

/// The networks of one model.
pub struct Networks<'a> {
    plugins: &'a Plugins,
    /// Those that the project holds.
    recorded: Vec<RecordedNetwork>,
    model: Of,
    /// Which of them were used in the place of a plugin, and why.
    used: Mutex<Vec<(RecordedNetwork, String)>>,
}

impl<'a> Networks<'a> {
    fn new(plugins: &'a Plugins, recorded: Vec<RecordedNetwork>, model: Of) -> Self {
        Networks { plugins, recorded, model, used: Mutex::default() }
    }

    /// For a text that belongs to no project.
    pub fn of_plugins(plugins: &'a Plugins) -> Self {
        Self::new(plugins, Vec::new(), Of::Files)
    }

    /// For the current model of a project, or another text while it is open.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub fn of_project(
        plugins: &'a Plugins,
        project: &Project,
        model: &Model,
    ) -> Result<Self, ApiError> {
        let mut recorded = Vec::new();
        for n in of_plugins(model) {
            let found =
                project.recorded_network(&n.kind, &spelled(&n.options), n.inputs, n.outputs);
            recorded.extend(found.map_err(project_error)?);
        }
        Ok(Self::new(plugins, recorded, Of::Project))
    }

    /// For a run, whose model is `model`: with the graphs that were stored when it began. Of a run
    /// that stored none, as [`Networks::of_project`].
    ///
    /// # Errors
    /// When the project cannot be read.
    pub fn of_run(
        plugins: &'a Plugins,
        project: &Project,
        run: &str,
        model: &Model,
    ) -> Result<Self, ApiError> {
        if of_plugins(model).next().is_none() {
            return Ok(Self::of_plugins(plugins));
        }
        let stored = project.networks(run).map_err(project_error)?;
        let facts = project.run(run).map_err(project_error)?.facts;
        let mut recorded = Vec::new();
        for n in of_plugins(model) {
            let Some((_, bytes)) = stored.iter().find(|(name, _)| *name == n.name) else {
                return Self::of_project(plugins, project, model);
            };
            let plugin = facts
                .iter()
                .find(|f| f.kind == FactKind::Plugin && f.name == plugin_of(&n.kind))
                .map(|f| f.value.as_str())
                .unwrap_or_default();
            let mut words = plugin.split([' ', ',']);
            recorded.push(RecordedNetwork {
                plugin_version: words.next().unwrap_or_default().to_owned(),
                plugin_blake3: words.next().unwrap_or_default().to_owned(),
                bytes: bytes.clone(),
                ..key(n)
            });
        }
        Ok(Self::new(plugins, recorded, Of::Run))
    }

    /// Builds a network for a check of a text: `None` when that would run the code of a plugin for
    /// the first time and the project holds no graph.
    pub fn preview(&self, n: &Network) -> Option<Result<NetworkGraph, NetworkError>> {
        match self.plugins.preview(n) {
            Some(Ok(built)) => Some(Ok(built)),
            other => self.find(&n.kind, n.inputs, n.outputs, &n.options).map(graph).or(other),
        }
    }

    /// The graph that the project holds. One with operators of its plugin is no use without the plugin,
    /// whose code these are.
    fn stored(&self, recorded: &RecordedNetwork) -> Result<NetworkGraph, NetworkError> {
        let graph = graph(recorded)?;
        if let Some(needs) = needs_code(recorded, &graph) {
            let usable = self.plugins.usable(&recorded.kind);
            usable.map_err(|why| NetworkError { message: format!("{needs}: {why}") })?;
        }
        Ok(graph)
    }

    fn find(
        &self,
        kind: &str,
        inputs: u32,
        outputs: u32,
        options: &[(String, OptionValue)],
    ) -> Option<&RecordedNetwork> {
        let options = spelled(options);
        self.recorded.iter().find(|r| {
            (r.kind.as_str(), &r.options, r.inputs, r.outputs) == (kind, &options, inputs, outputs)
        })
    }

    /// Sentences about graphs of the project that were used because a plugin could not be.
    pub fn notes(&self) -> Vec<String> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.iter().map(|(network, why)| note(network, why)).collect()
    }

    /// The same, to be told with what else is doubtful about a study.
    pub fn warnings(&self) -> Vec<Problem> {
        self.notes().into_iter().map(|note| Problem::warning(PLACE, note)).collect()
    }

    /// Plugins of which only graphs were used, for the record of a run.
    pub fn facts(&self) -> Vec<Fact> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let mut facts: Vec<Fact> = Vec::new();
        for (network, _) in used.iter() {
            let name = plugin_of(&network.kind);
            if facts.iter().all(|f| f.name != name) {
                let (version, hash) = (&network.plugin_version, &network.plugin_blake3);
                let value = format!("{version} {hash}, as recorded in the project");
                facts.push(Fact { kind: FactKind::Plugin, name: name.into(), value });
            }
        }
        facts
    }
}

impl NetworkLibrary for Networks<'_> {
    fn build(
        &self,
        kind: &str,
        inputs: u32,
        outputs: u32,
        options: &[(String, OptionValue)],
    ) -> Result<NetworkGraph, NetworkError> {
        if !kind.contains('/') {
            return BuiltinNetworks.build(kind, inputs, outputs, options);
        }
        let recorded = self.find(kind, inputs, outputs, options);
        if let Some(recorded) = recorded.filter(|_| self.model == Of::Run) {
            return self.stored(recorded);
        }
        // A plugin that is there and refuses these options is right; one that is not there is
        // replaced by what it said when it was.
        let missing = match self.plugins.usable(kind) {
            Ok(()) => return self.plugins.build(kind, inputs, outputs, options),
            Err(missing) => missing,
        };
        let Some(recorded) = recorded else {
            let stored = match self.model {
                Of::Files => "",
                _ => "; the project holds no graph of this network with these options and sizes",
            };
            let message = format!("{missing}{stored}");
            return Err(NetworkError { message });
        };
        let built = self.stored(recorded)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.iter().all(|(network, _)| network != recorded) {
            used.push((recorded.clone(), missing));
        }
        Ok(built)
    }
}

fn of_plugins(model: &Model) -> impl Iterator<Item = &Network> {
    model.networks.iter().filter(|n| n.kind.contains('/'))
}

/// What a network is found by, without a graph.
fn key(n: &Network) -> RecordedNetwork {
    RecordedNetwork {
        kind: n.kind.clone(),
        options: spelled(&n.options),
        inputs: n.inputs,
        outputs: n.outputs,
        plugin_version: String::new(),
        plugin_blake3: String::new(),
        op_set: OP_SET,
        bytes: Vec::new(),
    }
}

/// A sentence about a graph that stands in for a plugin.
fn note(network: &RecordedNetwork, why: &str) -> String {
    let by = match network.plugin_version.as_str() {
        "" => String::new(),
        version => format!(", which version {version} of the plugin recorded"),
    };
    format!("the graph of `{}` that the project holds is used{by}: {why}", network.kind)
}

/// What a graph needs beside itself: the code of the operators of its plugin, when it has some.
fn needs_code(recorded: &RecordedNetwork, graph: &NetworkGraph) -> Option<String> {
    let (plugin, version, operator) = custom::parts(graph.operators().next()?)?;
    Some(format!(
        "the graph of `{}` that the project holds uses the operator `{operator}`, which is code of the \
         plugin {plugin} {version} and not in the project; it is needed to simulate and to train",
        recorded.kind
    ))
}

/// What to say about networks of a model whose plugins cannot be used. No plugin runs.
pub fn missing(plugins: &Plugins, networks: &Networks<'_>, model: &Model) -> Vec<Problem> {
    let mut all: Vec<Problem> = Vec::new();
    for n in of_plugins(model) {
        let Some(Hindrance { installed, why }) = plugins.hindrance(&n.kind) else { continue };
        let problem = match networks.find(&n.kind, n.inputs, n.outputs, &n.options) {
            Some(recorded) => {
                let needs = graph(recorded).ok().and_then(|graph| needs_code(recorded, &graph));
                match needs {
                    Some(needs) => Problem {
                        fatal: !installed,
                        place: PLACE.into(),
                        message: format!("{needs}: {why}"),
                    },
                    None => Problem::warning(PLACE, note(recorded, &why)),
                }
            }
            None => Problem {
                // Trust is given without leaving the project.
                fatal: !installed,
                place: PLACE.into(),
                message: format!("the network `{}` cannot be built: {why}", n.name),
            },
        };
        if !all.contains(&problem) {
            all.push(problem);
        }
    }
    all
}

/// The graph, checked like one that a plugin records now: format, ops, shapes, limits, sizes.
pub fn graph(recorded: &RecordedNetwork) -> Result<NetworkGraph, NetworkError> {
    let failed = |what: String| NetworkError {
        message: format!("the stored graph of `{}` cannot be used: {what}", recorded.kind),
    };
    if recorded.op_set > OP_SET {
        return Err(failed(format!(
            "it needs op set {} and this application has {OP_SET}; update the application",
            recorded.op_set
        )));
    }
    let graph = decode(&recorded.bytes).map_err(|e| failed(e.to_string()))?;
    let own = |name: &str| {
        custom::parts(name).is_some_and(|(plugin, ..)| plugin == plugin_of(&recorded.kind))
    };
    if let Some(other) = graph.operators().find(|name| !own(name)) {
        return Err(failed(format!("it uses `{other}`, an operator of another plugin")));
    }
    if (graph.inputs, graph.outputs) != (recorded.inputs, recorded.outputs) {
        return Err(failed(format!(
            "it has {} inputs and {} outputs instead of {} and {}",
            graph.inputs, graph.outputs, recorded.inputs, recorded.outputs
        )));
    }
    Ok(graph)
}

/// The networks of a study that plugins recorded, ready to be kept in a project. Nothing is loaded.
pub fn recorded(plugins: &Plugins, prepared: &Prepared) -> Vec<RecordedNetwork> {
    let with_plugin = |(n, graph): (&Network, &NetworkGraph)| {
        let (plugin_version, plugin_blake3) = plugins.loaded(&n.kind)?;
        Some(RecordedNetwork { plugin_version, plugin_blake3, bytes: encode(graph), ..key(n) })
    };
    // Graphs are in the order of the networks in the text.
    let networks = &prepared.model.model.networks;
    let all =
        networks.iter().zip(&prepared.model.lowered.networks).filter(|(n, _)| n.kind.contains('/'));
    all.filter_map(with_plugin).collect()
}

/// Keeps in a project the networks of its current model that plugins which are loaded build.
///
/// # Errors
/// When the project cannot be read or written.
pub fn keep(plugins: &Plugins, project: &mut Project) -> Result<(), ApiError> {
    let (model, _) = slopefield_lang::check(&project.model_text().map_err(project_error)?);
    for n in of_plugins(&model) {
        let Some((plugin_version, plugin_blake3)) = plugins.loaded(&n.kind) else { continue };
        // What cannot be built is told where it is used.
        if let Some(Ok(graph)) = plugins.preview(n) {
            let bytes = encode(&graph);
            let network = RecordedNetwork { plugin_version, plugin_blake3, bytes, ..key(n) };
            project.keep_network(&network).map_err(project_error)?;
        }
    }
    Ok(())
}

/// Checks every graph that a project holds; the first that is not a network is an error.
///
/// # Errors
/// When the project cannot be read.
pub fn verify(project: &Project) -> Result<Result<(), String>, ApiError> {
    let mut finding = None;
    let mut look = |network: &RecordedNetwork| {
        if let (None, Err(e)) = (&finding, graph(network)) {
            finding = Some(e.message);
        }
    };
    project.each_recorded_network(&mut look).map_err(project_error)?;
    for run in project.runs().map_err(project_error)? {
        for (name, bytes) in project.networks(&run.id).map_err(project_error)? {
            if let (None, Err(e)) = (&finding, decode(&bytes)) {
                finding = Some(format!("the network `{name}` of run {}: {e}", run.number));
            }
        }
    }
    Ok(finding.map_or(Ok(()), Err))
}

/// Options but the sizes, ordered by name and spelled in one way, so that equal options are equal
/// texts.
fn spelled(options: &[(String, OptionValue)]) -> String {
    let mut options: Vec<_> =
        options.iter().filter(|(name, _)| name != "inputs" && name != "outputs").collect();
    options.sort_by(|a, b| a.0.cmp(&b.0));
    let mut text = String::new();
    for (name, value) in options {
        if !text.is_empty() {
            text += ", ";
        }
        // Writing into a text does not fail. `{:?}` of a number has all its digits.
        let _ = match value {
            OptionValue::Number(v) => write!(text, "{name}: {v:?}"),
            OptionValue::Word(v) => write!(text, "{name}: {v}"),
            OptionValue::Text(v) => write!(text, "{name}: {v:?}"),
            OptionValue::List(v) => write!(text, "{name}: {v:?}"),
            OptionValue::Words(v) => write!(text, "{name}: [{}]", v.join(", ")),
            OptionValue::Flag(v) => write!(text, "{name}: {v}"),
        };
    }
    text
}

#[cfg(test)]
mod tests;
