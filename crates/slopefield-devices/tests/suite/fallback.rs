//! Cards that fail in every way there is: nothing is lost, nothing is computed twice, and it is said.

use crate::common::{Fake, Fault, MARK, Scan, tsit5};
use slopefield_devices::{Method, NoCards, Progress, Site, Solved, Wanted, Work, solve};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const COUNT: usize = 4000;
const PORTION: usize = 1500;

fn with(fault: Fault, wanted: &Wanted) -> (Fake, Solved, Vec<f64>, Vec<f64>) {
    let scan = Scan::new(COUNT);
    let fake = Fake::new(fault);
    let site = Site { portion: PORTION, ..Site::new(&fake) };
    let mut out = vec![f64::NAN; COUNT * scan.work().row()];
    let solved = solve(&scan.work(), wanted, &site, &mut out).expect("it makes sense");
    assert_eq!(solved.trajectories.len(), COUNT);
    assert!(solved.trajectories.iter().all(Result::is_ok));
    (fake, solved, out, scan.expected())
}

/// The first `on_card` trajectories are the card's, the others the processor's, to the last bit.
#[track_caller]
fn assert_split(out: &[f64], expected: &[f64], on_card: usize) {
    let row = expected.len() / COUNT;
    for (i, (got, want)) in out.chunks(row).zip(expected.chunks(row)).enumerate() {
        let mark = if i < on_card { MARK } else { 0.0 };
        let want: Vec<f64> = want.iter().map(|x| x + mark).collect();
        assert_eq!(got, want, "trajectory {i}");
    }
}

#[test]
fn a_card_that_works_does_all_of_it() {
    let (fake, solved, out, expected) = with(Fault::Nothing, &Wanted::Card);
    assert_split(&out, &expected, COUNT);
    assert_eq!(fake.portions(), [1500, 1500, 1000]);
    assert_eq!((solved.on_card, solved.device.as_str()), (COUNT, "Fake 9000"));
    assert_eq!(solved.sentences, ["Fake 9000, as asked for"]);
}

#[test]
fn the_processor_computes_where_there_is_no_card() {
    for (fault, why) in [
        (Fault::NoDriver, "the processor, because no card can be used: no driver"),
        (
            Fault::DriverPanics,
            "the processor, because no card can be used: the graphics driver failed",
        ),
    ] {
        let (fake, solved, out, expected) = with(fault, &Wanted::Card);
        assert_split(&out, &expected, 0);
        assert!(fake.portions().is_empty());
        assert_eq!((solved.on_card, solved.device.as_str()), (0, "processor"));
        assert_eq!(solved.sentences, [why]);
    }
    let (_, solved, out, expected) = with(Fault::Nothing, &Wanted::Named("Other".into()));
    assert_split(&out, &expected, 0);
    assert!(solved.sentences[0].contains("none is called `Other`"), "{:?}", solved.sentences);
}

#[test]
fn the_processor_computes_where_the_program_has_no_cards() {
    let scan = Scan::new(100);
    let mut out = vec![0.0; 400];
    let solved = solve(&scan.work(), &Wanted::Card, &Site::new(&NoCards), &mut out);
    let solved = solved.expect("it makes sense");
    assert_eq!(out, scan.expected());
    assert!(solved.sentences[0].contains("built without graphics cards"));
}

#[test]
fn the_processor_computes_what_the_card_has_no_form_for() {
    let (_, solved, out, expected) = with(Fault::RefusesTheModel, &Wanted::Card);
    assert_split(&out, &expected, 0);
    assert_eq!((solved.on_card, solved.device.as_str()), (0, "processor"));
    assert_eq!(solved.sentences[1], "the processor computes instead: delays are not for cards");
}

#[test]
fn the_processor_goes_on_where_a_card_was_lost() {
    let said = |done: usize, what: &str| {
        let rest = COUNT - done;
        format!("after {done} of 4000 trajectories {what}; the processor computed the other {rest}")
    };
    let lost = "Fake 9000 was lost: it fell off the bus";
    for (fault, what, done) in [
        (Fault::LostIn(1), lost, 1500),
        (Fault::LostIn(2), lost, 3000),
        (Fault::PanicsIn(1), "the graphics driver failed", 1500),
        (Fault::AnswersForHalfIn(2), "the card answered for 500 of 1000 only", 3000),
    ] {
        let (_, solved, out, expected) = with(fault, &Wanted::Card);
        assert_split(&out, &expected, done);
        assert_eq!((solved.on_card, solved.device.as_str()), (done, "Fake 9000"), "{fault:?}");
        assert_eq!(solved.sentences[1..], [said(done, what)], "{fault:?}");
    }
    let (_, solved, out, expected) = with(Fault::LostIn(0), &Wanted::Card);
    assert_split(&out, &expected, 0);
    assert_eq!(solved.sentences[1], format!("the processor computes instead: {lost}"));
    assert_eq!(solved.device, "processor");
}

