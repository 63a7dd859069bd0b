//! What can be typed after `slopefield`.

use clap::{Args, Parser, Subcommand, ValueEnum};
use slopefield_api::types::{InputTable, ScanAxis};
use std::path::PathBuf;

/// Fit differential equations with unknown parameters and neural-network terms to data.
///
/// A model is a text file that reads like the mathematics (`x' = a*x - b*x*y`); a study names the
/// model, the data and the settings. A typical session:
///
///   slopefield check model.slope
///   slopefield simulate model.slope --to 20 > curve.csv
///   slopefield fit study.toml --out result.slopefield
///   slopefield report result.slopefield
#[derive(Debug, Parser)]
#[command(name = "slopefield", version, verbatim_doc_comment, max_term_width = 100)]
pub struct Arguments {
    /// Print one JSON object as the last line of standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress, only results and errors.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// A folder of plugins, besides the bundled ones and the user's own; may be repeated.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub plugins: Vec<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub task: Task,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Check a model text: errors with their places, what kind of system it is.
    Check(Check),
    /// Solve a model and print its curves as a table.
    Simulate(Simulate),
    /// Train a study: find the parameters and network weights that describe the data.
    Fit(Fit),
    /// How sure a fit is: train a study, then draw from the posterior distribution of its parameters.
    Sample(Sample),
    /// How sure a fit is, by any method: intervals, what only a combination fixes, bands, coverage.
    Uncertainty(Uncertainty),
    /// What the networks of a fit have learned: their curves, and where the forecast leaves what they
    /// were trained on.
    Terms(Terms),
    /// Curves of a trained project, beyond the data.
    Forecast(Forecast),
    /// The gradient of a study's loss; compare and check the ways of computing it.
    Gradient(Gradient),
    /// Write one standalone web page about a trained project.
    Report(Report),
    /// Look into project files.
    #[command(subcommand)]
    Project(Project),
    /// Native plugins: further solvers and networks.
    #[command(subcommand)]
    Plugin(Plugin),
    /// What this machine computes with: processor, graphics cards, libraries of CUDA.
    Devices,
    /// Measure this program on your machine, beside hand-written C and other programs.
    ///
    /// Compiles models, compares their results with C compiled on this machine (if there is a C
    /// compiler) and with stored references, then measures both by turns and prints a line per case:
    ///
    ///   slopefield bench                            the suites and their cases
    ///   slopefield bench core                       everything, a second per case
    ///   slopefield bench core --case lv             all cases whose names begin with lv
    ///   slopefield bench core --peers --python VENV/bin/python
    ///
    /// Times are the least of many short rounds, so other load matters little; on a quiet machine
    /// the figures are best. What each case is stands in docs/benchmarks.md.
    #[command(verbatim_doc_comment)]
    Bench(Bench),
}

/// `slopefield check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Model file.
    pub model: PathBuf,
    /// Print the tensor graph before and after each pass of the compiler.
    #[arg(long)]
    pub dump_graph: bool,
    /// Print the text as the formatter writes it.
    #[arg(long)]
    pub format: bool,
}

