//! The C functions that the host calls.

use super::definition::{Definition, RawConfig, Running};
use super::operator::Operators;
use super::{
    Graph, HOST, Problem, Reversal, Segment, guarded, host_log, just_written, quiet, slice,
    slice_mut, text, write_error,
};
use crate::{Error, Level, OptionValue};
use slopefield_plugin_abi as abi;
use std::ffi::c_void;
use std::mem::offset_of;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::Ordering;

/// What `slf_solver` points to.
struct Instance {
    problem: *const abi::slf_problem,
    solver: Box<dyn Running>,
    /// Where the last step began and ended; both the start before the first step.
    last: (f64, f64),
    /// Room for the polynomials of a step, of solvers that have them and hosts that do not ask for
    /// them.
    room: Vec<f64>,
    /// A panic left the solver in an unknown state.
    dead: bool,
}

/// The exported entry function.
///
/// # Safety
/// Called by the host with its own tables, or null.
pub unsafe fn entry<P: Definition>(
    host: *const abi::slf_host,
    err: *mut abi::slf_error,
) -> *const abi::slf_plugin {
    if host.is_null() {
        // SAFETY: `err` is the host's buffer or null.
        unsafe { write_error(err, "the host passed no host table") };
        return ptr::null();
    }
    // SAFETY: every slf_host begins with its size.
    let size = unsafe { (&raw const (*host).struct_size).read() } as usize;
    if size < offset_of!(abi::slf_host, log) + size_of::<*const c_void>() {
        // SAFETY: as above.
        unsafe { write_error(err, "the host is too old: its table lacks fields of 1.0") };
        return ptr::null();
    }
    HOST.store(host.cast_mut(), Ordering::Release);
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // A plugin has its own copy of the standard library, so this hook is its own too. Without
        // it, a caught panic would be printed and its place never reach the host's log.
        std::panic::set_hook(Box::new(|info| {
            host_log(Level::Error, &format!("{}: {info}", P::ID));
        }));
    });
    Tables::<P>::ROOT
}

struct Tables<P>(P);

impl<P: Definition> Tables<P> {
    const ROOT: &'static abi::slf_plugin = &abi::slf_plugin {
        struct_size: size_of::<abi::slf_plugin>() as u32,
        abi_minor: abi::SLF_ABI_MINOR,
        id: abi::slf_str::new(P::ID),
        version: abi::slf_str::new(P::VERSION),
        get_factory: Some(get_factory::<P>),
        shutdown: Some(shutdown),
    };

    const SOLVERS: &'static abi::slf_solver_factory = &abi::slf_solver_factory {
        struct_size: size_of::<abi::slf_solver_factory>() as u32,
        reserved: 0,
        count: Some(solver_count::<P>),
        info: Some(solver_info::<P>),
        create: Some(create::<P>),
        start: Some(start),
        step: Some(step),
        interpolate: Some(interpolate),
        restart: Some(restart),
        destroy: Some(destroy),
        get_extension: Some(solver_extension::<P>),
    };

    const STEP_VJP: &'static abi::slf_step_vjp = &abi::slf_step_vjp {
        struct_size: size_of::<abi::slf_step_vjp>() as u32,
        reserved: 0,
        record_len: Some(record_len),
        record: Some(record),
        reverse: Some(reverse),
    };

    const STEP_REDO: &'static abi::slf_step_redo = &abi::slf_step_redo {
        struct_size: size_of::<abi::slf_step_redo>() as u32,
        reserved: 0,
        redo: Some(redo),
    };

    const DENSE_SEGMENT: &'static abi::slf_dense_segment = &abi::slf_dense_segment {
        struct_size: size_of::<abi::slf_dense_segment>() as u32,
        reserved: 0,
        max_degree: Some(max_degree),
        segment: Some(segment),
    };

    const NETWORKS: &'static abi::slf_network_factory = &abi::slf_network_factory {
        struct_size: size_of::<abi::slf_network_factory>() as u32,
        reserved: 0,
        count: Some(network_count::<P>),
        info: Some(network_info::<P>),
        build: Some(build::<P>),
        get_extension: Some(network_extension::<P>),
    };
}

