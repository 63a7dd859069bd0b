//! From the raw study and the tables to experiments with points: names are looked up, ranges
//! read, settings checked. Everything that is wrong is collected, not only the first thing.

mod inputs;
mod measured;

use crate::error::{Problem, listed, nearest};
use crate::file::{DataSource, ExperimentFile, StudyFile};
use crate::load::TableData;
use crate::signal::Signals;
use slopefield_lang::{ArrayElements, Model};
use slopefield_train::Censoring;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A study with every name resolved.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// Experiments.
    pub experiments: Vec<Experiment>,
    /// Errors and warnings.
    pub problems: Vec<Problem>,
}

/// One experiment with its points.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Name shown to people.
    pub name: String,
    /// Table.
    pub table: String,
    /// Time at which the initial values hold.
    pub start: f64,
    /// First held-out time, when the hold-out is open to the right.
    pub hold_out_from: Option<f64>,
    /// Measured series, times ascending.
    pub series: Vec<Series>,
    /// Params with a value of their own here.
    pub set_params: Vec<(usize, f64)>,
    /// States with an initial value of their own here.
    pub set_states: Vec<(usize, f64)>,
    /// Params fitted for this experiment alone.
    pub local: Vec<usize>,
    /// What drives the inputs of the model; none for a model without.
    pub signals: Option<Arc<Signals>>,
    /// Measured at rest.
    pub steady: bool,
}

/// Points of one observation.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Index of the observation in the model.
    pub observation: usize,
    /// Times.
    pub times: Vec<f64>,
    /// Values; none is missing.
    pub values: Vec<f64>,
    /// Not used for training.
    pub held_out: Vec<bool>,
    /// Which values are limits; empty where all were measured.
    pub censored: Vec<Censoring>,
    /// How many measurements each value counts for; empty where all count once.
    pub weights: Vec<f64>,
}

impl Resolved {
    /// Nothing hinders training.
    pub fn ok(&self) -> bool {
        !self.problems.iter().any(|p| p.fatal)
    }

    /// Everything was measured at rest: nothing is solved over time.
    pub fn at_rest(&self) -> bool {
        self.experiments.iter().all(|e| e.steady) && !self.experiments.is_empty()
    }