/// `slopefield simulate`.
#[derive(Debug, Args)]
pub struct Simulate {
    /// Model file.
    pub model: PathBuf,
    /// Value of a parameter or of a state at the start; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_value)]
    pub set: Vec<(String, f64)>,
    /// Table that drives an input of the model, and its column when that is not the one that the
    /// model names; may be repeated.
    #[arg(long, value_name = "NAME=FILE[:COLUMN]", value_parser = input_table)]
    pub input: Vec<InputTable>,
    /// Start time; default the model's.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = finite)]
    pub from: Option<f64>,
    /// End time; default start + 10.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = finite)]
    pub to: Option<f64>,
    /// Times to print, separated by commas.
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["points", "to"], value_parser = finite, allow_hyphen_values = true)]
    pub at: Vec<f64>,
    /// Number of equally spaced times [default: 201].
    #[arg(long)]
    pub points: Option<u32>,
    /// Solver, or `auto`.
    #[arg(long)]
    pub method: Option<String>,
    /// Relative tolerance [default: 1e-6, with noise 1e-3].
    #[arg(long, value_parser = finite)]
    pub rtol: Option<f64>,
    /// Absolute tolerance [default: 1e-8, with noise 1e-5].
    #[arg(long, value_parser = finite)]
    pub atol: Option<f64>,
    /// Seed of network weights and of random numbers [default: 1].
    #[arg(long)]
    pub seed: Option<u64>,
    /// How reactions are run: as differential equations, with the noise of their randomness, or one
    /// by one as random events.
    #[arg(long, value_parser = ["ode", "langevin", "jumps"])]
    pub reactions: Option<String>,
    /// Which random path of a stochastic model [default: 0].
    #[arg(long, conflicts_with = "paths")]
    pub path: Option<u32>,
    /// Number of random paths: print their means and standard deviations.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub paths: Option<u32>,
    /// Print the steady state that the initial values lead to instead of a trajectory.
    #[arg(long, conflicts_with_all = ["to", "at", "points", "method", "path", "paths"])]
    pub steady: bool,
    /// Solve for many values of a parameter or of a state at the start, equally spaced or, with `log`,
    /// by equal ratios; repeated, for all combinations. Prints the end of each trajectory unless
    /// `--at` or `--points` ask for more.
    #[arg(long, value_name = "NAME=FROM:TO[:COUNT][:log]", value_parser = scan_axis, conflicts_with_all = ["paths", "steady"])]
    pub scan: Vec<ScanAxis>,
    /// Solve this many times, with random values between the ends of `--scan`: its counts may be left out.
    /// `--seed` gives others.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub random: Option<u32>,
    /// Solve for each row of a table, whose columns are named as parameters or states.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "steady"])]
    pub each: Option<PathBuf>,
    /// What computes a scan, or several paths (`--paths`, by default on the processor): `auto`, `cpu`, `gpu`, or a
    /// part of the name of a card (`slopefield devices` lists them).
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Form of the table.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Print what the solve cost to standard error.
    #[arg(long)]
    pub stats: bool,
}

/// Form of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A header, then rows at 17 digits.
    #[default]
    Csv,
    /// One object with a list per column.
    Json,
}

/// `slopefield fit`.
#[derive(Debug, Args)]
pub struct Fit {
    /// Study file (`study.toml`).
    pub study: PathBuf,
    /// Project file to write; it can be opened in the window.
    #[arg(long, value_name = "FILE.slopefield")]
    pub out: Option<PathBuf>,
    /// Iterations at most, over all stages; an interrupted run keeps its own bound.
    #[arg(long)]
    pub iterations: Option<u32>,
    /// Go on with the interrupted run in the project file.
    #[arg(long, requires = "out")]
    pub resume: bool,
    /// What computes gradients before the stage that finishes: `auto`, `cpu`, `gpu`, or a part of the name
    /// of a card (`slopefield devices` lists them) [default: what the study says, which is `auto`].
    #[arg(long, value_name = "DEVICE", conflicts_with = "resume")]
    pub device: Option<String>,
}

/// `slopefield sample`.
#[derive(Debug, Args)]
pub struct Sample {
    /// Study file (`study.toml`); every observation needs a noise model.
    pub study: PathBuf,
    /// Chains [default: 4].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub chains: Option<u32>,
    /// Draws of each chain on which it learns and which are thrown away [default: 500].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub warmup: Option<u32>,
    /// Draws of each chain that are kept [default: 1000].
    #[arg(long, value_parser = clap::value_parser!(u32).range(4..=1_000_000))]
    pub draws: Option<u32>,
    /// Seed [default: the study's].
    #[arg(long)]
    pub seed: Option<u64>,
    /// Table of all draws to write.
    #[arg(long, value_name = "FILE.csv")]
    pub out: Option<PathBuf>,
    /// Table of the 5 %, 50 % and 95 % quantiles of the observations over data and forecast to write.
    #[arg(long, value_name = "FILE.csv")]
    pub bands: Option<PathBuf>,
}

