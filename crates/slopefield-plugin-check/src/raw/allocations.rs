//! How often the code of a plugin asks the system for memory.
//!
//! The calls of a library go through a table of addresses that the loader has filled in. Those of
//! `malloc` and its relatives are replaced by functions that count, in the plugin and in the
//! libraries it brought along, but not in this program and not in the system's own library: what
//! the tests themselves allocate is not counted.

/// Whether allocations can be counted here, which begins with the call; libraries that are loaded
/// later are not seen.
#[cfg(all(
    target_os = "linux",
    target_endian = "little",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub use elf::watch;

/// Allocations cannot be counted here.
#[cfg(not(all(
    target_os = "linux",
    target_endian = "little",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub fn watch() -> bool {
    false
}

use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Allocations so far.
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

#[cfg(all(
    target_os = "linux",
    target_endian = "little",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod elf {
    use super::{COUNT, Ordering};
    use std::ffi::{CStr, c_int, c_void};

    /// Entry of the table of dynamic linking (System V ABI, chapter 5).
    #[repr(C)]
    struct Dynamic {
        tag: i64,
        value: u64,
    }

    /// A place to be filled in with the address of a symbol.
    #[repr(C)]
    struct Relocation {
        offset: u64,
        info: u64,
        addend: i64,
    }

    #[repr(C)]
    struct Symbol {
        name: u32,
        info: u8,
        other: u8,
        section: u16,
        value: u64,
        size: u64,
    }

    const STRINGS: i64 = 5;
    const SYMBOLS: i64 = 6;
    const RELOCATIONS: [(i64, i64); 2] = [(7, 8), (23, 2)];

    /// Kinds of relocations that are the address of a symbol and nothing else: `GLOB_DAT` and
    /// `JUMP_SLOT`.
    #[cfg(target_arch = "x86_64")]
    const ADDRESSES: [u64; 2] = [6, 7];
    #[cfg(target_arch = "aarch64")]
    const ADDRESSES: [u64; 2] = [1025, 1026];

    fn counted() {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }

    unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
        counted();
        // SAFETY: the arguments of the caller.
        unsafe { libc::malloc(size) }
    }

    unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
        counted();
        // SAFETY: the arguments of the caller.
        unsafe { libc::calloc(count, size) }
    }

    unsafe extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
        counted();
        // SAFETY: the arguments of the caller.
        unsafe { libc::realloc(old, size) }
    }

    unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
        counted();
        // SAFETY: the arguments of the caller.
        unsafe { libc::memalign(align, size) }
    }

    unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int {
        counted();
        // SAFETY: the arguments of the caller.
        unsafe { libc::posix_memalign(out, align, size) }
    }

    fn replacement(name: &CStr) -> Option<usize> {
        Some(match name.to_bytes() {
            b"malloc" => malloc as *const () as usize,
            b"calloc" => calloc as *const () as usize,
            b"realloc" => realloc as *const () as usize,
            b"aligned_alloc" | b"memalign" => aligned_alloc as *const () as usize,
            b"posix_memalign" => posix_memalign as *const () as usize,
            _ => return None,
        })
    }

    /// Begins to count.
    pub fn watch() -> bool {
        // SAFETY: the function below, which needs no data.
        unsafe { libc::dl_iterate_phdr(Some(object), std::ptr::null_mut()) };
        true
    }

    unsafe extern "C" fn object(info: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
        // SAFETY: the loader passes the description of an object that stays loaded during the call.
        let info = unsafe { &*info };
        // SAFETY: a text of the loader.
        let name = unsafe { CStr::from_ptr(info.dlpi_name) }.to_string_lossy();
        let file = name.rsplit('/').next().unwrap_or_default();
        // This program has no name.
        let system = ["libc.", "libc-", "ld-", "ld.", "linux-", "libpthread"];
        if file.is_empty() || system.iter().any(|prefix| file.starts_with(prefix)) {
            return 0;
        }
        for i in 0..usize::from(info.dlpi_phnum) {
            // SAFETY: there are so many headers.
            let header = unsafe { &*info.dlpi_phdr.add(i) };
            if header.p_type == libc::PT_DYNAMIC {
                let table = (info.dlpi_addr + header.p_vaddr) as *const Dynamic;
                // SAFETY: the header says that the table of dynamic linking is there.
                unsafe { redirect(info.dlpi_addr, table) };
            }
        }
        0
    }

    /// Replaces the addresses of an object.
    ///
    /// # Safety
    /// `table` is the table of dynamic linking of an object loaded at `base`.
    unsafe fn redirect(base: u64, table: *const Dynamic) {
        let find = |tag: i64| {
            let mut entry = table;
            // SAFETY: the table ends with the tag 0.
            unsafe {
                while (*entry).tag != 0 {
                    if (*entry).tag == tag {
                        return Some((*entry).value);
                    }
                    entry = entry.add(1);
                }
            }
            None
        };
        // Some loaders leave addresses relative to the object.
        let address = |value: u64| if value < base { base + value } else { value };
        let (Some(strings), Some(symbols)) = (find(STRINGS), find(SYMBOLS)) else { return };
        let (strings, symbols) = (address(strings), address(symbols) as *const Symbol);
        for (start, size) in RELOCATIONS {
            let (Some(start), Some(size)) = (find(start), find(size)) else { continue };
            let start = address(start) as *const Relocation;
            for i in 0..size as usize / size_of::<Relocation>() {
                // SAFETY: the table has so many entries, and their symbols and names exist.
                let (place, name) = unsafe {
                    let entry = &*start.add(i);
                    if !ADDRESSES.contains(&(entry.info & 0xffff_ffff)) {
                        continue;
                    }
                    let symbol = &*symbols.add((entry.info >> 32) as usize);
                    let name = CStr::from_ptr((strings + u64::from(symbol.name)) as *const _);
                    ((base + entry.offset) as *mut usize, name)
                };
                let Some(new) = replacement(name) else { continue };
                // SAFETY: the place holds the address of a function of this type. Its page may have
                // been made read-only after loading, and nothing else runs in this process.
                unsafe {
                    let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
                    let first = place as usize / page * page;
                    let open = libc::PROT_READ | libc::PROT_WRITE;
                    if libc::mprotect(first as *mut c_void, page, open) == 0 {
                        place.write(new);
                    }
                }
            }
        }
    }
}
