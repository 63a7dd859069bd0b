//! The library and its tables.

use super::{Buffer, leaked, text};
use slopefield_plugin_abi as abi;
use slopefield_plugin_host::open_library;
use std::ffi::c_void;
use std::path::Path;
use std::ptr;

/// A loaded library; it stays loaded until the process ends.
pub struct Library {
    entry: abi::slf_entry_fn,
}

/// Which host a plugin is told it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKind {
    /// This version.
    Current,
    /// Its table ends after the first eight bytes; nothing behind them is there.
    TooOld,
    /// A later minor version with more fields, which a plugin must not look at.
    Newer,
}

/// What the entry function gave.
pub struct Root {
    /// The table; none when the plugin refused.
    pub table: Option<abi::slf_plugin>,
    /// Its address.
    address: *const abi::slf_plugin,
    /// The sentence in the error buffer.
    pub message: String,
    /// What it did wrong with the error buffer.
    pub misuse: Option<String>,
}

/// As large as any later version of the table will be, so that what lies behind can be seen.
#[repr(C)]
struct Table {
    host: abi::slf_host,
    more: [u64; 32],
}

unsafe extern "C" fn log(_: *mut c_void, level: i32, message: abi::slf_str) {
    // SAFETY: text of the plugin, used during this call only.
    match unsafe { text(message) } {
        Ok(text) => eprintln!("log, level {level}: {text}"),
        Err(problem) => eprintln!("log, level {level}: {problem}"),
    }
}

unsafe extern "C" fn no_extension(_: *mut c_void, _: abi::slf_str) -> *const c_void {
    ptr::null()
}

fn host(kind: HostKind) -> &'static abi::slf_host {
    let full = abi::slf_host {
        struct_size: size_of::<abi::slf_host>() as u32,
        abi_minor: abi::SLF_ABI_MINOR,
        ctx: ptr::null_mut(),
        name: leaked("Slopefield"),
        version: leaked(env!("CARGO_PKG_VERSION")),
        get_extension: Some(no_extension),
        log: Some(log),
    };
    let host = match kind {
        HostKind::Current => full,
        HostKind::TooOld => abi::slf_host {
            struct_size: 8,
            name: abi::slf_str { ptr: ptr::null(), len: 0 },
            version: abi::slf_str { ptr: ptr::null(), len: 0 },
            get_extension: None,
            log: None,
            ..full
        },
        HostKind::Newer => {
            abi::slf_host { struct_size: size_of::<Table>() as u32, abi_minor: 7, ..full }
        }
    };
    // What a later version would have there is not for this plugin to know.
    &Box::leak(Box::new(Table { host, more: [u64::MAX; 32] })).host
}

impl Library {
    /// Loads a library with all its symbols bound at once.
    pub fn open(path: &Path) -> Result<Library, String> {
        // SAFETY: loading runs foreign initialisers, which is what this process is for.
        let library = unsafe { open_library(path) }.map_err(|e| e.to_string())?;
        // SAFETY: the symbol of this name has this type in every library that follows the header.
        let entry = unsafe { library.get::<abi::slf_entry_fn>(abi::ENTRY_SYMBOL) };
        let entry = entry.map(|symbol| *symbol).map_err(|e| e.to_string());
        // Never unloaded: finalisers of foreign code would run.
        std::mem::forget(library);
        Ok(Library { entry: entry? })
    }

    /// Calls the entry function, with an error buffer whose message has `room` bytes.
    pub fn enter(&self, kind: HostKind, room: usize) -> Root {
        let mut err = Buffer::with_room(room);
        // SAFETY: the entry function takes a host table, which lives for ever, and a buffer.
        let address = unsafe { (self.entry)(host(kind), &mut err.raw) };
        // SAFETY: a table that the plugin returned is at least as long as version 1.0 of it.
        let table = (!address.is_null()).then(|| unsafe { address.read() });
        Root { table, address, message: err.text(), misuse: err.misuse() }
    }