unsafe extern "C" fn get_factory<P: Definition>(id: abi::slf_str) -> *const c_void {
    quiet(ptr::null(), || {
        // SAFETY: text from the host, used during the call only.
        match unsafe { text(id) } {
            Ok(abi::SOLVER_FACTORY) if !P::solvers().is_empty() => {
                ptr::from_ref(Tables::<P>::SOLVERS).cast()
            }
            Ok(abi::NETWORK_FACTORY) if !P::networks().is_empty() => {
                ptr::from_ref(Tables::<P>::NETWORKS).cast()
            }
            _ => ptr::null(),
        }
    })
}

unsafe extern "C" fn shutdown() {}

unsafe extern "C" fn network_extension<P: Definition>(id: abi::slf_str) -> *const c_void {
    quiet(ptr::null(), || {
        // SAFETY: text from the host, used during the call only.
        match unsafe { text(id) } {
            Ok(abi::CUSTOM_OPS) if !P::operators().is_empty() => {
                ptr::from_ref(Operators::<P>::TABLE).cast()
            }
            _ => ptr::null(),
        }
    })
}

unsafe extern "C" fn solver_extension<P: Definition>(id: abi::slf_str) -> *const c_void {
    quiet(ptr::null(), || {
        let has = |cap: u32| P::solvers().iter().any(|s| s.info.caps.0 & cap != 0);
        // SAFETY: text from the host, used during the call only.
        match unsafe { text(id) } {
            Ok(abi::STEP_VJP) if has(abi::SLF_CAP_STEP_VJP) => {
                ptr::from_ref(Tables::<P>::STEP_VJP).cast()
            }
            Ok(abi::STEP_REDO) if has(abi::SLF_CAP_STEP_REDO) => {
                ptr::from_ref(Tables::<P>::STEP_REDO).cast()
            }
            Ok(abi::DENSE_SEGMENT) if has(abi::SLF_CAP_DENSE_SEGMENT) => {
                ptr::from_ref(Tables::<P>::DENSE_SEGMENT).cast()
            }
            _ => ptr::null(),
        }
    })
}

unsafe extern "C" fn solver_count<P: Definition>() -> u32 {
    quiet(0, || P::solvers().len() as u32)
}

unsafe extern "C" fn solver_info<P: Definition>(index: u32) -> *const abi::slf_solver_info {
    quiet(ptr::null(), || {
        P::shared().infos::<P>().solvers.get(index as usize).map_or(ptr::null(), ptr::from_ref)
    })
}

unsafe extern "C" fn network_count<P: Definition>() -> u32 {
    quiet(0, || P::networks().len() as u32)
}

unsafe extern "C" fn network_info<P: Definition>(index: u32) -> *const abi::slf_network_info {
    quiet(ptr::null(), || {
        P::shared().infos::<P>().networks.get(index as usize).map_or(ptr::null(), ptr::from_ref)
    })
}

/// Options from the host, copied.
///
/// # Safety
/// `options` points to `n` options of the host, or `n` is 0.
unsafe fn read_options(
    options: *const abi::slf_option,
    n: u64,
) -> Result<Vec<(String, OptionValue)>, Error> {
    // SAFETY: as promised by the caller.
    let options = unsafe { slice(options, n as usize, "options")? };
    options
        .iter()
        .map(|o| {
            // SAFETY: text of the host, used during the call only.
            let name = unsafe { text(o.name)? }.to_owned();
            let value = match o.r#type {
                abi::SLF_OPTION_I64 => OptionValue::Integer(o.i64),
                abi::SLF_OPTION_F64 => OptionValue::Number(o.f64),
                abi::SLF_OPTION_BOOL => OptionValue::Flag(o.i64 != 0),
                // SAFETY: as above.
                abi::SLF_OPTION_TEXT => OptionValue::Text(unsafe { text(o.text)? }.to_owned()),
                abi::SLF_OPTION_LIST => {
                    // SAFETY: a list of the host, copied here.
                    let list = unsafe { slice(o.list, o.list_len as usize, "a list option")? };
                    OptionValue::List(list.to_vec())
                }
                other => {
                    return Err(Error::unsupported(format!(
                        "option `{name}` has the unknown type {other}"
                    )));
                }
            };
            Ok((name, value))
        })
        .collect()
}

