//! Start values of the parameter vector.

use slopefield_lang::Model;

use super::random::Stream;
use super::{Layout, WeightSlot};
use crate::network::{Init, NetworkGraph};

impl Layout {
    /// The parameter vector at the start of training: scalars at their declared values, weights
    /// drawn from their initial distributions. The same seed gives the same bits everywhere.
    ///
    /// # Panics
    /// When the networks are not those that the layout was made for.
    #[must_use]
    pub fn initial_values(&self, model: &Model, networks: &[NetworkGraph], seed: u64) -> Vec<f64> {
        let weights: usize = networks.iter().map(NetworkGraph::weight_count).sum();
        assert_eq!(self.scalars + weights, self.len, "networks and layout belong together");
        let mut p: Vec<f64> = model.params.iter().map(|param| param.value).collect();
        p.resize(self.len, 0.0);
        for (slot, weights) in self.weights.iter().enumerate() {
            let stream = Stream { seed, slot: slot as u64 };
            draw(weights, stream, &mut p[weights.offset..][..weights.len]);
        }
        p
    }
}

fn draw(slot: &WeightSlot, stream: Stream, out: &mut [f64]) {
    // A matrix [rows, cols] takes `cols` numbers to `rows`; a vector scales each of its own.
    let (rows, cols) = match *slot.dims.as_slice() {
        [rows, cols] => (rows as usize, cols as usize),
        _ => (out.len(), 1),
    };
    let (fan_in, fan_out) = (cols as f64, rows as f64);
    let mut each = |number: &dyn Fn(u64) -> f64| {
        for (i, value) in out.iter_mut().enumerate() {
            *value = number(i as u64);
        }
    };
    match slot.init {
        Init::Zeros => each(&|_| 0.0),
        Init::Constant(value) => each(&|_| value),
        Init::Normal(mean, sd) => each(&|i| mean + sd * stream.normal(i)),
        Init::Uniform(low, high) => each(&|i| low + (high - low) * stream.uniform(i)),
        Init::XavierUniform(gain) => {
            let bound = gain * (6.0 / (fan_in + fan_out)).sqrt();
            each(&|i| bound * (2.0 * stream.uniform(i) - 1.0));
        }
        Init::KaimingNormal(gain) => {
            let sd = gain * (2.0 / fan_in).sqrt();
            each(&|i| sd * stream.normal(i));
        }
        Init::XavierNormal(gain) => {
            let sd = gain * (2.0 / (fan_in + fan_out)).sqrt();
            each(&|i| sd * stream.normal(i));
        }
        Init::KaimingUniform(gain) => {
            let bound = gain * (6.0 / fan_in).sqrt();
            each(&|i| bound * (2.0 * stream.uniform(i) - 1.0));
        }
        Init::Orthogonal(gain) => {
            each(&|i| stream.normal(i));
            orthogonalise(out, rows, cols);
            out.iter_mut().for_each(|value| *value *= gain);
        }
    }
}

/// Makes the rows (or, of a tall matrix, the columns) orthonormal by Gram–Schmidt, done twice,
/// because once leaves errors of the size of the condition number (Giraud et al. 2005).
fn orthogonalise(a: &mut [f64], rows: usize, cols: usize) {
    let (count, len, step, stride) =
        if rows <= cols { (rows, cols, cols, 1) } else { (cols, rows, 1, cols) };
    let at = |vector: usize, i: usize| vector * step + i * stride;
    for v in 0..count {
        for _ in 0..2 {
            for earlier in 0..v {
                let projection: f64 = (0..len).map(|i| a[at(v, i)] * a[at(earlier, i)]).sum();
                for i in 0..len {
                    a[at(v, i)] -= projection * a[at(earlier, i)];
                }
            }
        }
        let norm = (0..len).map(|i| a[at(v, i)] * a[at(v, i)]).sum::<f64>().sqrt();
        for i in 0..len {
            a[at(v, i)] /= norm;
        }
    }
}
