//! Other programs' records as curves, to be judged and drawn beside ours.

use super::{Counts, Curve, Point};
use crate::{Record, Timing};

/// A curve for every method of every program, in the order of the records. Records without a time, an
/// error or a tolerance (`… rtol 1e-06` or, for fixed steps, `… steps 64`, where the step stands for the
/// tolerance) are left out.
#[must_use]
pub fn curves_of_others(records: &[Record]) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for record in records {
        let Some((method, point)) = point(record) else { continue };
        let solver = format!("{}: {method}", record.tool);
        match curves.iter_mut().find(|curve| curve.solver == solver) {
            Some(curve) => curve.points.push(point),
            None => {
                curves.push(Curve { solver, ours: false, points: vec![point], failed: Vec::new() });
            }
        }
    }
    curves
}

/// The method of a record and what it needed.
fn point(record: &Record) -> Option<(&str, Point)> {
    let case = record.case.split_once(": ").map_or(&*record.case, |(_, rest)| rest);
    let (method, rtol) = match (case.split_once(" rtol "), case.split_once(" steps ")) {
        (Some((method, rtol)), _) => (method, rtol.parse::<f64>().ok()?),
        (None, Some((method, steps))) => (method, 1.0 / steps.parse::<f64>().ok()?),
        (None, None) => return None,
    };
    let (median, error) = (record.value?, record.error?);
    let (min, p90) = (record.min.unwrap_or(median), record.p90.unwrap_or(median));
    let time = Timing { min, median, p90, rounds: record.n.unwrap_or(1) };
    let counts = Counts { rhs: record.rhs_evals.unwrap_or(0), ..Counts::default() };
    Some((method, Point { rtol, error, time, counts }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_one_method_are_one_curve() {
        let record = |tool: &str, case: &str, value, error| Record {
            tool: tool.into(),
            case: case.into(),
            value,
            error,
            ..Record::default()
        };
        let curves = curves_of_others(&[
            record("scipy", "rober: LSODA rtol 0.0001", Some(2e-3), Some(1e-4)),
            record("scipy", "rober: BDF rtol 0.0001", Some(9e-3), Some(1e-4)),
            record("scipy", "rober: LSODA rtol 1e-06", Some(3e-3), Some(1e-6)),
            record("scipy", "rober: LSODA rtol 1e-08", None, None),
            record("torchsde", "gbm: srk steps 64", Some(0.1), Some(2e-3)),
        ]);
        let names: Vec<_> = curves.iter().map(|curve| &*curve.solver).collect();
        assert_eq!(names, ["scipy: LSODA", "scipy: BDF", "torchsde: srk"]);
        let rtols: Vec<f64> = curves[0].points.iter().map(|point| point.rtol).collect();
        assert_eq!(rtols, [1e-4, 1e-6]);
        let seconds = curves[0].seconds_at(1e-6).unwrap();
        assert!((seconds / 3e-3 - 1.0).abs() < 1e-12, "{seconds}");
        assert_eq!(curves[2].points[0].rtol, 1.0 / 64.0);
        assert!(curves.iter().all(|curve| !curve.ours));
    }
}