    /// Last time of any point; of those that were measured at rest only where there are no others.
    pub fn last_time(&self) -> f64 {
        let rest = self.at_rest();
        let series = self.experiments.iter().filter(|e| e.steady == rest).flat_map(|e| &e.series);
        series.flat_map(|s| &s.times).copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// End of the forecast: as the study says, else a quarter of the span beyond the data, but no
    /// further than the data of inputs reach.
    pub fn forecast_end(&self, until: Option<f64>) -> f64 {
        let last = self.last_time();
        let first = self.experiments.iter().map(|e| e.start).fold(f64::INFINITY, f64::min);
        let signals = self.experiments.iter().filter_map(|e| e.signals.as_ref());
        let known = signals.map(|signals| signals.end()).fold(f64::INFINITY, f64::min);
        // What was measured at rest without times is shown over a unit of time.
        let beyond = if self.at_rest() && last == first { 1.0 } else { 0.25 * (last - first) };
        until.unwrap_or_else(|| (last + beyond).min(known)).max(last)
    }
}

/// Resolves a study against its model and its tables.
pub fn resolve(model: &Model, file: &StudyFile, tables: &BTreeMap<String, TableData>) -> Resolved {
    let mut resolved = Resolved::default();
    let problems = &mut resolved.problems;
    check_settings(file, problems);
    if model.observations.is_empty() {
        problems.push(Problem::error(
            "model",
            "the model observes nothing; add a line such as `observe y = x` for each measured quantity",
        ));
    }
    if file.data.is_empty() {
        problems.push(Problem::error("data", "the study has no data; import a table"));
    }
    let experiments = experiments(file);
    for (i, experiment) in experiments.iter().enumerate() {
        let place = format!("experiment {} ({})", i + 1, experiment.name);
        if experiments[..i].iter().any(|e| e.name == experiment.name) {
            let message = format!("another experiment is called `{}` too", experiment.name);
            problems.push(Problem::error(&place, message));
        }
        let Some(source) = file.data.get(&experiment.data) else {
            let near = nearest(&experiment.data, file.data.keys().map(String::as_str));
            let message = format!("there is no data table `{}`{near}", experiment.data);
            problems.push(Problem::error(place, message));
            continue;
        };
        let Some(table) = tables.get(&experiment.data) else { continue };
        if let Some(e) = one_experiment(model, experiment, source, table, &place, problems) {
            resolved.experiments.push(e);
        }
    }
    if !resolved.experiments.is_empty() {
        let seen: BTreeSet<usize> = resolved
            .experiments
            .iter()
            .flat_map(|e| e.series.iter().map(|s| s.observation))
            .collect();
        let unseen: Vec<usize> =
            (0..model.observations.len()).filter(|i| !seen.contains(i)).collect();
        warn_unseen(model, &unseen, &mut resolved.problems);
        inputs::warn_beyond(model, file.forecast.until, &mut resolved);
        warn_patient(file, &mut resolved);
    }
    resolved
}

/// Early stopping without anything that is held out.
fn warn_patient(file: &StudyFile, resolved: &mut Resolved) {
    let mut series = resolved.experiments.iter().flat_map(|e| &e.series);
    if series.any(|s| s.held_out.contains(&true)) {
        return;
    }
    let own = if file.training.recipe == "custom" { &file.training.stages[..] } else { &[] };
    let patient = own.iter().position(|s| s.patience > 0);
    let place = match (file.training.patience, patient) {
        (1.., _) => "training.patience".to_owned(),
        (0, Some(i)) => format!("training.stages {}: patience", i + 1),
        (0, None) => return,
    };
    let message =
        "nothing is held out, so that nothing ends early; give an experiment a `hold_out`";
    resolved.problems.push(Problem::warning(place, message));
}

/// The experiments of a study: those it names, or else one for each table.
fn experiments(file: &StudyFile) -> Cow<'_, [ExperimentFile]> {
    if !file.experiment.is_empty() {
        return Cow::Borrowed(&file.experiment);
    }
    let whole = |name: &String| ExperimentFile {
        name: name.clone(),
        data: name.clone(),
        ..ExperimentFile::default()
    };
    Cow::Owned(file.data.keys().map(whole).collect())
}

/// One warning for an observation without data, or for all such elements of an array.
fn warn_unseen(model: &Model, unseen: &[usize], problems: &mut Vec<Problem>) {
    let array_of = |i: usize| {
        model.arrays.iter().find(|array| match array.elements {
            ArrayElements::Observations(first) => {
                (first as usize..first as usize + array.len()).contains(&i)
            }
            _ => false,
        })
    };
    let mut rest = unseen;
    while let [first, ..] = rest {
        let array = array_of(*first).map(|array| array.name.as_str());
        let count = match array {
            None => 1,
            Some(name) => rest
                .iter()
                .take_while(|i| array_of(**i).is_some_and(|other| other.name == name))
                .count(),
        };
        let (these, after) = rest.split_at(count);
        let names: Vec<&str> = these.iter().map(|i| model.observations[*i].name.as_str()).collect();
        let message = match names.as_slice() {
            [name] => {
                format!("no table has a column for the observation `{name}`; it is not fitted")
            }
            names => format!(
                "no table has a column for the observations {}; they are not fitted",
                listed(names.iter().copied())
            ),
        };
        problems.push(Problem::warning(format!("observe {}", array.unwrap_or(names[0])), message));
        rest = after;
    }
}

