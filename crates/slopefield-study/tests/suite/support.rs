//! Studies made of texts and tables, and their losses.
#![allow(dead_code, reason = "every test file uses a part")]

use slopefield_graph::network::{BuiltinNetworks, NetworkLibrary};
use slopefield_study::gradient::Route;
use slopefield_study::{BuiltinSolvers, Prepared, StudyError, StudyFile, TableData};
use slopefield_train::{Methods, Objective, ProblemError};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn study(text: &str) -> StudyFile {
    slopefield_study::load::parse(text, Path::new("study.toml")).unwrap()
}

/// A study of a model and one table.
pub fn try_prepare(
    model: &str,
    text: &str,
    columns: &[(&str, Vec<f64>)],
) -> Result<Prepared, StudyError> {
    prepare_with(&BuiltinNetworks, model, text, columns)
}

/// The same with networks from somewhere.
pub fn prepare_with(
    library: &dyn NetworkLibrary,
    model: &str,
    text: &str,
    columns: &[(&str, Vec<f64>)],
) -> Result<Prepared, StudyError> {
    let numeric = columns.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    let table = TableData { numeric, text: Vec::new() };
    let tables = BTreeMap::from([("data".to_owned(), table)]);
    let text = format!("[data.data]\nfile = \"data\"\n{text}");
    Prepared::new(model, &study(&text), &tables, library, &BuiltinSolvers)
}

pub fn prepare(model: &str, text: &str, columns: &[(&str, Vec<f64>)]) -> Prepared {
    try_prepare(model, text, columns).unwrap()
}

/// Its loss, with gradients by the method called `gradient`.
pub fn try_objective(prepared: &Prepared, gradient: &str) -> Result<Objective, ProblemError> {
    let (solver, model) = (prepared.solver.0.clone(), prepared.model.clone());
    let (same, again, gradient) = (model.clone(), solver.clone(), gradient.to_owned());
    let methods = Methods {
        gradient: Arc::new(move |_| {
            let (solver, memory) = (solver.as_str(), 1 << 28);
            let route = Route { model: &model, solver, solvers: &BuiltinSolvers, memory };
            route.method(&gradient).unwrap()
        }),
        stepper: Arc::new(move |_| {
            slopefield_study::solvers::stepper(&same, &again, &BuiltinSolvers).unwrap()
        }),
        replay: Arc::new(|_, _| None),
    };
    Objective::new(prepared.problem.clone(), methods)
}

pub fn objective(prepared: &Prepared, gradient: &str) -> Objective {
    try_objective(prepared, gradient).unwrap()
}
