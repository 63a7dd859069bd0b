//! The `project_info` command.

use crate::runs;
use crate::session::project_error;
use slopefield_api::ApiError;
use slopefield_api::types::ProjectInfo;
use slopefield_project::Project;
use std::path::Path;

/// What is in a project file; opens it for reading only.
pub fn info(path: &Path) -> Result<ProjectInfo, ApiError> {
    let info = slopefield_project::info(path).map_err(project_error)?;
    let project = Project::open_read_only(path).map_err(project_error)?;
    let (model, _) = slopefield_lang::check(&project.model_text().map_err(project_error)?);
    Ok(ProjectInfo {
        path: path.to_string_lossy().into_owned(),
        bytes: info.bytes,
        read_version: info.reader_version as u32,
        write_version: info.write_version as u32,
        created_by: info.created_by,
        written_by: info.last_written_by,
        title: model.title,
        model_versions: info.model_versions as u32,
        tables: project
            .tables()
            .map_err(project_error)?
            .into_iter()
            .map(|t| (t.name, t.row_count as u32))
            .collect(),
        runs: runs::list(&project)?,
    })
}
