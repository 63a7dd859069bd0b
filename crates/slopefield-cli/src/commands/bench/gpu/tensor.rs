//! `slopefield bench gpu --case tensor`: a network that no thread of a card holds.

use super::failure;
use crate::arguments::Bench;
use crate::commands::Session;
use slopefield_api::ApiError;
use std::process::ExitCode;

/// Measures a card. Fails where there is none or its numbers are wrong.
#[cfg(feature = "gpu")]
pub(super) fn run(session: &Session, bench: &Bench) -> Result<ExitCode, ApiError> {
    use super::{ABOUT_TENSOR, NAME, TENSOR, time};
    use crate::output;
    use serde_json::json;
    use slopefield_bench::{Machine, TensorPoint, TensorWork, tensor};

    let machine = Machine::here();
    if !session.json {
        output::print(&format!("{}, {} cores\n", machine.processor, machine.cores));
        if machine.debug_build {
            output::print("a development build: figures to quote need `cargo build --release`\n");
        }
        output::print(&format!("{ABOUT_TENSOR}; Tsit5 at 1e-5 to t = 5\n\n"));
        output::print(&line(["", "card", "processor", "ratio", "card", "processor"]));
    }
    let row = |point: &TensorPoint| {
        let rate = |s: f64| format!("{:.1}/s", point.count as f64 / s);
        let what = match point.work {
            TensorWork::Solve => "solves",
            TensorWork::Gradient => "gradients",
        };
        let (card, processor) = (point.card_s.0, point.processor_s.map(|(best, _)| best));
        let or_nothing = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        line([
            &format!("{} {what}", point.count),
            &rate(card),
            &or_nothing(processor.map(rate)),
            &or_nothing(processor.map(|here| format!("{:.3}", card / here))),
            &time(card),
            &or_nothing(processor.map(time)),
        ])
    };
    let told = |point: &TensorPoint| {
        if !session.json {
            output::print(&row(point));
        }
    };
    let report = tensor(bench.device.as_deref(), bench.seconds, told).map_err(failure)?;
    if session.json {
        output::json(&json!({
            "suite": NAME, "case": TENSOR, "machine": machine, "seconds": bench.seconds,
            "report": report,
        }));
    } else {
        if !report.left_out.is_empty() {
            output::print("larger numbers were left out, for want of time (--seconds)\n");
        }
        output::print(&format!(
            "\n{}, {}\ncompiled in {} (solves) and {} (gradients)\nlargest errors: states {:.1e}, \
             gradients {:.1e} of the largest\n",
            report.device,
            report.driver,
            time(report.compile_s.0),
            time(report.compile_s.1),
            report.errors.0,
            report.errors.1,
        ));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "gpu")]
fn line([work, card, processor, ratio, card_s, processor_s]: [&str; 6]) -> String {
    format!("{work:>16} {card:>12} {processor:>12} {ratio:>8} {card_s:>10} {processor_s:>10}\n")
}

/// Without cards there is nothing to measure.
#[cfg(not(feature = "gpu"))]
pub(super) fn run(_: &Session, _: &Bench) -> Result<ExitCode, ApiError> {
    let why = "this program was built without graphics cards (the feature `gpu`)";
    Err(failure(slopefield_bench::BenchError::Card(why.into())))
}