/// `slopefield uncertainty`.
#[derive(Debug, Args)]
pub struct Uncertainty {
    /// Study file (`study.toml`).
    pub study: PathBuf,
    /// The normal distribution around the fit, refits along each parameter, refits to new data,
    /// trainings from other starts, or draws from the posterior.
    #[arg(long, value_parser = ["laplace", "profile", "bootstrap", "ensemble", "nuts"], default_value = "laplace")]
    pub method: String,
    /// Draws or refits [default: laplace 1000, bootstrap 200, ensemble 20, nuts 1000 of each chain].
    #[arg(long, value_parser = clap::value_parser!(u32).range(4..=1_000_000))]
    pub draws: Option<u32>,
    /// Seed [default: the study's].
    #[arg(long)]
    pub seed: Option<u64>,
    /// Where the new data of the bootstrap come from: the noise models, the residuals, or the
    /// points themselves.
    #[arg(long, value_parser = ["parametric", "residual", "case"], default_value = "parametric")]
    pub resampling: String,
    /// What computes gradients of refits and trainings of the ensemble before their last stage: `auto`,
    /// `cpu`, `gpu`, or a part of the name of a card (`slopefield devices` lists them) [default: what the
    /// study says, which is `auto`].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Table of the parameters of all draws or refits to write.
    #[arg(long, value_name = "FILE.csv")]
    pub out: Option<PathBuf>,
    /// Table of the quantiles of the observations over data and forecast to write: of the model's
    /// value and of measurements.
    #[arg(long, value_name = "FILE.csv")]
    pub bands: Option<PathBuf>,
}

/// `slopefield terms`.
#[derive(Debug, Args)]
pub struct Terms {
    /// Study file (`study.toml`), which is trained first, or project file with a run.
    pub file: PathBuf,
    /// Run of the project by number or id; default the newest with a result.
    #[arg(long)]
    pub run: Option<String>,
    /// Value at which an input is held while the others vary; may be repeated [default: the median of
    /// what was visited].
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_value)]
    pub at: Vec<(String, f64)>,
    /// Points of each curve [default: 81].
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=2001))]
    pub points: Option<u32>,
    /// End of the forecast; default the study's.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = finite)]
    pub until: Option<f64>,
    /// Draws from the normal distribution around the fit, which give the curves a band; a project
    /// in which was asked how sure the run is has one already.
    #[arg(long, value_name = "DRAWS", value_parser = clap::value_parser!(u32).range(4..=10_000))]
    pub spread: Option<u32>,
    /// Seed of the draws [default: the study's].
    #[arg(long)]
    pub seed: Option<u64>,
    /// Table of all curves to write.
    #[arg(long, value_name = "FILE.csv", conflicts_with = "replace")]
    pub csv: Option<PathBuf>,
    /// Look for formulas, sums of simple terms and expressions of any form: a list for each output, in
    /// which more complexity buys less error.
    #[arg(long)]
    pub formulas: bool,
    /// Put formulas in the place of networks, train again and compare: an output and the number of
    /// its formula, such as `n[1]=3`; may be repeated. Without a value, the recommended formulas of all
    /// outputs.
    #[arg(long, value_name = "OUTPUT=NUMBER", num_args = 0..=1, default_missing_value = "", value_parser = formula_choice)]
    pub replace: Vec<Option<(String, u32)>>,
    /// Model file to write with the formulas.
    #[arg(long, value_name = "FILE.slope", requires = "replace")]
    pub out: Option<PathBuf>,
}

/// `slopefield forecast`.
#[derive(Debug, Args)]
pub struct Forecast {
    /// Project file.
    pub project: PathBuf,
    /// Run by number or id; default the newest with a result.
    #[arg(long)]
    pub run: Option<String>,
    /// End time; default the study's.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = finite)]
    pub until: Option<f64>,
    /// Number of times [default: 201].
    #[arg(long)]
    pub points: Option<u32>,
    /// Form of the table.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `slopefield gradient`.
#[derive(Debug, Args)]
pub struct Gradient {
    /// Study file (`study.toml`).
    pub study: PathBuf,
    /// `auto` or a method by name; that of the study when absent.
    #[arg(long)]
    pub method: Option<String>,
    /// Compare with differences of the same steps.
    #[arg(long)]
    pub check: bool,
    /// Run every method that can be used, compare time, memory and agreement, and say of the others
    /// why not.
    #[arg(long)]
    pub compare: bool,
    /// What one gradient may hold in memory where it has a choice, such as `64MB`.
    #[arg(long)]
    pub memory: Option<String>,
    /// Second derivatives too: the Hessian along the gradient, and for few parameters its symmetry and
    /// curvatures.
    #[arg(long)]
    pub hessian: bool,
}

/// `slopefield report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Project file.
    pub project: PathBuf,
    /// Run by number or id; default the newest with a result.
    #[arg(long)]
    pub run: Option<String>,
    /// Where to write; default beside the project, with the ending `.html`.
    #[arg(long, value_name = "FILE.html")]
    pub out: Option<PathBuf>,
}