    /// The root under this version of the host.
    pub fn root(&self) -> Result<Root, String> {
        let root = self.enter(HostKind::Current, abi::ERROR_MESSAGE_CAPACITY);
        match root.table {
            Some(_) => Ok(root),
            None => Err(format!("the plugin refused to run here: {}", root.message)),
        }
    }
}

impl Root {
    /// Id and version.
    pub fn about(&self) -> Result<(String, String), String> {
        let table = self.table.as_ref().ok_or("there is no plugin table")?;
        // SAFETY: text of the plugin that lives as long as the process.
        unsafe { Ok((text(table.id)?, text(table.version)?)) }
    }

    /// Whether two calls of the entry function gave the same table.
    pub fn is_same(&self, other: &Root) -> bool {
        self.address == other.address
    }

    /// The address of a factory table, null when it is not offered.
    pub fn factory(&self, id: &str) -> *const c_void {
        let get = self.table.as_ref().and_then(|t| t.get_factory);
        // SAFETY: a function of the plugin, given text that lives for ever.
        get.map_or(ptr::null(), |get| unsafe { get(leaked(id)) })
    }

    /// The solvers.
    pub fn solvers(&self) -> Option<Solvers> {
        let table = self.factory(abi::SOLVER_FACTORY).cast::<abi::slf_solver_factory>();
        // SAFETY: the plugin returned its table for this id.
        (!table.is_null()).then(|| Solvers { table: unsafe { table.read() } })
    }

    /// The table of networks.
    pub fn networks(&self) -> Option<abi::slf_network_factory> {
        let table = self.factory(abi::NETWORK_FACTORY).cast::<abi::slf_network_factory>();
        // SAFETY: the plugin returned its table for this id.
        (!table.is_null()).then(|| unsafe { table.read() })
    }

    /// Number of entries of a factory, and whether it describes the entry `index`.
    pub fn described(&self, networks: bool, index: u32) -> Option<(u32, bool)> {
        if networks {
            let table = self.networks()?;
            // SAFETY: functions of the plugin, which must take any index.
            unsafe { Some((table.count?(), !table.info?(index).is_null())) }
        } else {
            let table = self.solvers()?.table;
            // SAFETY: as above.
            unsafe { Some((table.count?(), !table.info?(index).is_null())) }
        }
    }
}

/// The solvers of a plugin.
#[derive(Clone, Copy)]
pub struct Solvers {
    pub(super) table: abi::slf_solver_factory,
}

impl Solvers {
    /// The descriptions of all solvers in words.
    pub fn described(&self) -> Result<Vec<String>, String> {
        let (Some(count), Some(info)) = (self.table.count, self.table.info) else {
            return Err("a function of the solver table is null".to_owned());
        };
        let mut all = Vec::new();
        // SAFETY: a function of the plugin without arguments.
        for index in 0..unsafe { count() } {
            // SAFETY: a function of the plugin, given an index in range; what it returns lives as
            // long as the process.
            let about = unsafe { info(index).as_ref() };
            let about = about.ok_or_else(|| format!("solver {index} has no description"))?;
            // SAFETY: text of the plugin.
            let (id, name) = unsafe { (text(about.id)?, text(about.name)?) };
            all.push(format!("{id} {name} {} {}", about.order, about.caps));
        }
        Ok(all)
    }

    /// The capabilities of a solver, as bits.
    pub fn caps(&self, id: &str) -> Result<u32, String> {
        let (Some(count), Some(info)) = (self.table.count, self.table.info) else {
            return Err("a function of the solver table is null".to_owned());
        };
        // SAFETY: a function of the plugin without arguments.
        for index in 0..unsafe { count() } {
            // SAFETY: a function of the plugin, given an index in range; what it returns lives as
            // long as the process.
            let about = unsafe { info(index).as_ref() };
            let about = about.ok_or("a solver has no description")?;
            // SAFETY: text of the plugin.
            if unsafe { text(about.id)? } == id {
                return Ok(about.caps);
            }
        }
        Err(format!("the library has no solver `{id}`"))
    }
}
