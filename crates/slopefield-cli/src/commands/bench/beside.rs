//! Goals about other programs: their times from the start of a process and without it.

use super::time;
use crate::output;
use slopefield_bench::{Beside, Case, Compared, Figures, Record, Target, compared};

/// What the goals of a case came to, for `--json`; nothing for cases without such goals.
pub(super) fn judged(case: &Case, figures: Option<&Figures>, records: &[Record]) -> Vec<Compared> {
    match (case.target, figures) {
        (Some(Target::Peers(goals)), Some(figures)) => {
            compared(goals, figures, &same_work(case, records))
        }
        _ => Vec::new(),
    }
}

/// Records of the work that the case does: those of its benchmark and its group there.
fn same_work(case: &Case, records: &[Record]) -> Vec<Record> {
    let group = |case: &str| case.split_once(": ").map(|(group, _)| group.to_owned());
    let wanted = group(&case.saved.case);
    let same = |r: &&Record| r.bench == case.saved.bench && group(&r.case) == wanted;
    records.iter().filter(same).cloned().collect()
}

/// Our process and those of the others, fastest first, and the goals.
pub(super) fn table(
    case: &Case,
    goals: &[Beside],
    figures: &Figures,
    records: &[Record],
) -> String {
    let times = |theirs: Option<f64>, ours: Option<f64>| {
        theirs.zip(ours).map_or("-".into(), |(theirs, ours)| format!("{:.1}", theirs / ours))
    };
    let shown = |seconds: Option<f64>| seconds.map_or("-".into(), time);
    let (whole, inside) = (Some(figures.ours.min), figures.inside_s);
    let row = |name: String, start: Option<f64>, work: Option<f64>| {
        vec![name, shown(start), times(start, whole), shown(work), times(work, inside)]
    };
    let mut others: Vec<_> = records.iter().collect();
    others.sort_by(|a, b| a.cold_s.unwrap_or(f64::MAX).total_cmp(&b.cold_s.unwrap_or(f64::MAX)));
    let mut rows = vec![row("slopefield, fit".into(), whole, inside)];
    rows.extend(others.into_iter().map(|r| {
        let method = r.case.rsplit(": ").next().unwrap_or_default();
        row(format!("{}, {method}", r.tool), r.cold_s, r.min.or(r.value))
    }));
    let header = [case.name.as_str(), "from start", "× ours", "work alone", "× ours"];
    let sentences: String = compared(goals, figures, records).iter().map(sentence).collect();
    format!("\n{}{sentences}", output::table(&header, &rows))
}

fn sentence(goal: &Compared) -> String {
    let what = if goal.from_start { "from its start" } else { "without its start" };
    let found = goal.times.map_or("not measured".into(), |times| format!("{times:.1} times ours"));
    let verdict = if goal.reached() == Some(false) { ", missed" } else { "" };
    format!("goal: {} {what}: {found}, at least {}{verdict}\n", goal.tool, goal.least)
}
