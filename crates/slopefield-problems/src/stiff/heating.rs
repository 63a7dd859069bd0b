//! A heating system with valves that have hysteresis.

use crate::Problem;
use crate::problem::{Class, equations, model};
use std::f64::consts::PI;

const ROOMS: usize = 40;

/// Target temperatures of the water and of the rooms.
const WATER: f64 = 343.15;
const ROOM: f64 = 293.15;

// Temperature of the water, those of the rooms, positions of their valves.
equations! {
    Heating: 2 * ROOMS + 1, 2;
    (t, u, p, out) {
        let power = 3000.0 * ROOMS as f64;
        let outside = (t * (2.0 * PI / 86_400.0)).sin() * 8.0 + 278.15;
        let tanh = |x: N| N::of(1.0) - N::of(2.0) / ((x * 2.0).exp() + 1.0);
        let supply = (tanh((-u(0) + WATER) * 0.5 - 1.0) + 1.0) * (power / 2.0);
        let mut heat = N::of(0.0);
        for i in 0..ROOMS {
            let (room, valve) = (u(1 + i), u(1 + ROOMS + i));
            let opened = (tanh(p(1) * valve * 2.0) + 1.0) / 2.0;
            let given = (u(0) - room) * opened * 200.0;
            heat = heat + given;
            let capacity = 1e7 * (1.0 + 1.348 * i as f64 / (ROOMS - 1) as f64);
            out(1 + i, (given - (room - outside) * 150.0) / capacity);
            let restoring = valve * (valve.square() - 0.25) * (0.5 / 0.0474);
            out(1 + ROOMS + i, p(0) * (-room + ROOM - restoring));
        }
        out(0, (supply - heat) / (2e6 * ROOMS as f64));
    }
}

/// Source of the values.
const CVODE: &str = "CVODE (SUNDIALS) with the exact Jacobian at a relative tolerance of 1e-11, independent of this program";

/// A circuit of hot water that heats 40 rooms of different sizes through half a day: each has a valve that
/// switches at half a kelvin below and above the target again and again. Parameters
/// are the rate of the valves and how sharply they open.
///
/// Problem "Heating system" of the repository `SciML/SciMLBenchmarks.jl`.
pub fn heating_system() -> Problem {
    let mut u0 = vec![WATER];
    u0.extend([ROOM; ROOMS]);
    u0.extend([-0.5; ROOMS]);
    let names = ("heating-system", "Heating system");
    Problem::new(names, Class::Stiff, Heating, (0.0, 5e4), u0, vec![50.0, 15.0])
        .known_from(5e4, include_str!("../../references/heating_system.txt"), 5e-9, CVODE)
        .with_text(model!("heating_system"))
}
