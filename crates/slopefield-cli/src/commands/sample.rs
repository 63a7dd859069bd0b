//! `slopefield sample STUDY`.

use super::{Session, path, write};
use crate::arguments::Sample;
use crate::output::{self, number};
use crate::progress::Bar;
use slopefield_api::schema::Block;
use slopefield_api::types::{SampleReply, SampleRequest};
use slopefield_api::{ApiError, Command};
use std::process::ExitCode;

/// Trains and draws; Ctrl+C ends it in good order and keeps the draws so far.
pub async fn run(session: &Session, sample: Sample) -> Result<ExitCode, ApiError> {
    let request = SampleRequest {
        study: path(&sample.study),
        chains: sample.chains,
        warmup: sample.warmup,
        draws: sample.draws,
        seed: sample.seed,
        points: None,
    };
    let bar = Bar::new(session.quiet);
    let answer = session
        .call_until_stopped::<_, SampleReply>(Command::sample, &request, |body, block| {
            bar.take(body, block);
        })
        .await;
    bar.end();
    let (reply, block) = answer?;
    if let Some(file) = &sample.out {
        write(file, &draws(&reply, &block))?;
    }
    if let Some(file) = &sample.bands {
        write(file, &bands(&reply, &block))?;
    }
    if session.json {
        let kept = ["parameters", "chains", "draws", "divergences", "failures", "gradients"];
        let kept = [&kept[..], &["seconds", "cancelled", "warnings"]].concat();
        let value = serde_json::to_value(&reply).unwrap_or_default();
        let short: serde_json::Map<String, serde_json::Value> =
            kept.iter().map(|key| ((*key).to_owned(), value[key].clone())).collect();
        output::json(&short);
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = reply
        .parameters
        .iter()
        .map(|p| {
            let [low, middle, high] = p.quantiles.map(number);
            vec![
                p.name.clone(),
                number(p.mean),
                number(p.sd),
                low,
                middle,
                high,
                format!("{:.1e}", p.standard_error),
                format!("{:.0}", p.bulk),
                format!("{:.0}", p.tail),
                format!("{:.3}", p.scale_reduction),
            ]
        })
        .collect();
    let header = [
        "parameter",
        "mean",
        "sd",
        "5 %",
        "50 %",
        "95 %",
        "error of mean",
        "draws",
        "in tails",
        "R̂",
    ];
    output::print(&output::table(&header, &rows));
    output::print(&format!(
        "\n{} chains of {} draws in {:.2} s, {} gradients, {} divergences{}\n",
        reply.chains,
        reply.draws,
        reply.seconds,
        reply.gradients,
        reply.divergences,
        if reply.cancelled { "; stopped by hand" } else { "" }
    ));
    for warning in &reply.warnings {
        output::print(&format!("warning: {warning}\n"));
    }
    for file in sample.out.iter().chain(&sample.bands) {
        eprintln!("written to {}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// All draws as a table.
fn draws(reply: &SampleReply, block: &Block) -> String {
    let width = reply.names.len();
    let values = reply.values.of(block);
    let rows = values.len() / width.max(1);
    let column = |k: usize| values.iter().skip(k).step_by(width).copied().collect::<Vec<f64>>();
    let per_chain = reply.draws.max(1) as usize;
    let mut columns: Vec<Vec<f64>> = vec![
        (0..rows).map(|r| (r / per_chain + 1) as f64).collect(),
        (0..rows).map(|r| (r % per_chain + 1) as f64).collect(),
    ];
    columns.extend((0..width).map(column));
    let mut names = vec!["chain", "draw"];
    names.extend(reply.names.iter().map(String::as_str));
    let columns: Vec<&[f64]> = columns.iter().map(|c| &c[..]).collect();
    output::csv(&names, &columns)
}

/// Bands, one row for each time, experiment after experiment.
fn bands(reply: &SampleReply, block: &Block) -> String {
    let mut text = format!("experiment,observation,{},5 %,50 %,95 %\n", reply.time);
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    for band in &reply.bands {
        let quantiles = band.quantiles.map(|q| q.of(block));
        for (row, t) in band.times.of(block).iter().enumerate() {
            let [low, middle, high] = quantiles.map(|q| q[row]);
            text += &format!(
                "{},{},{t},{low},{middle},{high}\n",
                quoted(&band.experiment),
                quoted(&band.observation)
            );
        }
    }
    text
}
