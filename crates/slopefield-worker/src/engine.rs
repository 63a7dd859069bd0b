//! The commands, each in a few lines on the parts of this crate.

mod learned;

use crate::failure::{self, error};
use crate::fitting::{self, Target};
use crate::folders::Folders;
use crate::isolation::Isolation;
use crate::isolation::record::Tell;
use crate::job::Jobs;
use crate::networks::{self, Networks};
use crate::numbers::Numbers;
use crate::plugins::Plugins;
use crate::session::{self, Session, Shared, bound_tables, lock, project_error};
use crate::settings::Settings;
use crate::simulations::Simulations;
use crate::terms::Studied;
use crate::{
    assessing, comparing, data, devices, examples, gradient, inputs, model, report, runs, sampling,
    scanning, simulation, uncertainty,
};
use slopefield_api::schema::{Block, Emit};
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code, Commands};
use slopefield_lang::Model;
use slopefield_project::{Project, Role};
use slopefield_study::{CompiledModel, Decided, Prepared, TableData};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Answers commands. One per process.
pub struct Engine {
    pub(crate) folders: Folders,
    settings: Settings,
    pub(crate) plugins: Arc<Plugins>,
    session: Mutex<Option<Session>>,
    pub(crate) jobs: Jobs,
    pub(crate) simulations: Simulations,
    pub(crate) scans: Simulations,
    /// The numbers of the scan that is looked at.
    pub(crate) scanned: scanning::Kept,
    pub(crate) isolation: Isolation,
    /// In the process of a plugin: where the records of a training go.
    tell: OnceLock<Tell>,
    /// The text that was simulated last, compiled, and notes about its networks: sliders
    /// ask for it again and again.
    compiled: Mutex<Option<(Arc<CompiledModel>, Vec<String>)>>,
    /// The fit whose learned terms were looked at last: sliders ask for it again and again.
    studied: Mutex<Option<(String, Arc<Studied>)>>,
}

type Answer<T> = Result<(T, Block), ApiError>;

fn plain<T>(value: T) -> Answer<T> {
    Ok((value, Block::new()))
}

impl Engine {
    /// An engine that uses these folders. Nothing is read before it is asked for.
    pub fn new(folders: Folders) -> Engine {
        Engine {
            settings: Settings::new(&folders.settings),
            plugins: Arc::new(Plugins::new(&folders)),
            session: Mutex::new(None),
            jobs: Jobs::default(),
            simulations: Simulations::default(),
            scans: Simulations::default(),
            scanned: scanning::Kept::default(),
            isolation: Isolation::new(folders.crashes()),
            tell: OnceLock::new(),
            compiled: Mutex::new(None),
            studied: Mutex::new(None),
            folders,
        }
    }

