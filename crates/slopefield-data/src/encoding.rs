//! From bytes to text.

use crate::error::DataError;
use std::borrow::Cow;

/// A text and how it was decoded.
pub(crate) struct Decoded<'a> {
    /// The text without a byte-order mark.
    pub text: Cow<'a, str>,
    /// A sentence for [`crate::Table::reasons`].
    pub reason: Option<String>,
    /// A sentence for [`crate::Table::warnings`].
    pub warning: Option<String>,
}

/// Decodes UTF-8, UTF-16 with a byte-order mark, else Latin-1.
pub(crate) fn decode<'a>(bytes: &'a [u8], name: &str) -> Result<Decoded<'a>, DataError> {
    let plain = |text| Decoded { text, reason: None, warning: None };
    let utf16 = match bytes {
        [0xFF, 0xFE, rest @ ..] => Some((rest, u16::from_le_bytes as fn([u8; 2]) -> u16)),
        [0xFE, 0xFF, rest @ ..] => Some((rest, u16::from_be_bytes as fn([u8; 2]) -> u16)),
        _ => None,
    };
    if let Some((rest, word)) = utf16 {
        let words = rest.chunks_exact(2).map(|pair| word([pair[0], pair[1]]));
        let mut bad = 0usize;
        let text: String = char::decode_utf16(words)
            .map(|c| {
                c.unwrap_or_else(|_| {
                    bad += 1;
                    char::REPLACEMENT_CHARACTER
                })
            })
            .collect();
        return Ok(Decoded {
            text: Cow::Owned(text),
            reason: Some("UTF-16 text: it begins with the mark of that encoding".into()),
            warning: (bad > 0).then(|| format!("{bad} characters could not be decoded")),
        });
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if let Some(offset) = bytes.iter().position(|&b| b == 0) {
        return Err(DataError::Binary { name: name.to_string(), offset });
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(plain(Cow::Borrowed(text))),
        Err(error) => {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count();
            Ok(Decoded {
                text: Cow::Owned(bytes.iter().map(|&b| char::from(b)).collect()),
                reason: None,
                warning: Some(format!(
                    "line {line} is not UTF-8: the file was read as Latin-1; check names with special characters"
                )),
            })
        }
    }
}
