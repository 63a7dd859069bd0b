//! Diagonally implicit Runge–Kutta pairs from their coefficients.

use super::claims::{
    Dense, check_dense, check_orders, cubic, estimate, highest_order, matrix, row, rows, text,
};
use super::number;
use super::order::Trees;
use super::stability::{self, Stability};
use serde::Deserialize;
use slopefield_solve::sdirk::{ImplicitTableau, MAX_STAGES};

/// A `[[solver]]` of the kind `sdirk` or `esdirk`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawDiagonal {
    pub id: String,
    order: u32,
    embedded_order: u32,
    gamma: String,
    c: Vec<String>,
    a: Vec<Vec<String>>,
    b: Vec<String>,
    b_error: Option<Vec<String>>,
    b_embedded: Option<Vec<String>>,
    #[serde(default)]
    dense: Dense,
    dense_order: Option<u32>,
    stability: Option<Stability>,
    reference: String,
    advice: String,
}

/// Rounding allowed in sums of coefficients, in units of their size.
const SLACK: f64 = 8.0 * f64::EPSILON;

/// The checked table, under the name `id`, or what is wrong in a sentence. A method whose first stage
/// is implicit too gets the slope at the beginning as a stage without weight in front.
pub fn table(
    raw: &RawDiagonal,
    explicit_first: bool,
    id: &str,
    name: &str,
) -> Result<ImplicitTableau, String> {
    let (gamma, mut c, mut b) = (number::parse(&raw.gamma)?, row(&raw.c)?, row(&raw.b)?);
    let front = usize::from(!explicit_first);
    let (s, least) = (b.len(), 2 - front);
    if !(least..=MAX_STAGES - front).contains(&s) {
        let most = MAX_STAGES - front;
        return Err(format!("it has {s} stages; between {least} and {most} are possible"));
    }
    if gamma <= 0.0 {
        return Err(format!("`gamma` is {gamma} and must be positive"));
    }
    let mut a = vec![Vec::new()];
    a.extend(rows(&raw.a)?);
    check_shape(&a, &c, &b, gamma, explicit_first)?;
    let mut error = estimate("b", &b, raw.b_error.as_deref(), raw.b_embedded.as_deref())?;
    let mut dense = raw.dense.rows(raw.dense_order)?;
    if let Some(rows) = dense.as_ref().filter(|rows| rows.len() != s) {
        return Err(format!("`dense` has {} rows for {s} stages", rows.len()));
    }
    if front == 1 {
        for row in a.iter_mut() {
            row.insert(0, 0.0);
        }
        a.insert(0, Vec::new());
        for weights in [&mut b, &mut error, &mut c] {
            weights.insert(0, 0.0);
        }
        if let Some(rows) = &mut dense {
            rows.insert(0, Vec::new());
        }
    }

    let mut whole = a.clone();
    for row in whole.iter_mut().skip(1) {
        row.push(gamma);
    }
    let highest = highest_order(raw.order, raw.embedded_order)?;
    let trees = Trees::of(&whole, highest + 1);
    check_orders(&trees, &b, &error, (raw.order, raw.embedded_order))?;
    stability::check(&whole, &b, raw.stability)?;
    let (dense, dense_order) = match dense {
        None => (cubic(&b), raw.order.min(3)),
        Some(rows) => {
            let order = raw.dense_order.ok_or("rows of `dense` need a `dense_order`")?;
            check_dense(&rows, &b, order, &trees, highest)?;
            (rows, order)
        }
    };
    Ok(ImplicitTableau {
        id: text(id),
        name: text(name),
        order: raw.order,
        // The estimate is the distance of the two results, so the lower order is its order.
        error_order: raw.embedded_order.min(raw.order) + 1,
        dense_order,
        gamma,
        predictor: matrix((0..c.len()).map(|i| guess(&c[..i], c[i])).collect()),
        a: matrix(a),
        c: c.leak(),
        b_error: error.leak(),
        dense: matrix(dense),
        explicit: None,
        advice: text(&raw.advice),
        reference: text(&raw.reference),
    })
}

fn check_shape(
    a: &[Vec<f64>],
    c: &[f64],
    b: &[f64],
    gamma: f64,
    explicit_first: bool,
) -> Result<(), String> {
    let s = b.len();
    if a.len() != s || c.len() != s {
        return Err(format!(
            "`b` has {s} entries, so `c` must have {s} and `a` {} rows, not {} and {}",
            s - 1,
            c.len(),
            a.len() - 1
        ));
    }
    for (i, (row, c)) in a.iter().zip(c).enumerate() {
        if row.len() != i {
            return Err(format!(
                "row {i} of `a` has {} entries and must have {i}: the stages before it, without the \
                 diagonal",
                row.len()
            ));
        }
        if !(0.0..=1.0).contains(c) {
            return Err(format!("stage {} is at c = {c}, outside the step", i + 1));
        }
        let own = if i == 0 && explicit_first { 0.0 } else { gamma };
        let (sum, size) = row.iter().fold((own, 1.0), |(s, z), a| (s + a, z + a.abs()));
        if (sum - c).abs() > SLACK * size {
            return Err(format!("row {i} of `a` and `gamma` sum to {sum} and its `c` is {c}"));
        }
    }
    let last = a[s - 1].iter().chain([&gamma]);
    if b.iter().zip(last).any(|(b, a)| (b - a).abs() > SLACK * (1.0 + a.abs())) {
        return Err(
            "its last stage is not the result: `b` must be the last row of `a` with `gamma` behind \
             it, as in all methods that take algebraic equations"
                .to_owned(),
        );
    }
    Ok(())
}

/// The guess of an increment at `c` from those before, at `known`: the line of least squares, which
/// of all lines is moved least by their errors.
fn guess(known: &[f64], c: f64) -> Vec<f64> {
    let count = known.len() as f64;
    let mean = known.iter().sum::<f64>() / count;
    let spread: f64 = known.iter().map(|k| (k - mean).powi(2)).sum();
    let tilt = if spread > 0.0 { (c - mean) / spread } else { 0.0 };
    known.iter().map(|k| 1.0 / count + tilt * (k - mean)).collect()
}

#[cfg(test)]
mod tests {
    use super::guess;

    #[test]
    fn guesses_lie_on_lines() {
        assert_eq!(guess(&[], 0.0), Vec::<f64>::new());
        assert_eq!(guess(&[0.0], 0.5), [1.0]);
        assert_eq!(guess(&[0.25, 0.25], 1.0), [0.5, 0.5]);
        let known = [0.0, 0.5, 0.3];
        let line = |t: f64| 2.0 - 3.0 * t;
        let at: f64 = guess(&known, 0.9).iter().zip(known).map(|(w, t)| w * line(t)).sum();
        assert!((at - line(0.9)).abs() < 1e-14);
    }
}
