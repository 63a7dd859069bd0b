//! `slopefield gradient STUDY`.

use super::{Session, path};
use crate::arguments::Gradient;
use crate::output::{self, number};
use slopefield_api::types::{GradientReply, GradientRequest, GradientResult, HessianView};
use slopefield_api::{ApiError, Code, Command};
use std::process::ExitCode;

/// Parameters whose derivatives are printed; `--json` has all of them.
const SHOWN: usize = 24;

/// Prints methods with time, memory and agreement, then the values of few parameters.
pub async fn run(session: &Session, gradient: Gradient) -> Result<ExitCode, ApiError> {
    let request = GradientRequest {
        study: Some(path(&gradient.study)),
        method: gradient.method,
        check: gradient.check,
        compare: gradient.compare,
        memory: gradient.memory,
        hessian: gradient.hessian,
    };
    let (reply, _): (GradientReply, _) =
        session.call(Command::gradient, &request, |_, _| {}).await?;
    if session.json {
        output::json(&json(&reply));
    } else {
        print(&reply);
    }
    let wrong = |m: &&GradientResult| m.check.is_some_and(|c| !(c <= m.allowed));
    match reply.methods.iter().find(wrong) {
        Some(m) => Err(ApiError {
            code: Code::Gradient,
            message: format!(
                "the gradient `{}` disagrees with differences of the solution by {:.1e}; at these \
                 tolerances {:.0e} is allowed",
                m.method,
                m.check.unwrap_or(f64::NAN),
                m.allowed
            ),
            advice: Some(match m.exact {
                true => "use another method, and report the study".into(),
                false => "use an exact method, or tighten the tolerances of the solver".into(),
            }),
            details: Vec::new(),
        }),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn json(reply: &GradientReply) -> serde_json::Value {
    let methods: Vec<_> = reply
        .methods
        .iter()
        .map(|m| {
            let values = reply.names.iter().cloned().zip(m.values.iter().map(|&v| v.into()));
            let values: serde_json::Map<String, serde_json::Value> = values.collect();
            serde_json::json!({
                "method": m.method, "title": m.title, "exact": m.exact, "seconds": m.seconds,
                "over_forward": m.over_forward, "estimate": m.estimate, "memory": m.memory,
                "forward_evaluations": m.forward_evaluations,
                "reverse_products": m.reverse_products, "agreement": m.agreement,
                "check": m.check, "unchecked": m.unchecked, "allowed": m.allowed, "values": values,
            })
        })
        .collect();
    let refused: Vec<_> = reply
        .refused
        .iter()
        .map(|m| serde_json::json!({ "method": m.method, "title": m.title, "reason": m.reason }))
        .collect();
    serde_json::json!({
        "loss": reply.loss, "solver": reply.solver, "forward_seconds": reply.forward_seconds,
        "forward_evaluations": reply.forward_evaluations, "chosen": reply.chosen,
        "choice": reply.choice, "methods": methods, "refused": refused,
        "hessian": reply.hessian.as_ref().map(|h| hessian_json(reply, h)),
    })
}

fn hessian_json(reply: &GradientReply, h: &HessianView) -> serde_json::Value {
    let along = reply.names.iter().cloned().zip(h.along_gradient.iter().map(|&v| v.into()));
    let along: serde_json::Map<String, serde_json::Value> = along.collect();
    serde_json::json!({
        "along_gradient": along, "curvature": h.curvature, "asymmetry": h.asymmetry,
        "eigenvalues": h.eigenvalues,
    })
}

/// The product with the gradient's direction, and what is known of the whole matrix.
fn print_hessian(reply: &GradientReply, h: &HessianView) {
    let rows = reply.names.iter().zip(&h.along_gradient).take(SHOWN);
    let rows: Vec<_> = rows.map(|(name, x)| vec![name.clone(), number(*x)]).collect();
    output::print("\nsecond derivatives\n");
    output::print(&output::table(&["parameter", "H · gradient / |gradient|"], &rows));
    output::print(&format!("curvature along the gradient: {}\n", number(h.curvature)));
    if let Some(asymmetry) = h.asymmetry {
        let all: Vec<String> = h.eigenvalues.iter().map(|x| number(*x)).collect();
        output::print(&format!(
            "symmetric to {asymmetry:.1e}\ncurvatures in the optimiser's coordinates: {}\n",
            all.join(", ")
        ));
    }
}

fn print(reply: &GradientReply) {
    output::print(&format!(
        "loss {}\nsolver: {}\none solve: {}, {} evaluations of the right-hand side\n\n",
        number(reply.loss),
        reply.solver,
        time(reply.forward_seconds),
        reply.forward_evaluations
    ));
    let row = |m: &GradientResult| {
        vec![
            m.method.clone(),
            if m.exact { "yes" } else { "no" }.into(),
            time(m.seconds),
            format!("{:.2}", m.over_forward),
            m.estimate.map_or("-".into(), time),
            bytes(m.memory),
            m.forward_evaluations.to_string(),
            m.reverse_products.to_string(),
            format!("{:.1e}", m.agreement),
            m.check.map_or("-".into(), |c| format!("{c:.1e}")),
        ]
    };
    let rows: Vec<_> = reply.methods.iter().map(row).collect();
    let header = [
        "method",
        "exact",
        "time",
        "× solve",
        "expected",
        "memory",
        "evaluations",
        "products",
        "from exact",
        "from differences",
    ];
    output::print(&output::table(&header, &rows));
    for (m, why) in reply.methods.iter().filter_map(|m| Some((m, m.unchecked.as_ref()?))) {
        output::print(&format!("\n{} was not checked: {why}\n", m.method));
    }
    if !reply.refused.is_empty() {
        output::print("\nnot run:\n");
        for m in &reply.refused {
            output::print(&format!("  {}: {}\n", m.method, m.reason));
        }
    }
    output::print(&format!("\nauto: {}\n\n", reply.choice));
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
    if let Some(hessian) = &reply.hessian {
        print_hessian(reply, hessian);
    }
}

/// Seconds in a unit that suits.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} µs", 1e6 * s),
        s if s < 1.0 => format!("{:.2} ms", 1e3 * s),
        s => format!("{s:.2} s"),
    }
}

fn bytes(count: u64) -> String {
    match count as f64 {
        b if b < 1e6 => format!("{:.1} kB", b / 1e3),
        b if b < 1e9 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.2} GB", b / 1e9),
    }
}
