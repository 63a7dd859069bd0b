use super::*;
use proptest::prelude::*;

const NONE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

fn spec(start: f64, bounds: (f64, f64), scale: Scale) -> ParamSpec {
    ParamSpec { name: "k".into(), start, bounds, scale, prior: None, kind: ParamKind::Scalar }
}

fn map(start: f64, bounds: (f64, f64), scale: Scale) -> Transform {
    let (transform, note) = Transform::new(&spec(start, bounds, scale)).unwrap();
    assert_eq!(note, None);
    transform
}

/// One of each shape on each scale.
fn zoo() -> Vec<(Transform, f64, (f64, f64))> {
    let inf = f64::INFINITY;
    let mut all = Vec::new();
    for (start, bounds, scale) in [
        (2.2, NONE, Scale::Linear),
        (1234.5, NONE, Scale::Linear),
        (-0.0271, NONE, Scale::Linear),
        (0.3, (0.0, inf), Scale::Linear),
        (-5.0, (-inf, 3.0), Scale::Linear),
        (30.0, (0.0, 500.0), Scale::Linear),
        (0.0, (-1000.0, 1000.0), Scale::Linear),
        (0.3, NONE, Scale::Log),
        (0.3, (0.01, inf), Scale::Log),
        (0.3, (-1.0, 7.0), Scale::Log),
        (0.5, (0.01, 5.0), Scale::Log),
        (3e-4, (1e-6, 1e6), Scale::Log),
        (0.2, (0.0, 1.0), Scale::Logit),
        (7.0, (-3.0, 8.0), Scale::Logit),
    ] {
        all.push((map(start, bounds, scale), start, bounds));
    }
    all
}

#[test]
fn the_start_value_is_mapped_exactly() {
    for (t, start, _) in zoo() {
        assert_eq!(t.theta(t.z_start()).0, start, "{t:?}");
        assert!((t.z(start) - t.z_start()).abs() < 1e-15, "{t:?}");
    }
}

#[test]
fn bounds_hold_for_every_z() {
    for (t, _, (lo, hi)) in zoo() {
        for z in [-1e308, -1e6, -700.0, -40.0, -3.0, 3.0, 40.0, 700.0, 1e6, 1e308] {
            let (theta, slope) = t.theta(z);
            assert!(lo <= theta && theta <= hi, "{t:?} at {z}: {theta}");
            assert!(!theta.is_nan() && !slope.is_nan() && slope >= 0.0, "{t:?} at {z}: {slope}");
        }
    }
}

#[test]
fn plain_linear_is_the_identity_and_logit_is_the_logit() {
    let t = map(2.2, NONE, Scale::Linear);
    assert_eq!(t.theta(0.7), (0.7, 1.0));
    // Logit between 0 and 1, up to the shift by the start's logit: closed form.
    let t = map(0.2, (0.0, 1.0), Scale::Logit);
    let want = 1.0 / (1.0 + (-(1.3 + (0.2f64 / 0.8).ln())).exp());
    assert!((t.theta(1.3).0 - want).abs() < 1e-15);
    // Log: θ = start · e^z.
    assert!((map(0.3, NONE, Scale::Log).theta(1.3).0 - 0.3 * 1.3f64.exp()).abs() < 1e-15);
}

#[test]
fn a_step_of_one_is_of_the_size_of_the_value_or_of_the_room() {
    let slope = |start, bounds, scale| map(start, bounds, scale).theta(0.0).1;
    let inf = f64::INFINITY;
    assert!((slope(30.0, (0.0, 500.0), Scale::Linear) - 28.2).abs() < 1e-9);
    assert!((slope(1.0, (-1000.0, 1000.0), Scale::Linear) - 1.0).abs() < 1e-9);
    assert!((slope(1e-6, (-2e-6, 2e-6), Scale::Linear) - 0.75e-6).abs() < 1e-15);
    assert!((slope(0.3, (0.0, inf), Scale::Linear) - 0.3).abs() < 1e-12);
    // Relative on a log scale, however wide the bounds are.
    assert!((slope(1.0, (1e-6, 1e6), Scale::Log) - 1.0).abs() < 1e-12);
    // Unbounded values far from 1 move in units of their own size.
    assert_eq!(map(1234.5, NONE, Scale::Linear).theta(0.0).1, 1024.0);
    assert_eq!(map(0.02, NONE, Scale::Linear).theta(0.0).1, 1.0 / 64.0);
}

