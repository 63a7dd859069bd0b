//! A wheelset of a railway car.

use crate::Problem;
use crate::number::Number;
use crate::problem::{Class, function, model};
use crate::system::Equations;
use std::f64::consts::PI;

/// Mass and moments of inertia of the wheelset, its speed, gravity, friction, half its width, its
/// springs.
const MASS: f64 = 16.08;
const SPIN_INERTIA: f64 = 0.0605;
const TURN_INERTIA: f64 = 0.366;
const SPEED: f64 = 30.0;
const GRAVITY: f64 = 9.81;
const FRICTION: f64 = 0.12;
const HALF_WIDTH: f64 = 0.19;
const SPRING: f64 = 6400.0;
/// Radius of the wheels, which are cones, half the gauge, half the angle of the cones, radius of
/// the rails.
const WHEEL: f64 = 0.1;
const GAUGE: f64 = 0.1506;
const CONE: f64 = 0.0262;
const RAIL: f64 = 0.06;
const ROLLING: f64 = SPEED / WHEEL;
/// Of the ellipses in which wheels and rails touch: two of their shape, Poisson's number, the shear
/// modulus, Kalker's coefficients.
const ELLIPSE: [f64; 2] = [1.3537956, 0.7115218];
const POISSON: f64 = 0.28;
const SHEAR: f64 = 7.92e10;
const KALKER: [f64; 3] = [4.72772197, 4.27526987, 1.97203505];
/// Unit of the multipliers.
const FORCE: f64 = 1e4;

/// Position and velocity of the wheelset with their sines and cosines.
#[derive(Clone, Copy)]
struct Motion<N> {
    x: N,
    velocity: [N; 3],
    yaw: N,
    sin: [N; 2],
    cos: [N; 2],
    yaw_rate: N,
    roll_rate: N,
    spin: N,
}

/// What one wheel touches and how.
struct Contact<N> {
    radius: N,
    /// Slope of the radius across.
    cone: N,
    /// Slope and curvature of the rail across.
    slope: N,
    curvature: N,
    sin: N,
    cos: N,
    across: N,
    /// The angle of contact.
    angle: N,
    /// The derivative of the constraint by the position.
    constraint: [N; 5],
}

/// `side` is −1 on the left and 1 on the right.
fn contact<N: Number>(m: &Motion<N>, turn: N, across: N, side: f64) -> Contact<N> {
    let (sin, cos) = (turn.sin(), turn.cos());
    let ([sin_yaw, sin_roll], [cos_yaw, cos_roll]) = (m.sin, m.cos);
    let radius = (across * -side + GAUGE) * CONE.tan() + WHEEL;
    let cone = N::of(-side * CONE.tan());
    let place =
        m.x + across * cos_yaw * cos_roll + radius * (cos_yaw * sin_roll * cos - sin_yaw * sin);
    let from_middle = place * side - (GAUGE + CONE.sin() * RAIL);
    // Wheels do not leave their rails, but an iteration may.
    let rise = (-from_middle.square() + RAIL * RAIL).abs().sqrt();
    let slope = -(from_middle * side) / rise;
    let curvature = N::of(-RAIL * RAIL) / (rise.square() * rise);
    let tilt = (cone * cos_roll - sin_roll * cos) * cos_yaw + sin * sin_yaw;
    let angle = (tilt / ((cone * sin_roll + cos * cos_roll) * side)).atan();
    let constraint = [
        slope,
        N::of(-1.0),
        N::of(0.0),
        slope
            * (-(radius * (cos_yaw * sin + cos * sin_roll * sin_yaw))
                - cos_roll * sin_yaw * across),
        slope * (cos_roll * cos * cos_yaw * radius - cos_yaw * sin_roll * across)
            - cos * radius * sin_roll
            - cos_roll * across,
    ];
    Contact { radius, cone, slope, curvature, sin, cos, across, angle, constraint }
}

