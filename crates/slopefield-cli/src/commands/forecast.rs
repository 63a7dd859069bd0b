//! `slopefield forecast PROJECT`.

use super::{Session, path};
use crate::arguments::{Forecast, Format};
use crate::output;
use slopefield_api::types::{ForecastReply, ForecastRequest, Slice};
use slopefield_api::{ApiError, Command};
use std::process::ExitCode;

/// Prints the observations over time, experiment after experiment.
pub async fn run(session: &Session, forecast: Forecast) -> Result<ExitCode, ApiError> {
    let request = ForecastRequest {
        project: path(&forecast.project),
        run: forecast.run,
        until: forecast.until,
        points: forecast.points,
    };
    let (reply, block): (ForecastReply, _) =
        session.call(Command::forecast, &request, |_, _| {}).await?;
    let part = |s: Slice| s.of(&block);
    if session.json || forecast.format == Format::Json {
        let curves: Vec<_> = reply
            .curves
            .iter()
            .map(|c| {
                let mut columns = serde_json::Map::new();
                columns.insert(reply.time.clone(), part(c.times).into());
                for o in &c.observations {
                    columns.insert(o.name.clone(), part(o.values).into());
                }
                serde_json::json!({ "experiment": c.experiment, "columns": columns })
            })
            .collect();
        output::json(&serde_json::json!({ "run": reply.run, "curves": curves }));
        return Ok(ExitCode::SUCCESS);
    }
    for curve in &reply.curves {
        if reply.curves.len() > 1 {
            output::print(&format!("# {}\n", curve.experiment));
        }
        let mut names = vec![reply.time.as_str()];
        let mut columns = vec![part(curve.times)];
        for o in &curve.observations {
            names.push(&o.name);
            columns.push(part(o.values));
        }
        output::print(&output::csv(&names, &columns));
    }
    Ok(ExitCode::SUCCESS)
}
