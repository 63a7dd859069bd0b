//! Network kinds of plugins beside the built-in ones.

use crate::Registry;
use crate::native::build_network;
use slopefield_graph::network::{BuiltinNetworks, NetworkError, NetworkGraph, NetworkLibrary};
use slopefield_lang::OptionValue;
use std::sync::Arc;

/// Builds `org.example.name/kind` with plugins and every kind without a slash with the built-in
/// library.
#[derive(Debug, Clone, Default)]
pub struct PluginNetworks {
    registry: Arc<Registry>,
    builtin: BuiltinNetworks,
}

impl PluginNetworks {
    /// Uses the plugins of a registry.
    pub fn new(registry: Arc<Registry>) -> Self {
        PluginNetworks { registry, builtin: BuiltinNetworks }
    }
}

impl NetworkLibrary for PluginNetworks {
    fn build(
        &self,
        kind: &str,
        inputs: u32,
        outputs: u32,
        options: &[(String, OptionValue)],
    ) -> Result<NetworkGraph, NetworkError> {
        if !kind.contains('/') {
            return self.builtin.build(kind, inputs, outputs, options);
        }
        let entry =
            self.registry.network(kind).map_err(|e| NetworkError { message: e.to_string() })?;
        build_network(entry, inputs, outputs, options)
    }
}
