//! `slopefield uncertainty STUDY`.

use super::{Session, path, write};
use crate::arguments::Uncertainty;
use crate::output::{self, number};
use crate::progress::Bar;
use slopefield_api::schema::Block;
use slopefield_api::types::{AssessMethod, AssessReply, AssessRequest, ResamplingChoice};
use slopefield_api::{ApiError, Command};
use std::process::ExitCode;

/// Correlations above which two parameters are shown together.
const TOGETHER: f64 = 0.9;

/// Trains and assesses; Ctrl+C ends it in good order.
pub async fn run(session: &Session, asked: Uncertainty) -> Result<ExitCode, ApiError> {
    let request = AssessRequest {
        study: path(&asked.study),
        method: match asked.method.as_str() {
            "profile" => AssessMethod::Profile,
            "bootstrap" => AssessMethod::Bootstrap,
            "ensemble" => AssessMethod::Ensemble,
            "nuts" => AssessMethod::Nuts,
            _ => AssessMethod::Laplace,
        },
        draws: asked.draws,
        seed: asked.seed,
        resampling: match asked.resampling.as_str() {
            "residual" => ResamplingChoice::Residual,
            "case" => ResamplingChoice::Case,
            _ => ResamplingChoice::Parametric,
        },
        points: None,
        device: asked.device,
    };
    let bar = Bar::new(session.quiet);
    let answer = session
        .call_until_stopped::<_, AssessReply>(Command::assess, &request, |body, block| {
            bar.take(body, block);
        })
        .await;
    bar.end();
    let (reply, block) = answer?;
    if !session.quiet {
        reply.notes.iter().for_each(|note| eprintln!("{note}"));
    }
    if let Some(file) = &asked.out {
        write(file, &samples(&reply, &block))?;
    }
    if let Some(file) = &asked.bands {
        write(file, &bands(&reply, &block))?;
    }
    if session.json {
        let kept = ["parameters", "coverage", "failed", "rejected", "seconds", "cancelled"];
        let value = serde_json::to_value(&reply).unwrap_or_default();
        let short: serde_json::Map<String, serde_json::Value> = kept
            .iter()
            .chain(&["warnings", "notes"])
            .map(|key| ((*key).to_owned(), value[key].clone()))
            .collect();
        output::json(&short);
        return Ok(ExitCode::SUCCESS);
    }
    print(&reply, &block);
    for file in asked.out.iter().chain(&asked.bands) {
        eprintln!("written to {}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Tables and sentences for people.
fn print(reply: &AssessReply, block: &Block) {
    let known = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), number);
    let rows: Vec<Vec<String>> = reply
        .parameters
        .iter()
        .map(|p| {
            let (low, high) = (known(p.low), known(p.high));
            let error = known(p.standard_error);
            vec![p.name.clone(), number(p.value), error, low, high, p.verdict.clone()]
        })
        .collect();
    let header = ["parameter", "value", "error", "95 % from", "to", "verdict"];
    output::print(&output::table(&header, &rows));
    let correlation = reply.correlation.of(block);
    let n = reply.parameters.len();
    for i in 0..n {
        for j in i + 1..n {
            let r = correlation[i * n + j];
            if r.abs() > TOGETHER {
                let (a, b) = (&reply.parameters[i].name, &reply.parameters[j].name);
                output::print(&format!("{a} and {b} move together: correlation {r:.3}\n"));
            }
        }
    }
    for c in &reply.coverage {
        let [half, ninety, most] = c.inside;
        output::print(&format!(
            "{}, {}: of {} held-out points {half} lie within the 50 % band, {ninety} within 90 %, \
             {most} within 95 %\n",
            c.experiment, c.observation, c.points
        ));
    }
    let mut tail = String::new();
    if reply.rejected > 0 {
        tail += &format!(", {} trainings left out that fit worse", reply.rejected);
    }
    if reply.cancelled {
        tail += "; stopped by hand";
    }
    let count = reply.samples.len as usize / reply.names.len().max(1);
    output::print(&format!("\n{count} sets of parameters in {:.2} s{tail}\n", reply.seconds));
    for warning in &reply.warnings {
        output::print(&format!("warning: {warning}\n"));
    }
}

/// All samples as a table.
fn samples(reply: &AssessReply, block: &Block) -> String {
    let width = reply.names.len().max(1);
    let values = reply.samples.of(block);
    let column = |k: usize| values.iter().skip(k).step_by(width).copied().collect::<Vec<f64>>();
    let columns: Vec<Vec<f64>> = (0..reply.names.len()).map(column).collect();
    let names: Vec<&str> = reply.names.iter().map(String::as_str).collect();
    let columns: Vec<&[f64]> = columns.iter().map(|c| &c[..]).collect();
    output::csv(&names, &columns)
}

/// Bands, one row for each time: of the model's value, then of measurements.
fn bands(reply: &AssessReply, block: &Block) -> String {
    let levels = ["2.5 %", "5 %", "25 %", "50 %", "75 %", "95 %", "97.5 %"];
    let measured: Vec<String> = levels.iter().map(|l| format!("measured {l}")).collect();
    let mut text = format!(
        "experiment,observation,{},{},{}\n",
        reply.time,
        levels.join(","),
        measured.join(",")
    );
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    for band in &reply.bands {
        let all: Vec<&[f64]> =
            band.value.iter().chain(&band.measured).map(|q| q.of(block)).collect();
        for (row, t) in band.times.of(block).iter().enumerate() {
            let cells: Vec<String> = all.iter().map(|q| q[row].to_string()).collect();
            let (e, o) = (quoted(&band.experiment), quoted(&band.observation));
            text += &format!("{e},{o},{t},{}\n", cells.join(","));
        }
    }
    text
}