/// The force of creep on a wheel pressed by `normal`, and its moments.
fn creep<N: Number>(m: &Motion<N>, c: &Contact<N>, normal: N, side: f64) -> ([N; 3], [N; 3]) {
    let ([sin_yaw, sin_roll], [cos_yaw, cos_roll]) = (m.sin, m.cos);
    let (sin_angle, cos_angle) = (c.angle.sin(), c.angle.cos());
    let (sin_turn, cos_turn) = ((m.yaw / cos_angle).sin(), (m.yaw / cos_angle).cos());
    let (radius, across) = (c.radius, c.across);
    let rolling = (m.spin + ROLLING) * radius;
    let low = across * sin_roll - radius * cos_roll * c.cos;
    let wide = radius * sin_roll * c.cos + across * cos_roll;
    let slip = [
        m.velocity[0]
            - rolling * (sin_turn * c.cos + cos_turn * sin_roll * c.sin)
            - m.yaw_rate * (wide * sin_turn + radius * cos_turn * c.sin)
            - m.roll_rate * cos_turn * low,
        m.velocity[1] + rolling * cos_roll * c.sin + m.roll_rate * wide,
        m.velocity[2] + SPEED
            - rolling * (cos_turn * c.cos - sin_turn * sin_roll * c.sin)
            - m.yaw_rate * (wide * cos_turn - radius * sin_turn * c.sin)
            + m.roll_rate * sin_turn * low,
    ];
    let mean = [
        slip[0] - m.velocity[0] * 2.0,
        slip[1] - m.velocity[1] * 2.0,
        slip[2] - (m.velocity[2] + SPEED) * 2.0,
    ];
    let speed = (mean[0].square() + mean[1].square() + mean[2].square()).sqrt() * 0.5;
    let out = sin_angle * -side;
    let ahead = (sin_turn * slip[0] + cos_turn * slip[2]) / speed;
    let aside =
        (cos_turn * cos_angle * slip[0] + out * slip[1] - sin_turn * cos_angle * slip[2]) / speed;
    let twist = (cos_angle * m.yaw_rate - out * (m.spin + ROLLING)) / speed;

    let rail = -c.curvature / (c.slope.square() + 1.0).powf(1.5);
    let wheel = N::of(1.0) / (radius * (c.cone.square() + 1.0).sqrt());
    let press = normal.abs() * (3.0 * (1.0 - POISSON) * ELLIPSE[0]);
    let size = (press / ((wheel + rail) * (PI * SHEAR * ELLIPSE[1].sqrt()))).powf(1.0 / 3.0);
    let most = normal * FRICTION;
    let area = size.square() * SHEAR / most;
    let saturated = |x: N| {
        let small = (x.abs() * -2.0).exp();
        let tanh = (-small + 1.0) / (small + 1.0);
        -(most * N::choose(x, tanh, -tanh))
    };
    let along = saturated(area * ahead * KALKER[0]);
    let cross = saturated(area * (aside * KALKER[1] + size * twist * KALKER[2]));
    let all = along.square() + cross.square();
    let scale = N::choose(all - most.square(), most.abs() / all.sqrt(), N::of(1.0));
    let (along, cross) = (along * scale, cross * scale);
    let force = [
        sin_turn * along + cos_turn * cos_angle * cross,
        out * cross,
        cos_turn * along - sin_turn * cos_angle * cross,
    ];
    let lift = across * sin_roll - radius * c.cos * cos_roll;
    let moments = [
        -((across * sin_yaw + radius * c.sin * cos_yaw * cos_roll) * force[0])
            - radius * c.sin * sin_roll * force[1]
            + (radius * c.sin * sin_yaw * cos_roll - across * cos_yaw) * force[2],
        -(lift * cos_yaw * force[0])
            + (across * cos_roll + radius * c.cos * sin_roll) * force[1]
            + lift * sin_yaw * force[2],
        -(radius * (c.cos * sin_yaw + c.sin * cos_yaw * sin_roll) * force[0])
            + radius * c.sin * cos_roll * force[1]
            - radius * (c.cos * cos_yaw - c.sin * sin_yaw * sin_roll) * force[2],
    ];
    (force, moments)
}

