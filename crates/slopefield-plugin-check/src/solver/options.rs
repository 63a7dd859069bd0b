//! Options and capabilities.

use super::{Tried, difference, problems, run_on};
use crate::context::Context;
use crate::outcome::{Finding, passed, skipped, warning};
use crate::raw::{Config, Record};
use slopefield_lang::OptionValue;
use slopefield_plugin_abi as abi;
use slopefield_plugin_host::{OptionDescription, OptionKind};

/// Capabilities by the words of the manifest.
const CAPS: [(u32, &str); 14] = [
    (abi::SLF_CAP_ADAPTIVE, "adaptive"),
    (abi::SLF_CAP_IMPLICIT, "implicit"),
    (abi::SLF_CAP_MASS_MATRIX, "mass-matrix"),
    (abi::SLF_CAP_SINGULAR_MASS, "singular-mass"),
    (abi::SLF_CAP_BACKWARD, "backward"),
    (abi::SLF_CAP_F32, "f32"),
    (abi::SLF_CAP_F64, "f64"),
    (abi::SLF_CAP_BITWISE_DETERMINISTIC, "deterministic"),
    (abi::SLF_CAP_STEP_VJP, "step-vjp"),
    (abi::SLF_CAP_NOISE, "noise"),
    (abi::SLF_CAP_DELAYS, "delays"),
    (abi::SLF_CAP_STEP_REDO, "step-redo"),
    (abi::SLF_CAP_STATE_DELAYS, "state-delays"),
    (abi::SLF_CAP_DENSE_SEGMENT, "dense-segment"),
];

pub(crate) fn description(cx: &Context) -> Finding {
    let (about, provided) = (cx.solver()?, cx.provided()?);
    let caps = Tried::new(cx)?.caps;
    for (bit, word) in CAPS {
        let (library, manifest) = (caps & bit != 0, provided.caps.iter().any(|c| c == word));
        if library && !manifest && word != "f64" {
            return Err(format!("the library has `{word}` and the manifest does not say so"));
        }
        if manifest && !library {
            return Err(format!("the manifest claims `{word}` and the library does not have it"));
        }
    }
    if let Some(problem) = about.options.iter().find_map(|o| trouble(o).err()) {
        return Err(problem);
    }
    if let Some(word) = doubt(&about.name, &provided.name, (&about.reference, "method")) {
        return warning(word);
    }
    passed(format!("order {}, {} options", about.order, about.options.len()))
}

/// What a person might stumble over in a description: two names, or no `reference` for a thing.
pub(crate) fn doubt(
    library: &str,
    manifest: &str,
    (reference, thing): (&str, &str),
) -> Option<String> {
    if library != manifest {
        return Some(format!("the library calls it \"{library}\" and the manifest \"{manifest}\""));
    }
    let missing = || format!("no reference: users will want to know where the {thing} comes from");
    reference.is_empty().then(missing)
}

/// What is wrong with the description of an option.
pub(crate) fn trouble(option: &OptionDescription) -> Result<(), String> {
    let name = &option.name;
    if option.doc.trim().is_empty() {
        return Err(format!("the option `{name}` has no description"));
    }
    let default = default(option)
        .ok_or_else(|| format!("the default of `{name}` is not of its type: {}", option.default))?;
    let numbers: Vec<f64> = match &default {
        OptionValue::Number(v) => vec![*v],
        OptionValue::List(v) => v.clone(),
        _ => Vec::new(),
    };
    let low = option.min.unwrap_or(f64::NEG_INFINITY);
    let high = option.max.unwrap_or(f64::INFINITY);
    if !(low <= high) {
        return Err(format!("no value of `{name}` is possible: {low} to {high}"));
    }
    if let Some(v) = numbers.iter().find(|v| !(low..=high).contains(*v)) {
        return Err(format!("the default {v} of `{name}` lies outside of {low} to {high}"));
    }
    match &default {
        OptionValue::Text(word) if !option.choices.is_empty() && !option.choices.contains(word) => {
            Err(format!("the default {word} of `{name}` is not among its choices"))
        }
        _ => Ok(()),
    }
}

