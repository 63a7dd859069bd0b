use super::*;
use crate::batch::Batch;
use crate::fit::{Fit, StopReason};
use crate::optimise::{Clip, Schedule};
use crate::recipe::{Optimiser, Scope, Search};

fn best(seed: f64) -> Best {
    Best {
        z: vec![seed, -0.0, f64::MIN_POSITIVE],
        loss: seed.sqrt(),
        log_likelihood: (seed > 2.0).then_some(-seed),
        sse: 0.1 * seed,
        horizon: 0.25,
        iteration: 41,
    }
}

fn started(index: u32) -> Started {
    Started {
        index,
        begin: vec![0.1, 0.2, 0.3],
        first_loss: f64::INFINITY,
        fit: Fit {
            theta: vec![1.0 / 3.0, -0.0, 7.0],
            loss: 3.25,
            horizon: 1.0,
            log_likelihood: (index == 0).then_some(-8.0),
            sse: 0.125,
            hold_out: (index == 4).then_some(0.5),
            iterations: 31,
            stop_reason: match index {
                0 => StopReason::Converged,
                _ => StopReason::EarlyStopping { patience: 9 },
            },
            best_iteration: 30,
            evaluations: 77,
            notes: vec![(3, "späte Spitze".into())],
            gradient_check: None,
            starts: Vec::new(),
        },
    }
}

fn adam() -> Adam {
    Adam {
        z: vec![1.0 / 3.0; 3],
        loss: 4.0,
        gradient: vec![-0.1; 3],
        m: vec![0.2; 3],
        v: vec![1e-300; 3],
        steps: 17,
        damping: 0.125,
        norm_average: 9.0,
    }
}

fn example(optimiser: Option<OptimiserState>) -> Checkpoint {
    Checkpoint {
        fingerprint: 0xdead_beef_1234_5678,
        stages: vec![
            Stage {
                schedule: Schedule::Cosine(0.1),
                clip: Clip::Relative(5.0),
                ..Stage::adam(7, 0.05, 0.3)
            },
            Stage {
                schedule: Schedule::Exponential(0.9),
                clip: Clip::Norm(2.0),
                ..Stage::adam(9, 0.01, 0.5)
            },
            Stage { scope: Scope::Weights, ..Stage::lbfgs(11, 1.0) },
            Stage { scope: Scope::Scalars, ..Stage::lbfgs(13, 1.0) },
            Stage::adamw(15, 0.02, 0.3, 1.0),
            Stage::lbfgsb(17, 1.0),
            Stage { batch: Batch { experiments: 3, seed: 9 }, ..Stage::adam(21, 0.02, 1.0) },
            Stage { batch: Batch { experiments: 4, seed: 8 }, ..Stage::adamw(23, 0.02, 0.3, 1.0) },
            Stage { patience: 40, ..Stage::lbfgs(25, 1.0) },
            Stage { segments: 12, ..Stage::adam(29, 0.02, 1.0) },
            Stage { beta2: 0.95, ..Stage::adamw(30, 0.02, 0.1, 1.0) },
            Stage {
                patience: 50,
                batch: Batch { experiments: 2, seed: 7 },
                ..Stage::adamw(27, 0.02, 0.3, 1.0)
            },
            Stage::cma_es(19, Search { spread: 0.3, population: 12, seed: u64::MAX }, 1.0),
        ],
        early_stopping: Some(EarlyStopping { patience: 31 }),
        stage: 2,
        stage_iteration: 5,
        iteration: 21,
        checked: true,
        z: vec![0.5, 0.25, f64::EPSILON],
        optimiser,
        best: Some(best(1.5)),
        overall: Some(best(2.5)),
        best_hold_out: Some((0.75, best(3.5))),
        first_loss: f64::INFINITY,
        recent: vec![9.0, 8.0, 7.5],
        rollback: Some(adam()),
        rollbacks: 3,
        evaluations: 123_456,
        elapsed: 1.25,
        notes: vec![(0, "begun".into()), (20, "θ went üp".into())],
        starts: Vec::new(),
    }
}

