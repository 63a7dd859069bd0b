//! The user's own list of recent projects: a small file beside the program's other settings.
//! It is a convenience: when it cannot be read or written, it is empty.

use slopefield_api::types::RecentProject;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Projects that are remembered.
const RECENT: usize = 12;

/// The file of recent projects.
pub struct Settings {
    file: PathBuf,
}

impl Settings {
    /// Settings in a folder, which need not exist yet.
    pub fn new(folder: &Path) -> Settings {
        Settings { file: folder.join("recent.json") }
    }

    /// Recent projects, newest first.
    pub fn recent(&self) -> Vec<RecentProject> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        let mut recent: Vec<RecentProject> = serde_json::from_str(&text).unwrap_or_default();
        for project in &mut recent {
            project.exists = Path::new(&project.path).is_file();
        }
        recent
    }

    /// The project is among the recent ones.
    pub fn knows(&self, path: &Path) -> bool {
        self.recent().iter().any(|p| Path::new(&p.path) == path)
    }

    /// Remembers a project as opened now.
    pub fn opened(&self, path: &str, title: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut recent = self.recent();
        recent.retain(|p| p.path != path);
        recent.insert(
            0,
            RecentProject {
                path: path.to_owned(),
                title: title.to_owned(),
                opened_ms: now.as_millis() as i64,
                exists: true,
            },
        );
        recent.truncate(RECENT);
        let stored = || -> std::io::Result<()> {
            if let Some(folder) = self.file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let beside = self.file.with_extension("json.new");
            std::fs::write(&beside, serde_json::to_vec_pretty(&recent)?)?;
            std::fs::rename(beside, &self.file)
        };
        if let Err(e) = stored() {
            eprintln!("the list of recent projects could not be written: {e}");
        }
    }
}