/// The signals that drive a model in an experiment of a study, by name or else the first that has
/// them; whatever else may be wrong with the study does not matter.
///
/// # Errors
/// No such experiment, or data that give no signals: with the places.
pub fn signals(
    model: &Model,
    file: &StudyFile,
    tables: &BTreeMap<String, TableData>,
    experiment: Option<&str>,
) -> Result<Arc<Signals>, Vec<Problem>> {
    let sources = experiments(file);
    let mut chosen = sources.iter().filter(|e| experiment.is_none_or(|name| e.name == name));
    let mut problems = Vec::new();
    let found = chosen.find_map(|e| {
        let (source, table) = (file.data.get(&e.data)?, tables.get(&e.data)?);
        let place = format!("data.{}", e.data);
        let times = time_column(model, source, table, (e, &place), &mut problems)?;
        let columns = inputs::Columns { source, table, times: &times, measured: &[] };
        inputs::signals(model, &columns, &place, &mut problems)
    });
    if found.is_none() && problems.is_empty() {
        let message = match experiment {
            Some(name) => format!("the study has no experiment `{name}` with data"),
            None => "the study has no data; import a table".into(),
        };
        problems.push(Problem::error("data", message));
    }
    found.map(Arc::new).ok_or(problems)
}

fn one_experiment(
    model: &Model,
    file: &ExperimentFile,
    source: &DataSource,
    table: &TableData,
    place: &str,
    problems: &mut Vec<Problem>,
) -> Option<Experiment> {
    let before = problems.iter().filter(|p| p.fatal).count();
    let data_place = format!("data.{}", file.data);
    let times = time_column(model, source, table, (file, &data_place), problems)?;
    if file.steady
        && let Some(what) = restless(model)
    {
        let message = format!("a model with {what} has no steady state that could be fitted");
        problems.push(Problem::error(format!("{place}: steady"), message));
    }
    let range = match file.hold_out.as_deref().map(Range::parse) {
        None => None,
        Some(Ok(range)) => Some(range),
        Some(Err(message)) => {
            problems.push(Problem::error(format!("{place}: hold_out"), message));
            return None;
        }
    };
    let first = times.iter().copied().filter(|t| t.is_finite()).fold(f64::INFINITY, f64::min);
    if !first.is_finite() {
        problems.push(Problem::error(data_place, "the table has no row with a time"));
        return None;
    }
    let start = file.start.unwrap_or(first);
    if !start.is_finite() || start > first {
        let message = format!(
            "the start {start} is after the first time {first} of the table; start at or before it"
        );
        problems.push(Problem::error(format!("{place}: start"), message));
    }
    let columns = measured::Columns { source, table, times: &times, held_out: range.as_ref() };
    columns.check_names(model, &data_place, problems);
    let mut series = Vec::new();
    for i in 0..model.observations.len() {
        series.extend(columns.series(model, i, &data_place, problems));
    }
    if series.is_empty() {
        let message = format!(
            "no column belongs to an observation; name them, as in `columns = {{ {} = \"column\" }}` \
             (the table has {})",
            model.observations.first().map_or("observation", |o| o.name.as_str()),
            listed(table.numeric.iter().map(|c| c.0.as_str()))
        );
        problems.push(Problem::error(format!("{data_place}.columns"), message));
    } else if series.iter().all(|s| s.held_out.iter().all(|&h| h)) {
        let message = "every point is held out; leave some for training";
        problems.push(Problem::error(format!("{place}: hold_out"), message));
    }
    let rows = columns.measured_rows(model);
    let driving = inputs::Columns { source, table, times: &times, measured: &rows };
    let signals = inputs::signals(model, &driving, &data_place, problems);
    let left_out = |s: &Series| columns.cells(model, s.observation) - s.times.len();
    let missing: usize = series.iter().map(left_out).sum();
    // Rows may be there for the inputs alone.
    if missing > 0 && model.inputs.is_empty() {
        let cells = if missing == 1 { "empty cell is" } else { "empty cells are" };
        let warning = Problem::warning(data_place, format!("{missing} {cells} left out"));
        // Experiments may share a table.
        if !problems.contains(&warning) {
            problems.push(warning);
        }
    }
    let (set_params, set_states, local) = own_values(model, file, place, problems);
    let hold_out_from = range.filter(|r| r.to == f64::INFINITY).map(|r| r.from);
    (problems.iter().filter(|p| p.fatal).count() == before).then(|| Experiment {
        name: file.name.clone(),
        table: file.data.clone(),
        start,
        hold_out_from,
        series,
        set_params,
        set_states,
        local,
        signals: signals.map(Arc::new),
        steady: file.steady,
    })
}

