//! Bytes of trainings from other places that are done.

use super::{notes, option, read_option, small};
use crate::bytes::{Malformed, Reader, Writer};
use crate::fit::{Fit, StopReason};
use crate::starts::Started;

/// Nothing at all where there are none, as in files of versions that knew one start only.
pub(super) fn write(w: &mut Writer, starts: &[Started]) {
    // What failed is run again: it fails again, and its reason has no bytes.
    let done: Vec<_> = starts.iter().filter(|s| reason(&s.fit.stop_reason).is_some()).collect();
    if done.is_empty() {
        return;
    }
    w.count(done.len() as u64);
    for s in done {
        let fit = &s.fit;
        w.count(u64::from(s.index));
        w.numbers(&s.begin);
        w.number(s.first_loss);
        w.numbers(&fit.theta);
        for v in [fit.loss, fit.horizon, fit.sse] {
            w.number(v);
        }
        option(w, fit.log_likelihood.as_ref(), |w, v| w.number(*v));
        option(w, fit.hold_out.as_ref(), |w, v| w.number(*v));
        for v in [fit.iterations, fit.best_iteration, fit.evaluations] {
            w.count(v);
        }
        let (tag, patience) = reason(&fit.stop_reason).unwrap_or_default();
        w.byte(tag);
        w.count(u64::from(patience));
        w.count(fit.notes.len() as u64);
        for (iteration, note) in &fit.notes {
            w.count(*iteration);
            w.text(note);
        }
    }
}

fn reason(reason: &StopReason) -> Option<(u8, u32)> {
    match reason {
        StopReason::Converged => Some((0, 0)),
        StopReason::Iterations => Some((1, 0)),
        StopReason::EarlyStopping { patience } => Some((2, *patience)),
        _ => None,
    }
}

pub(super) fn read(r: &mut Reader<'_>) -> Result<Vec<Started>, Malformed> {
    if r.0.is_empty() {
        return Ok(Vec::new());
    }
    // A training takes more than 100 bytes.
    (0..r.len(100)?).map(|_| read_one(r)).collect()
}

fn read_one(r: &mut Reader<'_>) -> Result<Started, Malformed> {
    Ok(Started {
        index: small(r)?,
        begin: r.numbers()?,
        first_loss: r.number()?,
        fit: Fit {
            theta: r.numbers()?,
            loss: r.number()?,
            horizon: r.number()?,
            sse: r.number()?,
            log_likelihood: read_option(r, |r| r.number())?,
            hold_out: read_option(r, |r| r.number())?,
            iterations: r.count()?,
            best_iteration: r.count()?,
            evaluations: r.count()?,
            stop_reason: match (r.byte()?, small(r)?) {
                (0, _) => StopReason::Converged,
                (1, _) => StopReason::Iterations,
                (2, patience) => StopReason::EarlyStopping { patience },
                _ => return Err(Malformed),
            },
            notes: notes(r)?,
            gradient_check: None,
            starts: Vec::new(),
        },
    })
}
