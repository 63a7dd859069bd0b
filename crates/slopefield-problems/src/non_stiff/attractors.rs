//! Strange attractors, all from `(1, 0, 0)`.

use crate::Problem;
use crate::problem::{COMPUTED, Class, equations, model};

/// A problem of three states from t = 0 to 1.
macro_rules! attractor {
    ($equations:ident, $id:literal, $name:literal, $p:expr, $end:expr, $text:literal) => {
        Problem::new(
            ($id, $name),
            Class::NonStiff,
            $equations,
            (0.0, 1.0),
            vec![1.0, 0.0, 0.0],
            $p.to_vec(),
        )
        .known(1.0, &$end, 1e-14, COMPUTED)
        .with_text(model!($text))
    };
}

equations! {
    Thomas: 3, 1;
    (_, u, p, out) {
        out(0, u(1).sin() - p(0) * u(0));
        out(1, u(2).sin() - p(0) * u(1));
        out(2, u(0).sin() - p(0) * u(2));
    }
}

/// R. Thomas, *Deterministic chaos seen in terms of feedback circuits*, Int. J. Bifurcation and
/// Chaos 9 (1999) 1889, doi:10.1142/S0218127499001383.
pub fn thomas() -> Problem {
    attractor!(
        Thomas,
        "thomas",
        "Thomas' attractor",
        [0.208186],
        [0.9242160283657492, 0.3369077831061902, 0.7238509150127947],
        "thomas"
    )
}

equations! {
    Aizawa: 3, 6;
    (_, u, p, out) {
        let (x, y, z) = (u(0), u(1), u(2));
        out(0, (z - p(1)) * x - p(3) * y);
        out(1, p(3) * x + (z - p(1)) * y);
        let ring = (x * x + y * y) * (p(4) * z + 1.0);
        out(2, p(2) + p(0) * z - z * z * z / 3.0 - ring + p(5) * z * x * x * x);
    }
}

/// The attractor called after Y. Aizawa, parameters `(a, b, c, d, e, f)`.
pub fn aizawa() -> Problem {
    let p = [0.95, 0.7, 0.6, 3.5, 0.25, 0.1];
    attractor!(
        Aizawa,
        "aizawa",
        "Aizawa attractor",
        p,
        [-0.44538466226227535, -0.1668346988303339, 0.0471413486884591],
        "aizawa"
    )
}

equations! {
    Dadras: 3, 5;
    (_, u, p, out) {
        let (x, y, z) = (u(0), u(1), u(2));
        out(0, y - p(0) * x + p(1) * y * z);
        out(1, p(2) * y - x * z + z);
        out(2, p(3) * x * y - p(4) * z);
    }
}

/// S. Dadras, H. R. Momeni, *A novel three-dimensional autonomous chaotic system generating two,
/// three and four-scroll attractors*, Phys. Lett. A 373 (2009) 3637,
/// doi:10.1016/j.physleta.2009.07.088.
pub fn dadras() -> Problem {
    let p = [3.0, 2.7, 1.7, 2.0, 9.0];
    attractor!(Dadras, "dadras", "Dadras attractor", p, [0.049787068367863944, 0.0, 0.0], "dadras")
}

equations! {
    Chen: 3, 3;
    (_, u, p, out) {
        let (x, y, z) = (u(0), u(1), u(2));
        out(0, p(0) * (y - x));
        out(1, (p(2) - p(0)) * x - x * z + p(2) * y);
        out(2, x * y - p(1) * z);
    }
}

/// G. Chen, T. Ueta, *Yet another chaotic attractor*, Int. J. Bifurcation and Chaos 9 (1999) 1465,
/// doi:10.1142/S0218127499001024.
pub fn chen() -> Problem {
    attractor!(
        Chen,
        "chen",
        "Chen's attractor",
        [35.0, 3.0, 28.0],
        [-6.970513420713317, -7.259714844061134, 22.15244135006584],
        "chen"
    )
}

equations! {
    Rossler: 3, 3;
    (_, u, p, out) {
        out(0, -u(1) - u(2));
        out(1, u(0) + p(0) * u(1));
        out(2, p(1) + u(2) * (u(0) - p(2)));
    }
}

/// O. E. Rössler, *An equation for continuous chaos*, Phys. Lett. A 57 (1976) 397,
/// doi:10.1016/0375-9601(76)90101-8.
pub fn rossler() -> Problem {
    attractor!(
        Rossler,
        "rossler",
        "Rössler attractor",
        [0.2, 0.2, 5.7],
        [0.4799603705565689, 0.9177792200126155, 0.03920957621239136],
        "rossler"
    )
}

equations! {
    RabinovichFabrikant: 3, 2;
    (_, u, p, out) {
        let (x, y, z) = (u(0), u(1), u(2));
        out(0, y * (z - 1.0 + x * x) + p(1) * x);
        out(1, x * (z * 3.0 + 1.0 - x * x) + p(1) * y);
        out(2, z * (p(0) + x * y) * -2.0);
    }
}

/// M. I. Rabinovich, A. L. Fabrikant, *Stochastic self-modulation of waves in nonequilibrium
/// media*, Sov. Phys. JETP 50 (1979) 311. From `(1, 0, 0)` the third state stays 0.
pub fn rabinovich_fabrikant() -> Problem {
    attractor!(
        RabinovichFabrikant,
        "rabinovich-fabrikant",
        "Rabinovich–Fabrikant equations",
        [0.14, 0.1],
        [1.0991477493569954, -0.11522579244084852, 0.0],
        "rabinovich_fabrikant"
    )
}

equations! {
    Sprott: 3, 2;
    (_, u, p, out) {
        let (x, y, z) = (u(0), u(1), u(2));
        out(0, y + p(0) * x * y + x * z);
        out(1, -p(1) * x * x + y * z + 1.0);
        out(2, x - x * x - y * y);
    }
}

/// J. C. Sprott, *A dynamical system with a strange attractor and invariant tori*, Phys. Lett. A
/// 378 (2014) 1361, doi:10.1016/j.physleta.2014.03.028.
pub fn sprott() -> Problem {
    attractor!(
        Sprott,
        "sprott",
        "Sprott attractor",
        [2.07, 1.79],
        [0.5400096996339416, -0.13208263978856555, 0.10893539020517932],
        "sprott"
    )
}

equations! {
    HindmarshRose: 3, 8;
    (_, u, p, out) {
        let (x, y, z) = (u(0), u(1), u(2));
        out(0, y - p(0) * x * x * x + p(1) * x * x - z + p(7));
        out(1, p(2) - p(3) * x * x - y);
        out(2, p(4) * (p(5) * (x - p(6)) - z));
    }
}

/// A bursting neuron, parameters `(a, b, c, d, r, s, x_r, current)`: J. L. Hindmarsh, R. M. Rose,
/// *A model of neuronal bursting using three coupled first order differential equations*, Proc. R.
/// Soc. Lond. B 221 (1984) 87, doi:10.1098/rspb.1984.0024.
pub fn hindmarsh_rose() -> Problem {
    let p = [1.0, 3.0, 1.0, 5.0, 1e-2, 4.0, -1.6, 5.0];
    let end = [0.11999682130044256, -10.798878082057273, 0.1381032898085852];
    attractor!(HindmarshRose, "hindmarsh-rose", "Hindmarsh–Rose neuron", p, end, "hindmarsh_rose")
}
