//! The `report` command: one standalone web page about a run, with figures that can be zoomed.

mod learned;
mod residuals;
mod starts;
mod sure;

use crate::failure;
use crate::numbers::Numbers;
use crate::runs;
pub use learned::Learned;
use plotly::common::{DashType, Line, Marker, MarkerSymbol, Mode, Title};
use plotly::layout::{Axis, AxisType, Margin, Shape, ShapeLine, ShapeType};
use plotly::{Layout, Plot, Scatter};
use slopefield_api::ApiError;
use slopefield_api::types::*;
use slopefield_project::Project;
use std::fmt::Write;
use std::path::Path;
use sure::Sure;

/// Okabe and Ito's palette: distinguishable with every kind of colour vision.
const COLOURS: [&str; 7] =
    ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c7a00"];

/// Writes the page about a run. `learned` is what its networks have learned, where it has some.
pub fn write(
    project: &Project,
    run: Option<&str>,
    learned: Option<&Learned>,
    out: &Path,
) -> Result<(), ApiError> {
    let run = runs::find(project, run)?;
    let mut numbers = Numbers::default();
    let view = runs::view(project, &run.id, &mut numbers)?;
    let block = numbers.into_block();
    let model = slopefield_lang::check(&view.model).0;
    let sure = Sure::newest(project, &run.id)?;
    let page = page(&view, &block, &model, sure.as_ref(), learned);
    std::fs::write(out, page).map_err(|e| failure::file(out, "written", &e))
}

fn page(
    view: &RunView,
    block: &[f64],
    model: &slopefield_lang::Model,
    sure: Option<&Sure>,
    learned: Option<&Learned>,
) -> String {
    let title = escape(model.title.as_deref().unwrap_or("Untitled model"));
    let s = &view.summary;
    let mut body =
        format!("<h1>{title}</h1>\n<p class=\"lead\">{}</p>\n", escape(&model.class.sentence));
    let reason = escape(s.stop_reason.as_deref().unwrap_or(""));
    let _ = writeln!(
        body,
        "<p>Run {}: {} iterations in {:.2} s. {reason}</p>",
        s.number, s.iterations, s.seconds
    );
    let _ = writeln!(body, "<div class=\"figures\">{}</div>", figures(view));
    if let Some(lacking) = &view.criteria.lacking {
        let _ = writeln!(body, "<p class=\"note\">AIC and BIC: {}.</p>", escape(lacking));
    }
    body += "<h2>Fit and forecast</h2>\n";
    for (i, curve) in view.curves.iter().enumerate() {
        let experiment = view.experiments.iter().find(|e| e.name == curve.experiment);
        let plot = fit_plot(curve, experiment, block, model, sure);
        body += &plot.to_inline_html(Some(&format!("fit{i}")));
    }
    body += "<p class=\"note\">Filled points were used for training, hollow ones were held out. \
             Beyond the last point the curve is an extrapolation. ";
    body += &match sure {
        Some(sure) => format!("{}</p>\n", escape(&sure.words())),
        None => "It has no band: how sure it is has not been asked.</p>\n".into(),
    };
    body += "<h2>Parameters</h2>\n";
    body += &table(
        &["parameter", "unit", "start", "fitted", "bounds", ""],
        view.parameters.iter().map(|p| {
            let bound = |b: Option<f64>| b.map_or("none".into(), number);
            vec![
                p.name.clone(),
                p.unit.clone().unwrap_or_default(),
                number(p.start),
                number(p.value),
                format!("{} to {}", bound(p.lower), bound(p.upper)),
                if p.at_bound { "at a bound".into() } else { String::new() },
            ]
        }),
    );
    if let Some(sure) = sure {
        body += &sure.parameters();
    }
    body += &learned.map_or_else(String::new, learned::section);
    body += "<h2>Distance from the data</h2>\n";
    body += &table(
        &["experiment", "observation", "points", "error (rms)", "held out", "error (rms)"],
        view.scores.iter().map(|s| {
            vec![
                s.experiment.clone(),
                s.observation.clone(),
                s.points.to_string(),
                number(s.rmse),
                s.held_out_points.to_string(),
                s.held_out_rmse.map_or("–".into(), number),
            ]
        }),
    );
    body += &residuals::section(view, block, model);
    body += "<h2>Training</h2>\n";
    if let Some(s) = &view.starts {
        body += &starts::section(s, block);
    }
    body += &loss_plot(view, block).to_inline_html(Some("loss"));
    if !view.log.is_empty() {
        body += &table(
            &["iteration", "what happened"],
            view.log.iter().map(|(i, m)| vec![i.to_string(), m.clone()]),
        );
    }
    let _ = write!(body, "<h2>Model</h2>\n<pre>{}</pre>\n", escape(&view.model));
    body += "<h2>How it was made</h2>\n";
    body += &table(&["", ""], view.provenance.iter().map(|(n, v)| vec![n.clone(), v.clone()]));
    let script = Plot::offline_js_sources();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n{script}\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn figures(view: &RunView) -> String {
    let s = &view.summary;
    let mut cards = String::new();
    let mut card = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            let _ = write!(cards, "<div><b>{}</b><span>{name}</span></div>", number(value));
        }
    };
    card("loss", s.loss);
    card("log-likelihood", s.log_likelihood);
    card("hold-out loss per point", s.hold_out);
    card("AIC", view.criteria.aic);
    card("BIC", view.criteria.bic);
    cards
}