/// `slopefield project`.
#[derive(Debug, Subcommand)]
pub enum Project {
    /// What is in a project file.
    Info {
        /// Project file.
        project: PathBuf,
    },
    /// Check a project file from end to end; changes nothing.
    Verify {
        /// Project file.
        project: PathBuf,
    },
}

/// `slopefield plugin`.
#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// Installed plugins, what they offer, and whether they may run.
    List,
    /// All that a plugin says about itself, without running it.
    Info {
        /// Id of the plugin, such as org.example.name.
        id: String,
    },
    /// Allow a plugin, as its files are now, to run.
    Trust {
        /// Id of the plugin.
        id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Take the trust in a plugin back.
    Untrust {
        /// Id of the plugin.
        id: String,
    },
    /// Test a plugin: does it keep to the interface, are its numbers what it says they are?
    ///
    /// Takes the folder of a plugin that you work on, which has a plugin.toml, or the id of an
    /// installed one that may run. Every test runs in a process of its own, so a crash or an endless
    /// loop is a result like any other. The code of the plugin runs with your rights.
    ///
    ///   slopefield plugin check .
    ///   slopefield plugin check . --include solver.order --include library
    ///   slopefield plugin check org.slopefield.ode-extra --json
    #[command(verbatim_doc_comment)]
    Check(PluginCheck),
    /// Put a plugin that you have built into the layout of installed ones.
    Pack(PluginPack),
    /// Begin a plugin: a folder that builds, passes the tests, and is to be changed from there.
    New(PluginNew),
    /// Enable a plugin again that was disabled because its process died too often in a row.
    Enable {
        /// Id of the plugin.
        id: String,
    },
}

/// `slopefield plugin new`.
#[derive(Debug, Args)]
pub struct PluginNew {
    /// What it provides.
    #[arg(value_enum)]
    pub kind: PluginKind,
    /// Its name, which is also that of the folder.
    pub name: String,
    /// What it is written in.
    #[arg(long, value_enum, default_value_t)]
    pub language: PluginLanguage,
    /// Its id, a domain that you own, reversed, and the name [default: org.example.NAME].
    #[arg(long)]
    pub id: Option<String>,
}

/// What a new plugin provides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PluginKind {
    /// A solver in code.
    Solver,
    /// A network architecture.
    Network,
    /// An explicit Runge–Kutta method given by its coefficients; it has no code.
    Tableau,
}

/// What a new plugin is written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PluginLanguage {
    /// Rust.
    #[default]
    Rust,
    /// C.
    C,
}

/// `slopefield plugin check`.
#[derive(Debug, Args)]
pub struct PluginCheck {
    /// Folder with a plugin.toml, or id of an installed plugin.
    #[arg(required_unless_present = "list")]
    pub plugin: Option<String>,
    /// The library, when it is not where the manifest or cargo puts it.
    #[arg(long, value_name = "FILE")]
    pub library: Option<PathBuf>,
    /// Only tests whose names begin so, or of the solver or network of this id, or `id/test`; may be
    /// repeated.
    #[arg(long, value_name = "NAME")]
    pub include: Vec<String>,
    /// No tests whose names begin so, or of the solver or network of this id; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub exclude: Vec<String>,
    /// Seed of the tests that draw numbers.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Seconds that one test may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = duration)]
    pub time_limit: f64,
    /// Print the names of all tests and what they look at.
    #[arg(long)]
    pub list: bool,
}

