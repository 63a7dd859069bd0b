//! What the editor shows about a model text.

use crate::networks::Networks;
use slopefield_api::types::*;
use slopefield_lang::{Diagnostic, Model, Noise, Scale, Severity};

/// Describes what a text is, of which `model` and `diagnostics` came out.
pub fn report(
    text: &str,
    (model, mut diagnostics): (&Model, Vec<Diagnostic>),
    library: &Networks<'_>,
) -> ModelReport {
    let networks = networks(model, library, &mut diagnostics);
    diagnostics.sort_by_key(|d| d.span);
    let weights: u32 = networks.iter().map(|n| n.weights).sum();
    let env_states = initial_values(model);
    ModelReport {
        ok: model.is_complete && diagnostics.iter().all(|d| d.severity != Severity::Error),
        diagnostics: diagnostics.iter().map(|d| diagnostic(text, d)).collect(),
        title: model.title.clone(),
        classification: model.class.sentence.clone(),
        random: !model.noises.is_empty() || !model.jumps.is_empty(),
        reactions: model.reactions.len() as u32,
        time: TimeView {
            name: model.time.name.clone(),
            unit: model.time.unit.clone(),
            start: model.time.start,
        },
        states: model
            .states
            .iter()
            .zip(env_states)
            .map(|(s, initial)| StateView {
                name: s.name.clone(),
                unit: s.unit.clone(),
                initial,
                bounds: s.bounds,
            })
            .collect(),
        parameters: model.params.iter().map(parameter).collect(),
        free_count: model.params.len() as u32 + weights,
        networks,
        lets: model.lets.iter().map(|l| l.name.clone()).collect(),
        inputs: model
            .inputs
            .iter()
            .map(|input| InputView {
                name: input.name.clone(),
                column: input.column.clone(),
                interpolation: input.interpolation.word().into(),
                unit: input.unit.clone(),
            })
            .collect(),
        observations: model
            .observations
            .iter()
            .map(|o| ObservationView {
                name: o.name.clone(),
                noise: noise_name(&o.noise).into(),
                unit: o.unit.clone(),
            })
            .collect(),
        latex: slopefield_lang::latex(text),
        formatted: slopefield_lang::format(text),
        rendered: slopefield_lang::render(text, "model", &diagnostics, false),
    }
}

fn parameter(p: &slopefield_lang::Param) -> ParameterView {
    ParameterView {
        name: p.name.clone(),
        unit: p.unit.clone(),
        value: p.value,
        lower: finite(p.bounds.0),
        upper: finite(p.bounds.1),
        scale: match p.scale {
            Scale::Linear => "linear",
            Scale::Log => "log",
            Scale::Logit => "logit",
        }
        .into(),
    }
}

/// The number when it is one.
pub fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

/// Initial values at the default parameters; NaN where they cannot be computed.
fn initial_values(model: &Model) -> Vec<f64> {
    let params: Vec<_> = model.params.iter().map(|p| p.value).collect();
    slopefield_lang::evaluate_initial(model, &params)
}

/// Builds every network once to count its weights; one that cannot be built is an error. Networks
/// of plugins that have not been loaded, and of which the project holds no graph, are not built: their weights show as 0.
fn networks(
    model: &Model,
    library: &Networks<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<NetworkView> {
    let build = |n: &slopefield_lang::Network| {
        let weights = match library.preview(n) {
            Some(Ok(graph)) => graph.weight_count() as u32,
            None => 0,
            Some(Err(e)) => {
                diagnostics.push(Diagnostic {
                    severity: Severity::Error,
                    code: "network",
                    span: n.span,
                    message: format!("the network `{}` cannot be built: {e}", n.name),
                    hint: None,
                    related: None,
                });
                0
            }
        };
        NetworkView {
            name: n.name.clone(),
            kind: n.kind.clone(),
            inputs: n.inputs,
            outputs: n.outputs,
            weights,
        }
    };
    model.networks.iter().map(build).collect()
}

fn noise_name(noise: &Noise) -> &'static str {
    match noise {
        Noise::LeastSquares => "least squares",
        Noise::Normal(_) => "normal",
        Noise::LogNormal(_) => "log-normal",
        Noise::Laplace(_) => "Laplace",
        Noise::StudentT(..) => "Student t",
        Noise::Poisson => "Poisson",
        Noise::NegativeBinomial(_) => "negative binomial",
        Noise::Binomial(_) => "binomial",
        Noise::Bernoulli => "Bernoulli",
        Noise::Categorical => "categorical",
    }
}

fn diagnostic(text: &str, d: &Diagnostic) -> DiagnosticView {
    let (line, column) = slopefield_lang::line_column(text, d.span.start);
    let utf16 = |byte: u32| slopefield_lang::utf16_offset(text, byte);
    DiagnosticView {
        severity: match d.severity {
            Severity::Error => SeverityView::Error,
            Severity::Warning => SeverityView::Warning,
            Severity::Note => SeverityView::Note,
        },
        code: d.code.into(),
        message: d.message.clone(),
        hint: d.hint.clone(),
        from: utf16(d.span.start),
        to: utf16(d.span.end),
        line,
        column,
        related: d.related.as_ref().map(|(s, label)| (utf16(s.start), utf16(s.end), label.clone())),
    }
}