unsafe extern "C" fn create<P: Definition>(
    id: abi::slf_str,
    problem: *const abi::slf_problem,
    config: *const abi::slf_solver_config,
    out: *mut *mut abi::slf_solver,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = || {
        // SAFETY: `out` is null or a place of the host for one pointer.
        let out = unsafe { out.as_mut() }.ok_or_else(|| Error::argument("out is null"))?;
        *out = ptr::null_mut();
        // SAFETY: text of the host, used during the call only.
        let id = unsafe { text(id)? };
        let entry = P::solvers().iter().find(|s| s.info.id == id).ok_or_else(|| {
            let known: Vec<_> = P::solvers().iter().map(|s| s.info.id).collect();
            Error::argument(format!("there is no solver `{id}` here, only {}", known.join(", ")))
        })?;
        // SAFETY: null or a problem that lives until `destroy`.
        let raw =
            unsafe { problem.as_ref() }.ok_or_else(|| Error::argument("the problem is null"))?;
        let checked = Problem::new(raw)?;
        let takes_mass = entry.info.caps.0 & abi::SLF_CAP_MASS_MATRIX != 0;
        if checked.has_mass_matrix() && !takes_mass {
            return Err(Error::unsupported(format!("`{id}` takes no mass matrix")));
        }
        // SAFETY: null or a configuration that lives during this call.
        let config =
            unsafe { config.as_ref() }.ok_or_else(|| Error::argument("the settings are null"))?;
        if (config.struct_size as usize) < size_of::<abi::slf_solver_config>() {
            return Err(Error::unsupported("the host is too old: its settings lack fields of 1.0"));
        }
        let raw = RawConfig {
            rtol: config.rtol,
            // SAFETY: the host passes one tolerance per state.
            atol: unsafe { slice(config.atol, checked.len(), "tolerances")? },
            h_init: config.h_init,
            h_min: config.h_min,
            h_max: config.h_max,
            // SAFETY: options of the host, copied.
            options: unsafe { read_options(config.options, config.n_options)? },
        };
        let solver = (entry.create)(&checked, &raw)?;
        let room = match entry.info.caps.0 & abi::SLF_CAP_DENSE_SEGMENT {
            0 => Vec::new(),
            _ => vec![0.0; (solver.segment_degree() + 1) * checked.len()],
        };
        let last = (f64::NAN, f64::NAN);
        let instance = Instance { problem, solver, last, room, dead: false };
        *out = Box::into_raw(Box::new(instance)).cast();
        Ok(())
    };
    // SAFETY: `err` is the host's buffer or null.
    unsafe { guarded(err, body) }
}

/// Runs one call on an instance. A panic makes the instance refuse everything but `destroy`.
///
/// # Safety
/// `s` is null or came from `create` and was not destroyed; one thread at a time; `err` is the
/// host's buffer or null.
unsafe fn on_instance(
    s: *mut abi::slf_solver,
    err: *mut abi::slf_error,
    body: impl FnOnce(&mut Instance, &Problem<'_>) -> Result<(), Error>,
) -> abi::slf_status {
    // SAFETY: as promised by the caller.
    let Some(instance) = (unsafe { s.cast::<Instance>().as_mut() }) else {
        // SAFETY: as promised by the caller.
        unsafe { write_error(err, "the solver instance is null") };
        return abi::SLF_ERR_ARGUMENT;
    };
    if instance.dead {
        // SAFETY: as promised by the caller.
        unsafe { write_error(err, "this solver instance is dead after a panic") };
        return abi::SLF_ERR_PANIC;
    }
    let run = || {
        // SAFETY: the host keeps the problem alive until `destroy`.
        let raw = unsafe { instance.problem.as_ref() }
            .ok_or_else(|| Error::argument("the problem is null"))?;
        body(instance, &Problem::known(raw))
    };
    // SAFETY: as promised by the caller.
    let status = unsafe { guarded(err, run) };
    if status == abi::SLF_ERR_PANIC {
        instance.dead = true;
    }
    status
}

fn finite(what: &str, t: f64) -> Result<(), Error> {
    if t.is_finite() { Ok(()) } else { Err(Error::argument(format!("{what} is not finite"))) }
}

unsafe extern "C" fn start(
    s: *mut abi::slf_solver,
    t0: f64,
    t_end: f64,
    y0: *const c_void,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |instance: &mut Instance, problem: &Problem<'_>| {
        finite("the start time", t0)?;
        finite("the end time", t_end)?;
        // SAFETY: the host passes one value per state.
        let y0 = unsafe { slice(y0.cast::<f64>(), problem.len(), "the initial state")? };
        instance.solver.start(problem, t0, t_end, y0)?;
        instance.last = (t0, t0);
        Ok(())
    };
    // SAFETY: pointers of the host, passed on.
    unsafe { on_instance(s, err, body) }
}

