//! Loading a library and reading its tables.

use super::custom::Operators;
use super::{Image, MAX_JSON, MAX_NAME, error_buffer, error_text, read_table, read_text};
use crate::PluginError;
use crate::describe::{NetworkDescription, OptionDescription, SolverDescription};
use crate::discover::{Found, version_error};
use crate::manifest::{Manifest, Provides, ProvidesKind, is_id};
use slopefield_plugin_abi as abi;
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Arc, OnceLock};

/// Most solvers or networks in one plugin.
const MAX_COUNT: u32 = 200;
/// Who takes a singular mass matrix takes any.
const MASS: u32 = abi::SLF_CAP_MASS_MATRIX | abi::SLF_CAP_SINGULAR_MASS;
/// Interfaces looked for when version 1 is missing, for the message.
const OTHER_MAJORS: std::ops::RangeInclusive<u32> = 2..=9;

/// A loaded plugin. Its code stays mapped until the process ends: unloading is not sound while
/// thread-local destructors of the plugin may be pending.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) hash: String,
    pub(crate) solvers: Vec<SolverEntry>,
    pub(crate) networks: Vec<NetworkEntry>,
}

/// One solver: its description and the functions that run it.
#[derive(Debug, Clone)]
pub(crate) struct SolverEntry {
    pub(crate) description: SolverDescription,
    /// Every pointer is present, except `interpolate` when there is no dense output.
    pub(super) table: abi::slf_solver_factory,
    /// Derivatives of its steps, where it has them; every pointer is present.
    pub(super) step_vjp: Option<abi::slf_step_vjp>,
    /// Its steps once more, where it takes them; every pointer is present.
    pub(super) step_redo: Option<abi::slf_step_redo>,
    /// Polynomials of its steps, where it has them; every pointer is present.
    pub(super) segments: Option<abi::slf_dense_segment>,
}

/// One network kind: its description and the function that builds it.
#[derive(Debug, Clone)]
pub(crate) struct NetworkEntry {
    pub(crate) description: NetworkDescription,
    /// Every pointer is present.
    pub(super) table: abi::slf_network_factory,
    /// Those of its plugin.
    pub(super) operators: Arc<Operators>,
}

impl Library {
    /// Reads the library that [`discover`](crate::discover) found; nothing of it runs.
    pub(crate) fn read(found: &Found) -> Result<Image, PluginError> {
        let (manifest, path) = parts(found)?;
        Image::read(&path).map_err(|e| load_error(manifest, &path, e.to_string()))
    }

    /// Loads a library that was read, from a copy in the folder `cache`. This runs code of the
    /// plugin.
    pub(crate) fn load(found: &Found, image: Image, cache: &Path) -> Result<Library, PluginError> {
        let (manifest, path) = parts(found)?;
        let expected = &manifest.libraries[&crate::manifest::platform()].blake3;
        if let Some(expected) = expected.as_ref().filter(|expected| **expected != image.hash) {
            return Err(PluginError::Hash {
                plugin: manifest.id.clone(),
                found: image.hash,
                expected: expected.clone(),
            });
        }
        let copy = image.place(cache).and_then(|copy| copy.canonicalize()).map_err(|e| {
            let message = format!("a copy of it cannot be made in {}: {e}", cache.display());
            load_error(manifest, &path, message)
        })?;
        let entry = open(&copy, &path, manifest)?;
        negotiate(entry, manifest, image.hash)
    }
}

/// The manifest of a usable plugin, and where its library is.
fn parts(found: &Found) -> Result<(&Manifest, PathBuf), PluginError> {
    if let Some(problem) = &found.problem {
        return Err(problem.clone());
    }
    match (&found.manifest, found.library()) {
        (Some(manifest), Some(path)) => Ok((manifest, path)),
        _ => Err(PluginError::Manifest {
            path: found.path.clone(),
            message: "there is no manifest or no library to load".to_owned(),
        }),
    }
}

