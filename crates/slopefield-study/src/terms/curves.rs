//! Response curves: what a learned term gives as one of its inputs varies.

use super::LearnedTerm;
use super::distance::Neighbours;
use crate::CompiledModel;
use crate::simulate::spaced;

/// Share of the visited range that a curve goes on beyond it, on either side.
const MARGIN: f64 = 0.1;
/// Shares of the draws between which a band lies.
const BAND: [f64; 2] = [0.05, 0.95];

/// What a term gives as one input varies and the others are held.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// Index of the input.
    pub input: usize,
    /// Least and greatest value that the term was asked while it was trained.
    pub range: (f64, f64),
    /// The value at which the other curves hold this input.
    pub held: f64,
    /// Values of the input: the visited range and a tenth of it on either side.
    pub at: Vec<f64>,
    /// One for each output.
    pub curves: Vec<Curve>,
    /// How far the nearest visited inputs are at each value, in parts of the visited range
    /// ([`super::distances`]): a curve beyond [`super::NEAR`] shows what nothing has taught.
    pub distance: Vec<f64>,
}

/// Weights that are about as good as the fitted ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spread<'a> {
    /// They, draw by draw.
    pub draws: &'a [&'a [f64]],
    /// The middle of the normal distribution that they are of, where they are of one. Then the term is
    /// taken as linear in the weights there (A. Immer, M. Korzepa, M. Bauer, AISTATS 2021): most weights
    /// of a network are held by nothing but a weak prior, and as far away as draws are the term
    /// itself no longer resembles the fit.
    pub centre: Option<&'a [f64]>,
}

/// One output over the values of one input.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The output at the fit.
    pub value: Vec<f64>,
    /// 5 % and 95 % quantiles over draws of the weights, where there are some.
    pub band: Option<[Vec<f64>; 2]>,
}

/// Response curves of a term for its inputs, those of the first `most` where there are more.
///
/// `visited` are the inputs that the term was asked while it was trained, and `held` the values at
/// which inputs are held, by default the medians of what was visited. `weights` are the fitted ones. Without visited inputs there are no curves.
#[must_use]
pub fn responses(
    term: &LearnedTerm,
    model: &CompiledModel,
    visited: &[&[f64]],
    held: &[Option<f64>],
    (weights, spread): (&[f64], Spread<'_>),
    (points, most): (usize, usize),
) -> Vec<Response> {
    if visited.is_empty() {
        return Vec::new();
    }
    let neighbours = Neighbours::new(visited);
    let columns: Vec<Vec<f64>> =
        (0..term.inputs.len()).map(|i| sorted(visited.iter().map(|row| row[i]))).collect();
    let rest: Vec<f64> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| held.get(i).copied().flatten().unwrap_or_else(|| quantile(column, 0.5)))
        .collect();
    let response = |(input, column): (usize, &Vec<f64>)| {
        let range = (column[0], column[column.len() - 1]);
        let width = match range.1 - range.0 {
            width if width > 0.0 => width,
            // An input that never moved: some room around it.
            _ => range.0.abs().max(1.0),
        };
        let at = spaced(range.0 - MARGIN * width, range.1 + MARGIN * width, points);
        let mut inputs = rest.clone();
        let mut rows = |weights: &[f64]| -> Vec<Vec<f64>> {
            let row = |x: &f64| {
                inputs[input] = *x;
                term.value(model, weights, &inputs)
            };
            at.iter().map(row).collect()
        };
        let fitted = rows(weights);
        let drawn: Vec<Vec<Vec<f64>>> = spread
            .draws
            .iter()
            .map(|draw| match spread.centre {
                Some(centre) => along(centre, draw, &fitted, &mut rows),
                None => rows(draw),
            })
            .collect();
        let curve = |output: usize| {
            let band = |share: f64| -> Vec<f64> {
                let at = |k: usize| quantile(&sorted(drawn.iter().map(|d| d[k][output])), share);
                (0..at_len(&drawn)).map(at).collect()
            };
            Curve {
                value: fitted.iter().map(|row| row[output]).collect(),
                band: (!drawn.is_empty()).then(|| BAND.map(band)),
            }
        };
        let curves = (0..term.outputs.len()).map(curve).collect();
        let mut beside = rest.clone();
        let distance = at.iter().map(|x| {
            beside[input] = *x;
            neighbours.distance(&beside)
        });
        let distance = distance.collect();
        Response { input, range, held: rest[input], at, curves, distance }
    };
    columns.iter().enumerate().take(most).map(response).collect()
}

/// What a term linear in its weights would give: the fit and a central difference in the direction of
/// the draw.
fn along(
    centre: &[f64],
    draw: &[f64],
    fitted: &[Vec<f64>],
    rows: &mut dyn FnMut(&[f64]) -> Vec<Vec<f64>>,
) -> Vec<Vec<f64>> {
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    let far = norm(&mut centre.iter().zip(draw).map(|(w, d)| d - w));
    if far == 0.0 {
        return fitted.to_vec();
    }
    let step = 1e-5 * (1.0 + norm(&mut centre.iter().copied())) / far;
    let mut beside = |step: f64| {
        let moved: Vec<f64> = centre.iter().zip(draw).map(|(w, d)| w + step * (d - w)).collect();
        rows(&moved)
    };
    let (ahead, behind) = (beside(step), beside(-step));
    let row = |((fitted, a), b): ((&Vec<f64>, &Vec<f64>), &Vec<f64>)| {
        let one = |((y, a), b): ((&f64, &f64), &f64)| y + (a - b) / (2.0 * step);
        fitted.iter().zip(a).zip(b).map(one).collect()
    };
    fitted.iter().zip(&ahead).zip(&behind).map(row).collect()
}

fn at_len(drawn: &[Vec<Vec<f64>>]) -> usize {
    drawn.first().map_or(0, Vec::len)
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.filter(|x| x.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// A quantile of sorted values, linear between them; NaN of none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let (low, part) = (place.floor() as usize, place.fract());
    let high = (low + 1).min(last);
    sorted[low] + part * (sorted[high] - sorted[low])
}
