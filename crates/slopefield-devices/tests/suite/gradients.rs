//! Gradients on cards: what a card computes, and how a training goes on where it fails.

use crate::common::{Fake, Fault, LOTKA, MARK, differentiate, lowered};
use slopefield_devices::{
    Cards, Differentiated, GradientWork, NoCards, Site, Training, Wanted, with_gradients,
};
use slopefield_ensemble::Values;
use slopefield_graph::LoweredModel;
use slopefield_solve::{Settings, tableau};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const COUNT: usize = 300;

/// Trajectories of Lotka–Volterra with rates of growth and beginnings of their own.
struct Round {
    model: LoweredModel,
    u0: Vec<f64>,
    own: Vec<f64>,
    settings: Settings,
}

impl Round {
    fn new(rtol: f64) -> Round {
        let share = |k: usize| k as f64 / COUNT as f64;
        Round {
            model: lowered(LOTKA),
            u0: (0..COUNT).flat_map(|k| [0.5 + share(k), 1.5 - share(k)]).collect(),
            own: (0..COUNT).map(|k| 1.0 + share(k)).collect(),
            settings: Settings::with_tolerances(rtol, 0.1 * rtol),
        }
    }

    fn work(&self) -> GradientWork<'_> {
        GradientWork {
            model: &self.model,
            own_params: &[0],
            t0: 0.0,
            t1: 5.0,
            count: COUNT,
            u0: Values::Each(&self.u0),
            shared: &[f64::NAN, 1.0, 3.0, 1.0],
            own: Values::Each(&self.own),
            method: tableau("tsit5").expect("built in"),
            settings: &self.settings,
            saves: &[2.5, 5.0],
        }
    }
}

/// Half the sum of squares of all that is seen.
fn loss(_: usize, states: &[f64], by: &mut [f64]) -> f64 {
    by.copy_from_slice(states);
    0.5 * states.iter().map(|x| x * x).sum::<f64>()
}

/// Some rounds one after the other, and what was told.
fn rounds(
    cards: &dyn Cards,
    wanted: &Wanted,
    count: usize,
    processor: Option<(f64, f64)>,
    figures: Option<&Path>,
) -> (Vec<Option<Differentiated>>, Vec<String>) {
    let round = Round::new(1e-5);
    let site = Site { figures, ..Site::new(cards) };
    let training = Training { wanted, site, rounds: 100 };
    with_gradients(training, |gradients| {
        let mut all = Vec::new();
        for _ in 0..count {
            let processor = processor.filter(|_| gradients.wants_time());
            all.push(gradients.round(&round.work(), processor, &mut loss));
        }
        (all, gradients.sentences())
    })
}

/// All is the card's: what the processor computes, and the mark.
#[track_caller]
fn assert_by_card(found: &Differentiated) {
    let round = Round::new(1e-5);
    let wanted = differentiate(&round.work(), &mut loss);
    assert_eq!(found.trajectories.len(), COUNT);
    assert!(found.by_u0.iter().zip(&wanted.by_u0).all(|(a, b)| *a == b + MARK));
    assert_eq!(found.by_own, wanted.by_own);
    for (a, b) in found.by_shared.iter().zip(&wanted.by_shared) {
        assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} {b}");
    }
}

#[test]
fn a_card_that_was_asked_for_computes_all_rounds() {
    let fake = Fake::new(Fault::Nothing);
    let (found, told) = rounds(&fake, &Wanted::Card, 3, None, None);
    found.iter().for_each(|found| assert_by_card(found.as_ref().expect("the card computes")));
    assert_eq!(fake.portions(), [COUNT; 3]);
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("Fake 9000, as asked for, computes"), "{told:?}");
    assert!(told[0].contains("single precision"), "{told:?}");
}

#[test]
fn the_processor_is_left_to_go_on_where_a_card_fails() {
    let lost = "Fake 9000 was lost: it fell off the bus";
    let instead = "the processor computes the gradients instead:";
    for (fault, computed, said) in [
        (Fault::NoDriver, 0, "the processor, because no card can be used: no driver".to_owned()),
        (Fault::RefusesTheModel, 0, format!("{instead} delays are not for cards")),
        (Fault::LostIn(0), 0, format!("{instead} {lost}")),
        (Fault::LostIn(2), 2, format!("after 600 gradients {lost}; the processor goes on")),
        (
            Fault::PanicsIn(1),
            1,
            "after 300 gradients the graphics driver failed; the processor goes on".to_owned(),
        ),
        (
            Fault::AnswersForHalfIn(1),
            1,
            "after 300 gradients the card answered for 150 of 300 only; the processor goes on"
                .to_owned(),
        ),
        (Fault::MemoryOf(10), 0, format!("{instead} it is full")),
    ] {
        let fake = Fake::new(fault);
        let (found, told) = rounds(&fake, &Wanted::Card, 4, None, None);
        let by_card: Vec<bool> = found.iter().map(Option::is_some).collect();
        let wanted: Vec<bool> = (0..4).map(|k| k < computed).collect();
        assert_eq!((by_card, told.last()), (wanted, Some(&said)), "{fault:?}");
    }
}