#[test]
fn portions_are_halved_until_they_fit_into_the_memory() {
    let (fake, solved, out, expected) = with(Fault::MemoryOf(1100), &Wanted::Card);
    assert_split(&out, &expected, COUNT);
    // The first is too large and is cut once; no later one is tried at the old size.
    assert_eq!(fake.portions(), [1500, 750, 750, 750, 750, 750, 250]);
    assert_eq!(solved.sentences.len(), 1);
    // Not even the least portion fits.
    let (fake, solved, out, expected) = with(Fault::MemoryOf(10), &Wanted::Card);
    assert_split(&out, &expected, 0);
    assert_eq!(fake.portions(), [1500, 750]);
    assert_eq!(solved.sentences[1], "the processor computes instead: it is full");
}

#[test]
fn what_fails_for_want_of_precision_is_solved_again() {
    let which: &[usize] = &[0, 7, 1499, 1500, 3999];
    let (_, solved, out, expected) = with(Fault::StepsTooSmallAt(which), &Wanted::Card);
    let row = expected.len() / COUNT;
    for (i, (got, want)) in out.chunks(row).zip(expected.chunks(row)).enumerate() {
        let mark = if which.contains(&i) { 0.0 } else { MARK };
        let want: Vec<f64> = want.iter().map(|x| x + mark).collect();
        assert_eq!(got, want, "trajectory {i}");
    }
    assert_eq!(solved.on_card, COUNT - which.len());
    assert_eq!(
        solved.sentences[1],
        "5 trajectories failed in single precision, so the processor solved them again"
    );
}

/// A trajectory that has no solution fails on the processor too, in its words, and alone.
#[test]
fn what_has_no_solution_fails_on_both() {
    // x' = a·x² from 1 blows up at t = 1/a, before the end for all but a few.
    let text = "state x = 1\nparam a = 1\nx' = a*x^2\n";
    let scan = Scan::of(text, 10);
    let mut work = scan.work();
    work.u0 = slopefield_ensemble::Values::Same(&[1.0]);
    work.shared = &[f64::NAN];
    let fake = Fake::new(Fault::Nothing);
    let mut out = vec![0.0; 20];
    let solved = solve(&work, &Wanted::Card, &Site::new(&fake), &mut out).expect("it makes sense");
    assert!(solved.trajectories.iter().all(Result::is_err));
    assert!(out.iter().all(|x| x.is_nan()));
    let said = &solved.sentences[1];
    assert!(said.ends_with("solved them again; 10 failed there too"), "{said}");
}

#[test]
fn progress_counts_all_and_a_stop_is_heard() {
    let scan = Scan::new(COUNT);
    let fake = Fake::new(Fault::LostIn(1));
    let most = AtomicUsize::new(0);
    let tell = |begun: usize| _ = most.fetch_max(begun, Ordering::Relaxed);
    let site = Site { portion: PORTION, progress: Some(&tell), ..Site::new(&fake) };
    let mut out = vec![0.0; COUNT * scan.work().row()];
    solve(&scan.work(), &Wanted::Card, &site, &mut out).expect("it makes sense");
    assert_eq!(most.into_inner(), COUNT);

    let mut stopped = Scan::new(COUNT);
    stopped.settings.cancel = Some(Arc::new(AtomicBool::new(true)));
    let solved = solve(&stopped.work(), &Wanted::Card, &Site::new(&fake), &mut out);
    let solved = solved.expect("it makes sense");
    assert!(solved.trajectories.iter().all(Result::is_err));
    assert_eq!(solved.trajectories.len(), COUNT);
    assert_eq!(solved.sentences.len(), 1);
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    let scan = Scan::new(4);
    let fake = Fake::new(Fault::Nothing);
    let wrong = solve(&scan.work(), &Wanted::Card, &Site::new(&fake), &mut [0.0; 15]);
    assert!(wrong.is_err());
    let mut none = scan.work();
    none.count = 0;
    let solved = solve(&none, &Wanted::Card, &Site::new(&fake), &mut []).expect("nothing to do");
    assert!(solved.trajectories.is_empty());
}

/// What the processor solves in a way of its own, it does so for trials, the rest, and what failed.
#[test]
fn the_processor_has_a_way_of_its_own_where_one_is_given() {
    let scan = Scan::new(COUNT);
    let solved_apart = AtomicUsize::new(0);
    let apart = |work: &Work<'_>, out: &mut [f64], _: Progress<'_>| {
        solved_apart.fetch_add(work.count, Ordering::Relaxed);
        out.fill(7.0);
        Ok(vec![Ok(Default::default()); work.count])
    };
    let events = [];
    let work = Work { method: Method::Timed(tsit5(), &events), apart: Some(&apart), ..scan.work() };
    let fake = Fake::new(Fault::LostIn(1));
    let site = Site { portion: PORTION, ..Site::new(&fake) };
    let mut out = vec![f64::NAN; COUNT * work.row()];
    let solved = solve(&work, &Wanted::Card, &site, &mut out).expect("it makes sense");
    assert_eq!((solved.on_card, solved_apart.load(Ordering::Relaxed)), (PORTION, COUNT - PORTION));
    assert!(out[PORTION * work.row()..].iter().all(|x| *x == 7.0));
    // Ensembles have no such methods.
    let without = Work { apart: None, ..work };
    assert!(solve(&without, &Wanted::Processor, &site, &mut out).is_err());
}
