//! The levels of the tape: what is kept under which budget, and that nothing is lost.

use super::{Level, Tape};
use slopefield_solve::runge_kutta::{BS3, TSIT5};
use slopefield_solve::{ExplicitRungeKutta, Ivp, Settings, Tableau, drive};

/// All stage states of all steps, as read back segment by segment, with the level reached and
/// the bytes held.
fn recorded(table: &'static Tableau, budget: u64) -> (Vec<Vec<f64>>, Level, u64, u64) {
    let problem = slopefield_problems::lotka_volterra();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 10.0, u0: &problem.u0, p: &problem.p };
    let mut tape = Tape::new(table, budget);
    tape.clear(2);
    let mut stepper = ExplicitRungeKutta::new(table);
    let settings = Settings::with_tolerances(1e-6, 1e-6);
    drive(&mut stepper, &ivp, &settings, &[], &mut [], Some(&mut tape)).unwrap();
    let mut blocks = Vec::new();
    for index in 0..tape.segments() {
        let segment = tape.segment(&ivp, index);
        blocks.extend((0..segment.len()).map(|i| segment.block(i).to_vec()));
    }
    assert_eq!(blocks.len(), tape.steps());
    (blocks, tape.level(), tape.bytes(), tape.recomputed)
}

#[test]
fn every_level_gives_the_same_bits() {
    for table in [&TSIT5, &BS3] {
        let (full, level, all_bytes, recomputed) = recorded(table, u64::MAX);
        assert_eq!((level, recomputed), (Level::Stages, 0), "{}", table.id);
        let mut levels = Vec::new();
        for budget in [all_bytes, all_bytes - 1, all_bytes / 4, all_bytes / 5, 0] {
            let (blocks, level, bytes, recomputed) = recorded(table, budget);
            assert_eq!(blocks, full, "{} at {level:?}", table.id);
            assert_eq!(recomputed > 0, level != Level::Stages);
            // Only the smallest budget cannot be met.
            assert!(bytes <= budget || budget == 0, "{}: {bytes} of {budget}", table.id);
            levels.push(level);
        }
        assert_eq!(levels[0], Level::Stages);
        assert_eq!(levels[1], Level::States { stride: 1 });
        assert!(matches!(levels[4], Level::States { stride } if stride >= 2), "{levels:?}");
    }
}

#[test]
fn the_stride_stops_growing_where_segments_would_outweigh_checkpoints() {
    let (blocks, level, bytes, _) = recorded(&TSIT5, 0);
    let Level::States { stride } = level else { panic!("{level:?}") };
    // N/stride states against 6·stride for the segment: near √(N/6).
    let best = (blocks.len() as f64 / 6.0).sqrt();
    assert!((stride as f64) < 2.0 * best && (stride as f64) > 0.5 * best, "{stride} {best}");
    assert!(bytes < 8 * 6 * 2 * blocks.len() as u64 / 3, "{bytes}");
}
