//! The author's types without their types: what the C functions work with.

use super::operator::OperatorEntry;
use super::{Graph, Problem, Reversal, Segment, just_written};
use crate::{Config, Error, Network, OptionSpec, OptionValue, Options, Solver};
use slopefield_plugin_abi as abi;
use std::sync::OnceLock;

/// A plugin, as [`export_plugin!`](crate::export_plugin!) describes it.
pub trait Definition: 'static {
    /// Id of the plugin.
    const ID: &'static str;
    /// Version of the plugin.
    const VERSION: &'static str;
    /// Its solvers.
    fn solvers() -> &'static [SolverEntry];
    /// Its networks.
    fn networks() -> &'static [NetworkEntry];
    /// Its operators in native code.
    fn operators() -> &'static [OperatorEntry] {
        &[]
    }
    /// Where the tables made at run time live.
    fn shared() -> &'static Shared;
}

/// Descriptions made once per process.
pub struct Shared {
    infos: OnceLock<Infos>,
}

pub(super) struct Infos {
    pub(super) solvers: Vec<abi::slf_solver_info>,
    pub(super) networks: Vec<abi::slf_network_info>,
    pub(super) operators: Vec<abi::slf_custom_info>,
}

// SAFETY: the raw pointers inside are to text that lives as long as the process and never changes.
unsafe impl Send for Infos {}
// SAFETY: as above.
unsafe impl Sync for Infos {}

impl Shared {
    /// Empty; filled when the host first asks.
    #[allow(clippy::new_without_default, reason = "made once by the export macro, in a static")]
    pub const fn new() -> Self {
        Shared { infos: OnceLock::new() }
    }

    pub(super) fn infos<P: Definition>(&self) -> &Infos {
        self.infos.get_or_init(|| Infos {
            solvers: P::solvers().iter().map(SolverEntry::info).collect(),
            networks: P::networks().iter().map(NetworkEntry::info).collect(),
            operators: P::operators().iter().map(OperatorEntry::info).collect(),
        })
    }
}

/// Text that lives as long as the process. Used once per solver or network.
fn leak(text: String) -> abi::slf_str {
    abi::slf_str::new(Box::leak(text.into_boxed_str()))
}

type CreateFn = fn(&Problem<'_>, &RawConfig<'_>) -> Result<Box<dyn Running>, Error>;
type BuildFn = fn(&mut Graph<'_>, &[(String, OptionValue)]) -> Result<(), Error>;

/// One solver type behind plain function pointers.
pub struct SolverEntry {
    pub(super) info: crate::SolverInfo,
    specs: fn() -> Vec<OptionSpec>,
    pub(super) create: CreateFn,
}

impl SolverEntry {
    /// The entry of a type.
    pub const fn of<T: Solver>() -> Self {
        SolverEntry { info: T::INFO, specs: T::Options::specs, create: create_typed::<T> }
    }

    fn info(&self) -> abi::slf_solver_info {
        abi::slf_solver_info {
            struct_size: size_of::<abi::slf_solver_info>() as u32,
            caps: self.info.caps.0,
            id: abi::slf_str::new(self.info.id),
            name: abi::slf_str::new(self.info.name),
            reference: abi::slf_str::new(self.info.reference),
            order: self.info.order,
            dense_order: self.info.dense_order,
            options_json: leak(OptionSpec::to_json(&(self.specs)())),
        }
    }
}

/// One network type behind plain function pointers.
pub struct NetworkEntry {
    pub(super) info: crate::NetworkInfo,
    specs: fn() -> Vec<OptionSpec>,
    pub(super) build: BuildFn,
}

impl NetworkEntry {
    /// The entry of a type.
    pub const fn of<T: Network>() -> Self {
        NetworkEntry {
            info: T::INFO,
            specs: T::Options::specs,
            build: |graph, options| T::build(graph, &T::Options::read(options)?),
        }
    }

    fn info(&self) -> abi::slf_network_info {
        abi::slf_network_info {
            struct_size: size_of::<abi::slf_network_info>() as u32,
            min_opset: self.info.min_opset,
            id: abi::slf_str::new(self.info.id),
            name: abi::slf_str::new(self.info.name),
            reference: abi::slf_str::new(self.info.reference),
            options_json: leak(OptionSpec::to_json(&(self.specs)())),
        }
    }
}

/// The settings of the host, before the options are read.
pub(super) struct RawConfig<'a> {
    pub(super) rtol: f64,
    pub(super) atol: &'a [f64],
    pub(super) h_init: f64,
    pub(super) h_min: f64,
    pub(super) h_max: f64,
    pub(super) options: Vec<(String, OptionValue)>,
}

