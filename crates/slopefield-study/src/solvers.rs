//! Solvers for every kind of system: which exist, which one is chosen, and how it is made.

use crate::CompiledModel;
use crate::system::{calculus, has_rate_bounds, is_constant_between, noise_kind};
use slopefield_kernel::Structure;
use slopefield_lang::Model;
use slopefield_solve::{MethodClass, Stepper};
use slopefield_stochastic::{JumpDiffusion, Process, Thinning};

/// Where solvers come from: the built-in methods, and those of plugins.
pub trait Solvers: Sync {
    /// A fresh stepper of the method for ordinary differential equations, or a sentence that says
    /// what exists.
    ///
    /// # Errors
    /// The sentence.
    fn stepper(&self, method: &str) -> Result<Box<dyn Stepper>, String>;
}

/// The built-in methods only.
pub struct BuiltinSolvers;

impl Solvers for BuiltinSolvers {
    fn stepper(&self, method: &str) -> Result<Box<dyn Stepper>, String> {
        slopefield_solve::method(method).ok_or_else(|| unknown(method))
    }
}

fn unknown(method: &str) -> String {
    let known: Vec<_> = summaries().iter().map(|m| m.id).collect();
    let near = crate::error::nearest(method, known.iter().copied());
    format!(
        "there is no solver `{method}`{near}; there are: auto, {}, and those of plugins, written \
         `plugin.id/solver`",
        known.join(", ")
    )
}

/// A built-in method, for lists.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Name in study files.
    pub id: &'static str,
    /// Name shown to people.
    pub name: &'static str,
    /// What it is for.
    pub group: &'static str,
    /// Its orders of convergence in words.
    pub order: String,
    /// One sentence: when to use it.
    pub advice: &'static str,
    /// DOI of its paper.
    pub reference: &'static str,
}

/// All built-in methods in groups, the recommended first.
#[must_use]
pub fn summaries() -> Vec<Summary> {
    let group = |class| match class {
        MethodClass::Switching => "Stiff or not, found out on the way",
        MethodClass::NonStiff => "Not stiff",
        MethodClass::Stiff => "Stiff, or with algebraic variables",
        MethodClass::Parabolic => "Diffusion",
        MethodClass::Split => "Stiff linear part",
        MethodClass::SecondOrder => "Mechanics",
    };
    let ordinary = slopefield_solve::methods().map(|m| Summary {
        id: m.id,
        name: m.name,
        group: group(m.class),
        order: format!("{}, between steps {}", m.order, m.dense_order),
        advice: m.advice,
        reference: m.reference,
    });
    let order = |x: f64| if x.is_infinite() { "exact".to_owned() } else { x.to_string() };
    let random = slopefield_stochastic::methods().map(|m| Summary {
        id: m.id,
        name: m.name,
        group: match m.process {
            Process::Diffusion => "Noise",
            Process::Jumps => "Random jumps",
        },
        order: match m.process {
            Process::Diffusion => {
                format!("{}, of means {}", order(m.strong_order), order(m.weak_order))
            }
            Process::Jumps => order(m.weak_order),
        },
        advice: m.advice,
        reference: m.reference,
    });
    let mut all: Vec<Summary> = ordinary.chain(random).collect();
    let mut groups: Vec<&str> = Vec::new();
    for summary in &all {
        if !groups.contains(&summary.group) {
            groups.push(summary.group);
        }
    }
    all.sort_by_key(|m| groups.iter().position(|g| *g == m.group));
    all
}

/// All built-in methods as a Markdown table, for docs/reference/solvers.md.
#[must_use]
pub fn solvers_table() -> String {
    let mut text = String::new();
    let mut group = "";
    for m in summaries() {
        if m.group != group {
            group = m.group;
            text += &format!(
                "\n## {group}\n\n| name | method | order | when to use it | paper |\n|---|---|---|---|---|\n"
            );
        }
        let reference = format!("[doi](https://doi.org/{})", m.reference);
        text +=
            &format!("| `{}` | {} | {} | {} | {reference} |\n", m.id, m.name, m.order, m.advice);
    }
    text
}

/// The solver that is used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Name of the method.
    pub method: String,
    /// One sentence, without a full stop.
    pub reason: String,
}

/// Number of states up to which Rosenbrock methods are chosen for stiff systems: beyond it BDF needs
/// fewer factorisations.
const SMALL: usize = 50;

/// Relative tolerance below which a method of higher order pays.
const TIGHT: f64 = 1e-6;

/// Reactions beyond which a step of the direct method, which looks at all of them, is dear.
const MANY_JUMPS: usize = 10;

