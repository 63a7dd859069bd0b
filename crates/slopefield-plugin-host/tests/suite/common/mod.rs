//! Plugins and problems for the tests of the host.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
#![allow(dead_code, reason = "every test file uses its own part")]

use slopefield_cpu::CompiledKernel;
use slopefield_graph::BuiltinNetworks;
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_plugin_host::{Places, Registry, Trust, bundle, discover, platform};
use slopefield_solve::{Ivp, Settings, SolveError, Stepper};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// An empty folder below the target folder for plugins that stay loaded until the process ends,
/// which is too long for a temporary folder to clean up after itself.
pub fn scratch(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(this.file_stem().unwrap()).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A folder with the bundled plugins, built once per test program.
pub fn bundled() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let products = build(&["ode-extra", "kan", "networks-extra"]);
        let folder = scratch("bundled");
        bundle(&repository().join("plugins"), &products, &folder).unwrap();
        folder
    })
}

/// Builds plugins with the same cargo, profile and target folder as this test; where they are.
fn build(crates: &[&str]) -> PathBuf {
    // .../<profile>/deps/<this test>
    let this = std::env::current_exe().unwrap();
    let products = this.parent().unwrap().parent().unwrap();
    let target = products.parent().unwrap();
    let profile = match products.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        other => other,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--profile", profile])
        .args(crates.iter().flat_map(|c| ["-p".to_owned(), format!("slopefield-plugin-{c}")]))
        .arg("--target-dir")
        .arg(target)
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "the plugins do not build:\n{}",
        String::from_utf8_lossy(&built.stderr)
    );
    target.join(if profile == "dev" { "debug" } else { profile })
}

/// The example plugin in Rust, loaded once.
pub fn example_registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let (source, folder) = (repository().join("plugins/examples/rust"), scratch("examples"));
        let about = std::fs::read_to_string(source.join("plugin.toml")).unwrap();
        let (begin, end) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        let (library, platform) = (format!("{begin}slopefield_plugin_example{end}"), platform());
        let place = folder.join("org.example.rust/0.1.0");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::copy(build(&["example"]).join(&library), place.join(&library)).unwrap();
        let named = format!("{about}\n[native.library.{platform}]\nfile = \"{library}\"\n");
        std::fs::write(place.join("plugin.toml"), named).unwrap();
        let registry = load(&folder);
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        registry
    })
}

/// A folder of the user, whose subfolder `cache` takes the copies.
pub fn places(folder: &Path) -> Places {
    Places { bundled: Vec::new(), others: vec![folder.to_owned()], cache: folder.join("cache") }
}

/// A record that trusts what is in a folder now.
pub fn trust_all(folder: &Path) -> Trust {
    let mut trust = Trust::default();
    for found in discover(&[folder]).iter().filter(|f| f.problem.is_none()) {
        trust.add(found, &found.hash().unwrap());
    }
    trust
}

/// Trusts and loads all plugins in a folder.
pub fn load(folder: &Path) -> Registry {
    let found = discover(&[folder]);
    let ids: Vec<&str> =
        found.iter().filter_map(|f| Some(f.manifest.as_ref()?.id.as_str())).collect();
    Registry::load(&places(folder), &trust_all(folder), &ids)
}

/// The bundled plugins, loaded once.
pub fn bundled_registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let registry = load(bundled());
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        registry
    })
}

