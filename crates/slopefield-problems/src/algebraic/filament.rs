//! An elastic filament in a rotating magnetic field.

use crate::Problem;
use crate::function::Function;
use crate::number::Number;
use crate::problem::{Class, TIGHT, model};
use crate::system::Equations;
use slopefield_kernel::Shape;

/// Links between the points.
const LINKS: usize = 20;
const POINTS: usize = LINKS + 1;

/// Positions x, then y, of all points, then the tension of each link.
#[derive(Debug, Clone, Copy)]
struct Filament;

impl Function for Filament {
    fn shape(&self) -> Shape {
        let n = 2 * POINTS + LINKS;
        Shape { states: n, params: 2, outputs: n }
    }

    #[inline(always)]
    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let mu = POINTS as f64;
        let pulls = [(p(1) * t).cos() * p(0) * mu, (p(1) * t).sin() * p(0) * mu];
        let at = |axis: usize, i: usize| u(axis * POINTS + i);
        // Second difference; ends do not resist bending.
        let bend = |axis: usize, i: usize| match i {
            1..LINKS => at(axis, i - 1) - at(axis, i) * 2.0 + at(axis, i + 1),
            _ => N::of(0.0),
        };
        let pull =
            |axis: usize, link: usize| u(2 * POINTS + link) * (at(axis, link + 1) - at(axis, link));
        let velocity = |axis: usize, i: usize| {
            let mut sum = bend(axis, i) * 2.0;
            if i > 0 {
                sum = sum - bend(axis, i - 1);
            }
            if i < LINKS {
                sum = sum - bend(axis, i + 1);
            }
            sum = sum * mu.powi(4);
            if i < LINKS {
                sum = sum + pull(axis, i);
            }
            if i > 0 {
                sum = sum - pull(axis, i - 1);
            }
            match i {
                0 => sum - pulls[axis],
                LINKS => sum + pulls[axis],
                _ => sum,
            }
        };
        for axis in 0..2 {
            for i in 0..POINTS {
                out(axis * POINTS + i, velocity(axis, i));
            }
        }
        for link in 0..LINKS {
            let along = |axis: usize| {
                (at(axis, link + 1) - at(axis, link))
                    * (velocity(axis, link + 1) - velocity(axis, link))
            };
            out(2 * POINTS + link, along(0) + along(1));
        }
    }
}

impl Equations for Filament {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        (0..2 * POINTS as u32).map(|i| (i, i, 1.0)).collect()
    }
}

/// A magnetic filament of 20 links that do not stretch, in a viscous fluid and a field that turns in
/// a plane: 21 points, parameters `(Cm, ω) = (32, 200)`, to t = 0.01. The tensions of the links are
/// algebraic variables, index 1; public benchmarks eliminate them.
///
/// R. Livanovičs, A. Cēbers, *Magnetic dipole with a flexible tail as a self-propelling
/// microdevice*, Phys. Rev. E 85 (2012) 041502, doi:10.1103/PhysRevE.85.041502.
pub fn filament() -> Problem {
    let length = LINKS as f64;
    let mut u0: Vec<f64> = (0..POINTS).map(|i| i as f64 / length).collect();
    u0.resize(2 * POINTS, 0.0);
    // Each link holds the pull on the ends.
    u0.resize(2 * POINTS + LINKS, 32.0 * POINTS as f64 * length);
    let end = [
        // x
        0.4279443927987,
        0.4283216924898,
        0.4296773668778,
        0.4326137495516,
        0.4374375101639,
        0.4442231119365,
        0.4528659197143,
        0.4631276879017,
        0.4746750176998,
        0.4871109029058,
        0.5000000000000,
        0.5128890970942,
        0.5253249823002,
        0.5368723120984,
        0.5471340802857,
        0.5557768880635,
        0.5625624898361,
        0.5673862504484,
        0.5703226331222,
        0.5716783075102,
        0.5720556072013,
        // y
        -0.4927683469175,
        -0.4427697704883,
        -0.3927881523977,
        -0.3428744503031,
        -0.2931076809328,
        -0.2435702646842,
        -0.1943229107074,
        -0.1453872783556,
        -0.0967389569608,
        -0.0483101560347,
        -0.0000000000000,
        0.0483101560347,
        0.0967389569608,
        0.1453872783556,
        0.1943229107074,
        0.2435702646842,
        0.2931076809328,
        0.3428744503031,
        0.3927881523977,
        0.4427697704883,
        0.4927683469175,
        // Tensions.
        11882.277923924,
        11482.315524255,
        11121.770191105,
        10885.005498035,
        10781.785979115,
        10785.509730127,
        10855.505632841,
        10950.106645014,
        11034.063560229,
        11082.443048142,
        11082.443048143,
        11034.063560204,
        10950.106645037,
        10855.505632840,
        10785.509730109,
        10781.785979120,
        10885.005498067,
        11121.770191055,
        11482.315524288,
        11882.277923915,
    ];
    let mut problem = Problem::new(
        ("filament", "Magnetic filament"),
        Class::Algebraic,
        Filament,
        (0.0, 0.01),
        u0,
        vec![32.0, 200.0],
    )
    .known(0.01, &end, 1e-11, TIGHT)
    .with_text(model!("filament"));
    problem.references[0].relative = 1e-10;
    problem
}
