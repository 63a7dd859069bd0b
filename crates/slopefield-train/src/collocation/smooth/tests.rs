//! The smooth curve against what it must reproduce, and against known slopes.

use super::Smooth;

/// Irregular numbers that are nearly normal: the sum of twelve uniform ones less six (SplitMix64).
fn noise(count: usize) -> Vec<f64> {
    let mut state = 7_u64;
    let mut uniform = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..count).map(|_| (0..12).map(|_| uniform()).sum::<f64>() - 6.0).collect()
}

fn wave(count: usize, sd: f64) -> Smooth {
    let noise = noise(count);
    let at = |i: usize| {
        let t = 10.0 * i as f64 / (count - 1) as f64;
        (t, t.sin() + sd * noise[i])
    };
    Smooth::new((0..count).map(at).collect()).unwrap()
}

/// Root mean square of the error over the whole span.
fn error(smooth: &Smooth) -> f64 {
    let times: Vec<f64> = (0..=100).map(|i| 0.1 * f64::from(i)).collect();
    let square = |t: &f64| (smooth.at(*t).unwrap().value - t.sin()).powi(2);
    (times.iter().map(square).sum::<f64>() / times.len() as f64).sqrt()
}

#[test]
fn parabolas_are_reproduced_at_uneven_times() {
    let times = [0.0, 0.3, 1.1, 1.2, 2.0, 2.9, 3.5, 4.4];
    let curve = |t: f64| 2.0 - 0.7 * t + 0.4 * t * t;
    let smooth = Smooth::new(times.iter().map(|t| (*t, curve(*t))).collect()).unwrap();
    for t in [0.0, 0.7, 2.0, 3.3, 4.4] {
        let local = smooth.at(t).unwrap();
        assert!((local.value - curve(t)).abs() < 1e-11, "{t}: {local:?}");
    }
    assert!(smooth.noise() < 1e-11);
}

#[test]
fn more_noise_makes_a_wider_window_and_is_measured() {
    let mut before = 0.0;
    // A local parabola of about 20 of the points errs by about a third of the noise.
    for sd in [0.0, 0.02, 0.1, 0.3] {
        let smooth = wave(200, sd);
        assert!(smooth.bandwidth() >= before, "{sd}: {}", smooth.bandwidth());
        before = smooth.bandwidth();
        assert!((smooth.noise() - sd).abs() <= 0.12 * sd + 1e-3, "{sd}: {}", smooth.noise());
        assert!(error(&smooth) < 0.4 * sd + 1e-4, "{sd}: {}", error(&smooth));
    }
}

#[test]
fn the_variance_is_that_of_the_weights_by_hand() {
    // Even points around 0: the value is Σ w (s4 − s2 x²) y over s0 s4 − s2².
    let points: Vec<(f64, f64)> = (-2..=2).map(|i| (f64::from(i), 0.0)).collect();
    let times = points.iter().map(|p| p.0).collect();
    let smooth = Smooth { points, times, bandwidth: 4.0, noise: 0.0 };
    let weight = |x: f64| 1.0 - x * x / 16.0;
    let moment = |k: i32| (-2..=2).map(f64::from).map(|x: f64| weight(x) * x.powi(k)).sum::<f64>();
    let determinant = moment(0) * moment(4) - moment(2) * moment(2);
    let share = |x: f64| weight(x) * (moment(4) - moment(2) * x * x) / determinant;
    let by_hand: f64 = (-2..=2).map(|x| share(f64::from(x)).powi(2)).sum();
    let found = smooth.at(0.0).unwrap().variance;
    assert!((found - by_hand).abs() < 1e-13, "{found} {by_hand}");
}

#[test]
fn too_few_times_are_refused() {
    assert!(Smooth::new(Vec::new()).unwrap_err().contains("nobody measured"));
    let same = vec![(1.0, 2.0); 20];
    assert!(Smooth::new(same).unwrap_err().contains("at 1 times"));
}