fn fit_plot(
    curve: &CurveView,
    experiment: Option<&ExperimentView>,
    block: &[f64],
    model: &slopefield_lang::Model,
    sure: Option<&Sure>,
) -> Plot {
    let part = |s: Slice| s.of(block).to_vec();
    let mut plot = Plot::new();
    let times = part(curve.times);
    for (i, o) in curve.observations.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        for band in sure.iter().flat_map(|s| s.bands(&curve.experiment, &o.name, colour)) {
            plot.add_trace(band);
        }
        let line = Scatter::new(times.clone(), part(o.values))
            .mode(Mode::Lines)
            .name(escape(&o.name))
            .line(Line::new().color(colour).width(2.0));
        plot.add_trace(line);
        let series = experiment.and_then(|e| e.series.iter().find(|s| s.observation == o.name));
        let Some(series) = series else { continue };
        let (t, y, held) = (part(series.times), part(series.values), part(series.held_out));
        let limits = part(series.censored);
        let side = |k: usize| limits.get(k).copied().unwrap_or(0.0);
        for ((hollow, limit), symbol) in symbols() {
            let chosen: Vec<usize> =
                (0..t.len()).filter(|&k| held[k] == hollow && side(k) == limit).collect();
            if chosen.is_empty() {
                continue;
            }
            let what = match limit {
                ..0.0 => "below a limit",
                0.0 => "data",
                _ => "above a limit",
            };
            let points = Scatter::new(
                chosen.iter().map(|&k| t[k]).collect(),
                chosen.iter().map(|&k| y[k]).collect(),
            )
            .mode(Mode::Markers)
            .name(match (hollow > 0.0, limit == 0.0) {
                (true, true) => format!("{}, held out", escape(&o.name)),
                (true, false) => format!("{}, {what}, held out", escape(&o.name)),
                (false, _) => format!("{}, {what}", escape(&o.name)),
            })
            .marker(Marker::new().color(colour).size(7).symbol(symbol));
            plot.add_trace(points);
        }
    }
    let time = time_title(model);
    let mut layout = layout(&escape(&curve.experiment), &escape(&time), "");
    if let Some(from) = experiment.and_then(|e| e.hold_out_from) {
        let line = ShapeLine::new().color("#8a8f98").width(1.0).dash(DashType::Dash);
        layout.add_shape(
            Shape::new()
                .shape_type(ShapeType::Line)
                .x_ref("x")
                .y_ref("paper")
                .x0(from)
                .x1(from)
                .y0(0)
                .y1(1)
                .line(line),
        );
    }
    plot.set_layout(layout);
    plot
}