unsafe extern "C" fn restart(
    s: *mut abi::slf_solver,
    t: f64,
    y: *const c_void,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |instance: &mut Instance, problem: &Problem<'_>| {
        finite("the time", t)?;
        // SAFETY: the host passes one value per state.
        let y = unsafe { slice(y.cast::<f64>(), problem.len(), "the state")? };
        instance.solver.restart(problem, t, y)?;
        instance.last = (t, t);
        Ok(())
    };
    // SAFETY: pointers of the host, passed on.
    unsafe { on_instance(s, err, body) }
}

unsafe extern "C" fn step(
    s: *mut abi::slf_solver,
    t_limit: f64,
    out: *mut abi::slf_step,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |instance: &mut Instance, problem: &Problem<'_>| {
        // SAFETY: null or a struct of the host that begins with its size.
        let out = unsafe { out.as_mut() }.ok_or_else(|| Error::argument("out is null"))?;
        if (out.struct_size as usize) < size_of::<abi::slf_step>() {
            return Err(Error::unsupported("the host is too old: its step lacks fields of 1.0"));
        }
        finite("the time limit", t_limit)?;
        if t_limit == instance.last.1 {
            return Err(Error::argument("the time limit is where the solver already is"));
        }
        instance.solver.step(problem, t_limit, out)?;
        instance.last = (just_written(&out.t_prev), just_written(&out.t));
        Ok(())
    };
    // SAFETY: pointers of the host, passed on.
    unsafe { on_instance(s, err, body) }
}

unsafe extern "C" fn interpolate(
    s: *mut abi::slf_solver,
    t: f64,
    derivative: u32,
    out: *mut c_void,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |instance: &mut Instance, problem: &Problem<'_>| {
        let (a, b) = instance.last;
        let inside = (a <= t && t <= b) || (b <= t && t <= a);
        if !inside || a == b {
            return Err(Error::argument(format!(
                "t = {t} is not inside the last step, {a} to {b}"
            )));
        }
        if derivative > 1 {
            return Err(Error::unsupported("only derivatives 0 and 1 can be interpolated"));
        }
        // SAFETY: the host passes room for one value per state.
        let out = unsafe { slice_mut(out.cast::<f64>(), problem.len(), "the result")? };
        if instance.room.is_empty() {
            return instance.solver.interpolate(t, derivative, out);
        }
        let mut segment = Segment::new(out.len(), &mut instance.room);
        instance.solver.segment(&mut segment)?;
        segment.evaluate((t - a) / (b - a), derivative, out)?;
        if derivative == 1 {
            out.iter_mut().for_each(|slope| *slope /= b - a);
        }
        Ok(())
    };
    // SAFETY: pointers of the host, passed on.
    unsafe { on_instance(s, err, body) }
}

unsafe extern "C" fn max_degree(
    s: *mut abi::slf_solver,
    degree: *mut u32,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |instance: &mut Instance, _: &Problem<'_>| {
        // SAFETY: null or a place of the host for one number.
        let degree = unsafe { degree.as_mut() }.ok_or_else(|| Error::argument("degree is null"))?;
        *degree = instance.solver.segment_degree() as u32;
        Ok(())
    };
    // SAFETY: pointers of the host, passed on.
    unsafe { on_instance(s, err, body) }
}

unsafe extern "C" fn segment(
    s: *mut abi::slf_solver,
    out: *mut abi::slf_segment,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |instance: &mut Instance, problem: &Problem<'_>| {
        if instance.last.0 == instance.last.1 || instance.last.1.is_nan() {
            return Err(Error::argument("there is no step to give polynomials of"));
        }
        // SAFETY: null or a struct of the host that begins with its size.
        let out = unsafe { out.as_mut() }.ok_or_else(|| Error::argument("out is null"))?;
        if (out.struct_size as usize) < size_of::<abi::slf_segment>() {
            return Err(Error::unsupported("the host's room for polynomials is too short"));
        }
        if (out.degree as usize) < instance.solver.segment_degree() {
            return Err(Error::argument("there is no room for the degree of the polynomials"));
        }
        let len = (instance.solver.segment_degree() + 1) * problem.len();
        // SAFETY: the host passes room for polynomials of the degree that it says.
        let room = unsafe { slice_mut(out.coefficients, len, "the coefficients")? };
        let mut segment = Segment::new(problem.len(), room);
        instance.solver.segment(&mut segment)?;
        let (basis, degree) = segment.kind()?;
        (out.basis, out.degree) = (basis, degree as u32);
        Ok(())
    };
    // SAFETY: pointers of the host, passed on.
    unsafe { on_instance(s, err, body) }
}

