//! Which plugins a request names. What cannot be read names none: carrying the request out tells
//! what is wrong with it.

use crate::engine::Engine;
use crate::runs::{self, Frozen};
use crate::session::{self, lock};
use serde::de::DeserializeOwned;
use slopefield_api::Command;
use slopefield_api::types::*;
use slopefield_project::Project;
use std::collections::BTreeSet;
use std::path::Path;

type Ids = BTreeSet<String>;

impl Engine {
    /// Ids of the plugins whose code a command may run.
    pub(super) fn named(&self, command: Command, request: &serde_json::Value) -> Vec<String> {
        let ids = match command {
            Command::model_check | Command::model_dump => {
                of::<ModelText>(request).map(|r| of_text(&r.text))
            }
            Command::simulate => of::<SimulateRequest>(request).map(|r| {
                let mut ids = of_text(&r.text);
                ids.extend(r.method.as_deref().and_then(of_name));
                ids
            }),
            Command::scan | Command::scan_overview => of::<ScanRequest>(request).map(|r| {
                let mut ids = of_text(&r.simulate.text);
                ids.extend(r.simulate.method.as_deref().and_then(of_name));
                ids
            }),
            Command::train => of::<TrainRequest>(request).and_then(|r| match r.resume {
                Some(run) => self.of_open_run(&run),
                None => self.of_open_study(),
            }),
            Command::uncertainty => {
                of::<UncertaintyRequest>(request).and_then(|r| self.of_open_run(&r.run))
            }
            Command::gradient => of::<GradientRequest>(request).and_then(|r| match r.study {
                Some(path) => of_files(&path),
                None => self.of_open_study(),
            }),
            Command::terms => of::<TermsRequest>(request)
                .and_then(|r| self.of_fit(r.study, r.project, r.run.as_deref())),
            Command::replace_terms => of::<ReplaceRequest>(request)
                .and_then(|r| self.of_fit(r.study, r.project, r.run.as_deref())),
            Command::compare_runs => of::<CompareRequest>(request)
                .map(|r| r.runs.iter().filter_map(|run| self.of_open_run(run)).flatten().collect()),
            Command::fit => of::<FitRequest>(request).and_then(|r| match (r.resume, r.out) {
                (true, Some(out)) => of_run(&read(&out)?, None, true),
                _ => of_files(&r.study),
            }),
            Command::sample => of::<SampleRequest>(request).and_then(|r| of_files(&r.study)),
            Command::assess => of::<AssessRequest>(request).and_then(|r| of_files(&r.study)),
            Command::forecast => of::<ForecastRequest>(request)
                .and_then(|r| of_run(&read(&r.project)?, r.run.as_deref(), false)),
            _ => None,
        };
        ids.unwrap_or_default().into_iter().collect()
    }

    fn of_open_study(&self) -> Option<Ids> {
        let project = self.project()?;
        let project = lock(&project);
        let study = session::parse_study(&project.study_text().ok()?).ok()?;
        Some(of_study(&project.model_text().ok()?, &study))
    }

    fn of_open_run(&self, run: &str) -> Option<Ids> {
        let project = self.project()?;
        let project = lock(&project);
        of_run(&project, Some(run), false)
    }

    /// Of a study, or of a run of a project file or the open project.
    fn of_fit(
        &self,
        study: Option<String>,
        project: Option<String>,
        run: Option<&str>,
    ) -> Option<Ids> {
        match (study, project) {
            (Some(path), _) => of_files(&path),
            (None, Some(path)) => of_run(&read(&path)?, run, false),
            (None, None) => {
                let project = self.project()?;
                let project = lock(&project);
                of_run(&project, run, false)
            }
        }
    }
}

fn of<T: DeserializeOwned>(request: &serde_json::Value) -> Option<T> {
    T::deserialize(request).ok()
}

fn read(path: &str) -> Option<Project> {
    Project::open_read_only(std::path::absolute(path).ok()?).ok()
}

/// Plugin in the full name of a solver or network.
fn of_name(name: &str) -> Option<String> {
    name.split_once('/').map(|(id, _)| id.to_owned())
}

fn of_text(text: &str) -> Ids {
    // Most models have no network of a plugin, and this costs nothing.
    if !(text.contains("network") && text.contains('/')) {
        return Ids::new();
    }
    let (model, _) = slopefield_lang::check(text);
    model.networks.iter().filter_map(|n| of_name(&n.kind)).collect()
}

/// Of a model text and a study.
pub fn of_study(text: &str, study: &StudyFile) -> Ids {
    let mut ids = of_text(text);
    ids.extend(of_name(&study.solver.method));
    ids
}

fn of_files(path: &str) -> Option<Ids> {
    let path = Path::new(path);
    let study = session::parse_study(&std::fs::read_to_string(path).ok()?).ok()?;
    let model = path.parent().unwrap_or(Path::new(".")).join(study.model.as_ref()?);
    Some(of_study(&std::fs::read_to_string(model).ok()?, &study))
}

/// Of a run of a project: the one that is meant, or the one that can go on.
fn of_run(project: &Project, which: Option<&str>, resumable: bool) -> Option<Ids> {
    let id = match resumable {
        true => project.runs().ok()?.into_iter().find(|r| r.resumable)?.id,
        false => runs::find(project, which).ok()?.id,
    };
    let frozen = Frozen::read(project, &id).ok()?;
    Some(of_study(&frozen.detail.model_text, &frozen.study))
}
