//! The symbols that a library exports, read from its file.

use std::path::Path;

/// Names that a linker adds to every library by itself.
const LINKER: [&str; 6] = ["_init", "_fini", "__bss_start", "_edata", "_end", "_DYNAMIC"];

/// Exported names of a 64-bit little-endian ELF file, sorted; `None` for files of another kind.
///
/// # Errors
/// A file that cannot be read, or whose tables point outside of it.
pub fn exported(path: &Path) -> Result<Option<Vec<String>>, String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        return Ok(None);
    }
    elf(&bytes).map(Some).ok_or_else(|| "its tables of symbols cannot be read".to_owned())
}

fn number(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    let mut raw = [0u8; 8];
    raw[..len].copy_from_slice(bytes.get(at..at.checked_add(len)?)?);
    usize::try_from(u64::from_le_bytes(raw)).ok()
}

/// Of the ELF-64 object file format (System V ABI, chapter 4): sections of type 11 (`SHT_DYNSYM`)
/// hold the dynamic symbols, 24 bytes each, and `sh_link` names their strings.
fn elf(bytes: &[u8]) -> Option<Vec<String>> {
    let (table, entry, count) =
        (number(bytes, 40, 8)?, number(bytes, 58, 2)?, number(bytes, 60, 2)?);
    let section = |index: usize, field: usize, len: usize| {
        number(bytes, table.checked_add(index.checked_mul(entry)?)?.checked_add(field)?, len)
    };
    let mut names = Vec::new();
    for index in (0..count).filter(|i| section(*i, 4, 4) == Some(11)) {
        let (offset, size) = (section(index, 24, 8)?, section(index, 32, 8)?);
        let strings = section(section(index, 40, 4)?, 24, 8)?;
        for symbol in (offset..offset.checked_add(size)?).step_by(24) {
            let info = number(bytes, symbol + 4, 1)?;
            let (binding, kind) = (info >> 4, info & 15);
            let hidden = matches!(number(bytes, symbol + 5, 1)? & 3, 1 | 2);
            let defined = number(bytes, symbol + 6, 2)? != 0;
            // Global, weak or unique; not the name of a file or a section.
            if !matches!(binding, 1 | 2 | 10) || matches!(kind, 3 | 4) || hidden || !defined {
                continue;
            }
            let name = bytes.get(strings.checked_add(number(bytes, symbol, 4)?)?..)?;
            let end = name.iter().position(|b| *b == 0)?;
            let name = String::from_utf8_lossy(&name[..end]).into_owned();
            if !LINKER.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    names.sort();
    names.dedup();
    Some(names)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_read_and_damage_is_no_panic() {
        // A header with one section of type 11, two symbols of which one is hidden, and strings.
        let mut file = vec![0u8; 64];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[40] = 64;
        file[58] = 64;
        file[60] = 2;
        let mut header = |kind: u8, offset: u8, size: u8, link: u8| {
            let mut section = [0u8; 64];
            (section[4], section[24], section[32], section[40]) = (kind, offset, size, link);
            file.extend(section);
        };
        header(11, 192, 48, 1);
        header(3, 240, 12, 0);
        for (name, other) in [(1u8, 0u8), (7, 2)] {
            let mut symbol = [0u8; 24];
            (symbol[0], symbol[4], symbol[5], symbol[6]) = (name, 0x12, other, 9);
            file.extend(symbol);
        }
        file.extend(b"\0shown\0gone\0");
        assert_eq!(super::elf(&file), Some(vec!["shown".to_owned()]));
        for len in 0..file.len() {
            let _ = super::elf(&file[..len]);
        }
        file[192] = 255;
        assert_eq!(super::elf(&file), None);
    }
}
