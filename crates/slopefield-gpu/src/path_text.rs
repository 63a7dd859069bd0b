//! The text of paths of a stochastic differential equation, a thread for each path.

use slopefield_stochastic::tables::{STAGES, SriTable};

use crate::dialect::Dialect;
use crate::motion::{CELL, DIVIDE, MARK, POP};
use crate::paths::PathMethod;

/// What the text is about.
pub(crate) struct Noisy {
    pub(crate) method: PathMethod,
    /// States.
    pub(crate) n: usize,
    /// Sources of noise.
    pub(crate) sources: usize,
    /// Source `i` acts on state `i` alone; `noise` writes one coefficient for each.
    pub(crate) diagonal: bool,
    /// In `tables`: attempts of a run, the seed and the number of the first path (two words each), save
    /// times at the beginning, steps, moves.
    pub(crate) limits: usize,
    pub(crate) dialect: Dialect,
}

impl Noisy {
    fn number(&self, x: f64) -> String {
        self.dialect.number(x)
    }

    /// Coefficients of one evaluation.
    pub(crate) fn coefficients(&self) -> usize {
        if self.diagonal { self.n } else { self.n * self.sources }
    }

    /// `run_lane` and what it calls besides `drift(t, base)` and `noise(t, base)`, which take the state
    /// from `stage` and write to `drifts` and `diffusions` from `base` on.
    pub(crate) fn text(&self) -> String {
        let step = match self.method {
            PathMethod::EulerMaruyama => self.euler(),
            PathMethod::Sri(table) => self.sri(table),
        };
        let noise_of = if self.diagonal {
            "    return diffusions[i] * increment[i];\n".to_owned()
        } else {
            let terms = (0..self.sources)
                .map(|s| format!("diffusions[{}u + i] * increment[{s}u]", s * self.n));
            format!("    return {};\n", terms.collect::<Vec<_>>().join(" + "))
        };
        include_str!("text/paths.wgsl")
            .replace("$step\n", &step)
            .replace("$noise_of\n", &noise_of)
            .replace("$root_of_twelfth", &self.number(1.0 / 12.0_f64.sqrt()))
            .replace("$root_of_48th", &self.number(1.0 / 48.0_f64.sqrt()))
            .replace("$cell", &CELL.to_string())
            .replace("$divide", &DIVIDE.to_string())
            .replace("$pop", &POP.to_string())
            .replace("$mark", &MARK.to_string())
            .replace("$limits", &self.limits.to_string())
            .replace("$sources", &format!("{}u", self.sources))
            .replace("$n", &format!("{}u", self.n))
    }

    /// `end = (u + g W) + h f`.
    fn euler(&self) -> String {
        let mut out = self.over_states();
        out += "            var sum: real = u[i];\n";
        for s in 0..if self.diagonal { 1 } else { self.sources } {
            let (g, w) = match self.diagonal {
                true => ("diffusions[i]".to_owned(), "increment[i]".to_owned()),
                false => (format!("diffusions[{}u + i]", s * self.n), format!("increment[{s}u]")),
            };
            out += &format!("            sum = sum + {g} * {w};\n");
        }
        out + "            end[i] = sum + h * drifts[i];\n        }\n"
    }

    fn over_states(&self) -> String {
        format!("        for (var i: word = 0u; i < {}u; i++) {{\n", self.n)
    }

    /// The increment of the source of state `i`, and its mean over the step.
    fn increments(&self) -> String {
        let at = if self.diagonal { "i" } else { "0u" };
        let (pad, sources) = ("            ", self.sources);
        format!(
            "{pad}let w: real = increment[{at}];\n{pad}let mean: real = real(0.5) * w + \
             increment[{sources}u + {at}];\n"
        )
    }

    /// `Σ c_j rows_j`, without terms that are 0.
    fn sum(&self, coefficients: &[f64], rows: &str) -> String {
        let term =
            |(j, c): (usize, &f64)| format!("{} * {rows}[{}u + i]", self.number(*c), j * self.n);
        let terms: Vec<_> =
            coefficients.iter().enumerate().filter(|(_, c)| **c != 0.0).map(term).collect();
        if terms.is_empty() { "real(0.0)".to_owned() } else { format!("({})", terms.join(" + ")) }
    }

    fn sri(&self, table: &SriTable) -> String {
        let n = self.n;
        let mut out = String::new();
        let mut stage = |a: &[f64], b: &[f64], scale: &str, call: String| {
            out += &self.over_states();
            out += &self.increments();
            let (drift, noise) = (self.sum(a, "drifts"), self.sum(b, "diffusions"));
            out += &format!(
                "            stage[i] = u[i] + h * {drift} + {scale} * {noise};\n        }}\n"
            );
            out += &format!("        {call};\n");
        };
        for s in 1..STAGES {
            let time = |c: f64| format!("t + {} * h", self.number(c));
            if s < table.drift_stages {
                let call = format!("drift({}, {}u)", time(table.c0[s]), s * n);
                stage(&table.a0[s][..s], &table.b0[s][..s], "mean", call);
            }
            let known = s.min(table.drift_stages);
            let call = format!("noise({}, {}u)", time(table.c1[s]), s * n);
            stage(&table.a1[s][..known], &table.b1[s][..s], "root", call);
        }
        out += &self.over_states();
        out += &self.increments();
        out += "            let twice: real = (w * w - h) * (real(0.5) / root);\n";
        out += "            let thrice: real = (w * w * w - real(3.0) * w * h) * (real(1.0) / \
                (real(6.0) * h));\n";
        let [b1, b2, b3, b4] = table.beta;
        for (name, first, with_first, second, with_second) in
            [("noisy", b1, "w", b2, "twice"), ("bent", b3, "mean", b4, "thrice")]
        {
            let term = |s: usize| {
                let (first, second) = (self.number(first[s]), self.number(second[s]));
                let at = s * n;
                format!(
                    "({first} * {with_first} + {second} * {with_second}) * diffusions[{at}u + i]"
                )
            };
            let terms: Vec<_> = (0..STAGES).map(term).collect();
            out += &format!("            let {name}: real = {};\n", terms.join(" + "));
        }
        let drift = self.sum(&table.alpha[..table.drift_stages], "drifts");
        out + &format!("            end[i] = u[i] + h * {drift} + noisy + bent;\n        }}\n")
    }
}
