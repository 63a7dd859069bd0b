//! Bounds of stability, and the sentence of the report.

use super::report::{Side, SwitchReport};
use super::stepper::stability;
use crate::Tableau;
use crate::runge_kutta::{TSIT5, VERN7};

/// Stability function of an explicit method: the result of a step of `u' = z u` from 1.
fn growth(table: &Tableau, z: f64) -> f64 {
    let mut slopes: Vec<f64> = Vec::new();
    for row in table.a {
        let sum: f64 = row.iter().zip(&slopes).map(|(a, k)| a * k).sum();
        slopes.push(z * (1.0 + sum));
    }
    1.0 + table.b.iter().zip(&slopes).map(|(b, k)| b * k).sum::<f64>()
}

#[test]
fn bounds_of_stability_are_those_of_the_methods() {
    for table in [&TSIT5, &VERN7] {
        let bound = stability(table);
        for part in [0.2, 0.5, 0.8, 0.9, 0.999] {
            assert!(growth(table, -part * bound).abs() <= 1.0, "{} at {part}", table.id);
        }
        let beyond = growth(table, -1.001 * bound);
        assert!(beyond.abs() > 1.0, "{} beyond {bound}: {beyond}", table.id);
    }
}

#[test]
fn the_report_is_one_sentence() {
    let begin = |side| SwitchReport::begin(side, "Tsit5", "Rodas5P");
    let mut report = begin(Side::Explicit);
    report.stepped(0.0, 0.3, Side::Explicit);
    assert_eq!(report.sentence(), "not stiff: all 1 steps were taken by Tsit5");
    report.switched(0.3, Side::Implicit);
    report.stepped(0.3, 12.5, Side::Implicit);
    report.stepped(12.5, 40.0, Side::Implicit);
    let one = "stiff from t = 0.3 to 40: 2 of 3 steps were taken by Rodas5P, the rest by Tsit5";
    assert_eq!(report.sentence(), one);
    report.switched(40.0, Side::Explicit);
    report.stepped(40.0, 41.0, Side::Explicit);
    report.switched(41.0, Side::Implicit);
    report.stepped(41.0, 1.234_56e9, Side::Implicit);
    assert_eq!(
        report.sentence(),
        "stiff 2 times between t = 0.3 and 1.235e9: 3 of 5 steps were taken by Rodas5P, the rest \
         by Tsit5"
    );
    let mut algebraic = begin(Side::Implicit);
    algebraic.stepped(0.0, 1.0, Side::Implicit);
    assert_eq!(algebraic.sentence(), "all 1 steps were taken by Rodas5P");
}

#[test]
fn more_switches_than_there_is_room_for_are_counted() {
    let mut report = SwitchReport::begin(Side::Explicit, "Tsit5", "Rodas5P");
    for i in 0..1000 {
        report.switched(f64::from(i), if i % 2 == 0 { Side::Implicit } else { Side::Explicit });
    }
    assert_eq!(report.switches().len(), SwitchReport::CAPACITY);
    assert_eq!(report.switches()[63].t, 63.0);
    assert_eq!(report.count(), 1000);
}
