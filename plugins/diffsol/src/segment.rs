//! The solution within the last step, as a polynomial of its own: what the application may ask of it
//! stays when a later call fails in the middle.

/// Where a step is sampled, from 0 to 1: the extrema of the Chebyshev polynomial of degree 5, which is the
/// highest degree that diffsol interpolates with.
const NODES: [f64; 6] = [
    0.0,
    0.095_491_502_812_526_27,
    0.345_491_502_812_526_3,
    0.654_508_497_187_473_7,
    0.904_508_497_187_473_7,
    1.0,
];

/// The interpolating polynomial in Newton's form.
pub struct Segment {
    t_prev: f64,
    t: f64,
    n: usize,
    /// Samples, then divided differences: `n` for each node.
    terms: Vec<f64>,
    end: Vec<f64>,
}

impl Segment {
    /// Of no step yet.
    pub fn new(n: usize) -> Segment {
        Segment { t_prev: 0.0, t: 0.0, n, terms: vec![0.0; NODES.len() * n], end: vec![0.0; n] }
    }

    /// A step between two states; until it is sampled, its chord.
    pub fn begin(&mut self, t_prev: f64, t: f64, from: &[f64], to: &[f64]) {
        (self.t_prev, self.t) = (t_prev, t);
        for (node, sample) in NODES.iter().zip(self.terms.chunks_exact_mut(self.n)) {
            for ((out, from), to) in sample.iter_mut().zip(from).zip(to) {
                *out = from + node * (to - from);
            }
        }
        self.end.copy_from_slice(to);
        self.terms[(NODES.len() - 1) * self.n..].copy_from_slice(to);
    }

    /// Times within the step, with the place for the solution there.
    pub fn inside(&mut self) -> impl Iterator<Item = (f64, &mut [f64])> {
        let (t_prev, h) = (self.t_prev, self.t - self.t_prev);
        let all = NODES.iter().zip(self.terms.chunks_exact_mut(self.n));
        all.take(NODES.len() - 1).skip(1).map(move |(node, place)| (t_prev + node * h, place))
    }

    /// Samples become divided differences.
    pub fn end(&mut self) {
        for level in 1..NODES.len() {
            for j in (level..NODES.len()).rev() {
                let width = NODES[j] - NODES[j - level];
                for i in 0..self.n {
                    let below = self.terms[(j - 1) * self.n + i];
                    let term = &mut self.terms[j * self.n + i];
                    *term = (*term - below) / width;
                }
            }
        }
    }

    /// The solution at `t`, or its slope.
    pub fn evaluate(&self, t: f64, derivative: u32, out: &mut [f64]) {
        let h = self.t - self.t_prev;
        if derivative == 0 && t == self.t {
            out.copy_from_slice(&self.end);
            return;
        }
        let x = (t - self.t_prev) / h;
        for (i, out) in out.iter_mut().enumerate() {
            let (mut value, mut slope) = (0.0, 0.0);
            for (j, node) in NODES.iter().enumerate().rev() {
                slope = slope * (x - node) + value;
                value = value * (x - node) + self.terms[j * self.n + i];
            }
            *out = if derivative == 0 { value } else { slope / h };
        }
    }
}