unsafe extern "C" fn record_len(
    s: *mut abi::slf_solver,
    len: *mut u64,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |instance: &mut Instance, _: &Problem<'_>| {
        // SAFETY: null or a place of the host for one number.
        let len = unsafe { len.as_mut() }.ok_or_else(|| Error::argument("len is null"))?;
        *len = instance.solver.record_len() as u64;
        Ok(())
    };
    // SAFETY: pointers of the host, passed on.
    unsafe { on_instance(s, err, body) }
}

unsafe extern "C" fn record(
    s: *mut abi::slf_solver,
    out: *mut f64,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |instance: &mut Instance, _: &Problem<'_>| {
        if instance.last.0 == instance.last.1 {
            return Err(Error::argument("there is no step to record"));
        }
        // SAFETY: the host passes room for as many numbers as `record_len` said.
        let out = unsafe { slice_mut(out, instance.solver.record_len(), "the record")? };
        instance.solver.record(out)
    };
    // SAFETY: pointers of the host, passed on.
    unsafe { on_instance(s, err, body) }
}

unsafe extern "C" fn redo(
    s: *mut abi::slf_solver,
    t_prev: f64,
    y_prev: *const c_void,
    t: f64,
    y: *mut c_void,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |instance: &mut Instance, problem: &Problem<'_>| {
        finite("the beginning of the step", t_prev)?;
        finite("the end of the step", t)?;
        if t == t_prev {
            return Err(Error::argument("the step to take again has no length"));
        }
        // SAFETY: the host passes one value per state, and room for as many.
        let (y_prev, out) = unsafe {
            (
                slice(y_prev.cast::<f64>(), problem.len(), "the state at the beginning")?,
                slice_mut(y.cast::<f64>(), problem.len(), "the state at the end")?,
            )
        };
        instance.solver.redo(problem, t_prev, y_prev, t)?;
        instance.last = (t_prev, t);
        out.copy_from_slice(instance.solver.state());
        Ok(())
    };
    // SAFETY: pointers of the host, passed on.
    unsafe { on_instance(s, err, body) }
}

unsafe extern "C" fn reverse(
    s: *mut abi::slf_solver,
    step: *const abi::slf_reversal,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |instance: &mut Instance, problem: &Problem<'_>| {
        let record = instance.solver.record_len();
        // SAFETY: a step of the host, whose vectors have the lengths that the interface says.
        let mut step = unsafe { Reversal::new(step, problem.len(), record)? };
        instance.solver.reverse(problem, &mut step)
    };
    // SAFETY: pointers of the host, passed on.
    unsafe { on_instance(s, err, body) }
}

unsafe extern "C" fn destroy(s: *mut abi::slf_solver) {
    if !s.is_null() {
        // SAFETY: the pointer came from `create`, and the host gives it back once.
        quiet((), || drop(unsafe { Box::from_raw(s.cast::<Instance>()) }));
    }
}

unsafe extern "C" fn build<P: Definition>(
    id: abi::slf_str,
    options: *const abi::slf_option,
    n_options: u64,
    builder: *const abi::slf_graph_builder,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = || {
        // SAFETY: text of the host, used during the call only.
        let id = unsafe { text(id)? };
        let entry = P::networks().iter().find(|n| n.info.id == id).ok_or_else(|| {
            let known: Vec<_> = P::networks().iter().map(|n| n.info.id).collect();
            Error::argument(format!("there is no network `{id}` here, only {}", known.join(", ")))
        })?;
        // SAFETY: options of the host, copied.
        let options = unsafe { read_options(options, n_options)? };
        // SAFETY: null or a builder that lives during this call.
        let raw =
            unsafe { builder.as_ref() }.ok_or_else(|| Error::argument("the builder is null"))?;
        (entry.build)(&mut Graph::new(raw)?, &options)
    };
    // SAFETY: `err` is the host's buffer or null.
    unsafe { guarded(err, body) }
}
