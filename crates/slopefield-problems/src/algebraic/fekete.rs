//! Points far from each other on a sphere.

use super::RADAU;
use crate::Problem;
use crate::function::Function;
use crate::number::Number;
use crate::problem::{Class, model};
use crate::system::Equations;
use slopefield_kernel::Shape;
use std::f64::consts::PI;

const POINTS: usize = 20;

/// Positions point by point, velocities likewise, multipliers of the sphere, multipliers that keep
/// its derivative.
#[derive(Debug, Clone, Copy)]
struct Fekete;

impl Function for Fekete {
    fn shape(&self) -> Shape {
        Shape { states: 8 * POINTS, params: 0, outputs: 8 * POINTS }
    }

    #[inline(always)]
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let position = |i: usize, k: usize| u(3 * i + k);
        let velocity = |i: usize, k: usize| u(3 * (POINTS + i) + k);
        for i in 0..POINTS {
            let (hold, keep) = (u(6 * POINTS + i) * 2.0, u(7 * POINTS + i) * 2.0);
            let (mut outside, mut leaving) = (N::of(-1.0), N::of(0.0));
            let mut force = [N::of(0.0); 3];
            for j in (0..POINTS).filter(|j| *j != i) {
                let apart: [N; 3] = std::array::from_fn(|k| position(i, k) - position(j, k));
                let square = apart[0].square() + apart[1].square() + apart[2].square();
                for k in 0..3 {
                    force[k] = force[k] + apart[k] / square;
                }
            }
            for (k, force) in force.into_iter().enumerate() {
                let (p, q) = (position(i, k), velocity(i, k));
                out(3 * i + k, q + keep * p);
                out(3 * (POINTS + i) + k, force + hold * p - q * 0.5);
                outside = outside + p.square();
                leaving = leaving + p * q * 2.0;
            }
            out(6 * POINTS + i, outside);
            out(7 * POINTS + i, leaving);
        }
    }
}

impl Equations for Fekete {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        (0..6 * POINTS as u32).map(|i| (i, i, 1.0)).collect()
    }
}

/// How many points begin on a circle of this latitude, and where the first is.
const CIRCLES: [(usize, f64, f64); 4] = [
    (3, 3.0 * PI / 8.0, 2.0 * PI / 3.0 + PI / 13.0),
    (7, PI / 8.0, 2.0 * PI / 7.0 + PI / 29.0),
    (6, -2.0 * PI / 15.0, PI / 3.0 + PI / 7.0),
    (4, -3.0 * PI / 10.0, PI / 17.0),
];

/// Twenty points on a sphere that repel each other until they are as far apart as they can be
/// (elliptic Fekete points): 160 positions, velocities and multipliers, index 2, to t = 1000.
///
/// C. Bendtsen, P. G. Thomsen, *Numerical solution of differential algebraic equations*, technical
/// report, Technical University of Denmark 1999; problem "Fekete" of the test set.
pub fn fekete() -> Problem {
    let mut u0 = Vec::with_capacity(8 * POINTS);
    for (count, latitude, first) in CIRCLES {
        for i in 0..count {
            let longitude = first + 2.0 * PI * i as f64 / count as f64;
            let (z, r) = latitude.sin_cos();
            u0.extend([longitude.cos() * r, longitude.sin() * r, z]);
        }
    }
    u0.resize(6 * POINTS, 0.0);
    // At rest each pair pushes both from the sphere with half the inverse of its distance.
    u0.resize(7 * POINTS, -0.25 * (POINTS - 1) as f64);
    u0.resize(8 * POINTS, 0.0);
    let mut end = END.concat();
    end.resize(6 * POINTS, 0.0);
    end.resize(7 * POINTS, -0.25 * (POINTS - 1) as f64);
    end.resize(8 * POINTS, 0.0);
    let names = ("fekete", "Fekete points, index 2");
    Problem::new(names, Class::Algebraic, Fekete, (0.0, 1000.0), u0, Vec::new())
        .known(1000.0, &end, 1e-11, RADAU)
        .with_text(model!("fekete"))
}

/// Where they end.
const END: [[f64; 3]; POINTS] = [
    [-0.4070263380333, 0.3463758772792, 0.8451942450030],
    [0.0775293475252, -0.2628662719972, 0.9617122871829],
    [0.7100577833344, 0.1212948055586, 0.6936177005172],
    [0.2348267744558, 0.7449277976923, 0.6244509285956],
    [-0.4341114738783, 0.8785430442263, 0.1992720444238],
    [-0.9515059600313, 0.2203508762787, 0.2146669498274],
    [-0.6385191643610, -0.4310833259391, 0.6375425027722],
    [-0.1464175087914, -0.9380871635229, 0.3139337298745],
    [0.5666974065070, -0.6739221885077, 0.4740073135462],
    [0.9843259538440, -0.1696995357820, -0.0480050429061],
    [0.1464175087914, 0.9380871635229, -0.3139337298745],
    [-0.7092757549979, 0.5264062637140, -0.4688542938855],
    [-0.8665731819284, -0.4813878059756, -0.1315929352982],
    [-0.2347897778701, -0.8594340408013, -0.4541441287958],
    [0.5530976940074, -0.7674370265615, -0.3242273140038],
    [0.7711050969897, 0.6357041816577, 0.0357368551978],
    [0.7103951209380, 0.2403570431281, -0.6614886725911],
    [-0.0303820873874, 0.4501923293640, -0.8924145871442],
    [-0.5772996158107, -0.1766763414972, -0.7971892020970],
    [0.2414481766969, -0.3416456818373, -0.9082846503446],
];
