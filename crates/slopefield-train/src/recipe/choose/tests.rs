use super::*;

#[test]
fn swings_are_counted_and_noise_is_not() {
    let wave = |n: usize, periods: f64, noise: f64| -> Vec<f64> {
        (0..n)
            .map(|i| {
                let x = i as f64 / (n - 1) as f64;
                let jitter = if i % 2 == 0 { noise } else { -noise };
                (std::f64::consts::TAU * periods * x).sin() + jitter
            })
            .collect()
    };
    // A sine of k periods has 2k extremes.
    assert_eq!(swings(&wave(200, 1.0, 0.0)), 2);
    assert_eq!(swings(&wave(200, 5.0, 0.0)), 10);
    assert_eq!(swings(&wave(200, 5.0, 0.1)), 10);
    assert_eq!(swings(&wave(200, 0.25, 0.05)), 0);
    assert_eq!(swings(&[3.0; 10]), 0);
    assert_eq!(swings(&[]), 0);
    assert_eq!(swings(&[1.0]), 0);
    // An epidemic goes up and down once.
    assert_eq!(swings(&[3.0, 8.0, 76.0, 298.0, 233.0, 128.0, 29.0, 4.0]), 1);
}