/// By a thousandth of the width of the scale: on a log scale from 1e-5 by a factor, not to 100.
#[test]
fn a_start_on_a_bound_moves_on_its_own_scale() {
    let moved =
        |start, bounds, scale| Transform::new(&spec(start, bounds, scale)).unwrap().0.theta(0.0).0;
    let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * b, "{a}, not {b}");
    let wide = (1e-5, 1e5);
    near(moved(1e-5, wide, Scale::Log), 1e-5 * 1e10f64.powf(1e-3));
    near(moved(1e5, wide, Scale::Log), 1e5 / 1e10f64.powf(1e-3));
    near(moved(2.0, (2.0, f64::INFINITY), Scale::Log), 2.0 * 1e-3f64.exp());
    near(moved(2.0, (0.0, 2.0), Scale::Log), 2.0 * (-1e-3f64).exp());
    near(moved(2.0, (2.0, 12.0), Scale::Linear), 2.01);
    // The same on the way back from a value on a bound.
    let log = map(1.0, wide, Scale::Log);
    near(log.theta(log.z(1e-5)).0, 1e-5 * 1e10f64.powf(1e-6));
    near(log.theta(log.z(1e5)).0, 1e5 / 1e10f64.powf(1e-6));
}

#[test]
fn a_start_on_a_bound_is_moved_and_said_outside_is_an_error() {
    let (t, note) = Transform::new(&spec(0.0, (0.0, 5.0), Scale::Linear)).unwrap();
    assert!((t.theta(t.z_start()).0 - 0.005).abs() < 1e-15);
    assert!(note.unwrap().contains("lies on a bound"));
    let (t, note) = Transform::new(&spec(3.0, (f64::NEG_INFINITY, 3.0), Scale::Linear)).unwrap();
    assert!((t.theta(t.z_start()).0 - 2.997).abs() < 1e-12);
    assert!(note.is_some());
    let error =
        |start, bounds, scale| Transform::new(&spec(start, bounds, scale)).unwrap_err().what;
    assert!(error(6.0, (0.0, 5.0), Scale::Linear).contains("outside its bounds [0, 5]"));
    assert!(error(-1.0, NONE, Scale::Log).contains("positive, not -1"));
    assert!(error(0.5, (0.0, f64::INFINITY), Scale::Logit).contains("two finite bounds"));
    assert!(error(1.0, (1.0, 1.0), Scale::Linear).contains("below the upper bound"));
    assert!(error(f64::NAN, NONE, Scale::Linear).contains("finite"));
}

proptest! {
    #[test]
    fn inverse_and_slope_agree_with_the_map(index in 0usize..14, z in -4.0f64..4.0) {
        let (t, ..) = zoo()[index];
        let (theta, slope) = t.theta(z);
        let h = 1e-5;
        let difference = (8.0 * (t.theta(z + h).0 - t.theta(z - h).0)
            - (t.theta(z + 2.0 * h).0 - t.theta(z - 2.0 * h).0)) / (12.0 * h);
        prop_assert!((difference - slope).abs() <= 1e-8 * slope.abs().max(theta.abs()),
            "slope {slope} difference {difference}");
        let (log, log_slope) = t.log_slope(z);
        prop_assert!((log - slope.ln()).abs() < 1e-12 * (1.0 + log.abs()), "{log} and {}", slope.ln());
        let difference = (8.0 * (t.log_slope(z + h).0 - t.log_slope(z - h).0)
            - (t.log_slope(z + 2.0 * h).0 - t.log_slope(z - 2.0 * h).0)) / (12.0 * h);
        prop_assert!((difference - log_slope).abs() < 1e-8 * (1.0 + log.abs()), "{difference} {log_slope}");
        // The inverse loses what the saturating map has lost: errors divide by the slope.
        let rounding = 1e-14 * (1.0 + theta.abs() / slope.abs() + t.start.abs() / slope.abs());
        prop_assert!((t.z(theta) - z).abs() < 1e-12 + rounding * 10.0, "{} {z}", t.z(theta));
    }
}
