//! Ozone chemistry of the lower troposphere.

mod reactions;

use crate::Problem;
use crate::function::Function;
use crate::number::Number;
use crate::problem::{Class, model};
use crate::system::Equations;
use reactions::{DEPOSITION, LIGHT, PHOTOLYSIS, REACTIONS, THERMAL};
use slopefield_kernel::Shape;
use std::f64::consts::PI;

const SPECIES: usize = 66;

/// Temperature in kelvin; air and oxygen in molecules per cm³; depth of the mixed layer in cm; what
/// is emitted of nitrogen oxides, in molecules per cm³ and second.
const TEMPERATURE: f64 = 298.0;
const AIR: f64 = 2.55e19;
const OXYGEN: f64 = 5.2e18;
const DEPTH: f64 = 1.2e5;
const EMISSION: f64 = 2.5e11 / DEPTH;

/// What is emitted besides hydrocarbons: species and multiple of [`EMISSION`].
const EMITTED: [(usize, f64); 5] = [(1, 1.0), (3, 1.0), (4, 10.0), (21, 0.05), (41, 0.5)];

/// Hydrocarbons: the species, its part in what is emitted by mass, and its molar mass.
const HYDROCARBONS: [(usize, f64, f64); 6] = [
    (6, 0.07689, 30.0),
    (7, 0.41444, 58.0),
    (8, 0.03642, 28.0),
    (9, 0.03827, 42.0),
    (10, 0.24537, 106.0),
    (20, 0.13957, 46.0),
];

/// Source of the published values.
const SOURCE: &str = "Mazzia, Magherini, Test Set for Initial Value Problem Solvers, release 2.4, Bari 2008: RADAU5 \
     at a relative tolerance of 1e-14";

/// `exp(a/T)`.
fn boltzmann(a: f64) -> f64 {
    (a / TEMPERATURE).exp()
}

#[derive(Debug, Clone, Copy)]
struct Emep;

impl Function for Emep {
    fn shape(&self) -> Shape {
        Shape { states: SPECIES, params: 0, outputs: SPECIES }
    }

    #[inline(always)]
    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let mut second = t;
        for midnight in 1..5 {
            let passed = t - f64::from(midnight) * 86_400.0;
            second = N::choose(passed, passed, second);
        }
        let by_day = |yes: N, no: f64| {
            let evening = N::choose(second - 72_000.0, N::of(no), yes);
            N::choose(second - 14_400.0, evening, N::of(no))
        };
        let (latitude, declination) = (50.0 * PI / 180.0, 23.5 * PI / 180.0);
        let noon = latitude.cos() * declination.cos();
        let height = -(t * (PI / 43_200.0)).cos() * noon + latitude.sin() * declination.sin();
        let boiling = (597.3 - 0.57 * (TEMPERATURE - 273.16)) * 18.0 / 1.986
            * (1.0 / TEMPERATURE - 1.0 / 273.16);
        let humidity = (second * -7.93e-5 + 2.43).sin() * 23.0 + 66.5;
        let water = humidity * (6.1078 * (-boiling).exp() * 10.0 / (1.38e-16 * TEMPERATURE));

        let mut rates = [N::of(0.0); LIGHT + 17];
        for &(i, a, b) in THERMAL {
            rates[i] = N::of(a * boltzmann(b));
        }
        let relative = TEMPERATURE / 300.0;
        rates[1] = N::of(5.7e-34 * relative.powf(-2.8) * AIR * OXYGEN);
        rates[5] = N::of(9.6e-32 * relative.powf(-1.6) * AIR);
        rates[8] = rates[8] * water;
        rates[36] = (water * (1.4e-21 * boltzmann(2200.0)) + 1.0)
            * (2.3e-13 * boltzmann(600.0) + AIR * 1.7e-33 * boltzmann(1000.0));
        for &(i, a, b) in PHOTOLYSIS {
            rates[LIGHT + i] = by_day((N::of(-b) / height).exp() * a, 1e-40);
        }
        let deposition = by_day(N::of(1.0), 0.25) / DEPTH;
        for (i, speed) in DEPOSITION {
            rates[i] = deposition * speed;
        }

