//! Training on the terminal: a bar with loss and time left, notes above it.

use indicatif::{ProgressBar, ProgressStyle};
use slopefield_api::schema::Block;
use slopefield_api::types::{Progress, StageView};

/// Parts of a bar for work without iterations: per cent.
const PARTS: u64 = 100;

/// Shows progress on standard error.
pub struct Bar {
    bar: ProgressBar,
    /// Notes go to standard error as lines: it is no terminal, and they are wanted.
    lines: bool,
}

impl Bar {
    /// A bar; hidden when quiet or when standard error is not a terminal.
    pub fn new(quiet: bool) -> Bar {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let form = "{prefix:>8} [{bar:30}] {pos}/{len}  {msg}";
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style.progress_chars("=> "));
        }
        let lines = !quiet && bar.is_hidden();
        Bar { bar, lines }
    }

    /// Takes a progress message of a fit.
    pub fn take(&self, body: serde_json::Value, _block: Block) {
        let Ok(progress) = serde_json::from_value::<Progress>(body) else { return };
        match progress {
            Progress::Started { stages, method, .. } => {
                let all: u32 = stages.iter().map(|s| s.iterations).sum();
                self.bar.set_length(u64::from(all));
                for (i, stage) in stages.iter().enumerate() {
                    self.line(&format!("{:>8} {}", format!("stage {}", i + 1), described(stage)));
                }
                self.line(&format!("         {method}"));
            }
            Progress::Iteration { iteration, total, stage, loss, best, left_s, .. } => {
                self.bar.set_length(u64::from(total));
                self.bar.set_position(u64::from(iteration));
                self.bar.set_prefix(format!("stage {}", stage + 1));
                let left = left_s.map(|s| format!(", {s:.0} s left")).unwrap_or_default();
                self.bar.set_message(format!("loss {loss:.6}, best {best:.6}{left}"));
            }
            Progress::Starts { screened, places, done, total, left_s, .. } => {
                let looking = places > 0;
                let (at, all) = if looking { (screened, places) } else { (done, total) };
                self.bar.set_length(u64::from(all));
                self.bar.set_position(u64::from(at));
                self.bar.set_prefix(if looking { "places" } else { "starts" });
                self.bar.set_message(left_s.map(|s| format!("{s:.0} s left")).unwrap_or_default());
            }
            Progress::Sampling { done, total, left_s } => {
                self.bar.set_length(u64::from(total));
                self.bar.set_position(u64::from(done));
                self.bar.set_prefix("draws");
                self.bar.set_message(left_s.map(|s| format!("{s:.0} s left")).unwrap_or_default());
            }
            Progress::Working { what, share, left_s } => {
                self.bar.set_length(PARTS);
                self.bar.set_position((share * PARTS as f64) as u64);
                self.bar.set_prefix(what);
                self.bar.set_message(left_s.map(|s| format!("{s:.0} s left")).unwrap_or_default());
            }
            Progress::Note { iteration, message } => {
                self.line(&format!("{iteration:>8} {message}"));
            }
            Progress::Curves { .. }
            | Progress::Comparing { .. }
            | Progress::Paused { .. }
            | Progress::Finished { .. }
            | Progress::Failed { .. } => {}
        }
    }

    fn line(&self, text: &str) {
        if self.lines {
            eprintln!("{text}");
        } else {
            self.bar.println(text);
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// A stage in a line.
fn described(stage: &StageView) -> String {
    let mut parts = vec![format!("{}, {} iterations", stage.optimiser, stage.iterations)];
    parts.extend(stage.rate.map(|rate| format!("rate {rate}")));
    if stage.horizon < 1.0 {
        parts.push(format!("first {:.3} of the time span", stage.horizon));
    }
    if !stage.details.is_empty() {
        parts.push(stage.details.clone());
    }
    parts.join(", ")
}
