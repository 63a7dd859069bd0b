//! Standardised residuals on the page of a run: over time, and against the normal distribution.
//!
//! A residual is measurement minus model, of the logarithms where the noise is log-normal. It is
//! divided by the root mean square of those that were trained on, so that observations of different
//! size share an axis.

use super::{COLOURS, escape, layout, time_title};
use plotly::common::{DashType, Line, Marker, MarkerSymbol, Mode};
use plotly::{Plot, Scatter};
use slopefield_api::types::*;
use slopefield_lang::{Model, Noise};
use slopefield_uncertainty::normal_quantile;

/// Standardised residuals of an observation in an experiment.
struct Residuals {
    name: String,
    times: Vec<f64>,
    values: Vec<f64>,
    held_out: Vec<bool>,
}

/// Both figures with what they mean; nothing where there are no residuals.
pub fn section(view: &RunView, block: &[f64], model: &Model) -> String {
    let all = of_run(view, block, model);
    if all.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "<h2>Residuals</h2>\n<p class=\"note\">Measurement minus model, of the logarithms where the \
         noise is log-normal, divided by the root mean square of those trained on; values below or above a limit have none. Over time they \
         should look like noise without a pattern. Where their distribution is normal, the points of \
         the second figure lie on the line; other noise models have other shapes.</p>\n",
    );
    text += &over_time(&all, model).to_inline_html(Some("residuals"));
    text += &against_normal(&all).to_inline_html(Some("quantiles"));
    text
}

fn of_run(view: &RunView, block: &[f64], model: &Model) -> Vec<Residuals> {
    let mut all = Vec::new();
    for e in &view.experiments {
        let Some(curve) = view.curves.iter().find(|c| c.experiment == e.name) else { continue };
        let times = curve.times.of(block);
        for s in &e.series {
            let Some(o) = curve.observations.iter().find(|o| o.name == s.observation) else {
                continue;
            };
            let declared = model.observations.iter().find(|o| o.name == s.observation);
            let logs = declared.is_some_and(|o| matches!(o.noise, Noise::LogNormal(..)));
            let values = o.values.of(block);
            let mut found = Residuals {
                name: match view.experiments.len() {
                    1 => s.observation.clone(),
                    _ => format!("{}: {}", e.name, s.observation),
                },
                times: Vec::new(),
                values: Vec::new(),
                held_out: Vec::new(),
            };
            let points = s.times.of(block).iter().zip(s.values.of(block)).zip(s.held_out.of(block));
            let limits = s.censored.of(block);
            for (k, ((t, y), held)) in points.enumerate() {
                // A limit has no residual.
                if limits.get(k).is_some_and(|side| *side != 0.0) {
                    continue;
                }
                // Stored curves hold the times of the points exactly.
                let at = times.partition_point(|x| x < t);
                if times.get(at) != Some(t) {
                    continue;
                }
                let r = match logs {
                    true => y.ln() - values[at].ln(),
                    false => y - values[at],
                };
                if r.is_finite() {
                    found.times.push(*t);
                    found.values.push(r);
                    found.held_out.push(*held > 0.0);
                }
            }
            if standardise(&mut found) {
                all.push(found);
            }
        }
    }
    all
}

/// Divides by the root mean square of the points trained on; false where there is none.
fn standardise(of: &mut Residuals) -> bool {
    let trained = of.values.iter().zip(&of.held_out).filter(|(_, held)| !**held);
    let (n, sum) = trained.fold((0u32, 0.0), |(n, sum), (r, _)| (n + 1, sum + r * r));
    let scale = (sum / f64::from(n)).sqrt();
    of.values.iter_mut().for_each(|r| *r /= scale);
    n > 0 && scale > 0.0
}

fn over_time(all: &[Residuals], model: &Model) -> Plot {
    let mut plot = Plot::new();
    for (i, r) in all.iter().enumerate() {
        for held_out in [false, true] {
            let at: Vec<usize> =
                (0..r.values.len()).filter(|&k| r.held_out[k] == held_out).collect();
            if at.is_empty() {
                continue;
            }
            let (symbol, word) = match held_out {
                true => (MarkerSymbol::CircleOpen, ", held out"),
                false => (MarkerSymbol::Circle, ""),
            };
            let points = Scatter::new(
                at.iter().map(|&k| r.times[k]).collect(),
                at.iter().map(|&k| r.values[k]).collect(),
            )
            .mode(Mode::Markers)
            .name(format!("{}{word}", escape(&r.name)))
            .marker(Marker::new().color(COLOURS[i % COLOURS.len()]).size(7).symbol(symbol));
            plot.add_trace(points);
        }
    }
    plot.set_layout(layout("", &escape(&time_title(model)), "standardised residual"));
    plot
}

/// Residuals of the points trained on, by size, against the quantiles that as many normal numbers
/// have in the middle.
fn against_normal(all: &[Residuals]) -> Plot {
    let mut plot = Plot::new();
    let mut reach = 2.0f64;
    for (i, r) in all.iter().enumerate() {
        let trained = r.values.iter().zip(&r.held_out).filter(|(_, held)| !**held);
        let mut values: Vec<f64> = trained.map(|(v, _)| *v).collect();
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        let expected: Vec<f64> =
            (0..values.len()).map(|k| normal_quantile((k as f64 + 0.5) / n)).collect();
        reach = expected.iter().fold(reach, |m, x| m.max(x.abs()));
        let points = Scatter::new(expected, values)
            .mode(Mode::Markers)
            .name(escape(&r.name))
            .marker(Marker::new().color(COLOURS[i % COLOURS.len()]).size(7));
        plot.add_trace(points);
    }
    let line = Scatter::new(vec![-reach, reach], vec![-reach, reach])
        .mode(Mode::Lines)
        .name("normal")
        .line(Line::new().color("#8a8f98").width(1.0).dash(DashType::Dash));
    plot.add_trace(line);
    plot.set_layout(layout("", "quantile of the normal distribution", "standardised residual"));
    plot
}
