//! Fits whose learned terms are asked for, found where a request points to: in a study, in a project
//! file, in the open project.

use super::{Engine, absolute};
use crate::failure::{self, error};
use crate::networks::Networks;
use crate::session::{Shared, lock, project_error};
use crate::terms::{self, Studied};
use crate::{data, fitting, isolation, report, runs};
use slopefield_api::schema::Emit;
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code};
use slopefield_project::Project;
use slopefield_study::{Prepared, TableData};
use std::sync::{Arc, PoisonError};

impl Engine {
    /// The fit whose learned terms are asked for: of a study that is trained first, of a project file,
    /// or of the open project.
    pub(crate) fn studied(
        &self,
        request: &TermsRequest,
        emit: Emit<'_>,
    ) -> Result<Arc<Studied>, ApiError> {
        let (solvers, until) = (self.plugins.clone().solvers(), request.until);
        if let Some(study) = &request.study {
            let job = self.jobs.start()?;
            let fit = FitRequest { study: study.clone(), ..FitRequest::default() };
            let (prepared, _) = self.begun(None, &fit)?;
            let found = fitting::run(&prepared, &solvers, None, None, None, &job.control, emit)?;
            let theta = found.usable()?.fit.theta;
            let mut studied = Studied::new(prepared, theta, None, until, &*solvers)?;
            if let Some(count) = request.spread {
                studied.draw(count, request.seed, &solvers, &job.control)?;
            }
            return Ok(Arc::new(studied));
        }
        let which = request.run.as_deref();
        let of_project = |project: &Project| {
            let (prepared, theta, run) = self.prepared_run(project, which)?;
            let mut studied = Studied::new(prepared, theta, Some(run), until, &*solvers)?;
            match request.spread {
                Some(count) => {
                    studied.draw(count, request.seed, &solvers, &Default::default())?;
                }
                None => studied.take_stored_draws(project)?,
            }
            Ok(Arc::new(studied))
        };
        if let Some(path) = &request.project {
            return of_project(&Project::open_read_only(&absolute(path)?).map_err(project_error)?);
        }
        let project: Shared = self.with(|s| Ok(s.project.clone()))?;
        let project = lock(&project);
        let key = terms::key(&project, which, request)?;
        let mut last = self.studied.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = last.as_ref().filter(|(known, _)| *known == key) {
            return Ok(found.clone());
        }
        let found = of_project(&project)?;
        *last = Some((key, found.clone()));
        Ok(found)
    }

    /// What the networks of a run have learned, for its report; none where it has no networks.
    pub(super) fn learned(
        &self,
        project: &Project,
        which: Option<&str>,
    ) -> Option<report::Learned> {
        let run = runs::find(project, which).ok()?;
        let frozen = runs::Frozen::read(project, &run.id).ok()?;
        if frozen.model.networks.is_empty() {
            return None;
        }
        let plugins = isolation::of_study(&frozen.detail.model_text, &frozen.study);
        if plugins.iter().any(|id| self.plugins.runs_apart(id)) {
            let message = "a report runs no plugins of others, and this run was made with some";
            return Some(Err(error(Code::Request, message)));
        }
        let studied = || -> Result<_, ApiError> {
            let solvers = self.plugins.clone().solvers();
            let (prepared, theta, run) = self.prepared_run(project, Some(&run.id))?;
            let mut studied = Studied::new(prepared, theta, Some(run), None, &*solvers)?;
            studied.take_stored_draws(project)?;
            studied.reply(&TermsRequest::default(), None)
        };
        Some(studied())
    }

    /// The study of a fit with another model text, on the same data.
    pub(super) fn with_text(
        &self,
        studied: &Studied,
        request: &ReplaceRequest,
        text: &str,
    ) -> Result<Prepared, ApiError> {
        let plugins = &*self.plugins;
        let prepare = |tables: &_, networks: &Networks<'_>| {
            Prepared::new(text, &studied.prepared.file, tables, networks, plugins)
                .map_err(failure::study)
        };
        if let Some(study) = &request.study {
            let loaded = data::load(study)?;
            let tables =
                loaded.tables.iter().map(|(n, t)| (n.clone(), TableData::from(t))).collect();
            return prepare(&tables, &Networks::of_plugins(plugins));
        }
        let of_project = |project: &Project| {
            let run = runs::find(project, studied.run.as_ref().map(|r| r.id.as_str()))?;
            let tables = runs::frozen_tables(project, &run.id, &studied.prepared.file)?;
            let (model, _) = slopefield_lang::check(text);
            prepare(&tables, &Networks::of_run(plugins, project, &run.id, &model)?)
        };
        match &request.project {
            Some(path) => {
                of_project(&Project::open_read_only(&absolute(path)?).map_err(project_error)?)
            }
            None => of_project(&lock(&self.with(|s| Ok(s.project.clone()))?)),
        }
    }
}
