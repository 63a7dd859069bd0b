//! Whole trainings, and draws from a posterior: what a person waits for.

mod boehm;
mod fit;
mod posterior;
mod process;
mod spiral;

use crate::{BenchError, Case, Suite};
use slopefield_graph::BuiltinNetworks;
use slopefield_study::gradient::Route;
use slopefield_study::{BuiltinSolvers, Prepared, TableData};
use slopefield_train::{Methods, Objective, Problem};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// See the module.
pub(crate) const SUITE: Suite = Suite {
    name: "training",
    about: "whole trainings, the gradient of a model of systems biology, and draws from a posterior",
    cases,
};

fn cases() -> Vec<Case> {
    vec![spiral::case(), process::case(), fit::case(), boehm::case(), posterior::case()]
}

/// A study of one table, as a file would describe it. `settings` are its further sections, and
/// `columns` the table, its first column the time.
fn prepared(
    model: &str,
    settings: &str,
    columns: &[(&str, Vec<f64>)],
) -> Result<Prepared, BenchError> {
    let text = format!("[data.table]\nfile = \"table.csv\"\n{settings}");
    let study = slopefield_study::load::parse(&text, Path::new("study.toml"))?;
    let numeric = columns.iter().map(|(name, values)| ((*name).to_owned(), values.clone()));
    let table = TableData { numeric: numeric.collect(), text: Vec::new() };
    let tables = BTreeMap::from([("table".to_owned(), table)]);
    Ok(Prepared::new(model, &study, &tables, &BuiltinNetworks, &BuiltinSolvers)?)
}

/// The loss of a problem of a study, with its solver and its gradient.
fn objective(prepared: &Prepared, problem: Problem) -> Result<Objective, BenchError> {
    let (solver, gradient) = (prepared.solver.0.clone(), prepared.gradient.0.clone());
    // Made once here, so that what cannot be made is told before anything runs.
    prepared.gradient_method(&gradient, &BuiltinSolvers)?;
    let memory = prepared.memory;
    let (model, same, played) =
        (prepared.model.clone(), prepared.model.clone(), prepared.model.clone());
    let (by, again) = (solver.clone(), solver.clone());
    let methods = Methods {
        gradient: Arc::new(move |_| {
            let route = Route { model: &model, solver: &solver, solvers: &BuiltinSolvers, memory };
            route.method(&gradient).expect("it was made before")
        }),
        stepper: Arc::new(move |_| {
            let made = slopefield_study::solvers::stepper(&same, &again, &BuiltinSolvers);
            made.expect("the study was prepared with it")
        }),
        replay: Arc::new(move |_, times| {
            Route { model: &played, solver: &by, solvers: &BuiltinSolvers, memory }.replay(times)
        }),
    };
    Objective::new(problem, methods).map_err(|e| BenchError::Training(e.to_string()))
}
