//! One solver instance.

mod segment;

use super::model::{self, Model};
use super::pages::{Access, Pages, Side};
use super::{Buffer, Failure, Solvers};
use slopefield_lang::OptionValue;
use slopefield_plugin_abi as abi;
use slopefield_plugin_host::{c_options, spelled_options};
use std::ptr;

/// Settings for `create`, as a user would give them.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Relative tolerance.
    pub rtol: f64,
    /// Absolute tolerance of every state.
    pub atol: f64,
    /// First step; 0 leaves it to the solver.
    pub h_init: f64,
    /// Largest step; 0 for none.
    pub h_max: f64,
    /// Options of the solver.
    pub options: Vec<(String, OptionValue)>,
    /// Where memory that may not be touched lies beside everything that is lent; see
    /// [`super::watch_pages`].
    pub guard: Option<Side>,
}

impl Default for Config {
    fn default() -> Self {
        Config { rtol: 1e-6, atol: 1e-8, h_init: 0.0, h_max: 0.0, options: Vec::new(), guard: None }
    }
}

/// A step as the plugin reported it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where it began.
    pub t_prev: f64,
    /// Where it ended.
    pub t: f64,
    /// The flags.
    pub flags: u32,
    /// Proposed size of the next step.
    pub h_next: f64,
    /// Scaled error.
    pub error_norm: f64,
    /// The state at the end.
    pub y: Vec<f64>,
}

/// Numbers that stand around every buffer a plugin gets, to see whether it writes there.
const GUARD: f64 = -7.654_321e-123;
const GUARDS: usize = 16;

/// A solver instance with the model it solves.
pub struct Instance {
    solvers: Solvers,
    /// Owned; raw because the plugin holds the same pointer.
    model: *mut Model,
    /// Owned; raw for the same reason.
    problem: *mut abi::slf_problem,
    raw: *mut abi::slf_solver,
    n: usize,
    t: f64,
    /// What the plugin did wrong with buffers of the host.
    misuse: Option<String>,
    guard: Option<Side>,
    /// Tolerances and the last state that were lent: full of NaN since, so that whoever kept a
    /// pointer to them computes with that, or not to be touched any more.
    spoilt: [Room; 2],
}

// SAFETY: the pointers are owned by this value alone, and the interface lets an instance move
// between threads between calls.
unsafe impl Send for Instance {}

impl Solvers {
    /// Creates an instance of the solver `id`. The settings are gone when this returns, as the
    /// interface allows.
    pub fn create(&self, id: &str, model: Model, config: &Config) -> Result<Instance, Failure> {
        self.create_with(id, model, config, false)
    }