/// `slopefield plugin pack`.
#[derive(Debug, Args)]
pub struct PluginPack {
    /// Folder with a plugin.toml.
    pub plugin: PathBuf,
    /// Folder of plugins to put it in, as `<id>/<version>`.
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// The library, when it is not where the manifest or cargo puts it.
    #[arg(long, value_name = "FILE")]
    pub library: Option<PathBuf>,
}

/// `slopefield bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// Suite of cases, such as `core`, `solvers` or `plugins`; without one, a list of all.
    pub suite: Option<String>,
    /// Problem of the suite `solvers`; may be repeated [default: all].
    #[arg(long = "problem", value_name = "NAME")]
    pub problems: Vec<String>,
    /// Draw the work-precision diagrams of the suite `solvers` as a web page.
    #[arg(long, value_name = "FILE.html")]
    pub plot: Option<PathBuf>,
    /// Card of the suite `gpu`: a part of its name [default: the best].
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Case, or the beginning of the names of several; may be repeated [default: all].
    #[arg(long = "case", value_name = "NAME")]
    pub cases: Vec<String>,
    /// Seconds to measure each case.
    #[arg(long, default_value_t = 1.0, value_parser = duration, allow_negative_numbers = true)]
    pub seconds: f64,
    /// Also measure the other programs that a Python has, through the scripts in benches/peers.
    #[arg(long)]
    pub peers: bool,
    /// The Python of those programs.
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    pub python: PathBuf,
    /// The folder of those scripts; default benches/peers here or above.
    #[arg(long, value_name = "FOLDER")]
    pub peers_folder: Option<PathBuf>,
    /// Write records, a JSON object per line, for `benches/peers/run_all.py --add`.
    #[arg(long, value_name = "FILE.jsonl")]
    pub record: Option<PathBuf>,
    /// Do the work of the cases once, without measuring.
    #[arg(long, hide = true)]
    pub once: bool,
}

/// Seconds, not negative.
fn duration(text: &str) -> Result<f64, String> {
    match finite(text)? {
        seconds if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("give seconds from 0 to 3600".into()),
    }
}

fn name_value(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.trim().to_owned(), finite(value)?))
}

fn scan_axis(text: &str) -> Result<ScanAxis, String> {
    let form = || {
        "write it as NAME=FROM:TO:COUNT or NAME=FROM:TO:COUNT:log; with --random without the count"
            .to_owned()
    };
    let (name, values) = text.split_once('=').ok_or_else(form)?;
    let parts: Vec<&str> = values.split(':').collect();
    let (from, to, count, log) = match parts[..] {
        [from, to] => (from, to, "0", false),
        [from, to, "log"] => (from, to, "0", true),
        [from, to, count] => (from, to, count, false),
        [from, to, count, "log"] => (from, to, count, true),
        _ => return Err(form()),
    };
    let count = count.trim().parse().map_err(|_| format!("`{count}` is not a number of values"))?;
    Ok(ScanAxis { name: name.trim().into(), from: finite(from)?, to: finite(to)?, count, log })
}

fn formula_choice(text: &str) -> Result<Option<(String, u32)>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let (output, number) = text.split_once('=').ok_or("write it as OUTPUT=NUMBER")?;
    let number = number.trim().parse().map_err(|_| "the number of a formula is a whole number")?;
    Ok(Some((output.trim().to_owned(), number)))
}

fn input_table(text: &str) -> Result<InputTable, String> {
    let (name, rest) = text.split_once('=').ok_or("write it as NAME=FILE or NAME=FILE:COLUMN")?;
    // A column behind the last colon, unless that is the one behind the letter of a drive.
    let (file, column) = match rest.rsplit_once(':') {
        Some((file, column)) if file.len() > 1 && !column.contains(['/', '\\']) => {
            (file, Some(column.trim().to_owned()))
        }
        _ => (rest, None),
    };
    Ok(InputTable { input: name.trim().to_owned(), file: file.to_owned(), column })
}

/// A number that is neither infinite nor NaN: a message to the worker cannot carry those.
fn finite(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(format!("`{text}` is not a finite number")),
        Err(_) if text.contains(',') => {
            Err(format!("`{text}` is not a number; decimals are written with a point"))
        }
        Err(_) => Err(format!("`{text}` is not a number")),
    }
}
