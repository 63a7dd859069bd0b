//! The open project.

use crate::failure::{self, advised, error};
use crate::networks::{self, Networks};
use crate::numbers::Numbers;
use crate::plugins::Plugins;
use crate::{data, runs};
use slopefield_api::schema::Block;
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code};
use slopefield_data::{ColumnData, Table};
use slopefield_project::{Change, ColumnValues, NewTable, Project, ProjectError, TableColumn};
use slopefield_study::error::Problem;
use slopefield_study::resolve::Resolved;
use slopefield_study::{Loaded, TableData};
use slopefield_train::Censoring;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A project that several threads may use: commands and the training.
pub type Shared = Arc<Mutex<Project>>;

/// Locks a project; a panic of another holder does not make its file unusable.
pub fn lock(project: &Shared) -> MutexGuard<'_, Project> {
    project.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes a project in good order.
pub fn close(project: Shared) -> Result<(), ApiError> {
    match Arc::try_unwrap(project) {
        Ok(project) => {
            let project = project.into_inner().unwrap_or_else(PoisonError::into_inner);
            project.close().map_err(project_error)
        }
        // A training that is being stopped still writes; it closes the file when it ends.
        Err(_) => Ok(()),
    }
}

/// The open project and where it is.
pub struct Session {
    /// The project.
    pub project: Shared,
    /// Its file.
    pub file: PathBuf,
    /// It has no name yet: the file is a draft in the application's folder.
    pub draft: bool,
}

/// Model text of an empty project.
const STARTER: &str = "model \"Untitled\"\n\n# One line per state, parameter and equation.\nstate x = 1\nparam k = 0.5 in [0, 10]\n\nx' = -k*x\n\nobserve y = x\n";

impl Session {
    /// A new draft.
    pub fn new_draft(drafts: &Path) -> Result<Session, ApiError> {
        let changes =
            [Change::Model(STARTER.into()), Change::Study(study_text(&StudyFile::default())?)];
        Session::create_draft(drafts, "Untitled", &changes)
    }

    /// A new draft with the content of an example.
    pub fn example(drafts: &Path, title: &str, loaded: &Loaded) -> Result<Session, ApiError> {
        Session::create_draft(drafts, title, &content(loaded)?)
    }

    fn create_draft(drafts: &Path, title: &str, content: &[Change]) -> Result<Session, ApiError> {
        std::fs::create_dir_all(drafts).map_err(|e| failure::file(drafts, "created", &e))?;
        let file = drafts.join(format!("{}.slopefield", uuid::Uuid::now_v7()));
        let mut project = Project::create(&file).map_err(project_error)?;
        project.set_title(title).map_err(project_error)?;
        project.fill(content).map_err(project_error)?;
        Ok(Session { project: Arc::new(Mutex::new(project)), file, draft: true })
    }

    /// First contact with a stranger's file: everything in it is checked before it is opened, its
    /// schema first. Nothing of it runs.
    pub fn inspect(path: &Path) -> Result<(), ApiError> {
        let report = slopefield_project::verify(path).map_err(project_error)?;
        let mut finding = report.first_finding().map(str::to_owned);
        if finding.is_none() {
            let project = Project::open_read_only(path).map_err(project_error)?;
            finding = networks::verify(&project)?.err();
        }
        match finding {
            None => Ok(()),
            Some(finding) => Err(advised(
                Code::Project,
                format!("{} was not opened: {finding}", path.display()),
                "ask its sender for another copy; `slopefield project verify` lists all findings",
            )),
        }
    }

    /// Opens a file; a draft stays one.
    pub fn open(path: &Path, drafts: &Path) -> Result<Session, ApiError> {
        let project = Project::open(path).map_err(project_error)?;
        let draft = path.parent() == Some(drafts);
        Ok(Session { project: Arc::new(Mutex::new(project)), file: path.to_owned(), draft })
    }

    /// Applies changes as one step of undo.
    fn apply(&mut self, label: &str, changes: &[Change]) -> Result<(), ApiError> {
        lock(&self.project).apply(label, changes).map(drop).map_err(project_error)
    }

    /// Saves under a path and goes on there.
    pub fn save_as(self, path: &Path, drafts: &Path) -> Result<Session, ApiError> {
        let title = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        {
            let mut project = lock(&self.project);
            if self.draft {
                project.set_title(&title).map_err(project_error)?;
            }
            project.save_as(path).map_err(project_error)?;
        }
        let (old, was_draft) = (self.file.clone(), self.draft);
        self.close()?;
        if was_draft {
            // What is left of a draft is of no use to anybody.
            let _ = std::fs::remove_file(old);
        }
        Session::open(path, drafts)
    }

    /// Closes the file in good order.
    pub fn close(self) -> Result<(), ApiError> {
        close(self.project)
    }