    /// Stops the job and closes the project; for the end of the process.
    pub fn shut_down(&self) {
        self.jobs.stop_all();
        self.simulations.stop();
        self.scans.stop();
        self.isolation.shut_down();
        if let Some(session) = self.session().take() {
            // A training that is being stopped needs a moment to let go of the file.
            for _ in 0..100 {
                if Arc::strong_count(&session.project) == 1 {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            if let Err(e) = session.close() {
                eprintln!("the project could not be closed in good order: {e}");
            }
        }
    }

    /// In the process of a plugin, sends what a training stores to `tell` as well.
    pub(crate) fn tell_records(&self, tell: Tell) {
        let _ = self.tell.set(tell);
    }

    /// The open project.
    pub(crate) fn project(&self) -> Option<Shared> {
        self.session().as_ref().map(|session| session.project.clone())
    }

    fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the open project.
    fn with<T>(
        &self,
        act: impl FnOnce(&mut Session) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        match self.session().as_mut() {
            Some(session) => act(session),
            None => Err(error(Code::Request, "no project is open")),
        }
    }

    fn view(&self) -> Answer<ProjectView> {
        self.with(|session| session.view(&self.plugins))
    }

    /// Puts another project in the place of the open one.
    fn replace(&self, open: impl FnOnce() -> Result<Session, ApiError>) -> Answer<ProjectView> {
        if self.jobs.any() {
            return Err(error(Code::Request, "a training is running; stop it first"));
        }
        let session = open()?;
        let mut current = self.session();
        if let Some(old) = current.replace(session) {
            old.close()?;
        }
        drop(current);
        self.forget_compiled();
        self.scanned.forget();
        let view = self.view()?;
        if let Some(path) = &view.0.path {
            self.settings.opened(path, &view.0.title);
        }
        Ok(view)
    }

    /// What was compiled may have used other networks than those of now.
    fn forget_compiled(&self) {
        *self.compiled.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.studied.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The networks of a model: those that the open project holds stand in for plugins.
    fn networks(&self, model: &Model) -> Result<Networks<'_>, ApiError> {
        match self.session().as_ref() {
            None => Ok(Networks::of_plugins(&self.plugins)),
            Some(session) => Networks::of_project(&self.plugins, &lock(&session.project), model),
        }
    }

    /// A compiled text, and what is to be said about its networks.
    fn compiled(
        &self,
        text: &str,
        reactions: &str,
    ) -> Result<(Arc<CompiledModel>, Vec<String>), ApiError> {
        let mode = slopefield_study::prepare::reaction_mode(reactions).map_err(failure::study)?;
        let mut last = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = last.as_ref().filter(|l| l.0.text == text && l.0.reactions == mode) {
            return Ok(found.clone());
        }
        let networks = self.networks(&slopefield_lang::check(text).0)?;
        let model = CompiledModel::with_reactions(text, &networks, mode).map_err(failure::study)?;
        let found = (Arc::new(model), networks.notes());
        *last = Some(found.clone());
        Ok(found)
    }

    /// A model with the signals of its inputs: from the tables that the request names, else from an
    /// experiment of the open project.
    fn driven(
        &self,
        model: Arc<CompiledModel>,
        request: &SimulateRequest,
    ) -> Result<Arc<CompiledModel>, ApiError> {
        if model.model.inputs.is_empty() && request.inputs.is_empty() {
            return Ok(model);
        }
        let own = inputs::of_files(&model.model, &request.inputs)?;
        let signals = match (own.complete(), self.session().as_ref()) {
            (false, Some(session)) => {
                let study = session.study()?;
                let tables = bound_tables(&lock(&session.project), &study)?;
                let experiment = request.experiment.as_deref();
                own.filled(&model.model, &study, &tables, experiment)?
            }
            _ => own,
        };
        match signals.all() {
            Some(signals) => model.with_signals(signals).map(Arc::new).map_err(failure::study),
            None => model.require_signals().map(|()| model.clone()).map_err(failure::study),
        }
    }

    /// The model that a request simulates, the parameters of the run that it names, and notes about
    /// networks.
    #[allow(clippy::type_complexity, reason = "the three things that a simulation needs")]
    fn to_simulate(
        &self,
        request: &SimulateRequest,
    ) -> Result<(Arc<CompiledModel>, Option<Vec<f64>>, Vec<String>), ApiError> {
        let reactions = request.reactions.as_deref().unwrap_or("ode");
        let (model, notes) = self.compiled(&request.text, reactions)?;
        let model = self.driven(model, request)?;
        let run = match &request.run {
            None => None,
            Some(id) => Some(self.with(|s| {
                let project = lock(&s.project);
                let stored = project.parameters(id, Role::Best).map_err(project_error)?;
                Ok(runs::params_of(&model, &stored, request.seed.unwrap_or(1)))
            })?),
        };
        Ok((model, run, notes))
    }

    /// A run of a project prepared again from what was frozen in it, with its best parameters.
    fn prepared_run(
        &self,
        project: &Project,
        which: Option<&str>,
    ) -> Result<(Prepared, Vec<f64>, RunSummary), ApiError> {
        let run = runs::find(project, which)?;
        let frozen = runs::Frozen::read(project, &run.id)?;
        let tables = runs::frozen_tables(project, &run.id, &frozen.study)?;
        let text = &frozen.detail.model_text;
        let (plugins, decided) = (&*self.plugins, fitting::decided(&frozen.detail.facts));
        let networks = Networks::of_run(plugins, project, &run.id, &frozen.model)?;
        let prepared =
            Prepared::with_choice(text, &frozen.study, &tables, &networks, plugins, &decided)
                .map_err(failure::study)?;
        let stored = project.parameters(&run.id, Role::Best).map_err(project_error)?;
        let theta = fitting::theta(&prepared, &stored);
        Ok((prepared, theta, runs::summary(&run)))
    }
}

impl Commands for Engine {
    fn app_info(&self, _: Empty, _: Emit<'_>) -> Answer<AppInfo> {
        plain(AppInfo {
            version: env!("CARGO_PKG_VERSION").into(),
            processor: slopefield_cpu::description(),
            worker_pid: std::process::id(),
            examples: examples::list(self.folders.examples.as_deref()),
            recent: self.settings.recent(),
            solvers: slopefield_study::solvers::summaries()
                .into_iter()
                .map(|m| SolverSummary {
                    id: m.id.into(),
                    name: m.name.into(),
                    group: m.group.into(),
                    advice: m.advice.into(),
                })
                .collect(),
            gradients: slopefield_adjoint::METHODS
                .iter()
                .map(|m| GradientSummary {
                    id: m.id.into(),
                    title: m.title.into(),
                    description: m.description.into(),
                    exact: m.exact,
                })
                .collect(),
        })
    }

    fn model_check(&self, request: ModelText, _: Emit<'_>) -> Answer<ModelReport> {
        let (checked, diagnostics) = slopefield_lang::check(&request.text);
        let networks = self.networks(&checked)?;
        plain(model::report(&request.text, (&checked, diagnostics), &networks))
    }

    fn model_dump(&self, request: ModelText, _: Emit<'_>) -> Answer<TextReply> {
        let (checked, _) = slopefield_lang::check(&request.text);
        let text = slopefield_graph::dump(&checked, &self.networks(&checked)?)
            .map_err(|e| error(Code::Model, e.to_string()))?;
        plain(TextReply { text })
    }

    fn simulate(&self, request: SimulateRequest, _: Emit<'_>) -> Answer<Simulation> {
        let (model, run, notes) = self.to_simulate(&request)?;
        let running = self.simulations.begin();
        let (mut simulation, block) =
            simulation::run(&model, &request, run, &*self.plugins, &running.control)?;
        simulation.notes.splice(0..0, notes);
        Ok((simulation, block))
    }

    fn scan(&self, request: ScanRequest, emit: Emit<'_>) -> Answer<Scan> {
        let (model, run, notes) = self.to_simulate(&request.simulate)?;
        let running = self.scans.begin();
        let figures = self.folders.figures();
        let with = (&*running.control, &*figures);
        let (mut scan, block) = scanning::run(&model, &request, run, &*self.plugins, with, emit)?;
        scan.notes.splice(0..0, notes);
        Ok((scan, block))
    }

    fn scan_overview(&self, request: ScanRequest, emit: Emit<'_>) -> Answer<ScanOverview> {
        let text = request.simulate.text.clone();
        self.scanned.forget();
        let (scan, block) = self.scan(request, emit)?;
        Ok(self.scanned.keep(&text, scan, block))
    }

    fn scan_save(&self, request: PathRequest, _: Emit<'_>) -> Answer<PathRequest> {
        let path = absolute(&request.path)?;
        self.scanned.save(&path)?;
        plain(PathRequest { path: path.to_string_lossy().into_owned() })
    }

    fn scan_stop(&self, _: Empty, _: Emit<'_>) -> Answer<Empty> {
        self.scans.stop();
        plain(Empty {})
    }

    fn simulate_stop(&self, _: Empty, _: Emit<'_>) -> Answer<Empty> {
        self.simulations.stop();
        plain(Empty {})
    }

    fn devices(&self, _: Empty, _: Emit<'_>) -> Answer<DevicesView> {
        plain(devices::view())
    }

    fn data_preview(&self, request: PreviewRequest, _: Emit<'_>) -> Answer<TablePreview> {
        data::preview(&request)
    }

    fn project_new(&self, _: Empty, _: Emit<'_>) -> Answer<ProjectView> {
        self.replace(|| Session::new_draft(&self.folders.drafts))
    }

    fn project_example(&self, request: ExampleRequest, _: Emit<'_>) -> Answer<ProjectView> {
        let (title, loaded) = examples::load(self.folders.examples.as_deref(), &request.id)?;
        self.replace(|| Session::example(&self.folders.drafts, &title, &loaded))
    }

    fn project_open(&self, request: PathRequest, _: Emit<'_>) -> Answer<ProjectView> {
        let path = absolute(&request.path)?;
        // A file that this installation has not opened before is a stranger's.
        if !self.settings.knows(&path) && path.parent() != Some(&*self.folders.drafts) {
            Session::inspect(&path)?;
        }
        self.replace(|| Session::open(&path, &self.folders.drafts))
    }

    fn project_view(&self, _: Empty, _: Emit<'_>) -> Answer<ProjectView> {
        self.view()
    }

    fn project_save_as(&self, request: PathRequest, _: Emit<'_>) -> Answer<ProjectView> {
        if self.jobs.any() {
            return Err(error(Code::Request, "a training is running; stop it first"));
        }
        let path = absolute(&request.path)?;
        let mut current = self.session();
        let session = current.take().ok_or_else(|| error(Code::Request, "no project is open"))?;
        let file = session.file.clone();
        match session.save_as(&path, &self.folders.drafts) {
            Ok(saved) => {
                let project = saved.project.clone();
                *current = Some(saved);
                networks::keep(&self.plugins, &mut lock(&project))?;
            }
            Err(e) => {
                // The project as it was stays open.
                *current = Session::open(&file, &self.folders.drafts).ok();
                return Err(e);
            }
        }
        drop(current);
        let view = self.view()?;
        self.settings.opened(&path.to_string_lossy(), &view.0.title);
        Ok(view)
    }

    fn project_close(&self, _: Empty, _: Emit<'_>) -> Answer<Empty> {
        if let Some(session) = self.session().take() {
            session.close()?;
        }
        self.scanned.forget();
        plain(Empty {})
    }

    fn project_edit(&self, request: Edit, _: Emit<'_>) -> Answer<ProjectView> {
        self.with(|session| session.edit(request))?;
        self.view()
    }

    fn project_undo(&self, _: Empty, _: Emit<'_>) -> Answer<ProjectView> {
        self.with(|s| lock(&s.project).undo().map_err(project_error))?;
        self.view()
    }

    fn project_redo(&self, _: Empty, _: Emit<'_>) -> Answer<ProjectView> {
        self.with(|s| lock(&s.project).redo().map_err(project_error))?;
        self.view()
    }

    fn train(&self, request: TrainRequest, emit: Emit<'_>) -> Answer<RunSummary> {
        let job = self.jobs.start()?;
        let trained = self.train_project(&request, &job.control, &mut *emit);
        // The list must be empty before the end is told: the answer may be another training.
        drop(job);
        let last = match &trained {
            Ok(run) => Progress::Finished { run: run.clone() },
            Err(e) => Progress::Failed { error: e.clone() },
        };
        emit(last, Block::new());
        trained.map(|run| (run, Block::new()))
    }

    fn job(&self, request: JobRequest, _: Emit<'_>) -> Answer<Empty> {
        self.jobs.act(request.action)?;
        plain(Empty {})
    }

    fn run_view(&self, request: RunRequest, _: Emit<'_>) -> Answer<RunView> {
        self.with(|s| {
            let mut numbers = Numbers::default();
            let view = runs::view(&lock(&s.project), &request.run, &mut numbers)?;
            Ok((view, numbers.into_block()))
        })
    }

    fn fit(&self, request: FitRequest, emit: Emit<'_>) -> Answer<FitReply> {
        let job = self.jobs.start()?;
        let out = request.out.as_deref().map(absolute).transpose()?;
        let (prepared, target) = match &out {
            Some(out) if request.resume => self.resumed(out)?,
            _ if request.resume => {
                return Err(error(Code::Request, "name the project file to go on with"));
            }
            out => self.begun(out.as_deref(), &request)?,
        };
        let project = target.as_ref().map(|t| t.project.clone());
        let solvers = self.plugins.clone().solvers();
        let figures = self.folders.figures();
        let outcome =
            fitting::run(&prepared, &solvers, target, None, Some(&figures), &job.control, emit)
                .and_then(fitting::Outcome::usable);
        if let (Some(project), Some(out)) = (project, &out) {
            let fresh = outcome.is_err() && !request.resume;
            let barren = fresh && runs::barren(&lock(&project))?;
            session::close(project)?;
            if barren {
                // It holds nothing that the files of the study do not hold.
                std::fs::remove_file(out).map_err(|e| failure::file(out, "removed", &e))?;
            }
        }
        plain(fitting::reply(&prepared, &outcome?))
    }

    fn forecast(&self, request: ForecastRequest, _: Emit<'_>) -> Answer<ForecastReply> {
        let project =
            Project::open_read_only(&absolute(&request.project)?).map_err(project_error)?;
        let (prepared, theta, run) = self.prepared_run(&project, request.run.as_deref())?;
        let solvers = self.plugins.clone().solvers();
        let objective = gradient::objective(&prepared, &prepared.gradient.0, &solvers)
            .map_err(failure::study)?;
        let until = request.until.unwrap_or_else(|| prepared.forecast_end());
        let points = request.points.unwrap_or(201) as usize;
        let curves = fitting::evenly(&objective, &prepared, &theta, until, points)?;
        let mut numbers = Numbers::default();
        let curves = runs::curve_views(&curves, &mut numbers);
        let time = prepared.model.model.time.name.clone();
        Ok((ForecastReply { run, curves, time }, numbers.into_block()))
    }

    fn gradient(&self, request: GradientRequest, emit: Emit<'_>) -> Answer<GradientReply> {
        let job = self.jobs.start()?;
        let prepared = self.gradient_study(&request)?;
        let solvers = self.plugins.clone().solvers();
        plain(gradient::run(&prepared, &request, &solvers, &job.control, emit)?)
    }

    fn sample(&self, request: SampleRequest, emit: Emit<'_>) -> Answer<SampleReply> {
        let job = self.jobs.start()?;
        let fit = FitRequest { study: request.study.clone(), ..FitRequest::default() };
        let (prepared, _) = self.begun(None, &fit)?;
        let solvers = self.plugins.clone().solvers();
        sampling::run(&prepared, &request, &solvers, &job.control, emit)
    }

    fn uncertainty(&self, request: UncertaintyRequest, emit: Emit<'_>) -> Answer<UncertaintyView> {
        let job = self.jobs.start()?;
        let project: Shared = self.with(|s| Ok(s.project.clone()))?;
        let (prepared, theta, run) =
            self.prepared_run(&lock(&project), Some(request.run.as_str()))?;
        let solvers = self.plugins.clone().solvers();
        let figures = self.folders.figures();
        let with = (&*job.control, &*figures);
        let found = uncertainty::ask(&prepared, &theta, &request, &solvers, with, emit)?;
        uncertainty::store(&mut lock(&project), &run.id, found)
    }

    fn uncertainty_list(&self, request: RunRequest, _: Emit<'_>) -> Answer<UncertaintyList> {
        self.with(|s| plain(uncertainty::list(&lock(&s.project), &request.run)?))
    }

    fn uncertainty_view(&self, request: UncertaintyChoice, _: Emit<'_>) -> Answer<UncertaintyView> {
        self.with(|s| uncertainty::view(&lock(&s.project), &request.id))
    }

    fn uncertainty_delete(
        &self,
        request: UncertaintyChoice,
        _: Emit<'_>,
    ) -> Answer<UncertaintyList> {
        self.with(|s| plain(uncertainty::delete(&mut lock(&s.project), &request.id)?))
    }

    fn assess(&self, request: AssessRequest, emit: Emit<'_>) -> Answer<AssessReply> {
        let job = self.jobs.start()?;
        let (study, device) = (request.study.clone(), request.device.clone());
        let fit = FitRequest { study, device, ..FitRequest::default() };
        let (prepared, _) = self.begun(None, &fit)?;
        let solvers = self.plugins.clone().solvers();
        let figures = self.folders.figures();
        let with = (&*job.control, &*figures);
        assessing::run(&prepared, &request, &solvers, with, emit)
    }

    fn terms(&self, request: TermsRequest, emit: Emit<'_>) -> Answer<TermsReply> {
        let studied = self.studied(&request, &mut *emit)?;
        let found =
            request.formulas.then(|| studied.formulas(&self.jobs, &mut *emit)).transpose()?;
        studied.reply(&request, found.as_deref())
    }

    fn replace_terms(&self, request: ReplaceRequest, emit: Emit<'_>) -> Answer<ReplaceReply> {
        let fit = TermsRequest {
            study: request.study.clone(),
            project: request.project.clone(),
            run: request.run.clone(),
            ..TermsRequest::default()
        };
        let studied = self.studied(&fit, &mut *emit)?;
        let known = studied.known_formulas().is_some();
        let found = studied.formulas(&self.jobs, &mut *emit)?;
        if found.stopped() && !known {
            return Err(error(Code::Cancelled, "stopped before all formulas were found"));
        }
        let (text, replaced) = studied.replace(&found, &request.choices)?;
        let (mut parameters, mut comparison) = (Default::default(), Vec::new());
        if request.refit {
            let job = self.jobs.start()?;
            let solvers = self.plugins.clone().solvers();
            let prepared = self.with_text(&studied, &request, &text)?;
            let start = Some(studied.start_of(&prepared));
            let outcome = fitting::run(&prepared, &solvers, None, start, None, &job.control, emit)?;
            let outcome = outcome.usable()?;
            parameters = fitting::reply(&prepared, &outcome).parameters;
            let (old, new) = ("with the network", "with the formula");
            comparison.push(comparing::score(old, &studied.prepared, &studied.theta, &solvers)?);
            comparison.push(comparing::score(new, &prepared, &outcome.fit.theta, &solvers)?);
        }
        plain(ReplaceReply { text, replaced, parameters, comparison })
    }

    fn compare_runs(&self, request: CompareRequest, _: Emit<'_>) -> Answer<CompareReply> {
        let project: Shared = self.with(|s| Ok(s.project.clone()))?;
        let project = lock(&project);
        let solvers = self.plugins.clone().solvers();
        let (mut scores, mut differing) = (Vec::new(), Vec::new());
        let mut first: Option<Vec<slopefield_train::Series>> = None;
        for id in &request.runs {
            let (prepared, theta, run) = self.prepared_run(&project, Some(id))?;
            let name = format!("run {}", run.number);
            let data: Vec<_> =
                prepared.problem.experiments.iter().flat_map(|e| e.series.clone()).collect();
            // As text, in which a missing value is the same as another one.
            match &first {
                Some(known) if format!("{known:?}") != format!("{data:?}") => {
                    differing.push(name.clone());
                }
                Some(_) => {}
                None => first = Some(data),
            }
            scores.push(comparing::score(&name, &prepared, &theta, &solvers)?);
        }
        plain(CompareReply { scores, differing })
    }

    fn project_info(&self, request: PathRequest, _: Emit<'_>) -> Answer<ProjectInfo> {
        plain(crate::info::info(&absolute(&request.path)?)?)
    }

    fn project_verify(&self, request: PathRequest, _: Emit<'_>) -> Answer<VerifyReply> {
        let path = absolute(&request.path)?;
        let report = slopefield_project::verify(&path).map_err(project_error)?;
        let line = |c: slopefield_project::Check| {
            (c.name.to_owned(), c.result.err().unwrap_or_else(|| "ok".into()))
        };
        let mut checks: Vec<_> = report.checks.into_iter().map(line).collect();
        let mut ok = report.ok;
        if ok {
            let project = Project::open_read_only(&path).map_err(project_error)?;
            let found = networks::verify(&project)?;
            ok = found.is_ok();
            checks.push(("networks".into(), found.err().unwrap_or_else(|| "ok".into())));
        }
        plain(VerifyReply { ok, checks })
    }

    fn report(&self, request: ReportRequest, _: Emit<'_>) -> Answer<PathRequest> {
        let run = request.run.as_deref();
        let out = |project: &Path| match &request.out {
            Some(out) => absolute(out),
            None => Ok(project.with_extension("html")),
        };
        let path = match &request.project {
            Some(path) => {
                let path = absolute(path)?;
                let out = out(&path)?;
                let project = Project::open_read_only(&path).map_err(project_error)?;
                report::write(&project, run, self.learned(&project, run).as_ref(), &out)?;
                out
            }
            None => self.with(|s| {
                let out = out(&s.file)?;
                let project = lock(&s.project);
                report::write(&project, run, self.learned(&project, run).as_ref(), &out)?;
                Ok(out)
            })?,
        };
        plain(PathRequest { path: path.to_string_lossy().into_owned() })
    }

    fn plugin_list(&self, _: Empty, _: Emit<'_>) -> Answer<PluginList> {
        plain(self.plugins.list())
    }

    fn plugin_trust(&self, request: TrustRequest, _: Emit<'_>) -> Answer<PluginList> {
        let list = self.plugins.trust(&request)?;
        self.isolation.forget(&request.id);
        self.forget_compiled();
        plain(list)
    }

    fn plugin_untrust(&self, request: UntrustRequest, _: Emit<'_>) -> Answer<PluginList> {
        let list = self.plugins.untrust(&request.id)?;
        self.isolation.forget(&request.id);
        self.forget_compiled();
        plain(list)
    }

    fn plugin_enable(&self, request: EnableRequest, _: Emit<'_>) -> Answer<PluginList> {
        let list = self.plugins.enable(&request.id)?;
        self.forget_compiled();
        plain(list)
    }
}

impl Engine {
    fn train_project(
        &self,
        request: &TrainRequest,
        control: &slopefield_train::Control,
        emit: Emit<'_>,
    ) -> Result<RunSummary, ApiError> {
        let project: Shared = self.with(|s| Ok(s.project.clone()))?;
        let plugins = &*self.plugins;
        let (text, study_text, tables, start, decided, networks) = {
            let project = lock(&project);
            let (text, study_text, decided) = match &request.resume {
                Some(id) => {
                    let detail = project.run(id).map_err(project_error)?;
                    (detail.model_text, detail.study_text, fitting::decided(&detail.facts))
                }
                None => (
                    project.model_text().map_err(project_error)?,
                    project.study_text().map_err(project_error)?,
                    Decided::default(),
                ),
            };
            let study = session::parse_study(&study_text)?;
            let tables = match &request.resume {
                Some(id) => runs::frozen_tables(&project, id, &study)?,
                None => session::bound_tables(&project, &study)?,
            };
            let start = request
                .from_run
                .as_ref()
                .map(|id| project.parameters(id, Role::Best).map_err(project_error))
                .transpose()?;
            let (model, _) = slopefield_lang::check(&text);
            let networks = match &request.resume {
                Some(id) => Networks::of_run(plugins, &project, id, &model)?,
                None => Networks::of_project(plugins, &project, &model)?,
            };
            (text, study_text, tables, start, decided, networks)
        };
        let study = session::parse_study(&study_text)?;
        let mut prepared =
            Prepared::with_choice(&text, &study, &tables, &networks, plugins, &decided)
                .map_err(failure::study)?;
        prepared.resolved.problems.extend(networks.warnings());
        let start = start.map(|stored| fitting::theta(&prepared, &stored));
        let target = Target {
            project: project.clone(),
            study_text,
            resume: request.resume.clone(),
            facts: [plugins.facts(&prepared), networks.facts()].concat(),
            recorded: networks::recorded(plugins, &prepared),
            tell: self.tell.get().cloned(),
        };
        let solvers = self.plugins.clone().solvers();
        let (figures, target) = (self.folders.figures(), Some(target));
        let figures = Some(&*figures);
        let outcome = fitting::run(&prepared, &solvers, target, start, figures, control, emit)?;
        let run = runs::find(&lock(&project), outcome.run.as_deref())?;
        Ok(runs::summary(&run))
    }

    /// The study whose gradients are asked for: from its files, or that of the open project.
    fn gradient_study(&self, request: &GradientRequest) -> Result<Prepared, ApiError> {
        let plugins = &*self.plugins;
        let (text, mut file, tables, networks) = match &request.study {
            Some(path) => {
                let loaded = data::load(path)?;
                let tables =
                    loaded.tables.iter().map(|(n, t)| (n.clone(), TableData::from(t))).collect();
                (loaded.model, loaded.file, tables, Networks::of_plugins(plugins))
            }
            None => {
                let project: Shared = self.with(|s| Ok(s.project.clone()))?;
                let project = lock(&project);
                let text = project.model_text().map_err(project_error)?;
                let study_text = project.study_text().map_err(project_error)?;
                let study = session::parse_study(&study_text)?;
                let tables = session::bound_tables(&project, &study)?;
                let (model, _) = slopefield_lang::check(&text);
                let networks = Networks::of_project(plugins, &project, &model)?;
                (text, study, tables, networks)
            }
        };
        if let Some(memory) = &request.memory {
            file.training.memory.clone_from(memory);
        }
        Prepared::new(&text, &file, &tables, &networks, plugins).map_err(failure::study)
    }

    /// A study from its files, and the new project file for it where one is wanted.
    fn begun(
        &self,
        out: Option<&Path>,
        request: &FitRequest,
    ) -> Result<(Prepared, Option<Target>), ApiError> {
        if let Some(out) = out {
            vacant(out)?;
        }
        let mut loaded = data::load(&request.study)?;
        if request.iterations.is_some() {
            loaded.file.training.iterations = request.iterations;
        }
        if let Some(device) = &request.device {
            loaded.file.training.device.clone_from(device);
        }
        let tables = loaded.tables.iter().map(|(n, t)| (n.clone(), TableData::from(t))).collect();
        let plugins = &*self.plugins;
        let mut prepared = Prepared::new(&loaded.model, &loaded.file, &tables, plugins, plugins)
            .map_err(failure::study)?;
        let Some(out) = out else { return Ok((prepared, None)) };
        // Whatever hinders the training is told before a file is made.
        let solvers = self.plugins.clone().solvers();
        gradient::objective(&prepared, &prepared.gradient.0, &solvers).map_err(failure::study)?;
        let content = session::content(&loaded)?;
        let mut project = Project::create(out).map_err(project_error)?;
        let filled = project.fill(&content).and_then(|()| project.study_text());
        let study_text = match filled {
            Ok(text) => text,
            Err(e) => {
                drop(project);
                // The reason counts, not what became of the file.
                let _ = std::fs::remove_file(out);
                return Err(project_error(e));
            }
        };
        prepared.file = session::parse_study(&study_text)?;
        let facts = plugins.facts(&prepared);
        let recorded = networks::recorded(plugins, &prepared);
        let project = Arc::new(Mutex::new(project));
        let tell = None;
        Ok((prepared, Some(Target { project, study_text, resume: None, facts, recorded, tell })))
    }

    /// The interrupted run of a project file. It goes on with what was frozen when it began,
    /// whatever the files of the study say now.
    fn resumed(&self, out: &Path) -> Result<(Prepared, Option<Target>), ApiError> {
        let project = Project::open(out).map_err(project_error)?;
        let runs = project.runs().map_err(project_error)?;
        let Some(run) = runs.into_iter().find(|r| r.resumable) else {
            return Err(failure::advised(
                Code::Project,
                format!("{} has no run that can go on", out.display()),
                "a run can go on when it was interrupted or stopped; train anew into another file",
            ));
        };
        let frozen = runs::Frozen::read(&project, &run.id)?;
        let tables = runs::frozen_tables(&project, &run.id, &frozen.study)?;
        let text = &frozen.detail.model_text;
        let (plugins, decided) = (&*self.plugins, fitting::decided(&frozen.detail.facts));
        let networks = Networks::of_run(plugins, &project, &run.id, &frozen.model)?;
        let prepared =
            Prepared::with_choice(text, &frozen.study, &tables, &networks, plugins, &decided)
                .map_err(failure::study)?;
        let target = Target {
            project: Arc::new(Mutex::new(project)),
            study_text: frozen.detail.study_text,
            resume: Some(run.id),
            // What a run was made with stands in it since it began.
            facts: Vec::new(),
            recorded: Vec::new(),
            tell: None,
        };
        Ok((prepared, Some(target)))
    }
}

/// Nothing is at the path of a file to be made, and its folder is there.
fn vacant(out: &Path) -> Result<(), ApiError> {
    if out.exists() {
        return Err(failure::advised(
            Code::File,
            format!("{} exists already", out.display()),
            "give another name, or --resume to go on with its interrupted run",
        ));
    }
    match out.parent() {
        Some(folder) if !folder.is_dir() => Err(failure::advised(
            Code::File,
            format!("{} cannot be written: there is no folder {}", out.display(), folder.display()),
            "make the folder first, or give another path",
        )),
        _ => Ok(()),
    }
}

fn absolute(path: &str) -> Result<PathBuf, ApiError> {
    let path = Path::new(path);
    std::path::absolute(path).map_err(|e| failure::file(path, "found", &e))
}
