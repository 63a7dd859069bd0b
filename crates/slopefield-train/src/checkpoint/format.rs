//! Bytes of a checkpoint: magic, version, length, content, checksum of the content.
//!
//! Numbers are little-endian bit patterns, so nothing is rounded.

mod search;
mod started;

use super::{Best, Checkpoint, CheckpointError, OptimiserState};
use crate::batch::Batch;
use crate::bytes::{Fnv, Malformed, Reader, Writer};
use crate::optimise::{Adam, AdamSettings, Clip, Lbfgs, Lbfgsb, LevenbergMarquardt, Schedule};
use crate::recipe::{EarlyStopping, Optimiser, Scope, Search, Stage};

const MAGIC: &[u8; 8] = b"SLPFTRN\n";
const VERSION: u32 = 1;
/// Magic, version, length.
const HEADER: usize = 8 + 4 + 8;

pub(super) fn write(c: &Checkpoint) -> Vec<u8> {
    let mut w = Writer::default();
    w.count(c.fingerprint);
    w.0.extend(stages(&c.stages, c.early_stopping));
    w.count(c.stage as u64);
    w.count(c.stage_iteration);
    w.count(c.iteration);
    w.byte(u8::from(c.checked));
    w.numbers(&c.z);
    match &c.optimiser {
        None => w.byte(0),
        Some(OptimiserState::Adam(adam)) => {
            w.byte(1);
            write_adam(&mut w, adam);
        }
        Some(OptimiserState::Lbfgs(l)) => {
            w.byte(2);
            for v in [&l.z, &l.gradient, &l.s, &l.y] {
                w.numbers(v);
            }
            w.number(l.loss);
            w.count(u64::from(l.small_decreases));
            w.count(l.steps);
        }
        Some(OptimiserState::LevenbergMarquardt(lm)) => {
            w.byte(3);
            for v in [&lm.z, &lm.gradient, &lm.information, &lm.scale] {
                w.numbers(v);
            }
            for v in [lm.loss, lm.damping, lm.growth] {
                w.number(v);
            }
            w.count(u64::from(lm.small_decreases));
            w.count(lm.steps);
        }
        Some(OptimiserState::CmaEs(c, z)) => {
            w.byte(5);
            search::write(&mut w, c);
            w.numbers(z);
        }
        Some(OptimiserState::Lbfgsb(l, z)) => {
            w.byte(4);
            for v in [&l.x, &l.gradient, &l.s, &l.y, z] {
                w.numbers(v);
            }
            w.number(l.loss);
            w.count(u64::from(l.small_decreases));
            w.count(l.steps);
        }
    }
    option(&mut w, c.best.as_ref(), write_best);
    option(&mut w, c.overall.as_ref(), write_best);
    option(&mut w, c.best_hold_out.as_ref(), |w, (value, best)| {
        w.number(*value);
        write_best(w, best);
    });
    w.number(c.first_loss);
    w.numbers(&c.recent);
    option(&mut w, c.rollback.as_ref(), write_adam);
    w.count(u64::from(c.rollbacks));
    w.count(c.evaluations);
    w.number(c.elapsed);
    w.count(c.notes.len() as u64);
    for (iteration, note) in &c.notes {
        w.count(*iteration);
        w.text(note);
    }
    started::write(&mut w, &c.starts);

    let mut bytes = Vec::with_capacity(HEADER + w.0.len() + 8);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(w.0.len() as u64).to_le_bytes());
    let mut hash = Fnv::new();
    hash.bytes(&w.0);
    bytes.append(&mut w.0);
    bytes.extend_from_slice(&hash.0.to_le_bytes());
    bytes
}

pub(super) fn read(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let Some((magic, rest)) = bytes.split_at_checked(MAGIC.len()) else {
        return Err(CheckpointError::NotACheckpoint);
    };
    if magic != MAGIC {
        return Err(CheckpointError::NotACheckpoint);
    }
    let damaged = CheckpointError::Damaged;
    let (version, rest) = rest.split_first_chunk::<4>().ok_or(damaged)?;
    let found = u32::from_le_bytes(*version);
    if found != VERSION {
        return Err(CheckpointError::Version { found, known: VERSION });
    }
    let (length, rest) = rest.split_first_chunk::<8>().ok_or(damaged)?;
    let (content, sum) = rest.split_last_chunk::<8>().ok_or(damaged)?;
    let mut hash = Fnv::new();
    hash.bytes(content);
    if u64::from_le_bytes(*length) != content.len() as u64 || u64::from_le_bytes(*sum) != hash.0 {
        return Err(damaged);
    }
    let mut reader = Reader(content);
    let checkpoint = read_content(&mut reader).map_err(|Malformed| damaged)?;
    if reader.0.is_empty() { Ok(checkpoint) } else { Err(damaged) }
}

