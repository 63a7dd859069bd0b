//! Bundled examples: folders with `study.toml`, what it names, and a page `README.md` whose first
//! heading is the title and whose first paragraph says what it shows.

use crate::failure::error;
use slopefield_api::types::ExampleInfo;
use slopefield_api::{ApiError, Code};
use slopefield_study::Loaded;
use std::path::Path;

/// Order in which they are shown; others come after, by name.
const ORDER: [&str; 6] =
    ["hudson-bay-neural", "hudson-bay", "influenza", "spiral", "lotka-volterra", "brusselator-1d"];

/// Examples in a folder.
pub fn list(folder: Option<&Path>) -> Vec<ExampleInfo> {
    let Some(entries) = folder.and_then(|f| std::fs::read_dir(f).ok()) else { return Vec::new() };
    let mut found: Vec<ExampleInfo> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let id = path.file_name()?.to_str()?.to_owned();
            path.join("study.toml").is_file().then(|| info(&path, id))
        })
        .collect();
    let place = |id: &str| ORDER.iter().position(|o| *o == id).unwrap_or(ORDER.len());
    found.sort_by(|a, b| place(&a.id).cmp(&place(&b.id)).then_with(|| a.id.cmp(&b.id)));
    found
}

fn info(folder: &Path, id: String) -> ExampleInfo {
    let page = std::fs::read_to_string(folder.join("README.md")).unwrap_or_default();
    let mut lines = page.lines().map(str::trim);
    let title = lines.find_map(|l| l.strip_prefix("# ")).unwrap_or(&id).to_owned();
    let paragraph: Vec<_> =
        lines.skip_while(|l| l.is_empty()).take_while(|l| !l.is_empty()).collect();
    ExampleInfo { id, title, summary: paragraph.join(" ") }
}

/// Title and content of an example.
pub fn load(folder: Option<&Path>, id: &str) -> Result<(String, Loaded), ApiError> {
    let Some(example) = list(folder).into_iter().find(|e| e.id == id) else {
        return Err(error(Code::File, format!("there is no example `{id}`")));
    };
    let path = folder.unwrap_or(Path::new(".")).join(id).join("study.toml");
    let loaded = slopefield_study::load::load(&path).map_err(crate::failure::study)?;
    Ok((example.title, loaded))
}