    /// The same with a mass matrix, twice the identity, when `mass` is true.
    pub fn create_with(
        &self,
        id: &str,
        model: Model,
        config: &Config,
        mass: bool,
    ) -> Result<Instance, Failure> {
        let missing = || Failure {
            status: abi::SLF_ERR_INTERNAL,
            message: "a function of the solver table is null".to_owned(),
        };
        let n = model.states();
        let model = Box::into_raw(Box::new(model));
        let problem = Box::into_raw(Box::new(model::problem(n, model, mass)));
        // From here on everything is freed when the instance is dropped.
        let mut instance = Instance {
            solvers: *self,
            model,
            problem,
            raw: ptr::null_mut(),
            n,
            t: 0.0,
            misuse: None,
            guard: config.guard,
            spoilt: [Room::Plain(Vec::new()), Room::Plain(Vec::new())],
        };
        let atol = vec![config.atol; n];
        let missing_memory = |message| Failure { status: abi::SLF_ERR_MEMORY, message };
        let lent = Lent::new(&atol, config.guard, Access::Read, "the tolerances");
        let mut lent = lent.map_err(missing_memory)?;
        let spelled = spelled_options(&config.options);
        let mut options = c_options(&spelled);
        let mut c_config = abi::slf_solver_config {
            struct_size: size_of::<abi::slf_solver_config>() as u32,
            reserved: 0,
            rtol: config.rtol,
            atol: lent.pointer(),
            h_init: config.h_init,
            h_min: 0.0,
            h_max: config.h_max,
            options: options.as_ptr(),
            n_options: options.len() as u64,
        };
        let create = self.table.create.ok_or_else(missing)?;
        let mut err = Buffer::new();
        let mut raw = ptr::null_mut();
        // SAFETY: a function of the plugin; id, settings and options live during the call, the
        // problem until `destroy`.
        let status = unsafe {
            create(abi::slf_str::borrowed(id), problem, &c_config, &mut raw, &mut err.raw)
        };
        instance.misuse = err.misuse();
        let (after, intact, spoilt) = lent.back();
        instance.lent(&atol, (after, intact), "the tolerances");
        instance.spoilt[0] = spoilt;
        c_config.rtol = f64::NAN;
        c_config.atol = ptr::null();
        options.clear();
        std::hint::black_box((&c_config, &options));
        if status != abi::SLF_OK {
            if !raw.is_null() {
                return Err(Failure {
                    status,
                    message: "it failed and left an instance behind".to_owned(),
                });
            }
            return Err(err.failure(status));
        }
        if raw.is_null() {
            return Err(Failure {
                status,
                message: "it reported success and made no instance".to_owned(),
            });
        }
        instance.raw = raw;
        Ok(instance)
    }

    /// Asks for a solver that does not exist, with room for a message of so many bytes; what the
    /// plugin did wrong with the buffer.
    pub fn refuse(&self, room: usize) -> Option<String> {
        let create = self.table.create?;
        let mut err = Buffer::with_room(room);
        let mut raw = ptr::null_mut();
        let id = abi::slf_str::new("there-is-no-such-solver");
        let problem = model::problem(0, ptr::null_mut(), false);
        let config = abi::slf_solver_config {
            struct_size: size_of::<abi::slf_solver_config>() as u32,
            reserved: 0,
            rtol: 1e-6,
            atol: ptr::null(),
            h_init: 0.0,
            h_min: 0.0,
            h_max: 0.0,
            options: ptr::null(),
            n_options: 0,
        };
        // SAFETY: a function of the plugin; everything it gets lives during the call.
        let status = unsafe { create(id, &problem, &config, &mut raw, &mut err.raw) };
        if status == abi::SLF_OK {
            return Some("it made a solver that does not exist".to_owned());
        }
        err.misuse()
    }
}

/// Where numbers lie that are lent.
enum Room {
    /// Between guards.
    Plain(Vec<f64>),
    /// Beside memory that may not be touched.
    Paged(Pages, usize),
}

/// A copy of numbers, lent to a plugin for one call.
struct Lent(Room);

impl Lent {
    fn new(
        values: &[f64],
        guard: Option<Side>,
        access: Access,
        what: &str,
    ) -> Result<Lent, String> {
        let room = match guard {
            Some(side) => {
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
                let pages = Pages::new(&bytes, side, what)?;
                pages.allow(access)?;
                Room::Paged(pages, values.len())
            }
            None => {
                let mut room = vec![GUARD; values.len() + 2 * GUARDS];
                room[GUARDS..GUARDS + values.len()].copy_from_slice(values);
                Room::Plain(room)
            }
        };
        Ok(Lent(room))
    }

    fn pointer(&mut self) -> *mut f64 {
        match &mut self.0 {
            Room::Plain(room) => room[GUARDS..].as_mut_ptr(),
            Room::Paged(pages, _) => pages.buffer().cast(),
        }
    }