function! {
    Wheelset: (17, 0) -> 17;
    (_, u, _, out) {
        let motion = Motion {
            x: u(0),
            velocity: [u(5), u(6), u(7)],
            yaw: u(3),
            sin: [u(3).sin(), u(4).sin()],
            cos: [u(3).cos(), u(4).cos()],
            yaw_rate: u(8),
            roll_rate: u(9),
            spin: u(10),
        };
        let ([sin_yaw, sin_roll], [cos_yaw, cos_roll]) = (motion.sin, motion.cos);
        let (yaw_rate, roll_rate, spin) = (u(8), u(9), u(10) + ROLLING);
        let left = contact(&motion, u(11), u(12), -1.0);
        let right = contact(&motion, u(13), u(14), 1.0);
        let (by_left, by_right) = (u(16) * FORCE, u(15) * FORCE);
        let held: [N; 5] = std::array::from_fn(|i| {
            left.constraint[i] * by_left + right.constraint[i] * by_right
        });
        let (sin_l, cos_l) = (left.angle.sin(), left.angle.cos());
        let (sin_r, cos_r) = (right.angle.sin(), right.angle.cos());
        let whole = -(sin_l * cos_r) - sin_r * cos_l;
        let (force_l, moments_l) =
            creep(&motion, &left, (cos_r * held[0] - sin_r * held[1]) / whole, -1.0);
        let (force_r, moments_r) =
            creep(&motion, &right, (-(cos_l * held[0]) - sin_l * held[1]) / whole, 1.0);
        let force: [N; 3] = std::array::from_fn(|i| force_l[i] + force_r[i] + held[i]);
        let moments: [N; 3] = std::array::from_fn(|i| moments_l[i] + moments_r[i]);

        for i in 0..5 {
            out(i, u(5 + i));
        }
        out(5, (force[0] - u(0) * (2.0 * SPRING)) / MASS);
        out(6, force[1] / MASS - GRAVITY);
        out(7, (force[2] - u(2) * (2.0 * SPRING)) / MASS);
        let back = u(3) * (-2.0 * HALF_WIDTH * HALF_WIDTH * SPRING);
        let gyration = spin * SPIN_INERTIA + yaw_rate * sin_roll * (SPIN_INERTIA - TURN_INERTIA);
        let yaw = (yaw_rate * roll_rate * sin_roll * TURN_INERTIA - gyration * roll_rate
            + moments[0] + cos_roll * back + held[3]) / (cos_roll * TURN_INERTIA);
        out(8, yaw);
        out(9, (gyration * yaw_rate * cos_roll + moments[1] + held[4]) / TURN_INERTIA);
        out(10, (moments[2] + sin_roll * back) / SPIN_INERTIA - yaw * sin_roll
            - yaw_rate * roll_rate * cos_roll);
        for (i, c) in [(11, &left), (13, &right)] {
            out(i, c.slope * (c.cone * sin_roll + cos_roll * c.cos) + c.cone * cos_yaw * cos_roll
                - cos_yaw * sin_roll * c.cos + sin_yaw * c.sin);
            out(i + 1, c.cone * sin_yaw * cos_roll - sin_yaw * sin_roll * c.cos - cos_yaw * c.sin);
        }
        for (i, c) in [(15, &right), (16, &left)] {
            let rate = |k: usize| c.constraint[k] * u(5 + k);
            out(i, rate(0) + rate(1) + rate(2) + rate(3) + rate(4));
        }
    }
}

impl Equations for Wheelset {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        (0..11).map(|i| (i, i, 1.0)).collect()
    }
}

/// The wheels of a railway car on a straight track, which sway from side to side: position and
/// rotation, their velocities, deviation of the spin, angle and place of contact on the left and on
/// the right, two multipliers; index 2, to t = 10. The equations of motion are solved for the
/// accelerations.
///
/// B. Simeon, C. Führer, P. Rentrop, *Differential-algebraic equations in vehicle system dynamics*,
/// Surveys Math. Ind. 1 (1991) 1; problem "Wheelset" of the test set.
pub fn wheelset() -> Problem {
    let u0 = vec![
        0.14941e-2,
        0.40089e-6,
        0.11241e-5,
        -0.28573e-3,
        0.26459e-3,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        -7.412_238_035_766_714e-6,
        -0.152_136_429_612_124_8,
        7.563_440_639_517_294e-6,
        0.149_063_571_473_381_9,
        -0.83593e-2,
        -0.74144e-2,
    ];
    let end = [
        0.863_553_869_658_11e-2,
        0.130_382_810_227_27e-4,
        -0.936_357_840_168_18e-4,
        -0.136_422_998_040_33e-1,
        0.152_928_950_054_22e-2,
        -0.769_853_741_426_66e-1,
        -0.251_511_064_292_07e-3,
        0.205_411_880_795_39e-2,
        -0.239_048_377_036_92,
        -0.136_334_684_541_73e-1,
        -0.244_213_776_611_31,
        -0.336_667_519_721_96e-3,
        -0.159_494_256_840_22,
        0.378_396_143_869_69e-3,
        0.141_732_149_646_13,
        -0.101_240_449_032_01e-1,
        -0.562_856_305_737_53e-2,
    ];
    Problem::new(
        ("wheelset", "Wheelset, index 2"),
        Class::Algebraic,
        Wheelset,
        (0.0, 10.0),
        u0,
        Vec::new(),
    )
    .known(10.0, &end, 1e-8, DASSL)
    .with_text(model!("wheelset"))
}

/// Source of the published values.
const DASSL: &str = "Mazzia, Magherini, Test Set for Initial Value Problem Solvers, release 2.4, Bari 2008: DASSL at \
     tolerances of 1e-9";