/// How a point is drawn that is held out (1) or not (0), and measured (0), below (-1) or above (1) a limit:
/// hollow, and as a triangle that points to where the quantity is.
fn symbols() -> [((f64, f64), MarkerSymbol); 6] {
    [
        ((0.0, 0.0), MarkerSymbol::Circle),
        ((1.0, 0.0), MarkerSymbol::CircleOpen),
        ((0.0, -1.0), MarkerSymbol::TriangleDown),
        ((1.0, -1.0), MarkerSymbol::TriangleDownOpen),
        ((0.0, 1.0), MarkerSymbol::TriangleUp),
        ((1.0, 1.0), MarkerSymbol::TriangleUpOpen),
    ]
}

fn time_title(model: &slopefield_lang::Model) -> String {
    match &model.time.unit {
        Some(unit) => format!("{} ({unit})", model.time.name),
        None => model.time.name.clone(),
    }
}

fn loss_plot(view: &RunView, block: &[f64]) -> Plot {
    let part = |s: Slice| s.of(block).to_vec();
    let loss = part(view.history_loss);
    let positive = loss.iter().all(|&l| l.is_nan() || l > 0.0);
    let mut plot = Plot::new();
    let line = Scatter::new(part(view.history_iterations), loss)
        .mode(Mode::Lines)
        .name("loss")
        .line(Line::new().color(COLOURS[0]).width(1.5));
    plot.add_trace(line);
    let mut axis = Axis::new().title(Title::with_text("loss"));
    if positive {
        axis = axis.type_(AxisType::Log);
    }
    plot.set_layout(layout("", "iteration", "loss").y_axis(axis));
    plot
}

fn layout(title: &str, x: &str, y: &str) -> Layout {
    Layout::new()
        .title(Title::with_text(title))
        .x_axis(Axis::new().title(Title::with_text(x)))
        .y_axis(Axis::new().title(Title::with_text(y)))
        .margin(
            Margin::new().left(60).right(20).top(if title.is_empty() { 20 } else { 50 }).bottom(50),
        )
        .height(420)
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = String::from("<table>\n<thead><tr>");
    for name in header {
        let _ = write!(text, "<th>{name}</th>");
    }
    text += "</tr></thead>\n<tbody>\n";
    for row in rows {
        text += "<tr>";
        for cell in row {
            let _ = write!(text, "<td>{}</td>", escape(&cell));
        }
        text += "</tr>\n";
    }
    text + "</tbody>\n</table>\n"
}

/// Six significant digits without idle zeros.
fn number(x: f64) -> String {
    let magnitude = if x == 0.0 { 0.0 } else { x.abs().log10().floor() };
    if !(-4.0..7.0).contains(&magnitude) {
        return format!("{x:.5e}");
    }
    let text = format!("{x:.*}", (5.0 - magnitude).max(0.0) as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Text of a project as text of a page; Plotly reads the same tags in its labels.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const STYLE: &str = "body{margin:0;background:#fff;color:#1d2430;font:15px/1.5 system-ui,sans-serif}\
main{max-width:960px;margin:0 auto;padding:32px 24px}h1{margin:0 0 4px;font-size:26px}\
h2{margin:36px 0 8px;font-size:18px}.lead{margin:0 0 12px;color:#4b5563}.note{color:#4b5563;font-size:13px}\
.figures{display:flex;gap:12px;flex-wrap:wrap}.figures div{border:1px solid #d9dde3;border-radius:6px;padding:8px 16px}\
.figures b{display:block;font-size:20px;font-variant-numeric:tabular-nums}.figures span{color:#4b5563;font-size:13px}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
th,td{text-align:left;padding:4px 12px 4px 0;border-bottom:1px solid #e6e9ee;font-weight:400}\
th{color:#4b5563;font-size:13px}pre{background:#f6f7f9;padding:12px 16px;overflow:auto;border-radius:6px}";