/// What keeps a model from coming to rest, or its rest from following from the parameters.
fn restless(model: &Model) -> Option<&'static str> {
    [
        (model.delays.is_empty(), "delays"),
        (model.noises.is_empty(), "noise"),
        (model.jumps.is_empty(), "random jumps"),
        (model.events.is_empty(), "events"),
    ]
    .into_iter()
    .find_map(|(none, what)| (!none).then_some(what))
}

type Own = (Vec<(usize, f64)>, Vec<(usize, f64)>, Vec<usize>);

/// `set` and `local` of an experiment.
fn own_values(
    model: &Model,
    file: &ExperimentFile,
    place: &str,
    problems: &mut Vec<Problem>,
) -> Own {
    let param = |name: &str| model.params.iter().position(|p| p.name == name);
    let names = || model.params.iter().map(|p| p.name.as_str());
    let mut own: Own = Default::default();
    for (name, &value) in &file.set {
        if let Some(i) = param(name) {
            own.0.push((i, value));
        } else if let Some(i) = model.states.iter().position(|s| s.name == *name) {
            own.1.push((i, value));
        } else {
            let near = nearest(name, names().chain(model.states.iter().map(|s| s.name.as_str())));
            let message = format!("the model has no parameter and no state `{name}`{near}");
            problems.push(Problem::error(format!("{place}: set"), message));
        }
    }
    for name in &file.local {
        match param(name) {
            Some(i) => own.2.push(i),
            None => {
                let message =
                    format!("the model has no parameter `{name}`{}", nearest(name, names()));
                problems.push(Problem::error(format!("{place}: local"), message));
            }
        }
    }
    own
}

fn time_column(
    model: &Model,
    source: &DataSource,
    table: &TableData,
    (experiment, place): (&ExperimentFile, &str),
    problems: &mut Vec<Problem>,
) -> Option<Vec<f64>> {
    let named = source.time.is_some() || table.numeric.iter().any(|c| c.0 == model.time.name);
    if experiment.steady && !named {
        let rows = table.numeric.first().map_or(0, |c| c.1.len());
        let start = experiment.start.unwrap_or(model.time.start);
        // Rows with inputs of their own are told apart by their numbers.
        let number = |row: usize| if model.inputs.is_empty() { 0.0 } else { row as f64 };
        return Some((0..rows).map(|row| start + number(row)).collect());
    }
    match time_values(model, source.time.as_deref(), table) {
        Ok(times) => Some(times.to_vec()),
        Err(message) => {
            problems.push(Problem::error(format!("{place}.time"), message));
            None
        }
    }
}

/// The times of a table: the column `named`, else the one with the model's name of time, else the
/// first.
///
/// # Errors
/// A sentence when there is no such column of numbers.
pub fn time_values<'t>(
    model: &Model,
    named: Option<&str>,
    table: &'t TableData,
) -> Result<&'t [f64], String> {
    let name = match named {
        Some(name) => name,
        None => {
            let named = table.numeric.iter().find(|c| c.0 == model.time.name);
            named.or(table.numeric.first()).map_or("", |c| c.0.as_str())
        }
    };
    number_column(table, name)
}

