//! Lists of sparse vectors.

/// Vectors with few entries that are not 0: in most systems they have one.
#[derive(Debug, Default)]
pub(crate) struct SparseVectors {
    ends: Vec<usize>,
    entries: Vec<(usize, f64)>,
}

impl SparseVectors {
    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        self.entries.clear();
    }

    /// Appends `scale · x`.
    pub(crate) fn push(&mut self, x: &[f64], scale: f64) {
        let entries = x.iter().enumerate().filter(|(_, x)| **x != 0.0);
        self.entries.extend(entries.map(|(i, x)| (i, scale * x)));
        self.ends.push(self.entries.len());
    }

    pub(crate) fn get(&self, k: usize) -> &[(usize, f64)] {
        let start = if k == 0 { 0 } else { self.ends[k - 1] };
        &self.entries[start..self.ends[k]]
    }

    /// Writes the sum of the vectors times `factors`.
    pub(crate) fn combine(&self, factors: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (k, factor) in factors.iter().enumerate() {
            for (i, x) in self.get(k) {
                out[*i] += factor * x;
            }
        }
    }
}