fn create_typed<T: Solver>(
    problem: &Problem<'_>,
    raw: &RawConfig<'_>,
) -> Result<Box<dyn Running>, Error> {
    let options = T::Options::read(&raw.options)?;
    let config = Config {
        rtol: raw.rtol,
        atol: raw.atol,
        h_init: (raw.h_init > 0.0).then_some(raw.h_init),
        h_min: raw.h_min,
        h_max: if raw.h_max > 0.0 { raw.h_max } else { f64::INFINITY },
        options: &options,
    };
    Ok(Box::new(T::create(problem, &config)?))
}

/// A [`Solver`] without its type.
pub(super) trait Running: Send {
    fn start(&mut self, p: &Problem<'_>, t0: f64, t_end: f64, y0: &[f64]) -> Result<(), Error>;
    /// Writes the step to `out`, whose state is readable until the next call.
    fn step(&mut self, p: &Problem<'_>, t_limit: f64, out: &mut abi::slf_step)
    -> Result<(), Error>;
    fn state(&self) -> &[f64];
    fn interpolate(&self, t: f64, derivative: u32, out: &mut [f64]) -> Result<(), Error>;
    fn restart(&mut self, p: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error>;
    fn segment_degree(&self) -> usize;
    fn segment(&self, out: &mut Segment<'_>) -> Result<(), Error>;
    fn record_len(&self) -> usize;
    fn record(&self, out: &mut [f64]) -> Result<(), Error>;
    fn redo(&mut self, p: &Problem<'_>, t_prev: f64, y_prev: &[f64], t: f64) -> Result<(), Error>;
    fn reverse(&mut self, p: &Problem<'_>, step: &mut Reversal<'_>) -> Result<(), Error>;
}

impl<T: Solver> Running for T {
    fn start(&mut self, p: &Problem<'_>, t0: f64, t_end: f64, y0: &[f64]) -> Result<(), Error> {
        Solver::start(self, p, t0, t_end, y0)
    }
    fn step(
        &mut self,
        p: &Problem<'_>,
        t_limit: f64,
        out: &mut abi::slf_step,
    ) -> Result<(), Error> {
        // Looked at where it was written, since moving it would read it as a block.
        let taken = Solver::step(self, p, t_limit);
        let Ok(step) = &taken else {
            return taken.map(drop).inspect_err(|e| out.h_next = e.last_step());
        };
        let y = Solver::state(self);
        assert_eq!(y.len(), p.len(), "length of the state");
        if !y.iter().all(|v| v.is_finite()) {
            return Err(Error::non_finite("the solver accepted a state that is not finite"));
        }
        let t = just_written(&step.t);
        out.flags = if t == t_limit { abi::SLF_STEP_AT_LIMIT } else { 0 };
        out.t_prev = just_written(&step.t_prev);
        out.t = t;
        out.h_next = just_written(&step.h_next);
        out.error_norm = just_written(&step.error_norm);
        out.n_rejected = step.rejected;
        out.y = y.as_ptr().cast();
        Ok(())
    }
    fn state(&self) -> &[f64] {
        Solver::state(self)
    }
    fn interpolate(&self, t: f64, derivative: u32, out: &mut [f64]) -> Result<(), Error> {
        Solver::interpolate(self, t, derivative, out)
    }
    fn restart(&mut self, p: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error> {
        Solver::restart(self, p, t, y)
    }
    fn segment_degree(&self) -> usize {
        Solver::segment_degree(self)
    }
    fn segment(&self, out: &mut Segment<'_>) -> Result<(), Error> {
        Solver::segment(self, out)
    }
    fn record_len(&self) -> usize {
        Solver::record_len(self)
    }
    fn record(&self, out: &mut [f64]) -> Result<(), Error> {
        Solver::record(self, out)
    }
    fn redo(&mut self, p: &Problem<'_>, t_prev: f64, y_prev: &[f64], t: f64) -> Result<(), Error> {
        Solver::redo(self, p, t_prev, y_prev, t)
    }
    fn reverse(&mut self, p: &Problem<'_>, step: &mut Reversal<'_>) -> Result<(), Error> {
        Solver::reverse(self, p, step)
    }
}
