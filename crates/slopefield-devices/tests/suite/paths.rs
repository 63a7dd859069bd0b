//! Paths of equations with noise on cards: who computes them, and what is said where a card fails.

use crate::common::{Fake, Fault, MARK, lowered};
use slopefield_devices::{NoCards, PathWork, Site, Wanted, with_paths};
use slopefield_graph::LoweredModel;
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_solve::Settings;

fn work<'a>(model: &'a LoweredModel, settings: &'a Settings) -> PathWork<'a> {
    PathWork {
        model,
        noise: (NoiseKind::Diagonal, Calculus::Ito),
        method: "sosri",
        t0: 0.0,
        t1: 1.0,
        count: 2000,
        u0: &[1.0],
        p: &[0.5],
        settings,
        saves: &[0.5, 1.0],
    }
}

/// Portions of 2000 paths, from number 10 on: which ones a card computed, and what was told.
fn portions(fault: Fault, wanted: &Wanted, processor_s: f64) -> (Vec<bool>, Vec<String>) {
    let model = lowered("state x = 1\nparam a = 0.5\nnoise W\nx' = a*x + 0.3*x*W'\n");
    let mut settings = Settings { path: 10, ..Settings::with_tolerances(1e-3, 1e-5) };
    (settings.h_init, settings.h_max) = (Some(0.125), 0.125);
    let fake = Fake::new(fault);
    let site = if fault == Fault::NoDriver { Site::new(&NoCards) } else { Site::new(&fake) };
    with_paths(&work(&model, &settings), wanted, &site, processor_s, |paths| {
        let mut by_card = Vec::new();
        for portion in 0..3 {
            let first = 10 + 2000 * portion;
            let settings = Settings { path: first, ..settings.clone() };
            let mut out = vec![0.0; 4000];
            let found = paths.fill(&work(&model, &settings), &mut out);
            by_card.push(found.is_some());
            if let Some(results) = found {
                assert!(results.len() == 2000 && results.iter().all(Result::is_ok));
                let number = |k: usize| MARK + (first + k as u64) as f64;
                assert!(out.chunks(2).enumerate().all(|(k, row)| row == [number(k); 2]));
            }
        }
        (by_card, paths.sentences())
    })
}

#[test]
fn a_card_that_was_asked_for_computes_and_the_processor_goes_on_where_it_fails() {
    let lost = "Fake 9000 was lost: it fell off the bus";
    for (fault, by_card, said) in [
        (Fault::Nothing, [true; 3], None),
        (Fault::MemoryOf(1100), [true; 3], None),
        (
            Fault::MemoryOf(10),
            [false; 3],
            Some("the processor computes instead: it is full".to_owned()),
        ),
        (
            Fault::RefusesTheModel,
            [false; 3],
            Some("the processor computes instead: delays are not for cards".into()),
        ),
        (
            Fault::LostIn(1),
            [true, false, false],
            Some(format!("after 2000 paths {lost}; the processor goes on")),
        ),
        (
            Fault::AnswersForHalfIn(2),
            [true, true, false],
            Some(
                "after 4000 paths the card answered for 1000 of 2000 only; the processor goes on"
                    .into(),
            ),
        ),
    ] {
        let (found, told) = portions(fault, &Wanted::Card, 1.0);
        assert_eq!(found, by_card, "{fault:?}");
        match said {
            None => assert_eq!(told, ["Fake 9000, as asked for"], "{fault:?}"),
            Some(said) => assert_eq!(told.last(), Some(&said), "{fault:?}"),
        }
    }
    let (found, told) = portions(Fault::NoDriver, &Wanted::Card, 1.0);
    assert_eq!(found, [false; 3]);
    assert!(told[0].starts_with("the processor: no card can be used:"), "{told:?}");
}

#[test]
fn auto_compares_a_trial_with_the_processor() {
    let (found, told) = portions(Fault::Nothing, &Wanted::Auto, 0.01);
    assert_eq!(found, [false; 3]);
    assert_eq!(told, ["the processor: all of it takes about 10 ms there"]);
    let (found, told) = portions(Fault::Nothing, &Wanted::Auto, 3600.0);
    assert_eq!(found, [true; 3]);
    assert!(told[0].starts_with("Fake 9000, which takes about"), "{told:?}");
    let (found, told) = portions(Fault::Nothing, &Wanted::Processor, 3600.0);
    assert_eq!((found, &told[0][..]), (vec![false; 3], "the processor: it was asked for"));
}