    /// What the numbers are after the call, whether the guards are intact, and the room, spoilt.
    fn back(mut self) -> (Vec<f64>, bool, Room) {
        let (after, intact) = match &mut self.0 {
            Room::Plain(room) => {
                let whole = |v: &f64| v.to_bits() == GUARD.to_bits();
                let end = room.len() - GUARDS;
                let intact = room[..GUARDS].iter().all(whole) && room[end..].iter().all(whole);
                let after = room[GUARDS..end].to_vec();
                room.fill(f64::NAN);
                (after, intact)
            }
            Room::Paged(pages, len) => {
                let bytes = pages.bytes();
                let numbers = bytes
                    .chunks_exact(8)
                    .take(*len)
                    .map(|chunk| f64::from_ne_bytes(chunk.try_into().unwrap_or_default()));
                let after = numbers.collect();
                // Whoever kept the pointer is caught; if this cannot be had, NaN would not either.
                let _ = pages.allow(Access::Nothing);
                (after, true)
            }
        };
        (after, intact, self.0)
    }
}

/// A step on pages of its own.
fn guarded(step: &abi::slf_step, side: Side) -> Result<Pages, Failure> {
    let failed = |message| Failure { status: abi::SLF_ERR_MEMORY, message };
    let blank = [0; size_of::<abi::slf_step>()];
    let pages = Pages::new(&blank, side, "the record of a step").map_err(failed)?;
    // SAFETY: writable memory of this size, aligned for numbers.
    unsafe { pages.buffer().cast::<abi::slf_step>().write(*step) };
    Ok(pages)
}

fn same(a: &[f64], b: &[f64]) -> bool {
    a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits()))
}

impl Instance {
    /// The model.
    pub fn model(&mut self) -> &mut Model {
        // SAFETY: owned by this value and, outside of calls into the plugin, used by it alone.
        unsafe { &mut *self.model }
    }

    /// What the plugin did wrong so far, in a sentence.
    pub fn verdict(&mut self) -> Result<(), String> {
        match self.misuse.clone() {
            Some(misuse) => Err(misuse),
            None => self.model().verdict(),
        }
    }

    fn outcome(&mut self, status: abi::slf_status, err: &Buffer) -> Result<(), Failure> {
        if let Some(misuse) = err.misuse() {
            self.misuse.get_or_insert(misuse);
        }
        if status == abi::SLF_OK { Ok(()) } else { Err(err.failure(status)) }
    }

    fn lend(&self, values: &[f64], access: Access, what: &str) -> Result<Lent, Failure> {
        let failed = |message| Failure { status: abi::SLF_ERR_MEMORY, message };
        Lent::new(values, self.guard, access, what).map_err(failed)
    }

    fn lent(&mut self, before: &[f64], (after, intact): (Vec<f64>, bool), what: &str) {
        if !intact {
            self.misuse.get_or_insert(format!("it wrote beside {what}"));
        } else if !same(before, &after) {
            self.misuse.get_or_insert(format!("it wrote to {what}"));
        }
    }

    /// Begins a run. The buffer of `y0` is gone when this returns.
    pub fn start(&mut self, t0: f64, t_end: f64, y0: &[f64]) -> Result<(), Failure> {
        assert_eq!(y0.len(), self.n, "length of the initial state");
        let start = self.solvers.table.start;
        self.model().enter(t0, t_end);
        let (raw, mut err) = (self.raw, Buffer::new());
        let mut lent = self.lend(y0, Access::Read, "the initial state")?;
        let y = lent.pointer();
        let status = match start {
            // SAFETY: a function of the plugin on its own living instance.
            Some(start) => unsafe { start(raw, t0, t_end, y.cast(), &mut err.raw) },
            None => abi::SLF_ERR_INTERNAL,
        };
        let (after, intact, spoilt) = lent.back();
        self.model().leave();
        self.spoilt[1] = spoilt;
        self.lent(y0, (after, intact), "the initial state");
        self.t = t0;
        self.outcome(status, &err)
    }

