//! A project with something in every table.

use crate::{
    ColumnValues, Curve, Fact, FactKind, HistoryPoint, NewRun, NewTable, NewUncertainty,
    Parameters, Project, RecordedNetwork, Role, RunState, RunStatus, TableColumn, Weights,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(super) fn table(name: &str, n: usize) -> NewTable {
    let t: Vec<f64> = (0..n).map(|i| i as f64).collect();
    let mut x: Vec<f64> = t.iter().map(|t| (0.3 * t).exp()).collect();
    if n > 1 {
        x[1] = f64::NAN;
    }
    let who = (0..n).map(|i| format!("subject {i} \\ \n second line")).collect();
    NewTable {
        name: name.into(),
        source: "a file.csv".into(),
        columns: vec![
            TableColumn { name: "t".into(), values: ColumnValues::Numbers(t) },
            TableColumn { name: "x".into(), values: ColumnValues::Numbers(x) },
            TableColumn { name: "who".into(), values: ColumnValues::Texts(who) },
        ],
    }
}

pub(super) fn point(iteration: u32) -> HistoryPoint {
    let loss = 10.0 / f64::from(iteration.max(1));
    HistoryPoint {
        iteration,
        loss,
        best: loss,
        hold_out: iteration.is_multiple_of(2).then_some(loss * 1.5),
        parameters: vec![loss, 2.0 * loss],
    }
}

/// A result about how sure a run is.
pub(super) fn uncertainty() -> NewUncertainty {
    NewUncertainty {
        method: "nuts".into(),
        result_json: r#"{"parameters": []}"#.into(),
        numbers: vec![0.5, f64::NAN, -1.0],
    }
}

/// A network as a plugin recorded it.
pub(super) fn recorded() -> RecordedNetwork {
    RecordedNetwork {
        kind: "org.example.a/b".into(),
        options: "grid: 5".into(),
        inputs: 2,
        outputs: 1,
        plugin_version: "0.2.0".into(),
        plugin_blake3: "ab".repeat(32),
        op_set: 1,
        bytes: vec![4, 5, 6, 7],
    }
}

/// A project with something in every table; returns it with the id of its run.
pub(super) fn full(path: &Path) -> (Project, String) {
    let mut project = Project::create(path).unwrap();
    project.set_title("Pelts").unwrap();
    project.apply_model("d/dt x = r * x", "type the model", false).unwrap();
    project.apply_study("seed = 1", "choose the seed").unwrap();
    project.add_table(table("counts", 5)).unwrap();
    let run = project
        .start_run(&NewRun {
            model_text: project.model_text().unwrap(),
            study_text: project.study_text().unwrap(),
            seed: u64::MAX,
            tables: vec!["counts".into()],
            facts: vec![Fact {
                kind: FactKind::Version,
                name: "slopefield".into(),
                value: "0.1.0".into(),
            }],
        })
        .unwrap();
    project.append_history(&run, &(1..=4).map(point).collect::<Vec<_>>()).unwrap();
    project.append_note(&run, 2, "loss spiked").unwrap();
    project.append_checkpoint(&run, 3, b"state three").unwrap();
    project
        .set_parameters(
            &run,
            Role::Best,
            &Parameters {
                scalars: vec![("r".into(), 0.31), ("x0".into(), 1.1)],
                weights: vec![Weights {
                    name: "nn.w".into(),
                    shape: vec![2, 3],
                    values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
                }],
            },
        )
        .unwrap();
    project.set_networks(&run, &[("nn".into(), vec![1, 2, 3])]).unwrap();
    project
        .set_curves(
            &run,
            &[
                Curve {
                    experiment: "counts".into(),
                    observation: "x".into(),
                    times: vec![0.0, 0.5],
                    values: vec![1.0, f64::NAN],
                },
                Curve {
                    experiment: "counts".into(),
                    observation: "y".into(),
                    times: vec![0.0, 0.5],
                    values: vec![2.0, 3.0],
                },
            ],
        )
        .unwrap();
    project.add_uncertainty(&run, &uncertainty()).unwrap();
    project.keep_network(&recorded()).unwrap();
    let state = RunState {
        iterations: 4,
        best_loss: Some(2.5),
        log_likelihood: Some(-12.0),
        hold_out: Some(3.75),
        seconds: 1.5,
    };
    project.finish_run(&run, RunStatus::Finished, "converged", &state).unwrap();
    (project, run)
}

/// Everything a project answers, as one text: equal answers, equal projects.
pub(super) fn everything(project: &Project) -> String {
    let mut all = format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n",
        project.title().unwrap(),
        project.project_uuid().unwrap(),
        project.model_text().unwrap(),
        project.model_history().unwrap(),
        project.study_text().unwrap(),
        project.undo_label().unwrap(),
        project.redo_label().unwrap(),
    );
    for table in project.tables().unwrap() {
        all += &format!("{:?}\n", project.table(&table.name).unwrap());
    }
    for run in project.runs().unwrap() {
        let id = &run.id;
        let detail = project.run(id).unwrap();
        for (name, _) in &detail.tables {
            all += &format!("{:?}\n", project.run_table(id, name).unwrap());
        }
        all += &format!(
            "{detail:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n",
            project.history(id).unwrap(),
            project.notes(id).unwrap(),
            project.newest_checkpoint(id).unwrap(),
            project.parameters(id, Role::Best).unwrap(),
            project.networks(id).unwrap(),
            project.curves(id).unwrap(),
        );
        for found in project.uncertainties(id).unwrap() {
            all += &format!("{:?}\n", project.uncertainty(&found.id).unwrap());
        }
    }
    project.each_recorded_network(&mut |network| all += &format!("{network:?}\n")).unwrap();
    all
}

/// Names and bytes of everything in a folder.
pub(super) fn folder_bytes(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            (path, bytes)
        })
        .collect()
}