/// A column of numbers.
///
/// # Errors
/// A sentence when the table has none of that name.
pub fn number_column<'t>(table: &'t TableData, name: &str) -> Result<&'t [f64], String> {
    let column = table.numeric.iter().find(|c| c.0 == name);
    column.map(|c| c.1.as_slice()).ok_or_else(|| missing_column(table, name))
}

fn missing_column(table: &TableData, name: &str) -> String {
    if table.text.iter().any(|t| t.0 == name) {
        return format!("the column `{name}` holds text, not numbers");
    }
    let names = || table.numeric.iter().map(|c| c.0.as_str());
    format!(
        "the table has no column `{name}`{}; it has {}",
        nearest(name, names()),
        listed(names())
    )
}

/// A range of times, ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    from: f64,
    to: f64,
}

impl Range {
    fn contains(&self, t: f64) -> bool {
        self.from <= t && t <= self.to
    }

    /// Reads `1915..`, `..1903`, `5..7`.
    fn parse(text: &str) -> Result<Range, String> {
        let wrong = || {
            format!(
                "`{text}` is not a range of times; write `1915..`, `..1903` or `5..7` (ends included)"
            )
        };
        let (from, to) = text.split_once("..").ok_or_else(wrong)?;
        let end = |s: &str, open: f64| match s.trim() {
            "" => Ok(open),
            s => s.parse::<f64>().map_err(|_| wrong()),
        };
        let range = Range { from: end(from, f64::NEG_INFINITY)?, to: end(to, f64::INFINITY)? };
        if range.from <= range.to { Ok(range) } else { Err(wrong()) }
    }
}

fn check_settings(file: &StudyFile, problems: &mut Vec<Problem>) {
    let solver = &file.solver;
    for (name, value) in [("rtol", solver.rtol), ("atol", solver.atol)] {
        if !(value > 0.0 && value < 1.0) {
            let message =
                format!("{value} is no tolerance; take a number between 0 and 1, e.g. 1e-6");
            problems.push(Problem::error(format!("solver.{name}"), message));
        }
    }
    if solver.max_steps == 0 {
        problems.push(Problem::error("solver.max_steps", "at least one step is needed"));
    }
    if !(2..=100_000).contains(&solver.paths) {
        let message = format!("moments are taken over 2 to 100000 paths, not {}", solver.paths);
        problems.push(Problem::error("solver.paths", message));
    }
    let training = &file.training;
    one_of("training.recipe", &training.recipe, &["default", "custom"], problems);
    one_of("training.start", &training.start, &["auto", "given", "changes", "segments"], problems);
    let methods = slopefield_adjoint::METHODS.iter().map(|m| m.id);
    let gradients: Vec<&str> = std::iter::once("auto").chain(methods).collect();
    one_of("training.gradient", &training.gradient, &gradients, problems);
    if !(training.l2 >= 0.0 && training.l2.is_finite()) {
        problems.push(Problem::error("training.l2", "the weight must be 0 or a positive number"));
    }
    if training.recipe == "custom" && training.stages.is_empty() {
        let message = "a custom recipe needs at least one stage, `[[training.stages]]`";
        problems.push(Problem::error("training.stages", message));
    }
    crate::stages::check(&training.stages, problems);
    if let Err(what) = crate::stages::many(file.seed, training).check() {
        problems.push(Problem::error("training.starts", what));
    }
    if file.forecast.bands != "none" {
        let message = format!(
            "`{}` is not available in this version; only `none` is (a single curve)",
            file.forecast.bands
        );
        problems.push(Problem::error("forecast.bands", message));
    }
}

fn one_of(place: &str, value: &str, known: &[&str], problems: &mut Vec<Problem>) {
    if !known.contains(&value) {
        let near = nearest(value, known.iter().copied());
        let message =
            format!("`{value}` is unknown{near}; there are {}", listed(known.iter().copied()));
        problems.push(Problem::error(place, message));
    }
}
