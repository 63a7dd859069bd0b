//! Messages between processes: JSON with a block of numbers beside it.
//!
//! On a pipe: JSON length and number of `f64` (both u32, little-endian), the JSON, the numbers.
//! For the web view: JSON length (u32), the JSON, zeros up to a multiple of 8 bytes, the numbers,
//! so that the page can view them as a `Float64Array` without copying.

use crate::schema::Block;
use std::io::{self, Read, Write};

/// JSON longer than this is refused: the other process is broken or hostile.
const MAX_JSON: usize = 64 << 20;
/// Blocks longer than this many numbers are refused.
const MAX_BLOCK: usize = 1 << 26;

/// A message as it stands on the pipe.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// JSON text.
    pub json: Vec<u8>,
    /// Numbers.
    pub block: Block,
}

impl Frame {
    /// The bytes of the message.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.json.len() + 8 * self.block.len());
        bytes.extend((self.json.len() as u32).to_le_bytes());
        bytes.extend((self.block.len() as u32).to_le_bytes());
        bytes.extend(&self.json);
        extend_numbers(&mut bytes, &self.block);
        bytes
    }

    /// Writes the message and flushes.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.to_bytes())?;
        to.flush()
    }

    /// Reads the next message; `None` at the end of the stream.
    pub fn read(from: &mut impl Read) -> io::Result<Option<Frame>> {
        let mut head = [0; 8];
        if !read_or_end(from, &mut head)? {
            return Ok(None);
        }
        let (json_len, block_len) = lengths(head)?;
        let mut json = vec![0; json_len];
        from.read_exact(&mut json)?;
        let mut numbers = vec![0; 8 * block_len];
        from.read_exact(&mut numbers)?;
        Ok(Some(Frame { json, block: numbers_from(&numbers) }))
    }
}

/// Checked lengths of a message's header.
pub(crate) fn lengths(head: [u8; 8]) -> io::Result<(usize, usize)> {
    let [a, b, c, d, e, f, g, h] = head;
    let json = u32::from_le_bytes([a, b, c, d]) as usize;
    let block = u32::from_le_bytes([e, f, g, h]) as usize;
    if json > MAX_JSON || block > MAX_BLOCK {
        let text = format!("a message of {json} bytes and {block} numbers is too long");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok((json, block))
}

/// Numbers of little-endian bytes; the length is a multiple of 8.
pub(crate) fn numbers_from(bytes: &[u8]) -> Block {
    let chunks = bytes.chunks_exact(8);
    chunks.map(|c| f64::from_le_bytes(c.try_into().unwrap_or_default())).collect()
}

fn extend_numbers(bytes: &mut Vec<u8>, block: &[f64]) {
    for x in block {
        bytes.extend(x.to_le_bytes());
    }
}

fn read_or_end(from: &mut impl Read, head: &mut [u8; 8]) -> io::Result<bool> {
    let mut filled = 0;
    while filled < head.len() {
        match from.read(&mut head[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(true)
}

/// The message as the web view takes it.
pub fn to_view(json: &serde_json::Value, block: &[f64]) -> Vec<u8> {
    let text = json.to_string().into_bytes();
    let mut bytes = Vec::with_capacity(16 + text.len() + 8 * block.len());
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(&text);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    extend_numbers(&mut bytes, block);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_survives_the_pipe() {
        let frame = Frame { json: b"{\"a\":1}".to_vec(), block: vec![1.5, f64::NAN, -0.0] };
        let mut pipe = frame.to_bytes();
        pipe.extend(frame.to_bytes());
        let mut pipe = pipe.as_slice();
        for _ in 0..2 {
            let read = Frame::read(&mut pipe).unwrap().unwrap();
            assert_eq!(read.json, frame.json);
            let bits = |b: &[f64]| b.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&read.block), bits(&frame.block));
        }
        assert_eq!(Frame::read(&mut pipe).unwrap(), None);
    }

    #[test]
    fn absurd_lengths_and_cut_messages_are_errors() {
        let mut head = [0xff; 16].as_slice();
        assert_eq!(Frame::read(&mut head).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let whole = Frame { json: b"{}".to_vec(), block: vec![1.0] }.to_bytes();
        for cut in 1..whole.len() {
            let error = Frame::read(&mut &whole[..cut]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "cut after {cut} bytes");
        }
    }

    #[test]
    fn numbers_for_the_view_are_aligned() {
        for pad in 0..9 {
            let json = serde_json::json!({ "x": "y".repeat(pad) });
            let bytes = to_view(&json, &[2.0]);
            assert_eq!(bytes.len() % 8, 0);
            assert_eq!(bytes[bytes.len() - 8..], 2f64.to_le_bytes());
        }
    }
}
