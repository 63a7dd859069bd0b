//! How sure the run is, on its page: bands, intervals, warnings of the newest stored answer.

use super::{escape, number, table};
use crate::uncertainty;
use plotly::common::{Fill, HoverInfo, Line, Mode};
use plotly::{Scatter, Trace};
use slopefield_api::ApiError;
use slopefield_api::types::*;
use slopefield_project::Project;
use std::fmt::Write;

/// A stored answer with its numbers.
pub struct Sure {
    result: UncertaintyResult,
    block: Vec<f64>,
}

impl Sure {
    /// The newest answer about a run.
    pub fn newest(project: &Project, run: &str) -> Result<Option<Sure>, ApiError> {
        let answers = uncertainty::list(project, run)?.answers;
        let Some(newest) = answers.first() else { return Ok(None) };
        let (view, block) = uncertainty::view(project, &newest.id)?;
        Ok(Some(Sure { result: view.result, block }))
    }

    /// Areas of an observation, the widest first.
    pub fn bands(&self, experiment: &str, observation: &str, colour: &str) -> Vec<Box<dyn Trace>> {
        let bands = &self.result.bands;
        let Some(band) =
            bands.iter().find(|b| b.experiment == experiment && b.observation == observation)
        else {
            return Vec::new();
        };
        let [q05, q25, _, q75, q95] = band.value;
        let mut areas = Vec::new();
        if let Some([low, high]) = band.measured {
            areas.push((low, high, 0.10, "90 % of measurements"));
        }
        areas.extend([(q05, q95, 0.20, "90 %"), (q25, q75, 0.28, "50 %")]);
        let times = band.times.of(&self.block);
        let area = |(low, high, cover, name): (Slice, Slice, f64, &str)| -> Box<dyn Trace> {
            let (low, high) = (low.of(&self.block), high.of(&self.block));
            let at: Vec<usize> =
                (0..times.len()).filter(|&i| low[i].is_finite() && high[i].is_finite()).collect();
            let back = at.iter().rev();
            Scatter::new(
                at.iter().chain(back.clone()).map(|&i| times[i]).collect(),
                at.iter().map(|&i| high[i]).chain(back.map(|&i| low[i])).collect(),
            )
            .mode(Mode::Lines)
            .line(Line::new().width(0.0).color(colour.to_owned()))
            .fill(Fill::ToSelf)
            .fill_color(colour.to_owned())
            .opacity(cover)
            .hover_info(HoverInfo::Skip)
            .name(format!("{}, {name}", escape(observation)))
        };
        areas.into_iter().map(area).collect()
    }

    /// What the bands mean, and how often measurements lie in theirs.
    pub fn words(&self) -> String {
        if self.result.bands.is_empty() {
            return format!("It has no band: {} gives none.", self.result.title);
        }
        let mut words =
            String::from("The dark bands hold the model's value with probability 50 % and 90 %");
        words += match self.result.bands.iter().any(|b| b.measured.is_some()) {
            true => ", the lightest a measurement with 90 %.",
            false => ".",
        };
        for (held_out, name) in [(false, "trained on"), (true, "held out")] {
            let of = self.result.coverage.iter().filter(|c| c.held_out == held_out);
            let (inside, points) =
                of.fold((0, 0), |(i, n), c| (i + u64::from(c.inside), n + u64::from(c.points)));
            if points > 0 {
                let _ = write!(words, " It holds {inside} of {points} points {name}.");
            }
        }
        words
    }

    /// Intervals of the parameters and what speaks against trusting them.
    pub fn parameters(&self) -> String {
        let result = &self.result;
        let mut text = format!("<h2>How sure</h2>\n<p>{}.</p>\n", escape(&result.title));
        for warning in &result.warnings {
            let _ = writeln!(text, "<p><strong>Careful:</strong> {}.</p>", escape(warning));
        }
        let shown = |x: Option<f64>| x.map_or("–".into(), number);
        text += &table(
            &["parameter", "mean", "sd", "5 %", "50 %", "95 %", "effective draws", "R̂"],
            result.parameters.iter().map(|p| {
                let chains = p.chains.as_ref();
                vec![
                    p.name.clone(),
                    shown(p.mean),
                    shown(p.sd),
                    shown(p.quantiles[0]),
                    shown(p.quantiles[2]),
                    shown(p.quantiles[4]),
                    shown(chains.and_then(|c| c.bulk).map(f64::round)),
                    shown(chains.and_then(|c| c.scale_reduction)),
                ]
            }),
        );
        let rows = result.settings.iter();
        text += &table(&["", ""], rows.map(|(n, v)| vec![n.clone(), v.clone()]));
        text
    }
}
