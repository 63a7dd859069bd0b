//! Tests of the whole plugin.

use crate::context::Context;
use crate::outcome::{Finding, passed, skipped, warning};
use crate::raw::{HostKind, Instance, Library, Root, build_refused, processor_time};
use crate::{solver, symbols};
use slopefield_plugin_abi as abi;
use slopefield_plugin_host::ProvidesKind;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// How much of a processor's time a scan may take before it is worth a word, and how long it may take
/// by the clock, which goes on while other programs have the processor and while a plugin waits.
const SCAN: Duration = Duration::from_millis(100);
const WAIT: Duration = Duration::from_secs(2);
/// Room for the shortest error buffer.
const SHORT: usize = 4;

pub(crate) fn manifest(cx: &Context) -> Finding {
    let manifest = cx.manifest()?;
    let mut missing = Vec::new();
    if manifest.authors.is_empty() {
        missing.push("`authors`");
    }
    if manifest.homepage.is_empty() {
        missing.push("`homepage`");
    }
    if !cx.found.path.join("LICENSE").is_file() {
        missing.push("a file LICENSE");
    }
    if manifest.provides.is_empty() {
        return Err("it provides nothing".to_owned());
    }
    match missing.as_slice() {
        [] => passed(format!("{} {}, {}", manifest.id, manifest.version, manifest.license)),
        missing => warning(format!("users will look for {}", missing.join(", "))),
    }
}

pub(crate) fn loads(cx: &Context) -> Finding {
    let registry = cx.registry()?;
    let count = |n: usize, word: &str| match n {
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    };
    let (solvers, networks) = (registry.solvers().count(), registry.networks().count());
    passed(format!("{}, {}", count(solvers, "solver"), count(networks, "network")))
}

pub(crate) fn symbols(cx: &Context) -> Finding {
    let Some(names) = symbols::exported(&cx.library()?)? else {
        return skipped("only ELF libraries are read");
    };
    if !names.iter().any(|n| n == abi::ENTRY_SYMBOL) {
        return Err(format!("it does not export `{}`", abi::ENTRY_SYMBOL));
    }
    let others: Vec<&str> =
        names.iter().map(String::as_str).filter(|n| *n != abi::ENTRY_SYMBOL).collect();
    match others.as_slice() {
        [] => passed(abi::ENTRY_SYMBOL),
        others => {
            let first = others[..others.len().min(5)].join(", ");
            warning(format!(
                "it exports {} more, which may clash with those of others: {first}; hide them \
                 (-fvisibility=hidden, or static functions)",
                others.len()
            ))
        }
    }
}

/// Everything that a scan asks.
fn scan(root: &Root) {
    for networks in [false, true] {
        let count = root.described(networks, 0).map_or(0, |(count, _)| count.min(1000));
        for index in 0..count {
            std::hint::black_box(root.described(networks, index));
        }
    }
}

pub(crate) fn scan_time(cx: &Context) -> Finding {
    let path = cx.library()?;
    let (began, before) = (Instant::now(), processor_time());
    let root = Library::open(&path)?.root()?;
    scan(&root);
    let waited = began.elapsed();
    let spent = before.zip(processor_time()).map(|(before, after)| after.saturating_sub(before));
    let took = spent.unwrap_or(waited);
    let text = format!("{:.1} ms", 1e3 * took.as_secs_f64());
    if took > SCAN {
        return warning(format!("{text}, more than 100 ms"));
    }
    if waited > WAIT {
        let waited = waited.as_secs_f64();
        return warning(format!(
            "it takes {waited:.1} s by the clock: does it wait for something?"
        ));
    }
    passed(text)
}

/// Threads and open files of this process.
fn held() -> Option<(usize, usize)> {
    let count = |path: &str| Some(std::fs::read_dir(path).ok()?.count());
    Some((count("/proc/self/task")?, count("/proc/self/fd")?))
}

/// Threads at once, and scans by each of them: so many that they last longer than a processor stays
/// with one thread.
const THREADS: (usize, usize) = (8, 2000);

/// What a scan finds: id, version, and the numbers of descriptions.
fn found(library: &Library) -> Result<(String, String, Vec<String>), String> {
    let root = library.root()?;
    let (id, version) = root.about()?;
    let mut all = Vec::new();
    if let Some(solvers) = root.solvers() {
        all.extend(solvers.described()?);
    }
    let networks = root.described(true, 0).map_or(0, |(count, _)| count);
    all.push(format!("{networks} networks"));
    let unknown = root.factory("no.such.factory/1");
    if !unknown.is_null() {
        return Err("a factory that does not exist is there".to_owned());
    }
    Ok((id, version, all))
}