#[test]
fn rounds_are_cut_until_they_fit_into_the_memory() {
    let fake = Fake::new(Fault::MemoryOf(100));
    let (found, _) = rounds(&fake, &Wanted::Card, 1, None, None);
    assert_by_card(found[0].as_ref().expect("the card computes"));
    assert_eq!(fake.portions(), [300, 150, 75, 75, 75, 75]);
}

#[test]
fn auto_takes_the_card_where_it_is_measured_to_be_faster_and_remembers() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("devices.json");
    let fake = Fake::new(Fault::Nothing);
    // A processor that takes an hour for a round.
    let (found, told) = rounds(&fake, &Wanted::Auto, 3, Some((3600.0, 1e4)), Some(&file));
    assert!(found.iter().all(Option::is_some));
    // The first round is run twice: one pays for the beginning.
    assert_eq!(fake.portions(), [COUNT; 4]);
    assert!(told[0].starts_with("Fake 9000, which takes"), "{told:?}");
    // One that takes a moment: it is known by now that the card takes longer, and it is not asked.
    let fake = Fake::new(Fault::Nothing);
    let (found, told) = rounds(&fake, &Wanted::Auto, 3, Some((2e-3, 1e9)), Some(&file));
    assert!(found.iter().all(Option::is_none));
    assert!(fake.portions().is_empty());
    assert!(told[0].starts_with("the processor: all gradients of a round take about"), "{told:?}");
    // Measured and found slower: that round is done, the others are the processor's.
    let fake = Fake::new(Fault::Nothing);
    let (found, told) = rounds(&fake, &Wanted::Auto, 3, Some((1.1e-3, 1e6)), None);
    let by_card: Vec<bool> = found.iter().map(Option::is_some).collect();
    assert_eq!(by_card, [true, false, false], "{told:?}");
}

#[test]
fn auto_leaves_little_work_and_machines_without_cards_to_the_processor() {
    let fake = Fake::new(Fault::Nothing);
    let (found, told) = rounds(&fake, &Wanted::Auto, 9, Some((1e-6, 1e4)), None);
    assert!(found.iter().all(Option::is_none) && fake.portions().is_empty());
    assert_eq!(told, ["the processor: all gradients take about 0.1 ms there"]);
    let software = Fake::with(Fault::Nothing, true);
    let (found, told) = rounds(&software, &Wanted::Auto, 2, Some((3600.0, 1e4)), None);
    assert!(found.iter().all(Option::is_none) && told[0].contains("runs on the processor too"));
    let (found, told) = rounds(&NoCards, &Wanted::Card, 2, None, None);
    assert!(found.iter().all(Option::is_none));
    assert!(told[0].contains("built without graphics cards"), "{told:?}");
}

#[test]
fn who_stops_is_not_told_where() {
    let mut round = Round::new(1e-5);
    round.settings.cancel = Some(Arc::new(AtomicBool::new(true)));
    let fake = Fake::new(Fault::Nothing);
    let training = Training { wanted: &Wanted::Card, site: Site::new(&fake), rounds: 1 };
    with_gradients(training, |gradients| {
        assert!(gradients.round(&round.work(), None, &mut loss).is_none());
        assert!(gradients.sentences().is_empty());
    });
}

/// The device that this machine has, software at least, in single precision at a tolerance of 1e-5 (a finer
/// one is asked for), against double precision at 1e-11.
#[test]
#[cfg(feature = "gpu")]
fn gradients_are_as_near_as_single_precision_lets_them() {
    let cards = slopefield_devices::cards();
    let found = cards.find();
    let name = &found.cards.first().expect("these tests need a Vulkan driver").name;
    let (strict, round) = (Round::new(1e-11), Round::new(1e-8));
    let wanted = differentiate(&strict.work(), &mut loss);
    let named = Wanted::Named(name.clone());
    let training = Training { wanted: &named, site: Site::new(cards), rounds: 1 };
    let (got, told) = with_gradients(training, |gradients| {
        (gradients.round(&round.work(), None, &mut loss), gradients.sentences())
    });
    let got = got.unwrap_or_else(|| panic!("{told:?}"));
    assert!(told[0].contains("1e-5"), "{told:?}");
    assert!(got.trajectories.iter().all(Result::is_ok));
    for (got, wanted) in [
        (&got.by_u0, &wanted.by_u0),
        (&got.by_own, &wanted.by_own),
        (&got.by_shared, &wanted.by_shared),
    ] {
        let size = wanted.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        let off = got.iter().zip(wanted).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
        assert!(off <= 1e-3 * size, "{off:e} of {size:e}");
    }
}