fn load_error(manifest: &Manifest, path: &Path, message: String) -> PluginError {
    PluginError::Load { plugin: manifest.id.clone(), path: path.to_owned(), message }
}

/// Loads the library for good and finds its entry function.
/// `original` is where the user knows it.
fn open(
    copy: &Path,
    original: &Path,
    manifest: &Manifest,
) -> Result<abi::slf_entry_fn, PluginError> {
    let plugin = &manifest.id;
    // SAFETY: loading runs the initialisers of the library, foreign code by intention; the path
    // is absolute and names our own copy of a library that was checked.
    let library =
        unsafe { open_library(copy) }.map_err(|e| load_error(manifest, original, e.to_string()))?;
    // SAFETY: the symbol of this name has this type in every library that follows the header.
    let symbol = unsafe { library.get::<abi::slf_entry_fn>(abi::ENTRY_SYMBOL) };
    let entry = match symbol {
        Ok(symbol) => *symbol,
        Err(_) => {
            let other = OTHER_MAJORS.clone().find(|major| {
                // SAFETY: the symbol is only looked for, never called.
                unsafe { library.get::<*const c_void>(format!("slopefield_plugin_v{major}")) }
                    .is_ok()
            });
            // Closing would run finalisers of foreign code; see `Library`.
            std::mem::forget(library);
            return Err(match other {
                Some(major) => version_error(plugin, (major, 0)),
                None => PluginError::Interface {
                    plugin: plugin.clone(),
                    message: format!("its library does not export `{}`", abi::ENTRY_SYMBOL),
                },
            });
        }
    };
    std::mem::forget(library);
    Ok(entry)
}

