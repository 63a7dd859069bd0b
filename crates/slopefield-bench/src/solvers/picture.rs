//! Work–precision diagrams as one page.

use super::{Curve, Report};
use crate::Machine;
use plotly::common::{DashType, ExponentFormat, Line, Marker, Mode, Title};
use plotly::layout::{Axis, AxisType, Margin};
use plotly::{Layout, Plot, Scatter};

/// Okabe and Ito's palette: distinguishable with every kind of colour vision.
const COLOURS: [&str; 7] =
    ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c7a00"];

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#1c2024}\
    main{max-width:60rem;margin:2rem auto;padding:0 1rem}h2{margin-top:2.5rem}\
    .note{color:#555}";

/// A page with a diagram for each problem: time over error, both logarithmic. Our methods are
/// drawn with lines, the others with dashes.
#[must_use]
pub fn picture(reports: &[Report], machine: &Machine) -> String {
    let mut body = String::from("<h1>Work and precision</h1>\n<p>");
    body += &escape(&machine.processor);
    body += ". Median time of one solve on one core over the largest relative error at the end; \
             down and left is better. Solid: Slopefield. Dashed: others on the same problem in the \
             same process.</p>\n";
    if machine.debug_build {
        body += "<p class=\"note\">Measured with a development build: these are no figures to \
                 quote.</p>\n";
    }
    for report in reports {
        body += &format!("<h2>{}</h2>\n", escape(report.about));
        body += &diagram(report).to_inline_html(Some(report.contest));
        for note in &report.notes {
            body += &format!("<p class=\"note\">{}</p>\n", escape(note));
        }
    }
    let script = Plot::offline_js_sources();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Work and precision</title>\n<style>{STYLE}</style>\n{script}\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn diagram(report: &Report) -> Plot {
    let mut plot = Plot::new();
    let (mut ours, mut others) = (0, 0);
    for curve in &report.curves {
        let place = if curve.ours { &mut ours } else { &mut others };
        plot.add_trace(trace(curve, *place));
        *place += 1;
    }
    let axis = |title: &str| {
        Axis::new()
            .title(Title::with_text(title))
            .type_(AxisType::Log)
            .exponent_format(ExponentFormat::Power)
    };
    plot.set_layout(
        Layout::new()
            .x_axis(axis("relative error"))
            .y_axis(axis("seconds"))
            .margin(Margin::new().left(70).right(20).top(20).bottom(50))
            .height(520),
    );
    plot
}

fn trace(curve: &Curve, place: usize) -> Box<Scatter<f64, f64>> {
    let errors = curve.points.iter().map(|point| point.error).collect();
    let seconds = curve.points.iter().map(|point| point.time.median).collect();
    let colour = COLOURS[place % COLOURS.len()];
    // After one round of the palette, other lines.
    let dash = match (curve.ours, place / COLOURS.len()) {
        (true, 0) => DashType::Solid,
        (true, _) => DashType::LongDashDot,
        (false, 0) => DashType::Dash,
        (false, _) => DashType::Dot,
    };
    Scatter::new(errors, seconds)
        .name(&curve.solver)
        .mode(Mode::LinesMarkers)
        .marker(Marker::new().color(colour).size(6))
        .line(Line::new().color(colour).width(1.5).dash(dash))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timing;
    use crate::solvers::Point;

    #[test]
    fn the_page_has_every_curve() {
        let time = Timing { min: 1e-5, median: 2e-5, p90: 3e-5, rounds: 9 };
        let point = Point { rtol: 1e-6, error: 1e-7, time, counts: Default::default() };
        let curve = |solver: &str, ours| Curve {
            solver: solver.into(),
            ours,
            points: vec![point.clone()],
            failed: Vec::new(),
        };
        let curves = vec![curve("rodas5p", true), curve("CVODE: BDF, dense", false)];
        let notes = vec!["a & b".to_owned()];
        let report = Report { contest: "rober", about: "x < y", curves, notes };
        let page = picture(&[report], &Machine::here());
        for part in ["rodas5p", "CVODE: BDF, dense", "x &lt; y", "a &amp; b", "id=\"rober\""] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("<link"), "styles are in the page");
    }
}