/// Compiles `tests/abi/<source>` with definitions and installs it below `folder` with a manifest
/// that provides `solvers`. Returns the folder of the plugin.
pub fn install_c(
    folder: &Path,
    source: &str,
    defines: &[&str],
    (id, version): (&str, &str),
    solvers: &[&str],
) -> PathBuf {
    let place = folder.join(id).join(version);
    let lib = place.join("lib").join(platform());
    std::fs::create_dir_all(&lib).unwrap();
    let file = format!("{}plugin{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let compiled = Command::new(&cc)
        .args(["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"])
        .args(["-Wno-unused-function", "-Wno-unused-variable"])
        .args(defines.iter().map(|d| format!("-D{d}")))
        .arg("-I")
        .arg(repository().join("plugins/abi/include"))
        .arg(repository().join("tests/abi").join(source))
        .arg("-o")
        .arg(lib.join(&file))
        .args(if cfg!(unix) { &["-lm"][..] } else { &[] })
        .output()
        .unwrap_or_else(|e| {
            panic!("the C compiler `{cc}` cannot be run ({e}): install one, or name it in CC")
        });
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    std::fs::write(place.join("plugin.toml"), manifest(id, version, &file, solvers)).unwrap();
    place
}

pub fn manifest(id: &str, version: &str, file: &str, solvers: &[&str]) -> String {
    let platform = platform();
    let provides: String = solvers
        .iter()
        .map(|s| format!("[[provides]]\nkind = \"solver\"\nid = \"{s}\"\nname = \"{s}\"\n"))
        .collect();
    format!(
        "manifest = 1\nid = \"{id}\"\nversion = \"{version}\"\nname = \"Test\"\nlicense = \"MIT\"\n\
         [native]\nabi = \"1.0\"\n[native.library.{platform}]\n\
         file = \"lib/{platform}/{file}\"\n{provides}"
    )
}

type Field = fn(t: f64, u: &[f64], p: &[f64], out: &mut [f64]);

/// A model given by formulas: `f`, its Jacobian (column-major) and its derivative by time.
pub struct Formula {
    pub states: usize,
    pub params: usize,
    pub f: Field,
    pub jacobian: Field,
    pub dfdt: Field,
}

impl Kernel for Formula {
    fn shape(&self) -> Shape {
        Shape { states: self.states, params: self.params, outputs: self.states }
    }
    fn scratch_len(&self) -> usize {
        self.states * self.states + self.states
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        assert_eq!((u.len(), p.len(), out.len()), (self.states, self.params, self.states));
        assert!(scratch.len() >= self.scratch_len());
        (self.f)(t, u, p, out);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        let n = self.states;
        assert!(along.p.iter().all(|v| *v == 0.0) && along.p.len() == self.params);
        (self.f)(at.t, at.u, at.p, out);
        let (jacobian, rest) = scratch.split_at_mut(n * n);
        (self.jacobian)(at.t, at.u, at.p, jacobian);
        (self.dfdt)(at.t, at.u, at.p, &mut rest[..n]);
        for i in 0..n {
            dout[i] =
                along.t * rest[i] + (0..n).map(|j| jacobian[j * n + i] * along.u[j]).sum::<f64>();
        }
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        let n = self.states;
        let (jacobian, rest) = scratch.split_at_mut(n * n);
        (self.jacobian)(at.t, at.u, at.p, jacobian);
        (self.dfdt)(at.t, at.u, at.p, &mut rest[..n]);
        for i in 0..n {
            *grad.t += w[i] * rest[i];
            for j in 0..n {
                grad.u[j] += w[i] * jacobian[j * n + i];
            }
        }
    }
}

fn no_time(_: f64, _: &[f64], _: &[f64], out: &mut [f64]) {
    out.fill(0.0);
}

/// `x' = αx − βxy`, `y' = −δy + γxy` with `p = (α, β, δ, γ)`.
pub fn lotka_volterra() -> Formula {
    Formula {
        states: 2,
        params: 4,
        f: |_, u, p, out| {
            out[0] = p[0] * u[0] - p[1] * u[0] * u[1];
            out[1] = -p[2] * u[1] + p[3] * u[0] * u[1];
        },
        jacobian: |_, u, p, out| {
            out.copy_from_slice(&[
                p[0] - p[1] * u[1],
                p[3] * u[1],
                -p[1] * u[0],
                -p[2] + p[3] * u[0],
            ]);
        },
        dfdt: no_time,
    }
}

/// The right-hand side of a model text, compiled.
pub fn compiled(text: &str) -> CompiledKernel {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    let lowered = slopefield_graph::lower(&model, &BuiltinNetworks).unwrap();
    slopefield_cpu::compile(&lowered.rhs).unwrap()
}

/// The same as a model text.
pub const LV_TEXT: &str = "param a = 1.5\nparam b = 1\nparam d = 3\nparam c = 1\n\
    state x = 1\nstate y = 1\nx' = a*x - b*x*y\ny' = -d*y + c*x*y\n";

pub const LV_P: [f64; 4] = [1.5, 1.0, 3.0, 1.0];
pub const LV_U0: [f64; 2] = [1.0, 1.0];
pub const LV_AT_10: [f64; 2] = [1.026344767575, 0.909691078136];

/// `u' = p (cos t − u)`, which for `u(0) = p²/(1 + p²)` is `(p² cos t + p sin t)/(1 + p²)`: stiff
/// for large `p`, and depends on time.
pub fn relaxation() -> Formula {
    Formula {
        states: 1,
        params: 1,
        f: |t, u, p, out| out[0] = p[0] * (t.cos() - u[0]),
        jacobian: |_, _, p, out| out[0] = -p[0],
        dfdt: |t, _, p, out| out[0] = -p[0] * t.sin(),
    }
}

pub fn relaxation_exact(t: f64, p: f64) -> f64 {
    (p * p * t.cos() + p * t.sin()) / (1.0 + p * p)
}

/// `u' = −u sin t`, so `u = exp(cos t − cos t0) u0`: nonlinear enough in time to show an order.
pub fn swing() -> Formula {
    Formula {
        states: 1,
        params: 0,
        f: |t, u, _, out| out[0] = -u[0] * t.sin(),
        jacobian: |t, _, _, out| out[0] = -t.sin(),
        dfdt: |t, u, _, out| out[0] = -u[0] * t.cos(),
    }
}

pub fn swing_exact(t0: f64, t: f64) -> f64 {
    (t.cos() - t0.cos()).exp()
}

const ECCENTRICITY: f64 = 0.3;

/// A planet on an ellipse of half axis 1 around a sun of mass 1, begun at the perihelion:
/// position and velocity. For methods that ask for no derivatives.
pub fn kepler() -> Formula {
    Formula {
        states: 4,
        params: 0,
        f: |_, u, _, out| {
            let r3 = u[0].hypot(u[1]).powi(3);
            out.copy_from_slice(&[u[2], u[3], -u[0] / r3, -u[1] / r3]);
        },
        jacobian: |_, _, _, _| panic!("not given"),
        dfdt: no_time,
    }
}

/// The ellipse, by Kepler's equation `t = E − e sin E`.
pub fn kepler_exact(t: f64) -> Vec<f64> {
    let e = ECCENTRICITY;
    let mut anomaly = t;
    for _ in 0..50 {
        anomaly -= (anomaly - e * anomaly.sin() - t) / (1.0 - e * anomaly.cos());
    }
    let (sin, cos) = anomaly.sin_cos();
    let (b, rate) = ((1.0 - e * e).sqrt(), 1.0 / (1.0 - e * cos));
    vec![cos - e, b * sin, -rate * sin, rate * b * cos]
}

/// `u' = −1/(2u)`, so `u = √(1 − t)`: not defined from `t = 1` on.
pub fn falling_root() -> Formula {
    Formula {
        states: 1,
        params: 0,
        f: |_, u, _, out| out[0] = if u[0] > 0.0 { -0.5 / u[0] } else { f64::NAN },
        jacobian: |_, u, _, out| out[0] = 0.5 / (u[0] * u[0]),
        dfdt: no_time,
    }
}

/// Runs to the end; `inspect` sees the stepper after every step.
pub fn solve_with(
    stepper: &mut dyn Stepper,
    ivp: &Ivp<'_>,
    settings: &Settings,
    mut inspect: impl FnMut(&mut dyn Stepper, f64, f64),
) -> Result<Vec<f64>, SolveError> {
    stepper.start(ivp, settings)?;
    let mut t = ivp.t0;
    while t != ivp.t1 {
        let step = stepper.step(ivp, settings, ivp.t1)?;
        assert_eq!(step.t_prev, t);
        t = step.t;
        inspect(stepper, step.t_prev, step.t);
    }
    Ok(stepper.state().to_vec())
}

pub fn solve(
    stepper: &mut dyn Stepper,
    ivp: &Ivp<'_>,
    settings: &Settings,
) -> Result<Vec<f64>, SolveError> {
    solve_with(stepper, ivp, settings, |_, _, _| {})
}

pub fn tolerances(rtol: f64, atol: f64) -> Settings {
    Settings { rtol, atol: vec![atol], ..Settings::default() }
}

/// Settings under which every step has length `h`, whatever the error.
pub fn fixed_steps(h: f64) -> Settings {
    Settings { h_init: Some(h), h_max: h, ..tolerances(1e8, 1e8) }
}