/// Binds all symbols at once, so that a missing one is reported here and not in the middle of a
/// solve, and keeps them to this library.
///
/// # Safety
/// As for loading any library: its initialisers run.
#[cfg(unix)]
pub unsafe fn open_library(path: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: promised by the caller.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

/// Looks for libraries that the plugin needs in the system's folder only.
///
/// # Safety
/// As for loading any library: its initialisers run.
#[cfg(windows)]
pub unsafe fn open_library(path: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::windows::{LOAD_LIBRARY_SEARCH_SYSTEM32, Library};
    // SAFETY: promised by the caller.
    unsafe { Library::load_with_flags(path, LOAD_LIBRARY_SEARCH_SYSTEM32) }.map(Into::into)
}

/// Calls the entry function and reads everything the plugin says about itself.
fn negotiate(
    entry: abi::slf_entry_fn,
    manifest: &Manifest,
    hash: String,
) -> Result<Library, PluginError> {
    let plugin = &manifest.id;
    let broken = |message: String| PluginError::Interface { plugin: plugin.clone(), message };
    // SAFETY: the entry function of a library that says it follows the header.
    let (root, id, version) = unsafe { enter(entry, plugin) }?;
    if id != manifest.id || version != manifest.version {
        return Err(broken(format!(
            "its library says it is {id} {version} and its manifest says {} {}",
            manifest.id, manifest.version
        )));
    }
    let (Some(get_factory), Some(_)) = (root.get_factory, root.shutdown) else {
        return Err(broken("a function of the plugin table is null".to_owned()));
    };
    // SAFETY: a function of the plugin, given text that lives for ever.
    let solvers = unsafe { get_factory(abi::slf_str::new(abi::SOLVER_FACTORY)) };
    // SAFETY: as above.
    let networks = unsafe { get_factory(abi::slf_str::new(abi::NETWORK_FACTORY)) };
    let library = Library {
        solvers: if solvers.is_null() {
            Vec::new()
        } else {
            read_solvers(solvers.cast(), &id).map_err(broken)?
        },
        networks: if networks.is_null() {
            Vec::new()
        } else {
            read_networks(networks.cast(), (&id, &version)).map_err(broken)?
        },
        id,
        version,
        hash,
    };
    compare(manifest, &library).map_err(broken)?;
    if let Some(network) = library.networks.first() {
        network.operators.offer();
    }
    Ok(library)
}

/// Calls the entry function: the plugin's table, its id and its version.
///
/// # Safety
/// `entry` keeps to the interface.
pub(super) unsafe fn enter(
    entry: abi::slf_entry_fn,
    plugin: &str,
) -> Result<(abi::slf_plugin, String, String), PluginError> {
    let broken = |message: String| PluginError::Interface { plugin: plugin.to_owned(), message };
    let mut err = error_buffer();
    // SAFETY: the entry function takes a host table, ours lives for ever, and an error buffer.
    let root = unsafe { entry(host_table(), &mut err) };
    if root.is_null() {
        return Err(PluginError::Refused {
            plugin: plugin.to_owned(),
            message: error_text(&err, abi::SLF_ERR_UNSUPPORTED),
        });
    }
    // SAFETY: the plugin returned its table.
    let root = unsafe { read_table(root, "the plugin table") }.map_err(broken)?;
    // SAFETY: text of the plugin that lives as long as the process.
    let id = unsafe { read_text(root.id, MAX_NAME, "the plugin's id") }.map_err(broken)?;
    // SAFETY: as above.
    let version =
        unsafe { read_text(root.version, MAX_NAME, "the plugin's version") }.map_err(broken)?;
    Ok((root, id, version))
}

/// The manifest and the library must offer the same things.
fn compare(manifest: &Manifest, library: &Library) -> Result<(), String> {
    let has = |p: &Provides| match p.kind {
        ProvidesKind::Solver => library.solvers.iter().any(|s| s.description.local_id() == p.id),
        ProvidesKind::Network => library.networks.iter().any(|n| n.description.local_id() == p.id),
        // Plugins of tableaus have no library.
        ProvidesKind::Tableau => false,
    };
    if let Some(p) = manifest.provides.iter().find(|p| !has(p)) {
        return Err(format!("its manifest promises `{}` and its library does not have it", p.id));
    }
    let count = library.solvers.len() + library.networks.len();
    if count != manifest.provides.len() {
        return Err(format!(
            "its library has {count} solvers and networks and its manifest lists {}",
            manifest.provides.len()
        ));
    }
    Ok(())
}

pub(super) fn read_solvers(
    table: *const abi::slf_solver_factory,
    plugin: &str,
) -> Result<Vec<SolverEntry>, String> {
    // SAFETY: the plugin returned its table for this factory id.
    let table = unsafe { read_table(table, "the solver table")? };
    let (Some(count), Some(info)) = (table.count, table.info) else {
        return Err("a function of the solver table is null".to_owned());
    };
    let complete = table.create.is_some()
        && table.start.is_some()
        && table.step.is_some()
        && table.restart.is_some()
        && table.destroy.is_some()
        && table.get_extension.is_some();
    if !complete {
        return Err("a function of the solver table is null".to_owned());
    }
    // SAFETY: a function of the plugin without arguments.
    let count = check_count(unsafe { count() }, "solvers")?;
    let mut out: Vec<SolverEntry> = Vec::new();
    for index in 0..count {
        // SAFETY: a function of the plugin, given an index in range.
        let raw = unsafe { info(index) };
        // SAFETY: the plugin returned its description.
        let raw = unsafe { read_table(raw, "a solver's description")? };
        let id = local_id(raw.id)?;
        let number = |v: f64| v.is_finite() && (0.0..=100.0).contains(&v);
        if !number(raw.order) || !number(raw.dense_order) {
            return Err(format!("the solver `{id}` gives an order that is not possible"));
        }
        if raw.caps & abi::SLF_CAP_F64 == 0 {
            return Err(format!("the solver `{id}` does not work on 64-bit floats"));
        }
        if raw.dense_order > 0.0 && table.interpolate.is_none() {
            return Err(format!("the solver `{id}` has dense output and no function for it"));
        }
        if out.iter().any(|s| s.description.local_id() == id) {
            return Err(format!("the solver `{id}` is listed twice"));
        }
        let reverses = raw.caps & abi::SLF_CAP_STEP_VJP != 0;
        let step_vjp = reverses.then(|| read_step_vjp(&table, &id)).transpose()?;
        let redoes = raw.caps & abi::SLF_CAP_STEP_REDO != 0;
        if raw.caps & (abi::SLF_CAP_STATE_DELAYS | abi::SLF_CAP_DELAYS) == abi::SLF_CAP_STATE_DELAYS
        {
            return Err(format!(
                "the solver `{id}` takes delays that depend on time or state and none of constant length"
            ));
        }
        if redoes && !reverses {
            return Err(format!("the solver `{id}` takes steps again and does not reverse them"));
        }
        let step_redo = redoes.then(|| read_step_redo(&table, &id)).transpose()?;
        let dense_segment = raw.caps & abi::SLF_CAP_DENSE_SEGMENT != 0;
        if dense_segment && raw.dense_order == 0.0 {
            return Err(format!(
                "the solver `{id}` has polynomials of its steps and no dense order"
            ));
        }
        let segments = dense_segment.then(|| read_segments(&table, &id)).transpose()?;
        out.push(SolverEntry {
            description: SolverDescription {
                id: format!("{plugin}/{id}"),
                name: label(raw.name, "name")?,
                reference: label(raw.reference, "reference")?,
                order: raw.order,
                dense_order: raw.dense_order,
                dense_segment,
                adaptive: raw.caps & abi::SLF_CAP_ADAPTIVE != 0,
                implicit: raw.caps & abi::SLF_CAP_IMPLICIT != 0,
                mass_matrix: raw.caps & MASS != 0,
                singular_mass: raw.caps & abi::SLF_CAP_SINGULAR_MASS != 0,
                noise: raw.caps & abi::SLF_CAP_NOISE != 0,
                delays: raw.caps & abi::SLF_CAP_DELAYS != 0,
                state_delays: raw.caps & abi::SLF_CAP_STATE_DELAYS != 0,
                step_vjp: reverses,
                step_redo: redoes,
                backward: raw.caps & abi::SLF_CAP_BACKWARD != 0,
                deterministic: raw.caps & abi::SLF_CAP_BITWISE_DETERMINISTIC != 0,
                options: options(raw.options_json, &id)?,
            },
            table,
            step_vjp,
            step_redo,
            segments,
        });
    }
    Ok(out)
}

/// The derivatives of steps that the solver `id` declares.
fn read_step_vjp(factory: &abi::slf_solver_factory, id: &str) -> Result<abi::slf_step_vjp, String> {
    // SAFETY: the table of this id has this type.
    let table = unsafe { extension::<abi::slf_step_vjp>(factory, abi::STEP_VJP, id, STEP_VJP)? };
    if table.record_len.is_none() || table.record.is_none() || table.reverse.is_none() {
        return Err(format!("a function of the table of {STEP_VJP} is null"));
    }
    Ok(table)
}

/// The function that takes steps again that the solver `id` declares.
fn read_step_redo(
    factory: &abi::slf_solver_factory,
    id: &str,
) -> Result<abi::slf_step_redo, String> {
    // SAFETY: the table of this id has this type.
    let table = unsafe { extension(factory, abi::STEP_REDO, id, STEP_REDO)? };
    let abi::slf_step_redo { redo: Some(_), .. } = table else {
        return Err(format!("a function of the table of {STEP_REDO} is null"));
    };
    Ok(table)
}

/// The polynomials of steps that the solver `id` declares.
fn read_segments(
    factory: &abi::slf_solver_factory,
    id: &str,
) -> Result<abi::slf_dense_segment, String> {
    // SAFETY: the table of this id has this type.
    let table = unsafe { extension(factory, abi::DENSE_SEGMENT, id, SEGMENTS)? };
    let abi::slf_dense_segment { max_degree: Some(_), segment: Some(_), .. } = table else {
        return Err(format!("a function of the table of {SEGMENTS} is null"));
    };
    Ok(table)
}

/// What tables of extensions are of, in messages.
const STEP_VJP: &str = "derivatives of steps";
const STEP_REDO: &str = "steps taken again";
const SEGMENTS: &str = "polynomials of steps";

/// A table that the solver `id` declares that it has.
///
/// # Safety
/// What the plugin returns for `name` is null or a table of type `T`.
unsafe fn extension<T: Copy>(
    factory: &abi::slf_solver_factory,
    name: &'static str,
    id: &str,
    what: &str,
) -> Result<T, String> {
    let get = factory.get_extension.ok_or("a function of the solver table is null")?;
    // SAFETY: a function of the plugin, given text that lives for ever.
    let table = unsafe { get(abi::slf_str::new(name)) };
    if table.is_null() {
        return Err(format!("the solver `{id}` declares {what} and has none"));
    }
    // SAFETY: as promised.
    unsafe { read_table(table.cast::<T>(), &format!("the table of {what}")) }
}

/// Operators of a plugin in native code, which its networks use.
fn read_operators(
    factory: &abi::slf_network_factory,
    plugin: (&str, &str),
) -> Result<Operators, String> {
    let get = factory.get_extension.ok_or("a function of the network table is null")?;
    // SAFETY: a function of the plugin, given text that lives for ever.
    let table = unsafe { get(abi::slf_str::new(abi::CUSTOM_OPS)) };
    if table.is_null() {
        let none = abi::slf_custom_ops {
            struct_size: size_of::<abi::slf_custom_ops>() as u32,
            reserved: 0,
            count: None,
            info: None,
            check: None,
            forward: None,
            reverse: None,
        };
        return Ok(Operators::new(plugin, Vec::new(), none));
    }
    // SAFETY: the table of this id has this type.
    let table =
        unsafe { read_table(table.cast::<abi::slf_custom_ops>(), "the table of operators")? };
    let abi::slf_custom_ops {
        count: Some(count),
        info: Some(info),
        check: Some(_),
        forward: Some(_),
        reverse: Some(_),
        ..
    } = table
    else {
        return Err("a function of the table of operators is null".to_owned());
    };
    // SAFETY: a function of the plugin without arguments.
    let count = check_count(unsafe { count() }, "operators")?;
    let mut ids: Vec<String> = Vec::new();
    for index in 0..count {
        // SAFETY: a function of the plugin, given an index in range.
        let raw = unsafe { info(index) };
        // SAFETY: the plugin returned its description.
        let raw = unsafe { read_table(raw, "an operator's description")? };
        let id = local_id(raw.id)?;
        if ids.contains(&id) {
            return Err(format!("the operator `{id}` is listed twice"));
        }
        ids.push(id);
    }
    Ok(Operators::new(plugin, ids, table))
}

fn read_networks(
    table: *const abi::slf_network_factory,
    (plugin, version): (&str, &str),
) -> Result<Vec<NetworkEntry>, String> {
    // SAFETY: the plugin returned its table for this factory id.
    let table = unsafe { read_table(table, "the network table")? };
    let (Some(count), Some(info)) = (table.count, table.info) else {
        return Err("a function of the network table is null".to_owned());
    };
    if table.build.is_none() || table.get_extension.is_none() {
        return Err("a function of the network table is null".to_owned());
    }
    // SAFETY: a function of the plugin without arguments.
    let count = check_count(unsafe { count() }, "networks")?;
    let operators = Arc::new(read_operators(&table, (plugin, version))?);
    let mut out: Vec<NetworkEntry> = Vec::new();
    for index in 0..count {
        // SAFETY: a function of the plugin, given an index in range.
        let raw = unsafe { info(index) };
        // SAFETY: the plugin returned its description.
        let raw = unsafe { read_table(raw, "a network's description")? };
        let id = local_id(raw.id)?;
        if out.iter().any(|n| n.description.local_id() == id) {
            return Err(format!("the network `{id}` is listed twice"));
        }
        out.push(NetworkEntry {
            description: NetworkDescription {
                id: format!("{plugin}/{id}"),
                name: label(raw.name, "name")?,
                reference: label(raw.reference, "reference")?,
                min_opset: raw.min_opset,
                options: options(raw.options_json, &id)?,
            },
            table,
            operators: operators.clone(),
        });
    }
    Ok(out)
}

fn check_count(count: u32, what: &str) -> Result<u32, String> {
    if count > MAX_COUNT {
        return Err(format!("it claims to have {count} {what}; at most {MAX_COUNT} are allowed"));
    }
    Ok(count)
}

fn local_id(raw: abi::slf_str) -> Result<String, String> {
    // SAFETY: text in a description of the plugin, which lives as long as the process.
    let id = unsafe { read_text(raw, MAX_NAME, "an id")? };
    if is_id(&id, false) {
        Ok(id)
    } else {
        Err(format!("the id \"{}\" has letters other than a-z, 0-9 and -", id.escape_debug()))
    }
}

fn label(raw: abi::slf_str, what: &str) -> Result<String, String> {
    // SAFETY: as in `local_id`.
    unsafe { read_text(raw, MAX_NAME, what) }
}

fn options(raw: abi::slf_str, id: &str) -> Result<Vec<OptionDescription>, String> {
    // SAFETY: as in `local_id`.
    let json = unsafe { read_text(raw, MAX_JSON, "the options")? };
    OptionDescription::parse(&json).map_err(|e| format!("the options of `{id}`: {e}"))
}

type LogSink = Box<dyn Fn(i32, &str) + Send + Sync>;

/// Where log lines of plugins go.
static LOG: OnceLock<LogSink> = OnceLock::new();

/// Sends the log lines of all plugins to `sink` (level 1 error to 4 debug, text). Only the first
/// call counts; without one, errors and warnings go to standard error.
pub fn set_log(sink: impl Fn(i32, &str) + Send + Sync + 'static) {
    let _ = LOG.set(Box::new(sink));
}

unsafe extern "C" fn log(_ctx: *mut c_void, level: i32, message: abi::slf_str) {
    let write = || {
        // SAFETY: text of the plugin, used during this call only.
        let text = unsafe { read_text(message, MAX_JSON, "a log line") };
        let text = text.unwrap_or_else(|problem| format!("(unreadable log line: {problem})"));
        match LOG.get() {
            Some(sink) => sink(level, &text),
            None if level <= abi::SLF_LOG_WARN => eprintln!("plugin: {text}"),
            None => {}
        }
    };
    // A panic must not cross into the plugin; a lost log line is the smaller harm.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(write));
}

unsafe extern "C" fn no_extension(_ctx: *mut c_void, _id: abi::slf_str) -> *const c_void {
    ptr::null()
}

struct Shared(abi::slf_host);
// SAFETY: the table is never written after it was made, and its pointers are null or static.
unsafe impl Sync for Shared {}

/// The table that every plugin receives.
fn host_table() -> *const abi::slf_host {
    static HOST: Shared = Shared(abi::slf_host {
        struct_size: size_of::<abi::slf_host>() as u32,
        abi_minor: abi::SLF_ABI_MINOR,
        ctx: ptr::null_mut(),
        name: abi::slf_str::new("Slopefield"),
        version: abi::slf_str::new(env!("CARGO_PKG_VERSION")),
        get_extension: Some(no_extension),
        log: Some(log),
    });
    &raw const HOST.0
}
