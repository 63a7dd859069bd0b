//! The form in which `benches/peers` keeps results, so that ours stand in its tables.

use crate::Outcome;
use std::time::{SystemTime, UNIX_EPOCH};

/// One line of a file for `run_all.py --add`; the fields are explained in
/// `benches/peers/README.md`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Record {
    /// Benchmark, `B1` and so on.
    pub bench: String,
    /// Program.
    pub tool: String,
    /// Case of the benchmark and method.
    pub case: String,
    /// `peer` for a program, `limit` for hand-written code.
    pub kind: String,
    /// What is counted.
    pub metric: String,
    /// The median, in `unit`.
    pub value: Option<f64>,
    /// `s` or `1/s`.
    pub unit: String,
    /// The best, in `unit`.
    pub min: Option<f64>,
    /// The 90th percentile, in `unit`.
    pub p90: Option<f64>,
    /// Number of rounds.
    pub n: Option<usize>,
    /// Distance from the reference.
    pub error: Option<f64>,
    /// Evaluations of the right-hand side.
    pub rhs_evals: Option<u64>,
    /// Process start to first result, in seconds.
    pub cold_s: Option<f64>,
    /// Something done once and kept on disk, in seconds; nothing here.
    pub setup_s: Option<f64>,
    /// Cores kept busy by other processes.
    pub other_cpu: Option<f64>,
    /// Load of the machine.
    pub loadavg: Option<f64>,
    /// When, in UTC.
    pub when: String,
    /// What else to know.
    pub notes: String,
    /// Why there is no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl Default for Record {
    fn default() -> Record {
        Record {
            bench: String::new(),
            tool: String::new(),
            case: String::new(),
            kind: "peer".into(),
            metric: String::new(),
            value: None,
            unit: "s".into(),
            min: None,
            p90: None,
            n: None,
            error: None,
            rhs_evals: None,
            cold_s: None,
            setup_s: None,
            other_cpu: None,
            loadavg: None,
            when: String::new(),
            notes: String::new(),
            failed: None,
        }
    }
}

impl Record {
    /// Our record of a case. `cold_s` is measured by the caller, who can start the program.
    #[must_use]
    pub fn of(outcome: &Outcome, load: Option<f64>, cold_s: Option<f64>) -> Record {
        let saved = &outcome.case.saved;
        let mut record = Record {
            bench: saved.bench.into(),
            tool: "slopefield".into(),
            case: saved.case.clone(),
            metric: saved.metric.into(),
            loadavg: load,
            when: now(),
            cold_s,
            ..Record::default()
        };
        match &outcome.figures {
            Err(e) => record.failed = Some(e.to_string()),
            Ok(figures) => {
                let work = figures.work as f64;
                let rate = saved.metric.ends_with("per second");
                let value = |time: f64| Some(if rate { work / time } else { time / work });
                record.unit = if rate { "1/s" } else { "s" }.into();
                record.value = value(figures.ours.median);
                record.min = value(figures.ours.min);
                record.p90 = value(figures.ours.p90);
                record.n = Some(figures.ours.rounds);
                record.error = figures.error;
                record.rhs_evals = figures.evaluations;
                record.other_cpu = figures.other_cores;
                record.notes = match figures.ratio {
                    Some(ratio) => format!("{:.2} x C in the same process", ratio.min),
                    None => String::new(),
                };
            }
        }
        record
    }
}

/// The clock, as `2026-11-26T14:30:00Z`.
pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    date(since)
}

/// Seconds since 1970 as a date: the algorithm of E. G. Richards for the Gregorian calendar.
fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let julian = days + 2_440_588;
    let f = julian + 1401 + (4 * julian + 274_277) / 146_097 * 3 / 4 - 38;
    let e = 4 * f + 3;
    let h = 5 * (e % 1461 / 4) + 2;
    let day = h % 153 / 5 + 1;
    let month = (h / 153 + 2) % 12 + 1;
    let year = e / 1461 - 4716 + (14 - month) / 12;
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(date(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(date(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(date(1_795_703_400), "2026-11-26T14:30:00Z");
        assert_eq!(date(4_107_542_400), "2100-03-01T00:00:00Z");
    }
}
