//! What is known of the coefficients of white noise.

use crate::derivative::{MAX_TOTAL, Variable, derivative_within, is_zero};
use crate::evaluate::Values;
use crate::model::{Expr, Model, NoiseStructure, StateId};
use crate::reads::{Reader, reads};
use std::collections::BTreeMap;

/// Most sources and coefficients for which both sides of the condition are worked out.
const MAX_SOURCES: usize = 16;
const MAX_COEFFICIENTS: usize = 128;
/// Points at which they are compared, and how close they are when they are equal.
const POINTS: u64 = 4;
const SAME: f64 = 1e-9;

/// The strongest structure that the noise of a model is found to have; none without noise.
pub(crate) fn noise_structure(model: &Model) -> Option<NoiseStructure> {
    if model.states.iter().all(|s| s.noise.is_empty()) {
        return None;
    }
    let mut additive = true;
    let mut diagonal = true;
    let mut acts_on: BTreeMap<u32, u32> = BTreeMap::new();
    let mut reader = Reader::new(model);
    for (i, state) in (0u32..).zip(&model.states) {
        if !additive && !diagonal {
            break;
        }
        diagonal = diagonal && state.noise.len() <= 1;
        for (source, coefficient) in &state.noise {
            let read = reader.reads(coefficient);
            additive = additive && read.states.is_empty() && !read.unknown;
            let others = read.unknown || read.states.iter().any(|s| *s != i);
            let alone = *acts_on.entry(*source).or_insert(i) == i;
            diagonal = diagonal && alone && !others;
        }
    }
    Some(if additive {
        NoiseStructure::Additive
    } else if diagonal {
        NoiseStructure::Diagonal
    } else if is_commutative(model).unwrap_or(false) {
        NoiseStructure::Commutative
    } else {
        NoiseStructure::General
    })
}

/// The coefficients of one source by state, each with its derivatives by state.
type Column<T> = BTreeMap<u32, (T, BTreeMap<u32, T>)>;

/// Whether the condition holds; `None` when that cannot be told.
fn is_commutative(model: &Model) -> Option<bool> {
    let mut sources: BTreeMap<u32, Column<Expr>> = BTreeMap::new();
    if model.states.iter().map(|s| s.noise.len()).sum::<usize>() > MAX_COEFFICIENTS {
        return None;
    }
    let mut left = MAX_TOTAL;
    for (i, state) in (0u32..).zip(&model.states) {
        for (source, coefficient) in &state.noise {
            let read = reads(model, coefficient);
            if read.unknown || read.states.iter().any(|s| *s as usize >= model.states.len()) {
                return None;
            }
            let mut slopes = BTreeMap::new();
            for k in read.states {
                let by = Variable::State(StateId(k));
                let slope = derivative_within(model, coefficient, by, &mut left).ok()?;
                if !is_zero(&slope) {
                    slopes.insert(k, slope);
                }
            }
            sources.entry(*source).or_default().insert(i, (coefficient.clone(), slopes));
        }
    }
    if sources.len() > MAX_SOURCES {
        return None;
    }
    let columns: Vec<_> = sources.values().collect();
    for point in 0..POINTS {
        let mut random = Random(point + 1);
        let count = model.variables();
        let states: Vec<f64> = (0..count).map(|_| random.near(1.0)).collect();
        let params: Vec<f64> = model.params.iter().map(|p| random.near(p.value)).collect();
        let mut values = Values::new(model, random.near(1.0), &states, &params);
        for i in 0..model.lets.len() {
            values.named(i);
        }
        let numbers: Vec<Column<f64>> = columns
            .iter()
            .map(|column| {
                let entries = column.iter().map(|(i, (g, slopes))| {
                    let slopes = slopes.iter().map(|(k, e)| (*k, values.value(e))).collect();
                    (*i, (values.value(g), slopes))
                });
                entries.collect()
            })
            .collect();
        // Σ_k g_kj ∂g_im/∂u_k, and the size of its terms.
        let along = |j: usize, m: usize, i: u32| {
            let slopes = numbers[m].get(&i).map(|(_, slopes)| slopes);
            let terms = slopes
                .into_iter()
                .flatten()
                .map(|(k, slope)| numbers[j].get(k).map_or(0.0, |(g, _)| g * slope));
            terms.fold((0.0, 0.0), |(sum, size): (f64, f64), term| (sum + term, size + term.abs()))
        };
        for j in 0..numbers.len() {
            for m in 0..j {
                for i in 0..model.states.len() as u32 {
                    let (a, a_size) = along(j, m, i);
                    let (b, b_size) = along(m, j, i);
                    // Also false for NaN.
                    let same = (a - b).abs() <= SAME * (a_size + b_size);
                    if !same {
                        return Some(false);
                    }
                }
            }
        }
    }
    Some(true)
}

/// Numbers without a pattern, the same every time (SplitMix64).
struct Random(u64);

impl Random {
    /// A number within 30 % of another; within 0.7 to 1.3 where that is 0.
    fn near(&mut self, value: f64) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let unit = (z >> 11) as f64 / (1u64 << 53) as f64;
        let value = if value == 0.0 || !value.is_finite() { 1.0 } else { value };
        value * (0.7 + 0.6 * unit)
    }
}