    /// Goes on from another state, towards the same end.
    pub fn restart(&mut self, t: f64, t_end: f64, y: &[f64]) -> Result<(), Failure> {
        assert_eq!(y.len(), self.n, "length of the state");
        let restart = self.solvers.table.restart;
        self.model().enter(t, t_end);
        let (raw, mut err) = (self.raw, Buffer::new());
        let mut lent = self.lend(y, Access::Read, "the state")?;
        let pointer = lent.pointer();
        let status = match restart {
            // SAFETY: a function of the plugin on its own living instance.
            Some(restart) => unsafe { restart(raw, t, pointer.cast(), &mut err.raw) },
            None => abi::SLF_ERR_INTERNAL,
        };
        let (after, intact, spoilt) = lent.back();
        self.model().leave();
        self.spoilt[1] = spoilt;
        self.lent(y, (after, intact), "the state");
        self.t = t;
        self.outcome(status, &err)
    }

    /// Takes a step, and checks nothing of it but that its state can be read.
    pub fn step(&mut self, t_limit: f64) -> Result<Record, Failure> {
        let t = self.t;
        self.model().enter(t, t_limit);
        let mut err = Buffer::new();
        let mut out = abi::slf_step {
            struct_size: size_of::<abi::slf_step>() as u32,
            flags: 0,
            t_prev: f64::NAN,
            t: f64::NAN,
            h_next: f64::NAN,
            error_norm: f64::NAN,
            y: ptr::null(),
            n_rejected: 0,
        };
        let pages = match self.guard {
            Some(side) => Some(guarded(&out, side)?),
            None => None,
        };
        let place = pages.as_ref().map_or(&raw mut out, |pages| pages.buffer().cast());
        let status = match self.solvers.table.step {
            // SAFETY: a function of the plugin on its own living instance, with room for a step.
            Some(step) => unsafe { step(self.raw, t_limit, place, &mut err.raw) },
            None => abi::SLF_ERR_INTERNAL,
        };
        if pages.is_some() {
            // SAFETY: the step was written there before the call.
            out = unsafe { place.read() };
        }
        self.model().leave();
        self.outcome(status, &err)?;
        let bad = |message: &str| Failure { status, message: message.to_owned() };
        if self.n > 0 && (out.y.is_null() || !out.y.cast::<f64>().is_aligned()) {
            return Err(bad("it returned a state that is null or misaligned"));
        }
        let mut y = vec![0.0; self.n];
        for (i, value) in y.iter_mut().enumerate() {
            // SAFETY: the state of the plugin has `n` elements until the next call.
            *value = unsafe { out.y.cast::<f64>().add(i).read() };
        }
        self.t = out.t;
        Ok(Record {
            t_prev: out.t_prev,
            t: out.t,
            flags: out.flags,
            h_next: out.h_next,
            error_norm: out.error_norm,
            y,
        })
    }

    /// The solution (`derivative` 0) or its slope (1) within the last step.
    pub fn interpolate(&mut self, t: f64, derivative: u32) -> Result<Vec<f64>, Failure> {
        let interpolate = self.solvers.table.interpolate;
        let (raw, mut err) = (self.raw, Buffer::new());
        let blank = vec![f64::NAN; self.n];
        let mut lent = self.lend(&blank, Access::Write, "the buffer for a state")?;
        let out = lent.pointer();
        let status = match interpolate {
            // SAFETY: a function of the plugin on its own living instance, with room for a state.
            Some(interpolate) => unsafe {
                interpolate(raw, t, derivative, out.cast(), &mut err.raw)
            },
            None => abi::SLF_ERR_UNSUPPORTED,
        };
        let (out, intact, _) = lent.back();
        if !intact {
            self.misuse.get_or_insert("it wrote beside the buffer for a state".to_owned());
        }
        self.outcome(status, &err)?;
        Ok(out)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let (false, Some(destroy)) = (self.raw.is_null(), self.solvers.table.destroy) {
            // SAFETY: the pointer came from `create` and is given back once.
            unsafe { destroy(self.raw) }
        }
        // SAFETY: both came from boxes, are freed here only, and the instance that knew them is
        // gone.
        unsafe {
            drop(Box::from_raw(self.problem));
            drop(Box::from_raw(self.model));
        }
    }
}