fn read_content(r: &mut Reader<'_>) -> Result<Checkpoint, Malformed> {
    let fingerprint = r.count()?;
    let (stages, early_stopping) = read_stages(r)?;
    let index = |v: u64| usize::try_from(v).map_err(|_| Malformed);
    Ok(Checkpoint {
        fingerprint,
        stages,
        early_stopping,
        stage: index(r.count()?)?,
        stage_iteration: r.count()?,
        iteration: r.count()?,
        checked: match r.byte()? {
            0 => false,
            1 => true,
            _ => return Err(Malformed),
        },
        z: r.numbers()?,
        optimiser: match r.byte()? {
            0 => None,
            1 => Some(OptimiserState::Adam(read_adam(r)?)),
            2 => Some(OptimiserState::Lbfgs(Lbfgs {
                z: r.numbers()?,
                gradient: r.numbers()?,
                s: r.numbers()?,
                y: r.numbers()?,
                loss: r.number()?,
                small_decreases: small(r)?,
                steps: r.count()?,
            })),
            3 => Some(OptimiserState::LevenbergMarquardt(LevenbergMarquardt {
                z: r.numbers()?,
                gradient: r.numbers()?,
                information: r.numbers()?,
                scale: r.numbers()?,
                loss: r.number()?,
                damping: r.number()?,
                growth: r.number()?,
                small_decreases: small(r)?,
                steps: r.count()?,
            })),
            4 => {
                let [x, gradient, s, y, z] =
                    [r.numbers()?, r.numbers()?, r.numbers()?, r.numbers()?, r.numbers()?];
                let (loss, small_decreases, steps) = (r.number()?, small(r)?, r.count()?);
                Some(OptimiserState::Lbfgsb(
                    Lbfgsb { x, gradient, s, y, loss, small_decreases, steps },
                    z,
                ))
            }
            5 => Some(OptimiserState::CmaEs(search::read(r)?, r.numbers()?)),
            _ => return Err(Malformed),
        },
        best: read_option(r, read_best)?,
        overall: read_option(r, read_best)?,
        best_hold_out: read_option(r, |r| Ok((r.number()?, read_best(r)?)))?,
        first_loss: r.number()?,
        recent: r.numbers()?,
        rollback: read_option(r, read_adam)?,
        rollbacks: small(r)?,
        evaluations: r.count()?,
        elapsed: r.number()?,
        notes: notes(r)?,
        starts: started::read(r)?,
    })
}

fn notes(r: &mut Reader<'_>) -> Result<Vec<(u64, String)>, Malformed> {
    (0..r.len(16)?).map(|_| Ok((r.count()?, r.text()?))).collect()
}

fn small(r: &mut Reader<'_>) -> Result<u32, Malformed> {
    u32::try_from(r.count()?).map_err(|_| Malformed)
}

fn option<T>(w: &mut Writer, value: Option<&T>, write: impl Fn(&mut Writer, &T)) {
    w.byte(u8::from(value.is_some()));
    if let Some(value) = value {
        write(w, value);
    }
}

fn read_option<T>(
    r: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    match r.byte()? {
        0 => Ok(None),
        1 => read(r).map(Some),
        _ => Err(Malformed),
    }
}

fn write_adam(w: &mut Writer, a: &Adam) {
    for v in [&a.z, &a.gradient, &a.m, &a.v] {
        w.numbers(v);
    }
    w.number(a.loss);
    w.count(a.steps);
    w.number(a.damping);
    w.number(a.norm_average);
}

fn read_adam(r: &mut Reader<'_>) -> Result<Adam, Malformed> {
    Ok(Adam {
        z: r.numbers()?,
        gradient: r.numbers()?,
        m: r.numbers()?,
        v: r.numbers()?,
        loss: r.number()?,
        steps: r.count()?,
        damping: r.number()?,
        norm_average: r.number()?,
    })
}

fn write_best(w: &mut Writer, b: &Best) {
    w.numbers(&b.z);
    w.number(b.loss);
    option(w, b.log_likelihood.as_ref(), |w, v| w.number(*v));
    w.number(b.sse);
    w.number(b.horizon);
    w.count(b.iteration);
}

fn read_best(r: &mut Reader<'_>) -> Result<Best, Malformed> {
    Ok(Best {
        z: r.numbers()?,
        loss: r.number()?,
        log_likelihood: read_option(r, |r| r.number())?,
        sse: r.number()?,
        horizon: r.number()?,
        iteration: r.count()?,
    })
}

/// Added to the tag of a stage that has patience, of one over segments, and of one whose memory of squared
/// gradients is not the usual one; what they say stands at its end.
const PATIENT: u8 = 8;
const IN_SEGMENTS: u8 = 16;
const OTHER_MEMORY: u8 = 32;

