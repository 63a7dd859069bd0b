//! Bytes of the state of CMA-ES.

use crate::bytes::{Malformed, Reader, Writer};
use crate::optimise::CmaEs;

pub(super) fn write(w: &mut Writer, c: &CmaEs) {
    let lists =
        [&c.z, &c.mean, &c.covariance, &c.axes, &c.lengths, &c.path, &c.sigma_path, &c.recent];
    for v in lists {
        w.numbers(v);
    }
    w.number(c.loss);
    w.number(c.sigma);
    w.count(c.generations);
}

pub(super) fn read(r: &mut Reader<'_>) -> Result<CmaEs, Malformed> {
    Ok(CmaEs {
        z: r.numbers()?,
        mean: r.numbers()?,
        covariance: r.numbers()?,
        axes: r.numbers()?,
        lengths: r.numbers()?,
        path: r.numbers()?,
        sigma_path: r.numbers()?,
        recent: r.numbers()?,
        loss: r.number()?,
        sigma: r.number()?,
        generations: r.count()?,
    })
}
