//! `array` and `array_chunk`: large numbers and bytes, in compressed pieces with checksums.
//!
//! An array is little-endian 64-bit floats or plain bytes. Its bytes are cut into pieces of at most
//! 4 MiB, so SQLite's length limit can stay low and a damaged piece is found by its own checksum
//! (BLAKE3 of the uncompressed bytes). Floats are shuffled before compression: first all lowest
//! bytes, then all second bytes and so on, which lets zstd find the exponents that smooth curves
//! share (the filter is the one of HDF5 and Blosc).

use super::{Holds, Table};
use crate::error::{Doing, ProjectError};
use crate::text::Rule;
use rusqlite::{Connection, OptionalExtension, params};

/// Most bytes of a piece, before and after compression.
pub(crate) const CHUNK_BYTES: usize = 4 << 20;
/// Most bytes of one array.
pub(crate) const MAX_ARRAY_BYTES: u64 = 256 << 20;
/// zstd level: 3 compresses at some hundred MB/s, fast enough to run each second while training.
const LEVEL: i32 = 3;
const DOING: &str = "reading an array";

/// Heads of arrays.
pub(crate) const ARRAY: Table = Table {
    name: "array",
    create: "CREATE TABLE array (
  id INTEGER NOT NULL PRIMARY KEY,
  element TEXT NOT NULL CHECK (element IN ('f64', 'u8')),
  shape TEXT NOT NULL,
  byte_count INTEGER NOT NULL CHECK (byte_count >= 0),
  blake3 BLOB NOT NULL
) STRICT",
    indexes: &[],
    columns: &[
        ("id", Holds::Integer),
        ("element", Holds::Word(&["f64", "u8"])),
        ("shape", Holds::Text(Rule::Name)),
        ("byte_count", Holds::Integer),
        ("blake3", Holds::Bytes),
    ],
};

/// Pieces of arrays.
pub(crate) const ARRAY_CHUNK: Table = Table {
    name: "array_chunk",
    create: "CREATE TABLE array_chunk (
  array_id INTEGER NOT NULL REFERENCES array (id) ON DELETE CASCADE,
  chunk_index INTEGER NOT NULL CHECK (chunk_index >= 0),
  codec TEXT NOT NULL CHECK (codec IN ('raw', 'zstd', 'shuffle8-zstd')),
  raw_byte_count INTEGER NOT NULL CHECK (raw_byte_count BETWEEN 0 AND 4194304),
  bytes BLOB NOT NULL,
  blake3 BLOB NOT NULL,
  PRIMARY KEY (array_id, chunk_index)
) STRICT",
    indexes: &[],
    columns: &[
        ("array_id", Holds::Integer),
        ("chunk_index", Holds::Integer),
        ("codec", Holds::Word(&["raw", "zstd", "shuffle8-zstd"])),
        ("raw_byte_count", Holds::Integer),
        ("bytes", Holds::Bytes),
        ("blake3", Holds::Bytes),
    ],
};

/// Stores numbers with their shape; returns the array's id.
pub(crate) fn store_f64(
    conn: &Connection,
    values: &[f64],
    shape: &[usize],
) -> Result<i64, ProjectError> {
    let expected = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(usize::MAX);
    if values.len() != expected {
        return Err(ProjectError::Shape { what: "an array".into(), found: values.len(), expected });
    }
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    store(conn, "f64", shape, &bytes)
}

/// Stores bytes; returns the array's id.
pub(crate) fn store_bytes(conn: &Connection, bytes: &[u8]) -> Result<i64, ProjectError> {
    store(conn, "u8", &[bytes.len()], bytes)
}