fn examples() -> Vec<Checkpoint> {
    let lbfgs = Lbfgs {
        z: vec![1.0, 2.0, 3.0],
        loss: -7.0,
        gradient: vec![0.1, 0.2, 0.3],
        s: vec![0.5; 6],
        y: vec![0.25; 6],
        small_decreases: 2,
        steps: 8,
    };
    let lbfgsb = Lbfgsb {
        x: vec![1.0, 2.0, 3.0],
        loss: 7.0,
        gradient: vec![0.1, 0.2, 0.3],
        s: vec![0.5; 3],
        y: vec![0.25; 3],
        small_decreases: 1,
        steps: 4,
    };
    // Two of the three elements move.
    let search = CmaEs {
        z: vec![1.0, 2.0],
        loss: 5.0,
        mean: vec![0.5, -0.0],
        sigma: 0.25,
        covariance: vec![2.0, 0.5, 0.5, 1.0],
        axes: vec![0.6, 0.8, -0.8, 0.6],
        lengths: vec![1.5, 0.75],
        path: vec![0.1, 0.2],
        sigma_path: vec![0.3, 0.4],
        generations: 6,
        recent: vec![9.0, 5.0],
    };
    let mut empty = example(None);
    empty.best = None;
    empty.overall = None;
    empty.best_hold_out = None;
    empty.rollback = None;
    empty.early_stopping = None;
    empty.notes.clear();
    let mut many = example(None);
    many.starts = vec![started(4), started(0)];
    vec![
        example(None),
        example(Some(OptimiserState::Adam(adam()))),
        example(Some(OptimiserState::Lbfgs(lbfgs))),
        example(Some(OptimiserState::Lbfgsb(lbfgsb, vec![0.5, f64::NEG_INFINITY, 1.0]))),
        example(Some(OptimiserState::CmaEs(search, vec![1.0, 7.0, 2.0]))),
        empty,
        many,
    ]
}

#[test]
fn bytes_give_back_the_same_value() {
    for checkpoint in examples() {
        let bytes = checkpoint.to_bytes();
        let back = Checkpoint::from_bytes(&bytes).unwrap();
        assert_eq!(back, checkpoint);
        // Also where `==` does not look: -0.0.
        assert_eq!(back.to_bytes(), bytes);
        assert!(back.fits(3));
        assert!(!back.fits(2));
    }
}

#[test]
fn damage_anywhere_is_found() {
    let bytes = examples()[2].to_bytes();
    for i in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[i] ^= 0x10;
        assert!(Checkpoint::from_bytes(&bad).is_err(), "byte {i}");
        assert!(Checkpoint::from_bytes(&bytes[..i]).is_err(), "length {i}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Checkpoint::from_bytes(&longer), Err(CheckpointError::Damaged));
}

#[test]
fn other_data_and_later_versions_are_told_apart() {
    assert_eq!(Checkpoint::from_bytes(b""), Err(CheckpointError::NotACheckpoint));
    assert_eq!(
        Checkpoint::from_bytes(b"SQLite format 3\0...."),
        Err(CheckpointError::NotACheckpoint)
    );
    let mut later = examples()[0].to_bytes();
    later[8] = 2;
    assert_eq!(
        Checkpoint::from_bytes(&later),
        Err(CheckpointError::Version { found: 2, known: 1 })
    );
}

#[test]
fn content_with_a_right_checksum_but_wrong_inside_is_damage_not_a_panic() {
    // Re-seal every single-byte change with a matching checksum.
    let bytes = examples()[1].to_bytes();
    let mut refused = 0;
    for i in 20..bytes.len() - 8 {
        for flip in [0x01u8, 0xff] {
            let mut bad = bytes.clone();
            bad[i] ^= flip;
            let end = bad.len() - 8;
            let mut hash = Fnv::new();
            hash.bytes(&bad[20..end]);
            bad[end..].copy_from_slice(&hash.0.to_le_bytes());
            refused += u32::from(Checkpoint::from_bytes(&bad).is_err());
        }
    }
    assert!(refused > 50, "only {refused} changes were refused");
}

#[test]
fn the_optimiser_of_a_stage_is_kept() {
    let back = Checkpoint::from_bytes(&examples()[2].to_bytes()).unwrap();
    assert_eq!(back.stages[2].optimiser, Optimiser::Lbfgs);
    assert_eq!(back.optimiser.as_ref().unwrap().loss(), -7.0);
    assert_eq!(back.optimiser.as_ref().unwrap().gradient(), Some(&[0.1, 0.2, 0.3][..]));
}
