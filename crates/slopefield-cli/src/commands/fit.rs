//! `slopefield fit STUDY`.

use super::{Session, path};
use crate::arguments::Fit;
use crate::output::{self, number};
use crate::progress::Bar;
use slopefield_api::types::{Criteria, FitReply, FitRequest};
use slopefield_api::{ApiError, Command};
use std::process::ExitCode;

/// Trains; Ctrl+C ends it in good order and keeps the best so far.
pub async fn run(session: &Session, fit: Fit) -> Result<ExitCode, ApiError> {
    let request = FitRequest {
        study: path(&fit.study),
        out: fit.out.as_deref().map(path),
        iterations: fit.iterations,
        resume: fit.resume,
        device: fit.device,
    };
    let bar = Bar::new(session.quiet);
    let answer = session
        .call_until_stopped::<_, FitReply>(Command::fit, &request, |body, block| {
            bar.take(body, block);
        })
        .await;
    bar.end();
    let (reply, _) = answer?;
    if session.json {
        output::json(&reply);
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> =
        reply.parameters.iter().map(|(name, value)| vec![name.clone(), number(*value)]).collect();
    output::print(&output::table(&["parameter", "value"], &rows));
    let mut text = format!("\nloss            {}\n", number(reply.loss));
    if let Some(l) = reply.log_likelihood {
        text += &format!("log-likelihood  {}\n", number(l));
    }
    text += &criteria(&reply.criteria);
    if let Some(h) = reply.hold_out {
        text += &format!("hold-out        {} per point\n", number(h));
    }
    text += &format!(
        "{} iterations in {:.2} s: {}\n\n",
        reply.iterations, reply.seconds, reply.stop_reason
    );
    output::print(&text);
    let rows: Vec<_> = reply
        .scores
        .iter()
        .map(|s| {
            let held_out = s.held_out_rmse.map_or("-".into(), number);
            vec![
                format!("{}: {}", s.experiment, s.observation),
                s.points.to_string(),
                number(s.rmse),
                s.held_out_points.to_string(),
                held_out,
            ]
        })
        .collect();
    output::print(&output::table(
        &["observation", "points", "error (rms)", "held out", "error (rms)"],
        &rows,
    ));
    if let Some(out) = &request.out {
        eprintln!("\nwritten to {out}");
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for each criterion, with what it counts or with what is lacking.
fn criteria(c: &Criteria) -> String {
    let counted = format!("{} free parameters, {} points", c.free, c.points);
    let lacking = c.lacking.clone().unwrap_or_default();
    let line = |name: &str, value: Option<f64>| match value {
        Some(value) => format!("{name:<16}{} ({counted})\n", number(value)),
        None => format!("{name:<16}{lacking}\n"),
    };
    line("AIC", c.aic) + &line("BIC", c.bic)
}
