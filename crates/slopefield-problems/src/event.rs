//! Events: bounces, doses, switches and stops.

use crate::Problem;
use crate::function::Derived;
use crate::number::Float;
use crate::problem::{Class, function, model};
use crate::system::Equations;
use slopefield_kernel::{Crossing, Event, Events, Kernel, Structure, Trigger};
use std::sync::Arc;

const fn crossing(direction: Crossing, affect: Option<u32>, stop: bool) -> Event {
    Event { trigger: Trigger::Crossing { root: 0, direction }, affect, stop }
}

function! {
    Ball: (2, 2) -> 2;
    (_, u, p, out) {
        out(0, u(1));
        out(1, -p(0));
    }
}

function! {
    BallRoot: (2, 2) -> 1;
    (_, u, _, out) {
        out(0, u(0));
    }
}

function! {
    BallBounce: (2, 2) -> 2;
    (_, u, p, out) {
        out(0, N::of(0.0));
        out(1, -(p(1) * u(1)));
    }
}

impl Equations for Ball {
    fn affects<T: Float>(&self) -> Vec<Arc<dyn Kernel<T>>> {
        vec![Arc::new(Derived(BallBounce))]
    }

    fn structure<T: Float>(&self) -> Structure<'_, T> {
        static LIST: [Event; 1] = [crossing(Crossing::Falling, Some(0), false)];
        Structure {
            events: Some(Events {
                list: &LIST,
                roots: Some(&Derived(BallRoot)),
                times: None,
                affects: &[],
            }),
            ..Default::default()
        }
    }
}

/// A ball dropped from 50 that bounces, parameters `(g, restitution) = (9.8, 0.8)`, to t = 15:
/// height and speed, bounces at multiples of a geometric series. Its height at t = 15 as a function
/// of the restitution has many local maxima; it is 20 at 0.9880 only.
pub fn bouncing_ball() -> Problem {
    Problem::new(
        ("bouncing-ball", "Bouncing ball"),
        Class::Event,
        Ball,
        (0.0, 15.0),
        vec![50.0, 0.0],
        vec![9.8, 0.8],
    )
    .with_exact(|t, t0, u0, p, out| {
        let (g, restitution) = (p[0], p[1]);
        let (mut h, mut v, mut left) = (u0[0], u0[1], t - t0);
        // No ball bounces more often before it rests.
        for _ in 0..10_000 {
            let fall = (v + (v * v + 2.0 * g * h).sqrt()) / g;
            if left < fall || fall <= 0.0 {
                break;
            }
            left -= fall;
            (h, v) = (0.0, restitution * (g * fall - v));
        }
        out.copy_from_slice(&[h + v * left - 0.5 * g * left * left, v - g * left]);
    })
    .with_text(model!("bouncing_ball"))
}

function! {
    Doses: (2, 4) -> 2;
    (_, u, p, out) {
        out(0, -p(0) * u(0));
        out(1, p(0) * u(0) - p(1) * u(1));
    }
}

function! {
    DoseTimes: (0, 4) -> 2;
    (_, _, p, out) {
        out(0, p(3));
        out(1, N::of(0.0));
    }
}

function! {
    Dose: (2, 4) -> 2;
    (_, u, p, out) {
        out(0, u(0) + p(2));
        out(1, u(1));
    }
}

impl Equations for Doses {
    fn affects<T: Float>(&self) -> Vec<Arc<dyn Kernel<T>>> {
        vec![Arc::new(Derived(Dose))]
    }

    fn structure<T: Float>(&self) -> Structure<'_, T> {
        static LIST: [Event; 1] = [Event {
            trigger: Trigger::Every { period: 0, from: 1, count: Some(5) },
            affect: Some(0),
            stop: false,
        }];
        Structure {
            events: Some(Events {
                list: &LIST,
                roots: None,
                times: Some(&Derived(DoseTimes)),
                affects: &[],
            }),
            ..Default::default()
        }
    }
}

/// Five oral doses, one every 24 h from t = 0, absorbed and eliminated: states depot and blood,
/// parameters `(absorption, elimination, dose, interval)`, to t = 150 h.
pub fn repeated_doses() -> Problem {
    Problem::new(
        ("repeated-doses", "Repeated oral doses"),
        Class::Event,
        Doses,
        (0.0, 150.0),
        vec![0.0, 0.0],
        vec![0.8, 0.12, 100.0, 24.0],
    )
    .with_exact(|t, t0, u0, p, out| {
        let &[absorption, elimination, dose, interval] = p else { return };
        out.fill(0.0);
        let mut add = |depot: f64, blood: f64, since: f64| {
            let (a, e) = ((-absorption * since).exp(), (-elimination * since).exp());
            out[0] += depot * a;
            out[1] += blood * e + depot * absorption / (absorption - elimination) * (e - a);
        };
        add(u0[0], u0[1], t - t0);
        for k in 0..5 {
            let since = t - f64::from(k) * interval;
            if since >= 0.0 {
                add(dose, 0.0, since);
            }
        }
    })
    .with_text(model!("repeated_doses"))
}

function! {
    Projectile: (4, 1) -> 4;
    (_, u, p, out) {
        out(0, u(2));
        out(1, u(3));
        out(2, N::of(0.0));
        out(3, -p(0));
    }
}

function! {
    Ground: (4, 1) -> 1;
    (_, u, _, out) {
        out(0, u(1));
    }
}

impl Equations for Projectile {
    fn structure<T: Float>(&self) -> Structure<'_, T> {
        static LIST: [Event; 1] = [crossing(Crossing::Falling, None, true)];
        Structure {
            events: Some(Events {
                list: &LIST,
                roots: Some(&Derived(Ground)),
                times: None,
                affects: &[],
            }),
            ..Default::default()
        }
    }
}

/// A projectile whose flight stops at the ground, after `2 v/g` seconds: states `(x, y, v_x, v_y)`,
/// parameter `g`. It starts on the ground, which is no crossing.
pub fn projectile() -> Problem {
    Problem::new(
        ("projectile", "Projectile"),
        Class::Event,
        Projectile,
        (0.0, 100.0),
        vec![0.0, 0.0, 30.0, 40.0],
        vec![9.81],
    )
    .with_text(model!("projectile"))
}

/// All of them.
pub fn events() -> Vec<Problem> {
    vec![bouncing_ball(), repeated_doses(), projectile()]
}