fn store(
    conn: &Connection,
    element: &str,
    shape: &[usize],
    bytes: &[u8],
) -> Result<i64, ProjectError> {
    const DOING: &str = "storing an array";
    if bytes.len() as u64 > MAX_ARRAY_BYTES {
        return Err(ProjectError::ArrayTooLarge {
            what: "an array".into(),
            bytes: bytes.len() as u64,
            max_bytes: MAX_ARRAY_BYTES,
        });
    }
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    conn.prepare_cached(
        "INSERT INTO array (element, shape, byte_count, blake3) VALUES (?1, ?2, ?3, ?4)",
    )
    .doing(DOING)?
    .execute(params![
        element,
        shape.join("x"),
        bytes.len() as i64,
        blake3::hash(bytes).as_bytes().as_slice()
    ])
    .doing(DOING)?;
    let id = conn.last_insert_rowid();
    let mut insert = conn
        .prepare_cached(
            "INSERT INTO array_chunk (array_id, chunk_index, codec, raw_byte_count, bytes, blake3)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .doing(DOING)?;
    for (index, piece) in bytes.chunks(CHUNK_BYTES).enumerate() {
        let (codec, stored) = encode(element, piece);
        insert
            .execute(params![
                id,
                index as i64,
                codec,
                piece.len() as i64,
                stored,
                blake3::hash(piece).as_bytes().as_slice()
            ])
            .doing(DOING)?;
    }
    Ok(id)
}

/// Compresses a piece, or keeps it as it is when that is not larger.
fn encode(element: &str, piece: &[u8]) -> (&'static str, Vec<u8>) {
    let (codec, compressed) = if element == "f64" {
        ("shuffle8-zstd", zstd::bulk::compress(&shuffle(piece), LEVEL))
    } else {
        ("zstd", zstd::bulk::compress(piece, LEVEL))
    };
    match compressed {
        Ok(bytes) if bytes.len() < piece.len() => (codec, bytes),
        _ => ("raw", piece.to_vec()),
    }
}

fn decode(codec: &str, stored: Vec<u8>, raw_byte_count: usize) -> Result<Vec<u8>, String> {
    let raw = match codec {
        "raw" => stored,
        "zstd" => zstd::bulk::decompress(&stored, raw_byte_count).map_err(|e| e.to_string())?,
        "shuffle8-zstd" => {
            unshuffle(&zstd::bulk::decompress(&stored, raw_byte_count).map_err(|e| e.to_string())?)?
        }
        other => return Err(format!("unknown codec `{other}`")),
    };
    if raw.len() == raw_byte_count {
        Ok(raw)
    } else {
        Err(format!("it holds {} bytes and claims {raw_byte_count}", raw.len()))
    }
}

/// All first bytes of the 8-byte words, then all second bytes, and so on.
fn shuffle(bytes: &[u8]) -> Vec<u8> {
    let words = bytes.len() / 8;
    let mut out = vec![0; bytes.len()];
    for (word, chunk) in bytes.chunks_exact(8).enumerate() {
        for (plane, byte) in chunk.iter().enumerate() {
            out[plane * words + word] = *byte;
        }
    }
    out
}

fn unshuffle(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if !bytes.len().is_multiple_of(8) {
        return Err(format!("{} bytes are no whole number of 64-bit floats", bytes.len()));
    }
    let words = bytes.len() / 8;
    let mut out = vec![0; bytes.len()];
    for (word, chunk) in out.chunks_exact_mut(8).enumerate() {
        for (plane, byte) in chunk.iter_mut().enumerate() {
            *byte = bytes[plane * words + word];
        }
    }
    Ok(out)
}

/// Numbers and their shape.
pub(crate) fn load_f64(conn: &Connection, id: i64) -> Result<(Vec<usize>, Vec<f64>), ProjectError> {
    let (shape, bytes) = load(conn, id, "f64")?;
    let values = bytes
        .chunks_exact(8)
        .map(|word| {
            let mut le = [0; 8];
            le.copy_from_slice(word);
            f64::from_le_bytes(le)
        })
        .collect();
    Ok((shape, values))
}

/// Bytes.
pub(crate) fn load_bytes(conn: &Connection, id: i64) -> Result<Vec<u8>, ProjectError> {
    load(conn, id, "u8").map(|(_, bytes)| bytes)
}

/// Checks every piece of an array without keeping it: shape, lengths, checksums.
pub(crate) fn verify(conn: &Connection, id: i64) -> Result<(), ProjectError> {
    let element: String = conn
        .query_row("SELECT element FROM array WHERE id = ?1", [id], |row| row.get(0))
        .doing(DOING)?;
    load(conn, id, &element).map(drop)
}

fn load(conn: &Connection, id: i64, element: &str) -> Result<(Vec<usize>, Vec<u8>), ProjectError> {
    let damaged = |what: String| ProjectError::Damaged { finding: format!("array {id}: {what}") };
    let head: Option<(String, String, i64, Vec<u8>)> = conn
        .prepare_cached("SELECT element, shape, byte_count, blake3 FROM array WHERE id = ?1")
        .doing(DOING)?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()
        .doing(DOING)?;
    let (found_element, shape, byte_count, checksum) =
        head.ok_or_else(|| damaged("it is missing".into()))?;
    if found_element != element {
        return Err(damaged(format!("it holds `{found_element}` where `{element}` belongs")));
    }
    let shape = parse_shape(&shape).ok_or_else(|| damaged(format!("its shape is `{shape}`")))?;
    let width: u64 = if element == "f64" { 8 } else { 1 };
    let claimed = shape
        .iter()
        .try_fold(width, |n, &d| n.checked_mul(d as u64))
        .filter(|&n| n <= MAX_ARRAY_BYTES)
        .ok_or_else(|| damaged("its shape is larger than an array may be".into()))?;
    if u64::try_from(byte_count).ok() != Some(claimed) {
        return Err(damaged(format!("its shape needs {claimed} bytes, it claims {byte_count}")));
    }
    // The claim is not trusted with memory: room is made piece by piece.
    let mut bytes = Vec::new();
    let mut statement = conn
        .prepare_cached(
            "SELECT chunk_index, codec, raw_byte_count, bytes, blake3 FROM array_chunk
             WHERE array_id = ?1 ORDER BY chunk_index",
        )
        .doing(DOING)?;
    let mut rows = statement.query([id]).doing(DOING)?;
    let mut expected_index = 0i64;
    while let Some(row) = rows.next().doing(DOING)? {
        let index: i64 = row.get(0).doing(DOING)?;
        let codec: String = row.get(1).doing(DOING)?;
        let raw_byte_count: i64 = row.get(2).doing(DOING)?;
        let stored: Vec<u8> = row.get(3).doing(DOING)?;
        let piece_checksum: Vec<u8> = row.get(4).doing(DOING)?;
        if index != expected_index {
            return Err(damaged(format!("piece {expected_index} is missing")));
        }
        expected_index += 1;
        let raw = usize::try_from(raw_byte_count).ok().filter(|&n| n <= CHUNK_BYTES);
        let raw =
            raw.ok_or_else(|| damaged(format!("piece {index} claims {raw_byte_count} bytes")))?;
        let piece = decode(&codec, stored, raw)
            .map_err(|why| damaged(format!("piece {index} cannot be read: {why}")))?;
        if blake3::hash(&piece).as_bytes().as_slice() != piece_checksum {
            return Err(damaged(format!("piece {index} does not match its checksum")));
        }
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > claimed {
            return Err(damaged(format!("it has more bytes than the {claimed} it claims")));
        }
    }
    if bytes.len() as u64 != claimed {
        return Err(damaged(format!("it has {} bytes and claims {claimed}", bytes.len())));
    }
    if blake3::hash(&bytes).as_bytes().as_slice() != checksum {
        return Err(damaged("it does not match its checksum".into()));
    }
    Ok((shape, bytes))
}

fn parse_shape(shape: &str) -> Option<Vec<usize>> {
    let dims: Option<Vec<usize>> = shape.split('x').map(|d| d.parse().ok()).collect();
    dims.filter(|d| d.len() <= 8)
}

/// Deletes an array and its pieces.
pub(crate) fn delete(conn: &Connection, id: i64) -> Result<(), ProjectError> {
    conn.prepare_cached("DELETE FROM array WHERE id = ?1")
        .doing("deleting an array")?
        .execute([id])
        .doing("deleting an array")?;
    Ok(())
}

/// Deletes arrays that nothing refers to. In a file with steps of a newer version it deletes
/// nothing: a table unknown here may refer to them.
pub(crate) fn delete_orphans(conn: &Connection) -> Result<usize, ProjectError> {
    if crate::schema::newest_step(conn)? > crate::schema::known_steps() {
        return Ok(0);
    }
    conn.execute(
        "DELETE FROM array WHERE
         NOT EXISTS (SELECT 1 FROM data_column WHERE data_column.array_id = array.id)
         AND NOT EXISTS (SELECT 1 FROM checkpoint WHERE checkpoint.array_id = array.id)
         AND NOT EXISTS (SELECT 1 FROM run_weights WHERE run_weights.array_id = array.id)
         AND NOT EXISTS (SELECT 1 FROM run_network WHERE run_network.array_id = array.id)
         AND NOT EXISTS (SELECT 1 FROM trajectory WHERE trajectory.time_array_id = array.id)
         AND NOT EXISTS (SELECT 1 FROM trajectory WHERE trajectory.value_array_id = array.id)
         AND NOT EXISTS (SELECT 1 FROM run_uncertainty WHERE run_uncertainty.array_id = array.id)
         AND NOT EXISTS (SELECT 1 FROM network_graph WHERE network_graph.array_id = array.id)",
        [],
    )
    .doing("deleting arrays nothing refers to")
}

#[cfg(test)]
mod tests;
