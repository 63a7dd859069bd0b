//! What the networks of the run have learned, on its page: curves, and how far the forecast leaves
//! what they were trained on.

use super::{COLOURS, escape, layout, number};
use plotly::common::{DashType, Fill, HoverInfo, Line, Marker, Mode};
use plotly::{Plot, Scatter};
use slopefield_api::ApiError;
use slopefield_api::types::*;
use std::fmt::Write;

/// Curves of a term at most: a page is read, not searched.
const CURVES: usize = 12;

/// What has been learned, or why it is not told.
pub type Learned = Result<(TermsReply, Vec<f64>), ApiError>;

/// The section.
pub fn section(learned: &Learned) -> String {
    let mut text = String::from("<h2>Learned terms</h2>\n");
    let (reply, block) = match learned {
        Ok(found) => (&found.0, &found.1[..]),
        Err(why) => {
            let _ = writeln!(text, "<p>Not told: {}.</p>", escape(&why.message));
            return text;
        }
    };
    for (t, term) in reply.terms.iter().enumerate() {
        let _ = writeln!(text, "<h3>{}</h3>", escape(&term.name));
        for d in &term.distances {
            if let Some(sentence) = &d.sentence {
                let _ = writeln!(text, "<p>{}: {}.</p>", escape(&d.experiment), escape(sentence));
            }
        }
        let pairs = term.outputs.iter().enumerate();
        let pairs = pairs.flat_map(|(k, output)| term.inputs.iter().map(move |i| (k, output, i)));
        for (n, (k, output, input)) in pairs.take(CURVES).enumerate() {
            let plot = response(k, output, input, reply.near, block);
            text += &plot.to_inline_html(Some(&format!("term{t}response{n}")));
        }
        if term.inputs.len() > 1 {
            let held = |i: &TermInputView| format!("{} = {}", i.name, number(i.held));
            let held: Vec<String> = term.inputs.iter().map(held).collect();
            let _ = writeln!(
                text,
                "<p class=\"note\">While one input varies, the others are held at {}.</p>",
                escape(&held.join(", "))
            );
        }
        for (n, d) in term.distances.iter().enumerate() {
            let plot = distance(d, reply, block);
            text += &plot.to_inline_html(Some(&format!("term{t}distance{n}")));
        }
    }
    let _ = writeln!(
        text,
        "<p class=\"note\">Dots are what was visited while training. Lines are dashed where the nearest of \
         it is more than {} of the visited range away. {}</p>",
        number(reply.near),
        match &reply.spread {
            Some(spread) => format!("Bands hold 90 %: {}.", escape(spread)),
            None => "Curves have no band: how sure they are has not been asked.".into(),
        }
    );
    for note in &reply.notes {
        let _ = writeln!(text, "<p class=\"note\">{}.</p>", escape(note));
    }
    text
}

/// An output over an input.
fn response(k: usize, output: &str, input: &TermInputView, near: f64, block: &[f64]) -> Plot {
    let (x, distance) = (input.at.of(block).to_vec(), input.distance.of(block));
    let curve = &input.curves[k];
    let y = curve.value.of(block);
    let colour = COLOURS[k % COLOURS.len()];
    let mut plot = Plot::new();
    if let Some([low, high]) = curve.band.map(|b| b.map(|edge| edge.of(block).to_vec())) {
        let around = x.iter().chain(x.iter().rev()).copied().collect();
        let edges = high.iter().copied().chain(low.iter().rev().copied()).collect();
        let band = Scatter::new(around, edges)
            .mode(Mode::Lines)
            .line(Line::new().width(0.0).color(colour))
            .fill(Fill::ToSelf)
            .fill_color(colour)
            .opacity(0.2)
            .hover_info(HoverInfo::Skip)
            .name("90 %");
        plot.add_trace(band);
    }
    let seen: Vec<bool> = distance.iter().map(|d| *d <= near).collect();
    let beside = |i: usize| {
        let far = |j: usize| seen.get(j).is_some_and(|s| !s);
        far(i) || far(i + 1) || i.checked_sub(1).is_some_and(far)
    };
    let part = |kept: &dyn Fn(usize) -> bool| -> Vec<f64> {
        (0..y.len()).map(|i| if kept(i) { y[i] } else { f64::NAN }).collect()
    };
    let line = |values: Vec<f64>, dash, name: String| {
        Scatter::new(x.clone(), values)
            .mode(Mode::Lines)
            .name(name)
            .line(Line::new().color(colour).width(2.0).dash(dash))
    };
    plot.add_trace(line(part(&|i| seen[i]), DashType::Solid, escape(output)));
    if (0..y.len()).any(beside) {
        plot.add_trace(line(part(&beside), DashType::Dash, "far from what was seen".into()));
    }
    let floor = y.iter().copied().filter(|v| v.is_finite()).fold(f64::INFINITY, f64::min);
    let visited = input.visited.of(block).to_vec();
    let rug = Scatter::new(visited.clone(), vec![floor; visited.len()])
        .mode(Mode::Markers)
        .name("visited")
        .marker(Marker::new().color("#4b5563").size(4).opacity(0.4));
    plot.add_trace(rug);
    plot.set_layout(layout("", &escape(&input.name), &escape(output)).height(300));
    plot
}

/// Distances over an experiment and its forecast.
fn distance(d: &TermDistance, reply: &TermsReply, block: &[f64]) -> Plot {
    let times = d.times.of(block).to_vec();
    let mut plot = Plot::new();
    let ends = [times.first(), times.last()].into_iter().flatten().copied().collect();
    let line = Scatter::new(times, d.values.of(block).to_vec())
        .mode(Mode::Lines)
        .name("distance to what was seen")
        .line(Line::new().color(COLOURS[0]).width(1.5));
    plot.add_trace(line);
    let limit = Scatter::new(ends, vec![reply.near; 2])
        .mode(Mode::Lines)
        .name("seen up to here")
        .line(Line::new().color("#8a8f98").width(1.0).dash(DashType::Dash));
    plot.add_trace(limit);
    let title = format!("{}: distance to what was seen", escape(&d.experiment));
    plot.set_layout(layout(&title, &escape(&reply.time), "distance").height(260));
    plot
}
