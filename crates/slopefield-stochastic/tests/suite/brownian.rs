//! The Brownian motion: its distribution, and that it is one and the same however it is asked for.
use slopefield_stochastic::BrownianMotion;

fn increment(motion: &mut BrownianMotion, from: f64, to: f64) -> (f64, f64) {
    let (mut w, mut h) = ([0.0], [0.0]);
    motion.increment(from, to, &mut w, &mut h);
    (w[0], h[0])
}

fn start(seed: u64, path: u64) -> BrownianMotion {
    let mut motion = BrownianMotion::default();
    motion.start(seed, path, 1).unwrap();
    motion
}

/// `W` and `H` of an interval put together from two parts.
fn join(first: (f64, f64), length: f64, second: (f64, f64), other: f64) -> (f64, f64) {
    let total = length + other;
    let integral =
        length * (first.1 + 0.5 * first.0) + other * first.0 + other * (second.1 + 0.5 * second.0);
    let w = first.0 + second.0;
    (w, integral / total - 0.5 * w)
}

#[test]
fn parts_of_an_interval_add_up_to_it() {
    let spans = [(0.0, 1.0), (0.1, 0.7), (0.3, 9.5), (-2.3, 1.7), (-5.0, -0.2), (1e-9, 3e-9)];
    for path in 0..20 {
        let mut motion = start(1, path);
        for (a, b) in spans {
            let whole = increment(&mut motion, a, b);
            for share in [0.5, 0.125, 0.9, 1.0 / 3.0, 1e-7] {
                let c = a + share * (b - a);
                let first = increment(&mut motion, a, c);
                let second = increment(&mut motion, c, b);
                let (w, h) = join(first, c - a, second, b - c);
                let scale = (b - a).sqrt();
                assert!((w - whole.0).abs() < 1e-13 * scale, "W over {a}..{b} at {c}");
                assert!((h - whole.1).abs() < 1e-13 * scale, "H over {a}..{b} at {c}");
            }
        }
    }
}

#[test]
fn values_do_not_depend_on_what_was_asked_before() {
    let spans = [(0.25, 0.5), (0.0, 0.3), (0.1, 0.2), (7.0, 8.0), (-1.0, -0.5), (0.5, 0.75)];
    let fresh: Vec<_> = spans.iter().map(|(a, b)| increment(&mut start(3, 4), *a, *b)).collect();
    let mut motion = start(3, 4);
    for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 0, 4, 1, 5, 3]] {
        for i in order {
            assert_eq!(increment(&mut motion, spans[i].0, spans[i].1), fresh[i]);
        }
    }
}

#[test]
fn seeds_paths_and_sources_have_motions_of_their_own() {
    let base = increment(&mut start(3, 4), 0.25, 0.5);
    assert_eq!(base, increment(&mut start(3, 4), 0.25, 0.5));
    assert_ne!(base.0, increment(&mut start(4, 4), 0.25, 0.5).0);
    assert_ne!(base.0, increment(&mut start(3, 5), 0.25, 0.5).0);
    let mut motion = BrownianMotion::default();
    motion.start(3, 4, 2).unwrap();
    let (mut w, mut h) = ([0.0; 2], [0.0; 2]);
    motion.increment(0.25, 0.5, &mut w, &mut h);
    assert_eq!(w[0], base.0, "more sources do not change the first");
    assert_ne!(w[0], w[1]);
}

/// The numbers of one path are these, on any machine.
#[test]
fn bits_are_the_same_everywhere() {
    let mut motion = start(42, 7);
    let (w, h) = increment(&mut motion, 0.0, 1.0);
    let (w2, h2) = increment(&mut motion, 0.3, 2.7);
    let bits = [w, h, w2, h2].map(f64::to_bits);
    assert_eq!(bits, EXPECTED_BITS);
}

const EXPECTED_BITS: [u64; 4] = [
    4_592_945_710_797_786_714,
    13_819_319_765_401_147_088,
    13_831_483_265_146_160_747,
    4_594_959_293_703_692_231,
];

/// Means, variances and covariances of what a step uses, over 40 000 paths: each within four
/// standard errors of `W ~ N(0, h)`, `H ~ N(0, h/12)`, all independent.
#[test]
fn increments_have_the_distribution_of_a_brownian_motion() {
    let n = 40_000;
    // An interval of the tree, its neighbour, one across cells, one without short digits.
    let spans = [(0.25, 0.5), (0.5, 0.75), (0.9, 1.3), (-0.4, -0.1), (1.3, 4.0)];
    let mut values = vec![[0.0; 10]; n];
    for (path, row) in values.iter_mut().enumerate() {
        let mut motion = start(9, path as u64);
        for (i, (a, b)) in spans.iter().enumerate() {
            let (w, h) = increment(&mut motion, *a, *b);
            row[2 * i] = w / (b - a).sqrt();
            row[2 * i + 1] = h / ((b - a) / 12.0).sqrt();
        }
    }
    let n = n as f64;
    for i in 0..10 {
        let mean = values.iter().map(|row| row[i]).sum::<f64>() / n;
        assert!(mean.abs() < 4.0 / n.sqrt(), "mean of {i}: {mean}");
        for j in 0..=i {
            let product = values.iter().map(|row| row[i] * row[j]).sum::<f64>() / n;
            let (expected, variance) = if i == j { (1.0, 2.0) } else { (0.0, 1.0) };
            let bound = 4.0 * (f64::sqrt(variance) / n.sqrt());
            assert!((product - expected).abs() < bound, "product of {i} and {j}: {product}");
        }
        let fourth = values.iter().map(|row| row[i].powi(4)).sum::<f64>() / n;
        assert!((fourth - 3.0).abs() < 4.0 * (96.0 / n).sqrt(), "fourth moment of {i}: {fourth}");
    }
}

/// Halves of an interval, given nothing: increments of adjacent parts are independent at every
/// depth, which a wrong bridge would spoil.
#[test]
fn deep_refinements_keep_variances_and_independence() {
    let n = 20_000;
    let times = [0.3, 0.300_000_1, 0.300_000_2, 0.300_000_35];
    let mut sums = [[0.0; 3]; 3];
    let mut areas = [0.0; 3];
    for path in 0..n {
        let mut motion = start(10, path);
        let parts: Vec<(f64, f64)> = times
            .windows(2)
            .map(|t| {
                let (w, h) = increment(&mut motion, t[0], t[1]);
                let length = t[1] - t[0];
                (w / length.sqrt(), h / (length / 12.0).sqrt())
            })
            .collect();
        for i in 0..3 {
            areas[i] += parts[i].1 * parts[i].1;
            for j in 0..3 {
                sums[i][j] += parts[i].0 * parts[j].0;
            }
        }
    }
    let n = n as f64;
    for i in 0..3 {
        assert!((areas[i] / n - 1.0).abs() < 4.0 * (2.0 / n).sqrt());
        for (j, sum) in sums[i].iter().enumerate() {
            let expected = if i == j { 1.0 } else { 0.0 };
            assert!((sum / n - expected).abs() < 4.0 * (2.0 / n).sqrt(), "{i} {j}");
        }
    }
}