    /// Makes an edit.
    pub fn edit(&mut self, edit: Edit) -> Result<(), ApiError> {
        match edit {
            Edit::Model { text } => lock(&self.project)
                .apply_model(&text, "edit the model", true)
                .map_err(project_error),
            Edit::Study { study } => {
                let text = study_text(&study)?;
                lock(&self.project).apply_study(&text, "change the study").map_err(project_error)
            }
            Edit::ImportTable { source, name, time, columns } => {
                let table = data::read(&source)?;
                let mut study = self.study()?;
                let whole = study.experiment.is_empty() && !study.data.is_empty();
                if whole {
                    // Experiments were implied by the tables; now they must be named.
                    study.experiment = study.data.keys().map(|n| implied(n)).collect();
                }
                let source_entry = slopefield_study::file::DataSource {
                    file: name.clone(),
                    time: Some(time),
                    columns: columns.into_iter().map(|(of, c)| (of, c.into())).collect(),
                    ..Default::default()
                };
                study.data.insert(name.clone(), source_entry);
                study.experiment.push(implied(&name));
                let from = source.path.as_deref().map_or("pasted".into(), file_name);
                let table = new_table(&name, &from, &table);
                let label = format!("import {name}");
                self.apply(&label, &[Change::AddTable(table), Change::Study(study_text(&study)?)])
            }
            Edit::RemoveTable { name } => {
                let mut study = self.study()?;
                study.data.retain(|_, source| source.file != name);
                let left: Vec<_> = study.data.keys().cloned().collect();
                study.experiment.retain(|e| left.contains(&e.data));
                let changes =
                    [Change::RemoveTable(name.clone()), Change::Study(study_text(&study)?)];
                self.apply(&format!("remove {name}"), &changes)
            }
        }
    }

    /// The study as stored.
    pub fn study(&self) -> Result<StudyFile, ApiError> {
        let text = lock(&self.project).study_text().map_err(project_error)?;
        parse_study(&text)
    }

    /// Everything the window shows of the project.
    pub fn view(&self, plugins: &Plugins) -> Result<(ProjectView, Block), ApiError> {
        let project = lock(&self.project);
        let mut numbers = Numbers::default();
        let model = project.model_text().map_err(project_error)?;
        let study = parse_study(&project.study_text().map_err(project_error)?)?;
        let mut tables = Vec::new();
        let mut bound = BTreeMap::new();
        for summary in project.tables().map_err(project_error)? {
            let stored = project.table(&summary.name).map_err(project_error)?;
            for (name, source) in &study.data {
                if source.file == summary.name {
                    bound.insert(name.clone(), table_data(&stored.columns));
                }
            }
            let columns = stored.columns.iter().map(|c| preview_column(c, &mut numbers)).collect();
            tables.push(TableView {
                name: summary.name,
                source: summary.source,
                columns,
                row_count: summary.row_count as u32,
            });
        }
        let (checked, _) = slopefield_lang::check(&model);
        let mut resolved = slopefield_study::prepare::report(&checked, &study, &bound, plugins);
        if !checked.is_complete {
            let message = "the model has errors; they are marked in its text";
            resolved.problems.insert(0, Problem::error("model", message));
        }
        let networks = Networks::of_project(plugins, &project, &checked)?;
        resolved.problems.extend(networks::missing(plugins, &networks, &checked));
        let method = study.solver.method.as_str();
        if let Some(h) = plugins.hindrance(method).filter(|_| method.contains('/')) {
            let message = format!("the solver `{method}` cannot be used: {}", h.why);
            let problem = Problem { fatal: !h.installed, place: "solver.method".into(), message };
            resolved.problems.push(problem);
        }
        let title = project.title().map_err(project_error)?;
        let title = match self.draft {
            true => title.unwrap_or_else(|| "Untitled".into()),
            false => file_name(&self.file.to_string_lossy()),
        };
        let view = ProjectView {
            path: (!self.draft).then(|| self.file.to_string_lossy().into_owned()),
            file: self.file.to_string_lossy().into_owned(),
            title,
            saved: !self.draft,
            read_only: project.read_only().map(str::to_owned),
            tables,
            runs: runs::list(&project)?,
            undo: project.undo_label().map_err(project_error)?,
            redo: project.redo_label().map_err(project_error)?,
            problem: study_report(&checked, &study, &resolved, &mut numbers),
            model,
            study,
        };
        Ok((view, numbers.into_block()))
    }
}

/// The tables of a project as the study names them.
pub fn bound_tables(
    project: &Project,
    study: &StudyFile,
) -> Result<BTreeMap<String, TableData>, ApiError> {
    let mut bound = BTreeMap::new();
    for (name, source) in &study.data {
        let stored = project.table(&source.file).map_err(project_error)?;
        bound.insert(name.clone(), table_data(&stored.columns));
    }
    Ok(bound)
}

