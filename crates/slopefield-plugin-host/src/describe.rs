//! What plugins offer, as data for lists and forms.

use serde::Deserialize;

/// A solver of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct SolverDescription {
    /// Full id, `plugin/solver`.
    pub id: String,
    /// Name to show.
    pub name: String,
    /// DOI or citation; may be empty.
    pub reference: String,
    /// Order of the method.
    pub order: f64,
    /// Order of its own dense output; 0 when the host interpolates by cubic Hermite.
    pub dense_order: f64,
    /// Gives its dense output as polynomials.
    pub dense_segment: bool,
    /// Chooses its own steps.
    pub adaptive: bool,
    /// For stiff problems.
    pub implicit: bool,
    /// Takes a mass matrix.
    pub mass_matrix: bool,
    /// Takes a singular one: algebraic equations.
    pub singular_mass: bool,
    /// Solves systems with noise.
    pub noise: bool,
    /// Solves systems with delays of constant length.
    pub delays: bool,
    /// Solves systems with delays that depend on time or state.
    pub state_delays: bool,
    /// Reverses its own steps, for exact gradients.
    pub step_vjp: bool,
    /// Takes them again, so that exact gradients keep to a budget of memory.
    pub step_redo: bool,
    /// Runs backwards in time by itself; else the host reflects time.
    pub backward: bool,
    /// The same run gives the same bits.
    pub deterministic: bool,
    /// Options.
    pub options: Vec<OptionDescription>,
}

impl SolverDescription {
    /// Id inside the plugin.
    pub fn local_id(&self) -> &str {
        after_slash(&self.id)
    }
}

/// A network kind of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkDescription {
    /// Full id, `plugin/network`, the `kind` in the language.
    pub id: String,
    /// Name to show.
    pub name: String,
    /// DOI or citation; may be empty.
    pub reference: String,
    /// Smallest op set that will do.
    pub min_opset: u32,
    /// Options.
    pub options: Vec<OptionDescription>,
}

impl NetworkDescription {
    /// Id inside the plugin.
    pub fn local_id(&self) -> &str {
        after_slash(&self.id)
    }
}

fn after_slash(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// One option, enough to draw a form.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionDescription {
    /// Name in the language.
    pub name: String,
    /// What it may be.
    #[serde(rename = "type")]
    pub kind: OptionKind,
    /// Value when it is not given.
    pub default: serde_json::Value,
    /// Smallest value or element.
    #[serde(default)]
    pub min: Option<f64>,
    /// Largest value or element.
    #[serde(default)]
    pub max: Option<f64>,
    /// Words allowed; empty: any.
    #[serde(default)]
    pub choices: Vec<String>,
    /// One sentence.
    pub doc: String,
}

/// Type of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionKind {
    /// Whole number.
    Integer,
    /// Number.
    Number,
    /// `true` or `false`.
    Flag,
    /// Word or text.
    Text,
    /// List of numbers.
    List,
}

const MAX_OPTIONS: usize = 200;

impl OptionDescription {
    /// Reads the JSON array of a plugin; empty text means no options.
    pub(crate) fn parse(json: &str) -> Result<Vec<OptionDescription>, String> {
        if json.is_empty() {
            return Ok(Vec::new());
        }
        let options: Vec<OptionDescription> =
            serde_json::from_str(json).map_err(|e| e.to_string())?;
        if options.len() > MAX_OPTIONS {
            return Err(format!("there are {} of them; at most {MAX_OPTIONS}", options.len()));
        }
        let bad = |name: &str| {
            name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if let Some(o) = options.iter().find(|o| bad(&o.name)) {
            return Err(format!("\"{}\" is not a name", o.name.escape_debug()));
        }
        Ok(options)
    }
}