/// The method for a model: the one that is asked for, or behind `auto` one that suits its kind, its
/// size and the tolerance.
#[must_use]
pub fn choose(model: &Model, method: &str, rtol: f64) -> Choice {
    if method != "auto" {
        let known = summaries().into_iter().find(|m| m.id == method);
        let name = known.map_or(method, |m| m.name);
        return Choice { method: method.into(), reason: format!("{name}, as the study says") };
    }
    let n = model.states.len();
    if !model.jumps.is_empty() && is_constant_between(model) {
        let count = model.jumps.len();
        return match count > MANY_JUMPS {
            true => named(
                "sorting-direct",
                &format!("exact, and soon finds which of the {count} jumps is next"),
            ),
            false => named("direct", "exact, one random jump after the other"),
        };
    }
    if !model.noises.is_empty() {
        if !model.delays.is_empty() {
            return named("em", "the equations have noise and delays");
        }
        let (kind, calculus) = (noise_kind(model), calculus(model));
        let (id, why) = slopefield_stochastic::choose(kind, model.noises.len(), calculus, false);
        return named(id, why);
    }
    let along = match model.jumps.is_empty() {
        true => "",
        false if has_rate_bounds(model) => {
            "; jumps are drawn below bounds of their rates, by thinning"
        }
        false => "; jumps come by their rates along the solution",
    };
    if model.mass.is_some() || model.states.iter().any(|s| s.algebraic) {
        let what = "the equations have algebraic variables or a mass matrix";
        return match n {
            _ if rtol < 1e-9 => {
                named("radau", &format!("{what}, and the tolerance is tight{along}"))
            }
            n if n <= SMALL => named("rodas5p", &format!("{what}{along}")),
            n => named("bdf", &format!("{what}, and there are {n} states{along}")),
        };
    }
    if !model.delays.is_empty() || !model.jumps.is_empty() {
        let what =
            if !model.delays.is_empty() { "step by step over the delays" } else { "the default" };
        return match rtol < TIGHT {
            true => {
                named("vern7", &format!("{what}, of higher order for the tight tolerance{along}"))
            }
            false => named("tsit5", &format!("{what}{along}")),
        };
    }
    named("auto-switch", "it finds out on the way whether the equations are stiff")
}

fn named(id: &str, why: &str) -> Choice {
    let name = summaries().into_iter().find(|m| m.id == id).map_or(id, |m| m.name);
    Choice { method: id.into(), reason: format!("{name}: {why}") }
}

/// A fresh stepper of a method for a model: the method itself, or around it what the model's delays
/// or jumps need.
///
/// # Errors
/// A method that does not exist, or that cannot solve this kind of model, in a sentence.
pub fn stepper(
    model: &CompiledModel,
    method: &str,
    solvers: &dyn Solvers,
) -> Result<Box<dyn Stepper>, String> {
    let structure = model.rhs.structure();
    let random = slopefield_stochastic::method_info(method);
    match random.map(|m| m.process) {
        Some(Process::Diffusion) if structure.noise.is_none() => {
            return Err(format!(
                "the solver `{method}` is for models with noise, and this one has none"
            ));
        }
        Some(Process::Jumps) if structure.jumps.is_none() => {
            return Err(format!(
                "the solver `{method}` is for models with random jumps, and this one has none{}",
                match model.model.reactions.is_empty() {
                    true => "",
                    false =>
                        "; to run its reactions one by one, set how reactions are run to `jumps`",
                }
            ));
        }
        _ => {}
    }
    // What a plugin takes it says when the solve begins.
    let foreign = method.contains('/');
    let diffuses = random.is_some_and(|m| m.process == Process::Diffusion);
    if structure.noise.is_some() && !diffuses && !foreign {
        return Err(format!(
            "the solver `{method}` solves no models with noise; use `auto`, or {}",
            ids_of("Noise")
        ));
    }
    let pure = structure.jumps.as_ref().is_some_and(|jumps| jumps.constant_between);
    let own = match random {
        Some(info) => (info.build)(),
        None if structure.delays.is_some() => delayed(method, solvers)?,
        None => solvers.stepper(method)?,
    };
    let simulates_jumps = random.is_some_and(|m| m.process == Process::Jumps);
    if structure.jumps.is_none() || (simulates_jumps && pure) {
        return Ok(own);
    }
    if simulates_jumps {
        return Err(format!(
            "the solver `{method}` is for rates that are constant between jumps; here equations, noise or \
             the time change them in between: use `auto` or a solver for those"
        ));
    }
    if structure.rate_bounds.is_some() {
        return Ok(Box::new(Thinning::new(own)));
    }
    Ok(Box::new(JumpDiffusion::new(own)))
}

fn delayed(method: &str, solvers: &dyn Solvers) -> Result<Box<dyn Stepper>, String> {
    if let Some(stepper) = slopefield_solve::delay_method(method) {
        return Ok(stepper);
    }
    match slopefield_solve::method_info(method) {
        Some(_) => Err(format!(
            "the solver `{method}` solves no models with delays; use `auto`, tsit5, vern7, rodas5p or \
             another method that begins each step anew"
        )),
        None => solvers.stepper(method),
    }
}

fn ids_of(group: &str) -> String {
    let all = summaries();
    let ids = all.iter().filter(|m| m.group == group).map(|m| m.id);
    crate::error::listed(ids)
}

/// Whether two solutions differ by chance.
#[must_use]
pub fn is_random(structure: &Structure<'_>) -> bool {
    structure.jumps.is_some() || structure.noise.is_some()
}
