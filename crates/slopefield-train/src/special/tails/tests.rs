use super::*;

#[test]
fn the_normal_tail_goes_on_where_its_fraction_begins() {
    // mpmath, 40 digits: log(erfc(5/sqrt(2))/2), and at 40.
    assert!((normal(-5.0).ln + 15.064_998_393_988_725).abs() < 1e-13);
    assert!((normal(-40.0).ln + 804.608_442_013_753_9).abs() < 1e-11);
    let (above, below) = (normal(-5.0), normal(-5.0 - 1e-12));
    assert!((above.slope - below.slope).abs() < 1e-11);
    assert!((above.bend - below.bend).abs() < 1e-11);
}

#[test]
fn many_degrees_of_freedom_are_normal() {
    for z in [-6.0, -1.0, -0.01, 0.0, 0.3, 4.0] {
        let (t, limit) = (student_t(z, 1e9), normal(z));
        assert!((t.ln - limit.ln).abs() < 1e-6 * limit.ln.abs(), "{z}: {} {}", t.ln, limit.ln);
        assert!((t.slope - limit.slope).abs() < 1e-6 * limit.slope, "{z}");
    }
}

#[test]
fn one_and_two_degrees_of_freedom_have_closed_forms() {
    for z in [-1e8, -30.0, -1.0, -0.2, 0.7, 12.0f64] {
        // With one, 1/2 + atan(z)/π, which is atan(1/|z|)/π below.
        let cauchy = if z < 0.0 { (-1.0 / z).atan() / PI } else { 0.5 + z.atan() / PI };
        assert!((student_t(z, 1.0).ln - cauchy.ln()).abs() < 1e-13, "{z}");
        // With two, (1 + z/√(2+z²))/2, which is 1/(2+z²−z√(2+z²)) below.
        let root = (2.0 + z * z).sqrt();
        let two = if z < 0.0 { 1.0 / (2.0 + z * z - z * root) } else { 0.5 * (1.0 + z / root) };
        assert!((student_t(z, 2.0).ln - two.ln()).abs() < 1e-13, "{z}");
    }
}