/// The default as a value; nothing when it is not of the type that is declared.
pub(crate) fn default(option: &OptionDescription) -> Option<OptionValue> {
    let value = &option.default;
    Some(match option.kind {
        OptionKind::Integer => OptionValue::Number(value.as_i64()? as f64),
        OptionKind::Number => OptionValue::Number(value.as_f64()?),
        OptionKind::Flag => OptionValue::Flag(value.as_bool()?),
        OptionKind::Text => OptionValue::Text(value.as_str()?.to_owned()),
        OptionKind::List => {
            let numbers: Option<Vec<f64>> =
                value.as_array()?.iter().map(serde_json::Value::as_f64).collect();
            OptionValue::List(numbers?)
        }
    })
}

/// Values that an option must refuse, with what is wrong with each.
pub(crate) fn refused(option: &OptionDescription) -> Vec<(OptionValue, String)> {
    let mut values = Vec::new();
    let name = &option.name;
    let list = option.kind == OptionKind::List;
    let numeric = list || matches!(option.kind, OptionKind::Integer | OptionKind::Number);
    let wrap = |v: f64| if list { OptionValue::List(vec![v]) } else { OptionValue::Number(v) };
    let bounds = [(option.min, -1.0, "below its least"), (option.max, 1.0, "above its largest")];
    for (bound, side, what) in bounds {
        if let (true, Some(bound)) = (numeric, bound) {
            let value = bound + side * bound.abs().max(1.0);
            values.push((wrap(value), format!("`{name}` = {value}, {what}")));
        }
    }
    if numeric || option.kind == OptionKind::Flag {
        values.push((OptionValue::Text("nonsense".into()), format!("`{name}` = \"nonsense\"")));
    }
    if option.kind == OptionKind::Integer {
        let half = option.min.unwrap_or(0.0) + 0.5;
        values.push((OptionValue::Number(half), format!("`{name}` = {half}, not a whole number")));
    }
    if option.kind == OptionKind::Text {
        values.push((OptionValue::Number(1.0), format!("`{name}` = 1, not a text")));
        if !option.choices.is_empty() {
            let text = "no-such-choice".to_owned();
            values.push((OptionValue::Text(text), format!("`{name}`, not among its choices")));
        }
    }
    values
}

pub(crate) fn options(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let about = cx.solver()?;
    let problem = problems::lotka_volterra();
    let run = |options: &[(String, OptionValue)]| -> Result<Vec<Record>, String> {
        let mut config = tried.config(problem.t1 - problem.t0);
        config.options.retain(|(name, _)| !options.iter().any(|(given, _)| given == name));
        config.options.extend_from_slice(options);
        run_on(&mut tried.create(problem.model(), &config)?, &problem)
    };
    let plain = run(&[])?;
    let mut silent = None;
    let mut must_refuse = |name: &str, value: OptionValue, what: &str| {
        let options = vec![(name.to_owned(), value)];
        let config = Config { options, ..tried.config(1.0) };
        match tried.solvers.create(&tried.id, problem.model(), &config) {
            Ok(_) => Err(format!("it accepts {what}")),
            Err(e) => {
                if e.message.is_empty() {
                    silent.get_or_insert_with(|| what.to_owned());
                }
                Ok(())
            }
        }
    };
    must_refuse("no_such_option", OptionValue::Number(1.0), "an option that it does not have")?;
    for option in &about.options {
        trouble(option)?;
        for (value, what) in refused(option) {
            must_refuse(&option.name, value, &what)?;
        }
        // The option that sets the step of this run has another value than its default.
        let Some(value) = default(option) else { continue };
        if tried.step_option.as_ref() != Some(&option.name)
            && let Some(difference) = difference(&plain, &run(&[(option.name.clone(), value)])?)
        {
            return Err(format!("`{}` given with its default: {difference}", option.name));
        }
    }
    match silent {
        Some(what) => warning(format!("it refuses {what} without a sentence")),
        None if about.options.is_empty() => skipped("it has no options, and refuses others"),
        None => passed(format!("{} options", about.options.len())),
    }
}
