//! Explicit Runge–Kutta pairs from their coefficients: every claim of the file is checked before
//! the engine sees the table.

use super::claims::{
    Dense, check_dense, check_orders, cubic, estimate, highest_order, matrix, row, rows, text,
};
use super::order::Trees;
use serde::Deserialize;
use slopefield_solve::runge_kutta::{ExtraStages, MAX_STAGES, Tableau};

/// A `[[solver]]` of the kind `explicit-rk`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawExplicit {
    pub id: String,
    order: u32,
    embedded_order: u32,
    fsal: Option<bool>,
    c: Vec<String>,
    a: Vec<Vec<String>>,
    b: Vec<String>,
    b_error: Option<Vec<String>>,
    b_embedded: Option<Vec<String>>,
    #[serde(default)]
    dense: Dense,
    dense_order: Option<u32>,
    reference: String,
    advice: String,
}

/// The checked table, under the name `id`, or what is wrong in a sentence.
pub fn table(raw: &RawExplicit, id: &str, name: &str) -> Result<Tableau, String> {
    let (c, b) = (row(&raw.c)?, row(&raw.b)?);
    let s = b.len();
    if !(2..=MAX_STAGES).contains(&s) {
        return Err(format!("it has {s} stages; between 2 and {MAX_STAGES} are possible"));
    }
    let mut a = vec![Vec::new()];
    a.extend(rows(&raw.a)?);
    check_shape(&a, &c, s)?;
    let error = estimate("b", &b, raw.b_error.as_deref(), raw.b_embedded.as_deref())?;

    let highest = highest_order(raw.order, raw.embedded_order)?;
    let trees = Trees::of(&a, highest + 1);
    check_orders(&trees, &b, &error, (raw.order, raw.embedded_order))?;

    let fsal = a[s - 1] == b[..s - 1] && b[s - 1] == 0.0;
    if raw.fsal.is_some_and(|declared| declared != fsal) {
        let is = if fsal { "is" } else { "is not" };
        return Err(format!(
            "its last stage {is} the first of the next step, and `fsal` says otherwise"
        ));
    }
    let (extra, dense, dense_order) = match raw.dense.rows(raw.dense_order)? {
        None => {
            let (extra, dense) = hermite(&b, fsal);
            (extra, dense, raw.order.min(3))
        }
        Some(rows) => {
            let order = raw.dense_order.ok_or("rows of `dense` need a `dense_order`")?;
            check_dense(&rows, &b, order, &trees, highest)?;
            (ExtraStages::NONE, matrix(rows), order)
        }
    };
    Ok(Tableau {
        id: text(id),
        name: text(name),
        order: raw.order,
        // The estimate is the distance of the two results, so the lower order is its order.
        embedded_order: raw.embedded_order.min(raw.order),
        dense_order,
        fsal,
        a: matrix(a),
        b: b.leak(),
        b_error: error.leak(),
        c: c.leak(),
        extra,
        dense,
        advice: text(&raw.advice),
        reference: text(&raw.reference),
    })
}

fn check_shape(a: &[Vec<f64>], c: &[f64], s: usize) -> Result<(), String> {
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
                "row {i} of `a` has {} entries and must have {i}: the stages before it",
                row.len()
            ));
        }
        if !(0.0..=1.0).contains(c) {
            return Err(format!("stage {} is at c = {c}, outside the step", i + 1));
        }
        let (sum, size) = row.iter().fold((0.0, 1.0), |(s, z), a| (s + a, z + a.abs()));
        if (sum - c).abs() > 8.0 * f64::EPSILON * size {
            return Err(format!("row {i} of `a` sums to {sum} and its `c` is {c}"));
        }
    }
    Ok(())
}

/// The cubic through both states and slopes. The slope at the end is the last stage, or an extra one
/// that is the first stage of the next step.
fn hermite(b: &[f64], fsal: bool) -> (ExtraStages, &'static [&'static [f64]]) {
    if fsal {
        return (ExtraStages::NONE, matrix(cubic(b)));
    }
    // In Chebyshev polynomials of x = 2θ − 1, with θ in front: 3θ − 2θ² is 3/4 + x/2 − T₂/4,
    // (1 − θ)² is 3/8 − x/2 + T₂/8 and θ² − θ is −1/8 + T₂/8.
    let mut rows: Vec<Vec<f64>> = b.iter().map(|b| vec![0.75 * b, 0.5 * b, -0.25 * b]).collect();
    for (d, more) in rows[0].iter_mut().zip([0.375, -0.5, 0.125]) {
        *d += more;
    }
    rows.push(vec![-0.125, 0.0, 0.125]);
    let extra =
        ExtraStages { a: matrix(vec![b.to_vec()]), c: vec![1.0].leak(), dense: matrix(rows) };
    (extra, &[])
}
