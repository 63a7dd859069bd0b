//! What pictures of many trajectories need of their numbers.

use crate::numbers::Numbers;
use slopefield_api::schema::Block;
use slopefield_api::types::*;
use slopefield_uncertainty::quantiles;

/// Shares of the trajectories at whose limits the bands are.
const SHARES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];
/// Trajectories whose curves are given at most.
const CURVES: usize = 200;
/// Numbers of all curves at most, unless one trajectory alone has more.
const CURVE_NUMBERS: usize = 1 << 21;

/// The overview of a scan with its numbers.
pub fn overview(scan: &Scan, block: &[f64]) -> (ScanOverview, Block) {
    let mut numbers = Numbers::default();
    let times = scan.times.of(block);
    let shown = shown(scan.count as usize, times.len() * scan.columns.len());
    let own = scan.points.iter().map(|point| ScanColumn {
        name: point.name.clone(),
        initial: point.initial,
        values: numbers.add(point.values.of(block).iter().copied()),
    });
    let points = own.collect();
    let slice = numbers.add(times.iter().copied());
    let columns = scan.columns.iter().map(|column| {
        let values = column.values.of(block);
        quantity(column, (values, times.len()), &shown, &mut numbers)
    });
    let columns = columns.collect();
    let overview = ScanOverview {
        count: scan.count,
        points,
        times: slice,
        columns,
        shown: shown.iter().map(|k| *k as u32).collect(),
        failed: scan.failed,
        failures: scan.failures.clone(),
        device: scan.device.clone(),
        on_card: scan.on_card,
        notes: scan.notes.clone(),
        stats: scan.stats.clone(),
    };
    (overview, numbers.into_block())
}

/// Trajectories whose curves are given: first and last among them, the others evenly between.
fn shown(count: usize, numbers_of_one: usize) -> Vec<usize> {
    let most = (CURVE_NUMBERS / numbers_of_one.max(1)).clamp(1, CURVES);
    if count <= most {
        return (0..count).collect();
    }
    match most {
        1 => vec![0],
        _ => (0..most).map(|k| k * (count - 1) / (most - 1)).collect(),
    }
}

fn quantity(
    column: &Column,
    (values, times): (&[f64], usize),
    shown: &[usize],
    numbers: &mut Numbers,
) -> ScanQuantity {
    let rows = || values.chunks_exact(times.max(1));
    let at = (0..times).map(|i| {
        let there = rows().map(|row| row[i]).filter(|x| x.is_finite());
        quantiles(there.collect(), SHARES)
    });
    let at: Vec<[f64; 5]> = at.collect();
    let extreme = |row: &[f64], of: fn(f64, f64) -> f64| {
        row.iter().copied().filter(|x| x.is_finite()).reduce(of).unwrap_or(f64::NAN)
    };
    ScanQuantity {
        name: column.name.clone(),
        kind: column.kind,
        quantiles: std::array::from_fn(|k| numbers.add(at.iter().map(|q| q[k]))),
        last: numbers.add(rows().map(|row| row.last().copied().unwrap_or(f64::NAN))),
        least: numbers.add(rows().map(|row| extreme(row, f64::min))),
        greatest: numbers.add(rows().map(|row| extreme(row, f64::max))),
        curves: numbers.add(shown.iter().flat_map(|k| &values[k * times..][..times]).copied()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_given_evenly_and_never_too_many() {
        assert_eq!(shown(3, 10), [0, 1, 2]);
        let many = shown(100_000, 200);
        assert_eq!((many.len(), many[0], many[199]), (200, 0, 99_999));
        assert!(many.windows(2).all(|k| (502..=503).contains(&(k[1] - k[0]))));
        assert_eq!(shown(1000, CURVE_NUMBERS / 5), [0, 249, 499, 749, 999]);
        assert_eq!(shown(1000, 2 * CURVE_NUMBERS), [0]);
    }
}
