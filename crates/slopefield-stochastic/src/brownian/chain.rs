//! Intervals put together.

/// An interval put together from adjacent ones.
pub(super) struct Chain<'a> {
    pub(super) w: &'a mut [f64],
    pub(super) h: &'a mut [f64],
    pub(super) length: f64,
}

impl Chain<'_> {
    pub(super) fn append(&mut self, w: &[f64], h: &[f64], length: f64) {
        if self.length == 0.0 {
            self.w.copy_from_slice(w);
            self.h.copy_from_slice(h);
            self.length = length;
            return;
        }
        let total = self.length + length;
        let (before, after) = (self.length / total, length / total);
        for i in 0..self.w.len() {
            self.h[i] =
                before * self.h[i] + after * h[i] + 0.5 * (after * self.w[i] - before * w[i]);
            self.w[i] += w[i];
        }
        self.length = total;
    }
}
