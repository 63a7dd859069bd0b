//! `slopefield gradient STUDY`.

use super::{Session, path};
use crate::arguments::Gradient;
use crate::output::{self, number};
use slopefield_api::types::{GradientReply, GradientRequest};
use slopefield_api::{ApiError, Code, Command};
use std::process::ExitCode;

/// A gradient that is further from differences of the same steps than this is wrong.
const WORST_CHECK: f64 = 1e-4;

/// Prints methods with time, memory and agreement, then the values of few parameters.
pub async fn run(session: &Session, gradient: Gradient) -> Result<ExitCode, ApiError> {
    let request = GradientRequest {
        study: path(&gradient.study),
        method: gradient.method,
        check: gradient.check,
        compare: gradient.compare,
    };
    let (reply, _): (GradientReply, _) =
        session.call(Command::gradient, &request, |_, _| {}).await?;
    if session.json {
        let methods: Vec<_> = reply
            .methods
            .iter()
            .map(|m| {
                let values = reply.names.iter().cloned().zip(m.values.iter().map(|&v| v.into()));
                let values: serde_json::Map<String, serde_json::Value> = values.collect();
                serde_json::json!({
                    "method": m.method, "seconds": m.seconds, "over_forward": m.over_forward,
                    "memory": m.memory, "agreement": m.agreement, "check": m.check, "values": values,
                })
            })
            .collect();
        let loss = reply.loss;
        output::json(
            &serde_json::json!({ "loss": loss, "choice": reply.choice, "methods": methods }),
        );
    } else {
        output::print(&format!("loss {}\n\n", number(reply.loss)));
        let rows: Vec<_> = reply
            .methods
            .iter()
            .map(|m| {
                vec![
                    m.method.clone(),
                    format!("{:.1} µs", 1e6 * m.seconds),
                    format!("{:.2}", m.over_forward),
                    format!("{:.1} kB", m.memory as f64 / 1e3),
                    format!("{:.1e}", m.agreement),
                    m.check.map_or("-".into(), |c| format!("{c:.1e}")),
                ]
            })
            .collect();
        let header =
            ["method", "time", "× forward solve", "memory", "from the first", "from differences"];
        output::print(&output::table(&header, &rows));
        output::print(&format!("\nauto: {}\n\n", reply.choice));
        const SHOWN: usize = 24;
        let mut header = vec!["d loss / d"];
        header.extend(reply.methods.iter().map(|m| m.method.as_str()));
        let row = |(i, name): (usize, &String)| {
            let values = reply.methods.iter().map(|m| number(m.values[i]));
            std::iter::once(name.clone()).chain(values).collect()
        };
        let rows: Vec<_> = reply.names.iter().enumerate().take(SHOWN).map(row).collect();
        output::print(&output::table(&header, &rows));
        if reply.names.len() > SHOWN {
            let more = reply.names.len() - SHOWN;
            output::print(&format!("and {more} more; all of them with --json\n"));
        }
    }
    let wrong = reply.methods.iter().find(|m| m.check.is_some_and(|c| !(c <= WORST_CHECK)));
    match wrong {
        Some(m) => Err(ApiError {
            code: Code::Gradient,
            message: format!(
                "the gradient `{}` disagrees with differences of the same steps",
                m.method
            ),
            advice: Some("use another method, and report the study".into()),
            details: Vec::new(),
        }),
        None => Ok(ExitCode::SUCCESS),
    }
}
