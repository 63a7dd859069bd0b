//! Where trainings from many places began and ended, on the page about a run.

use super::{COLOURS, layout};
use plotly::common::{Marker, Mode, Title};
use plotly::layout::{Axis, AxisType};
use plotly::{Plot, Scatter};
use slopefield_api::types::{Slice, StartsView};
use std::fmt::Write;

/// The waterfall: final losses in order, and the first ones above them.
pub fn section(starts: &StartsView, block: &[f64]) -> String {
    let losses = starts.losses.of(block);
    let finite = |s: Slice| -> (Vec<f64>, Vec<f64>) {
        let all = s.of(block).iter().enumerate().filter(|(_, loss)| loss.is_finite());
        all.map(|(k, loss)| (k as f64 + 1.0, *loss)).unzip()
    };
    let (began, ended) = (finite(starts.first), finite(starts.losses));
    let positive = began.1.iter().chain(&ended.1).all(|loss| *loss > 0.0);
    let mut plot = Plot::new();
    for ((x, y), name, colour) in
        [(began, "where it began", COLOURS[4]), (ended, "where it ended", COLOURS[0])]
    {
        let points = Scatter::new(x, y).mode(Mode::Markers).name(name);
        plot.add_trace(points.marker(Marker::new().color(colour).size(8)));
    }
    let mut axis = Axis::new().title(Title::with_text("loss"));
    if positive {
        axis = axis.type_(AxisType::Log);
    }
    plot.set_layout(layout("", "start, sorted by its result", "loss").y_axis(axis));
    let mut text = plot.to_inline_html(Some("starts"));
    let _ = writeln!(
        text,
        "<p class=\"note\">{} of {} starts came to the best loss. Where many do, it is likely that \
         there is no better one nearby.</p>",
        starts.reached,
        losses.len()
    );
    text
}