/// Numbers of stored columns.
pub fn table_data(columns: &[TableColumn]) -> TableData {
    let mut data = TableData::default();
    for column in columns {
        match &column.values {
            ColumnValues::Numbers(values) => {
                data.numeric.push((column.name.clone(), values.clone()));
            }
            ColumnValues::Texts(texts) => data.text.push((column.name.clone(), texts.clone())),
        }
    }
    data
}

/// Model, tables and study of files as the content of a project.
pub fn content(loaded: &Loaded) -> Result<Vec<Change>, ApiError> {
    let mut study = loaded.file.clone();
    study.model = None;
    let mut changes = vec![Change::Model(loaded.model.clone())];
    for (name, source) in &mut study.data {
        if let Some(table) = loaded.tables.get(name) {
            changes.push(Change::AddTable(new_table(name, &file_name(&source.file), table)));
        }
        source.file.clone_from(name);
    }
    changes.push(Change::Study(study_text(&study)?));
    Ok(changes)
}

fn new_table(name: &str, source: &str, table: &Table) -> NewTable {
    let column = |c: &slopefield_data::Column| TableColumn {
        name: c.name.clone(),
        values: match &c.values {
            ColumnData::Numeric(values) => ColumnValues::Numbers(values.clone()),
            ColumnData::Text(values) => ColumnValues::Texts(values.clone()),
        },
    };
    NewTable {
        name: name.into(),
        source: source.into(),
        columns: table.columns.iter().map(column).collect(),
    }
}

fn preview_column(column: &TableColumn, numbers: &mut Numbers) -> PreviewColumn {
    let (numeric, values, missing, texts) = match &column.values {
        ColumnValues::Numbers(values) => {
            let missing = values.iter().filter(|v| v.is_nan()).count();
            (true, numbers.add(values.iter().copied()), missing, Vec::new())
        }
        ColumnValues::Texts(cells) => {
            (false, Slice::default(), 0, PreviewColumn::first_texts(cells))
        }
    };
    PreviewColumn { name: column.name.clone(), numeric, values, missing: missing as u32, texts }
}

fn implied(name: &str) -> slopefield_study::file::ExperimentFile {
    slopefield_study::file::ExperimentFile {
        name: name.into(),
        data: name.into(),
        ..Default::default()
    }
}

fn study_report(
    model: &slopefield_lang::Model,
    study: &StudyFile,
    resolved: &Resolved,
    numbers: &mut Numbers,
) -> StudyReport {
    let problem = |p: &Problem| StudyProblem {
        severity: if p.fatal { SeverityView::Error } else { SeverityView::Warning },
        place: p.place.clone(),
        message: p.message.clone(),
    };
    let recipe = slopefield_study::prepare::planned_recipe(model, study, resolved);
    StudyReport {
        ok: resolved.ok(),
        problems: resolved.problems.iter().map(problem).collect(),
        experiments: experiments(model, resolved, numbers),
        stages: recipe.stages.iter().map(runs::stage).collect(),
        recipe_reason: recipe.reason.clone(),
        solver_reason: slopefield_study::prepare::planned_solver(model, study).reason,
    }
}

/// Experiments with their points.
pub fn experiments(
    model: &slopefield_lang::Model,
    resolved: &Resolved,
    numbers: &mut Numbers,
) -> Vec<ExperimentView> {
    let mut views = Vec::new();
    for e in &resolved.experiments {
        let series = e
            .series
            .iter()
            .map(|s| SeriesView {
                observation: model.observations[s.observation].name.clone(),
                times: numbers.add(s.times.iter().copied()),
                values: numbers.add(s.values.iter().copied()),
                held_out: numbers.add(s.held_out.iter().map(|&h| f64::from(u8::from(h)))),
                censored: numbers.add(s.censored.iter().map(|c| match c {
                    Censoring::Measured => 0.0,
                    Censoring::Below => -1.0,
                    Censoring::Above => 1.0,
                })),
            })
            .collect();
        views.push(ExperimentView {
            name: e.name.clone(),
            start: e.start,
            hold_out_from: e.hold_out_from,
            series,
        });
    }
    views
}

/// Text of a study for the file.
pub fn study_text(study: &StudyFile) -> Result<String, ApiError> {
    toml::to_string(study)
        .map_err(|e| error(Code::Study, format!("the study cannot be written: {e}")))
}

/// Study of a stored text.
pub fn parse_study(text: &str) -> Result<StudyFile, ApiError> {
    slopefield_study::load::parse(text, Path::new("study")).map_err(failure::study)
}

/// A failure of the project file.
pub fn project_error(e: ProjectError) -> ApiError {
    advised(Code::Project, e.to_string(), e.advice())
}

fn file_name(path: &str) -> String {
    let name = Path::new(path).file_name();
    name.map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}