pub(crate) fn threads(cx: &Context) -> Finding {
    let library = Library::open(&cx.library()?)?;
    let expected = found(&library)?;
    let refusals = |root: &Root| -> Result<(), String> {
        // Refused requests write to the error buffer of their own call.
        let solvers = root.solvers().map_or(Ok(()), |s| s.refuse(SHORT).map_or(Ok(()), Err));
        solvers.and_then(|()| match root.networks() {
            Some(networks) => match build_refused(&networks, "no-such-network").outcome {
                Ok(()) => Err("it builds a network that does not exist".to_owned()),
                Err(_) => Ok(()),
            },
            None => Ok(()),
        })
    };
    let together = Barrier::new(THREADS.0);
    let scans = || -> Result<(), String> {
        together.wait();
        for _ in 0..THREADS.1 {
            let now = found(&library)?;
            if now != expected {
                return Err(format!("one thread finds {expected:?} and another {now:?}"));
            }
            refusals(&library.root()?)?;
        }
        Ok(())
    };
    let results: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..THREADS.0).map(|_| scope.spawn(scans)).collect();
        let lost = || Err("a thread was lost".to_owned());
        handles.into_iter().map(|h| h.join().unwrap_or_else(|_| lost())).collect()
    });
    let wrong = results.into_iter().find_map(Result::err);
    wrong.map_or_else(|| passed(format!("{} threads", THREADS.0)), Err)
}

pub(crate) fn leftovers(cx: &Context) -> Finding {
    let path = cx.library()?;
    let Some(before) = held() else {
        return skipped("this system does not show threads and open files of a process");
    };
    scan(&Library::open(&path)?.root()?);
    let after = held().unwrap_or(before);
    if after.0 > before.0 {
        return Err(format!("the scan left {} threads running", after.0 - before.0));
    }
    if after.1 > before.1 {
        return Err(format!("the scan left {} files open", after.1 - before.1));
    }
    passed("")
}

/// Uses everything a little; the process around it sees whether anything was printed.
pub(crate) fn silent(cx: &Context) -> Finding {
    let root = cx.raw()?;
    scan(&root);
    for provided in &cx.manifest()?.provides {
        match provided.kind {
            ProvidesKind::Solver => {
                // Whether it works is for other tests.
                let made = solver::simple(cx, &provided.id);
                let _ = made.and_then(|mut s: Instance| solver::march(&mut s, 0.0, 0.5));
            }
            ProvidesKind::Network => {
                if let Some(networks) = root.networks() {
                    std::hint::black_box(build_refused(&networks, &provided.id));
                }
            }
            ProvidesKind::Tableau => {}
        }
    }
    passed("")
}

pub(crate) fn entry_twice(cx: &Context) -> Finding {
    let library = Library::open(&cx.library()?)?;
    let (first, second) = (library.root()?, library.root()?);
    if first.about()? != second.about()? {
        return Err("the second call gives another id or version".to_owned());
    }
    for networks in [false, true] {
        let counts = [&first, &second].map(|r| r.described(networks, 0));
        if counts[0] != counts[1] {
            return Err("the second call offers something else".to_owned());
        }
    }
    if first.is_same(&second) { passed("") } else { passed("another table, the same contents") }
}

pub(crate) fn old_host(cx: &Context) -> Finding {
    let root = Library::open(&cx.library()?)?.enter(HostKind::TooOld, abi::ERROR_MESSAGE_CAPACITY);
    if let Some(misuse) = root.misuse {
        return Err(misuse);
    }
    match (root.table, root.message.as_str()) {
        (None, "") => warning("it refuses and does not say why"),
        (None, message) => passed(message),
        (Some(_), _) => {
            warning("it accepts a host without log and extensions; compare struct_size (SLF_HAS)")
        }
    }
}

pub(crate) fn new_host(cx: &Context) -> Finding {
    let library = Library::open(&cx.library()?)?;
    let root = library.enter(HostKind::Newer, abi::ERROR_MESSAGE_CAPACITY);
    match root.table {
        Some(_) => {
            scan(&root);
            passed("")
        }
        None => Err(format!("it refuses a later minor version of the host: {}", root.message)),
    }
}

pub(crate) fn error_buffer(cx: &Context) -> Finding {
    let library = Library::open(&cx.library()?)?;
    for room in [0, SHORT] {
        if let Some(misuse) = library.enter(HostKind::TooOld, room).misuse {
            return Err(format!("from the entry function: {misuse}"));
        }
    }
    if let Some(solvers) = library.root()?.solvers() {
        for room in [0, SHORT] {
            if let Some(misuse) = solvers.refuse(room) {
                return Err(format!("from create: {misuse}"));
            }
        }
    }
    passed("")
}

pub(crate) fn unknown_factory(cx: &Context) -> Finding {
    let root = cx.raw()?;
    let ids = [
        String::new(),
        "org.example.nothing/1".to_owned(),
        format!("{}0", abi::SOLVER_FACTORY),
        format!("{}0", abi::NETWORK_FACTORY),
        "slopefield.solver-factory/".to_owned(),
        "slopefield.network-factory/2".to_owned(),
    ];
    match ids.iter().find(|id| !root.factory(id).is_null()) {
        Some(id) => Err(format!("it has an answer to the factory \"{id}\"")),
        None => passed(""),
    }
}

pub(crate) fn unknown_index(cx: &Context) -> Finding {
    let root = cx.raw()?;
    for networks in [false, true] {
        let Some((count, _)) = root.described(networks, 0) else { continue };
        for index in [count, count.saturating_add(1), u32::MAX] {
            if root.described(networks, index).is_some_and(|(_, there)| there) {
                return Err(format!("it describes number {index} and says it has {count}"));
            }
        }
    }
    passed("")
}