        let mut change = [N::of(0.0); SPECIES];
        for (i, multiple) in EMITTED {
            change[i - 1] = N::of(multiple * EMISSION);
        }
        let amount: f64 = HYDROCARBONS.iter().map(|(_, part, mass)| part / mass).sum();
        for (i, part, mass) in HYDROCARBONS {
            change[i - 1] = N::of(part / mass / amount * EMISSION);
        }
        for (rate, met, becomes) in REACTIONS {
            let speed = met.iter().fold(rates[*rate], |speed, i| speed * u(i - 1));
            for (i, count) in *becomes {
                change[i - 1] = change[i - 1] + speed * *count;
            }
        }
        for (i, x) in change.into_iter().enumerate() {
            out(i, x);
        }
    }
}

impl Equations for Emep {}

/// The ozone chemistry of the model EMEP MSC-W: 66 species over four and a half days from four in
/// the morning on, without transport. Light begins and ends with a jump, deposition falls at night,
/// humidity jumps at midnight.
///
/// D. Simpson, Y. Andersson-Sköld, M. E. Jenkin, *Updating the chemical scheme for the EMEP MSC-W
/// oxidant model: current status*, EMEP MSC-W note 2/93, Oslo 1993; problem "EMEP" of the test set.
pub fn emep() -> Problem {
    let mut u0 = [vec![1e7; 13], vec![100.0; SPECIES - 13]].concat();
    for (i, x) in [(0, 1e9), (1, 5e9), (2, 5e9), (3, 3.8e12), (4, 3.5e13), (13, 5e11), (37, 1e-3)] {
        u0[i] = x;
    }
    let end = [
        2.5645805111407e7,
        5.1461347709527e10,
        2.3156799577017e11,
        1.1309365994729e13,
        3.4592853260350e13,
        1.0272365509749e11,
        8.5087355868369e10,
        4.1312856746240e9,
        1.2709378547179e9,
        5.6328808904049e9,
        8.2638215527309e10,
        3.2935526589084e10,
        1.0540581862063e11,
        3.1503085853653e12,
        2.4883839366338e7,
        1.0975656154116e10,
        1.3651965576292e10,
        3.8520482305031e11,
        1.1374627216001e8,
        2.8509822059052e10,
        3.7869336197914e11,
        3.8323843338630e9,
        4.8049399022031e6,
        3.3905460810930e7,
        3.4944529299726e10,
        1.4905763708018e7,
        1.0005678718689e7,
        1.8567530619843e9,
        2.2722061568752e6,
        5.1683758837578e9,
        2.3175959524067e6,
        3.0351396569969e9,
        5.9289794791022e6,
        2.5152972906878e9,
        4.5696782762038e6,
        3.7279265073687e0,
        4.0635893498481e4,
        8.1591511462693e-38,
        5.5775907244123e8,
        7.6845966167537e8,
        5.3384917779598e9,
        6.0486040253284e11,
        4.2222372168198e7,
        3.6818527670098e9,
        5.8357315679780e6,
        1.4565071590819e9,
        8.8628686840141e9,
        9.3387533125286e8,
        3.5957535866827e9,
        4.6224275840573e8,
        2.3959100648755e8,
        6.0809365862533e9,
        7.7041082973422e8,
        3.3862208607532e9,
        1.8382643870306e9,
        1.9732523460919e9,
        1.3134039408927e6,
        1.3444717645717e9,
        2.5684831172447e6,
        1.1318545919001e9,
        4.5915379378189e6,
        8.6093822829528e8,
        3.5095609712835e8,
        6.6823509711048e8,
        3.2073564030112e8,
        1.1449876348820e8,
    ];
    let (morning, evening, day) = (14_400.0, 72_000.0, 86_400.0);
    let mut problem = Problem::new(
        ("emep", "EMEP ozone chemistry"),
        Class::Stiff,
        Emep,
        (morning, evening + 4.0 * day),
        u0,
        Vec::new(),
    )
    // All but two values have eleven digits. Atoms of oxygen are gone within microseconds of the
    // sunset at the end, so the values of their two species depend on how a method ends: 3.727927
    // is published, 3.727981 just before.
    .known(evening + 4.0 * day, &end, 1e-4, SOURCE)
    .with_text(model!("emep"));
    problem.references[0].relative = 1e-11;
    for k in 0..4 {
        let before = f64::from(k) * day;
        for t in [before + evening, before + day, before + day + morning] {
            problem = problem.with_break(t);
        }
    }
    problem
}