/// Bytes of a recipe's stages; also what the fingerprint covers.
pub(super) fn stages(stages: &[Stage], early_stopping: Option<EarlyStopping>) -> Vec<u8> {
    let mut w = Writer::default();
    w.count(stages.len() as u64);
    for s in stages {
        let batched = s.batch.experiments > 0;
        let tag = match s.optimiser {
            Optimiser::Adam if batched => 6,
            Optimiser::AdamW if batched => 7,
            Optimiser::Adam => 0,
            Optimiser::Lbfgs => 1,
            Optimiser::LevenbergMarquardt => 2,
            Optimiser::AdamW => 3,
            Optimiser::Lbfgsb => 4,
            Optimiser::CmaEs => 5,
        };
        let patient = if s.patience > 0 { PATIENT } else { 0 };
        let in_segments = if s.segments > 0 { IN_SEGMENTS } else { 0 };
        let remembers = s.is_adam() && s.beta2 != AdamSettings::default().beta2;
        w.byte(tag + patient + in_segments + if remembers { OTHER_MEMORY } else { 0 });
        w.count(u64::from(s.iterations));
        w.number(s.rate);
        w.number(s.horizon);
        let (tag, value) = match s.schedule {
            Schedule::Constant => (0, 0.0),
            Schedule::Cosine(v) => (1, v),
            Schedule::Exponential(v) => (2, v),
        };
        w.byte(tag);
        w.number(value);
        let (tag, value) = match s.clip {
            Clip::None => (0, 0.0),
            Clip::Norm(v) => (1, v),
            Clip::Relative(v) => (2, v),
        };
        w.byte(tag);
        w.number(value);
        w.byte(match s.scope {
            Scope::All => 0,
            Scope::Scalars => 1,
            Scope::Weights => 2,
            Scope::AllButNoise => 3,
            Scope::Noise => 4,
        });
        if s.optimiser == Optimiser::AdamW {
            w.number(s.decay);
        }
        if batched && s.is_adam() {
            w.count(u64::from(s.batch.experiments));
            w.count(s.batch.seed);
        }
        if s.optimiser == Optimiser::CmaEs {
            w.number(s.search.spread);
            w.count(u64::from(s.search.population));
            w.count(s.search.seed);
        }
        if s.patience > 0 {
            w.count(u64::from(s.patience));
        }
        if s.segments > 0 {
            w.count(u64::from(s.segments));
        }
        if remembers {
            w.number(s.beta2);
        }
    }
    option(&mut w, early_stopping.as_ref(), |w, e| w.count(u64::from(e.patience)));
    w.0
}

fn read_stages(r: &mut Reader<'_>) -> Result<(Vec<Stage>, Option<EarlyStopping>), Malformed> {
    let stage = |r: &mut Reader<'_>| {
        let tag = r.byte()?;
        let (tag, more) = (tag % PATIENT, tag & !(PATIENT - 1));
        let mut stage = Stage {
            optimiser: match tag {
                0 | 6 => Optimiser::Adam,
                1 => Optimiser::Lbfgs,
                2 => Optimiser::LevenbergMarquardt,
                3 | 7 => Optimiser::AdamW,
                4 => Optimiser::Lbfgsb,
                5 => Optimiser::CmaEs,
                _ => return Err(Malformed),
            },
            patience: 0,
            segments: 0,
            iterations: small(r)?,
            rate: r.number()?,
            horizon: r.number()?,
            schedule: match (r.byte()?, r.number()?) {
                (0, _) => Schedule::Constant,
                (1, v) => Schedule::Cosine(v),
                (2, v) => Schedule::Exponential(v),
                _ => return Err(Malformed),
            },
            clip: match (r.byte()?, r.number()?) {
                (0, _) => Clip::None,
                (1, v) => Clip::Norm(v),
                (2, v) => Clip::Relative(v),
                _ => return Err(Malformed),
            },
            scope: match r.byte()? {
                0 => Scope::All,
                1 => Scope::Scalars,
                2 => Scope::Weights,
                3 => Scope::AllButNoise,
                4 => Scope::Noise,
                _ => return Err(Malformed),
            },
            decay: 0.0,
            beta2: AdamSettings::default().beta2,
            search: Search::default(),
            batch: Batch::default(),
        };
        if stage.optimiser == Optimiser::AdamW {
            stage.decay = r.number()?;
        }
        if tag == 6 || tag == 7 {
            stage.batch = Batch { experiments: small(r)?, seed: r.count()? };
        }
        if stage.optimiser == Optimiser::CmaEs {
            let (spread, population, seed) = (r.number()?, small(r)?, r.count()?);
            stage.search = Search { spread, population, seed };
        }
        if more & !(PATIENT | IN_SEGMENTS | OTHER_MEMORY) != 0 {
            return Err(Malformed);
        }
        if more & PATIENT != 0 {
            stage.patience = small(r)?;
        }
        if more & IN_SEGMENTS != 0 {
            stage.segments = small(r)?;
        }
        if more & OTHER_MEMORY != 0 {
            stage.beta2 = r.number()?;
        }
        Ok(stage)
    };
    // A stage takes 44 bytes at least.
    let list = (0..r.len(44)?).map(|_| stage(r)).collect::<Result<_, _>>()?;
    let early = read_option(r, |r| Ok(EarlyStopping { patience: small(r)? }))?;
    Ok((list, early))
}
