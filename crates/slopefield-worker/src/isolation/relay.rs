//! Commands that name a third-party plugin, carried out by another process.

use super::copy::WorkCopy;
use super::crash::CrashReport;
use super::process::{Failure, Part, Process, Watch};
use super::{Isolation, Kept, wire};
use crate::engine::Engine;
use crate::failure::error;
use crate::runs;
use crate::session::{Shared, lock, project_error};
use crate::uncertainty;
use serde_json::{Value, json};
use slopefield_api::schema::{Block, dispatch};
use slopefield_api::types::{Progress, Scan, SimulateRequest, UncertaintyRequest, UncertaintyView};
use slopefield_api::{ApiError, Code, Command};
use slopefield_project::{NewUncertainty, RunState, RunStatus};
use std::time::Duration;

/// The longest that a short command may take in the process of a plugin.
const SHORT: Duration = Duration::from_secs(300);

/// Sends progress to whoever called.
pub type Send<'a> = &'a mut (dyn FnMut(Value, Block) + std::marker::Send);

/// Passes progress on; these calls store nothing.
fn progress_of(send: Send<'_>) -> impl FnMut(Part) {
    move |part| {
        if let Part::Progress(body, block) = part {
            send(body, block);
        }
    }
}

type Answered = Result<(Value, Block), ApiError>;

impl Engine {
    /// The third-party plugins that a command needs a process for. None in such a process.
    pub fn apart(&self, command: Command, request: &Value) -> Vec<String> {
        if self.plugins.is_process() {
            return Vec::new();
        }
        let mut ids = self.named(command, request);
        ids.retain(|id| self.plugins.runs_apart(id));
        // Looking at a text runs nothing for the first time.
        if command == Command::model_check && self.isolation.running(&ids).is_none() {
            ids.clear();
        }
        ids
    }

    /// Carries a command out here, or in a process for `plugins` when there are any.
    ///
    /// # Errors
    /// What the command answers, and how the process of a plugin ended when it did.
    pub fn answer(
        &self,
        command: Command,
        request: Value,
        plugins: &[String],
        send: Send<'_>,
    ) -> Answered {
        if plugins.is_empty() {
            let mut emit = |progress: Progress, block: Block| {
                send(serde_json::to_value(progress).unwrap_or_default(), block);
            };
            let answered = dispatch(self, command, request, &mut emit);
            if !matches!(
                command,
                Command::simulate
                    | Command::simulate_stop
                    | Command::scan
                    | Command::scan_overview
                    | Command::scan_save
                    | Command::scan_stop
                    | Command::devices
                    | Command::model_check
                    | Command::model_dump
            ) {
                self.isolation.changed();
            }
            return answered;
        }
        let _busy = self.isolation.busy();
        match command {
            Command::train => self.train_apart(request, plugins, send),
            Command::uncertainty => self.uncertainty_apart(request, plugins, send),
            Command::fit
            | Command::gradient
            | Command::sample
            | Command::assess
            | Command::terms
            | Command::replace_terms
            | Command::compare_runs => self.job_apart(command, request, plugins, send),
            Command::scan => self.scan_apart(request, plugins, send),
            Command::scan_overview => self.overview_apart(request, plugins, send),
            _ => self.short_apart(command, request, plugins),
        }
    }

    /// A command without a job: on the process that is kept for them.
    fn short_apart(&self, command: Command, request: Value, plugins: &[String]) -> Answered {
        let isolation = &self.isolation;
        let simulates = command == Command::simulate;
        let running = simulates.then(|| self.simulations.begin());
        let kept = isolation.for_short(plugins).map_err(|report| isolation.told(&report))?;
        if simulates && self.needs_project(&request) {
            self.show_project(&kept).map_err(|f| isolation.failed(f))?;
        }
        let control = running.as_ref().map(|running| &*running.control);
        let stop = (Command::simulate_stop, json!({}));
        let watch = Watch { control, stop: Some(stop), limit: Some(SHORT) };
        isolation.ended(kept.process.call(command, request, &watch, &mut |_| {}), plugins)
    }

    /// A scan: on the same process, and it takes as long as it takes.
    fn scan_apart(&self, request: Value, plugins: &[String], send: Send<'_>) -> Answered {
        let isolation = &self.isolation;
        let running = self.scans.begin();
        let kept = isolation.for_short(plugins).map_err(|report| isolation.told(&report))?;
        // What a scan has in common with a simulation is a part of its request.
        if request.get("simulate").is_some_and(|simulated| self.needs_project(simulated)) {
            self.show_project(&kept).map_err(|f| isolation.failed(f))?;
        }
        let stop = (Command::scan_stop, json!({}));
        let watch = Watch { control: Some(&running.control), stop: Some(stop), limit: None };
        let answer = kept.process.call(Command::scan, request, &watch, &mut progress_of(send));
        isolation.ended(answer, plugins)
    }

    /// A scan whose numbers are kept here: the process may end before they are saved.
    fn overview_apart(&self, request: Value, plugins: &[String], send: Send<'_>) -> Answered {
        self.scanned.forget();
        let text = request["simulate"]["text"].as_str().unwrap_or_default().to_owned();
        let (body, block) = self.scan_apart(request, plugins, send)?;
        let odd = |e: serde_json::Error| {
            let message = format!("the answer of the process of {}: {e}", plugins.join(", "));
            error(Code::Plugin, message)
        };
        let scan: Scan = serde_json::from_value(body).map_err(odd)?;
        let (overview, block) = self.scanned.keep(&text, scan, block);
        Ok((serde_json::to_value(overview).map_err(odd)?, block))
    }

    /// A simulation with the parameters of a run, or with inputs that the project has.
    fn needs_project(&self, request: &Value) -> bool {
        let Ok(request) = serde_json::from_value::<SimulateRequest>(request.clone()) else {
            return false;
        };
        self.project().is_some()
            && (request.run.is_some() || !slopefield_lang::check(&request.text).0.inputs.is_empty())
    }

    /// Opens a copy of the project as it is now in a process that is kept.
    fn show_project(&self, kept: &Kept) -> Result<(), Failure> {
        let stamp = self.isolation.stamp.load(std::sync::atomic::Ordering::Acquire);
        let mut open = kept.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if open.as_ref().is_some_and(|(of, _)| *of == stamp) {
            return Ok(());
        }
        let copy = self.copy().map_err(Failure::Answer)?;
        open_copy(&kept.process, &copy)?;
        *open = Some((stamp, copy));
        Ok(())
    }

    fn copy(&self) -> Result<WorkCopy, ApiError> {
        let project = self.open_project()?;
        WorkCopy::of(&project, &self.folders.drafts)
    }

    fn open_project(&self) -> Result<Shared, ApiError> {
        self.project().ok_or_else(|| error(Code::Request, "no project is open"))
    }

    /// A job that stores nothing in the open project.
    fn job_apart(
        &self,
        command: Command,
        request: Value,
        plugins: &[String],
        send: Send<'_>,
    ) -> Answered {
        let job = self.jobs.start()?;
        let isolation = &self.isolation;
        let absent = |name: &str| request.get(name).is_none_or(Value::is_null);
        let of_project = match command {
            Command::gradient => absent("study"),
            Command::terms | Command::replace_terms => absent("study") && absent("project"),
            Command::compare_runs => true,
            _ => false,
        };
        let copy = of_project.then(|| self.copy()).transpose()?;
        let process = isolation.for_job(plugins).map_err(|report| isolation.told(&report))?;
        if let Some(copy) = &copy {
            open_copy(&process, copy).map_err(|f| isolation.failed(f))?;
        }
        let watch = Watch { control: Some(&job.control), ..Watch::default() };
        let answer = process.call(command, request, &watch, &mut progress_of(send));
        isolation.ended(answer, plugins)
    }

    /// A question about a run: found by the process, stored here.
    fn uncertainty_apart(&self, request: Value, plugins: &[String], send: Send<'_>) -> Answered {
        let job = self.jobs.start()?;
        let isolation = &self.isolation;
        let project = self.open_project()?;
        let run = serde_json::from_value::<UncertaintyRequest>(request.clone())
            .map_err(|e| error(Code::Request, e.to_string()))?
            .run;
        let run = runs::find(&lock(&project), Some(&run))?.id;
        let copy = self.copy()?;
        let process = isolation.for_job(plugins).map_err(|report| isolation.told(&report))?;
        open_copy(&process, &copy).map_err(|f| isolation.failed(f))?;
        let watch = Watch { control: Some(&job.control), ..Watch::default() };
        let answer = process.call(Command::uncertainty, request, &watch, &mut progress_of(send));
        let (body, numbers) = isolation.ended(answer, plugins)?;
        let odd = |e: &dyn std::fmt::Display| {
            let message = format!("the answer of the process of {}: {e}", plugins.join(", "));
            error(Code::Plugin, message)
        };
        let view: UncertaintyView = serde_json::from_value(body).map_err(|e| odd(&e))?;
        let result_json = serde_json::to_string(&view.result).map_err(|e| odd(&e))?;
        let new = NewUncertainty { method: view.summary.method, result_json, numbers };
        let mut project = lock(&project);
        let id = project.add_uncertainty(&run, &new).map_err(project_error)?;
        let (view, block) = uncertainty::view(&project, &id)?;
        Ok((serde_json::to_value(view).map_err(|e| odd(&e))?, block))
    }

    /// A training of the open project. The end is told as by a training that runs here.
    fn train_apart(&self, request: Value, plugins: &[String], send: Send<'_>) -> Answered {
        let job = self.jobs.start()?;
        let trained = self.trained_apart(request, plugins, &job.control, send);
        drop(job);
        self.isolation.changed();
        let last = match &trained {
            Ok(run) => Progress::Finished { run: run.clone() },
            Err(e) => Progress::Failed { error: e.clone() },
        };
        send(serde_json::to_value(last).unwrap_or_default(), Block::new());
        let run = serde_json::to_value(trained?);
        run.map(|run| (run, Block::new())).map_err(|e| error(Code::Internal, e.to_string()))
    }

    fn trained_apart(
        &self,
        request: Value,
        plugins: &[String],
        control: &slopefield_train::Control,
        send: Send<'_>,
    ) -> Result<slopefield_api::types::RunSummary, ApiError> {
        let isolation = &self.isolation;
        let project = self.open_project()?;
        let copy = self.copy()?;
        let process = isolation.for_job(plugins).map_err(|report| isolation.told(&report))?;
        open_copy(&process, &copy).map_err(|f| isolation.failed(f))?;
        let mut stored = Stored { project: project.clone(), run: None, state: None, broken: None };
        let watch = Watch { control: Some(control), ..Watch::default() };
        let answer = process.call(Command::train, request, &watch, &mut |part| match part {
            Part::Record(body, block) => {
                stored.take(body, &block);
                isolation.changed();
                if stored.broken.is_some() {
                    control.cancel.store(true, std::sync::atomic::Ordering::Relaxed);
                }
            }
            Part::Progress(mut body, block) => match body.get("event").and_then(Value::as_str) {
                // The end is told here, with the run as it is stored here.
                Some("finished" | "failed") => {}
                Some("started") => {
                    body["run"] = json!(stored.run);
                    send(body, block);
                }
                _ => send(body, block),
            },
            Part::End(_) | Part::Died(_) => {}
        });
        if let Err(Failure::Crash(report)) = &answer {
            stored.interrupt(report);
        }
        isolation.ended(answer, plugins)?;
        if let Some(broken) = stored.broken {
            return Err(broken);
        }
        let run = stored.run.as_deref();
        let run = run.ok_or_else(|| error(Code::Plugin, "the training told of no run"))?;
        let run = runs::find(&lock(&project), Some(run))?;
        Ok(runs::summary(&run))
    }
}

/// Opens a copy of a project in a process.
fn open_copy(process: &Process, copy: &WorkCopy) -> Result<(), Failure> {
    let watch = Watch { limit: Some(SHORT), ..Watch::default() };
    let request = json!({ "path": copy.path() });
    process.call(Command::project_open, request, &watch, &mut |_| {}).map(drop)
}

/// The run of a training elsewhere, as its records are written into the project.
struct Stored {
    project: Shared,
    run: Option<String>,
    state: Option<RunState>,
    /// The project could not be written, or a record was none.
    broken: Option<ApiError>,
}

impl Stored {
    fn take(&mut self, body: Value, block: &[f64]) {
        if self.broken.is_some() {
            return;
        }
        let record = wire::from_wire(body, block)
            .map_err(|e| error(Code::Plugin, format!("what a training stores is damaged: {e}")));
        let stored = record.and_then(|record| {
            if let super::record::Record::History { state, .. } = &record {
                self.state = Some(*state);
            }
            record.store(&mut lock(&self.project), &mut self.run)
        });
        self.broken = stored.err();
    }

    /// The process has ended in the middle: the run can go on from its newest checkpoint.
    fn interrupt(&mut self, report: &CrashReport) {
        let Some(run) = &self.run else { return };
        let state = self.state.unwrap_or_default();
        let reason = report.to_string();
        let status = RunStatus::Interrupted;
        if let Err(e) = lock(&self.project).finish_run(run, status, &reason, &state) {
            eprintln!("the end of the run could not be written: {e}");
        }
    }
}

impl Isolation {
    /// A death is counted and told.
    fn told(&self, report: &CrashReport) -> ApiError {
        self.died(report);
        report.error()
    }

    fn failed(&self, failure: Failure) -> ApiError {
        if let Failure::Crash(report) = &failure {
            self.died(report);
        }
        failure.error()
    }

    /// The end of a call: deaths are counted, and any answer ends their row.
    fn ended(&self, answer: Result<(Value, Block), Failure>, plugins: &[String]) -> Answered {
        if !matches!(answer, Err(Failure::Crash(_))) {
            self.went_well(plugins);
        }
        answer.map_err(|failure| self.failed(failure))
    }
}
