//! From text to records of fields, with the line each record begins on.
//!
//! RFC 4180 with the tolerance people need: `#` comment lines, blank lines, any line ending, blanks
//! around unquoted fields, fields separated by runs of blanks. The tests compare it with the `csv`
//! crate, which is not used here because its positions do not count skipped comment lines.

use crate::delimiter::Delimiter;
use crate::error::DataError;
use std::borrow::Cow;

/// Fields of one record.
pub(crate) type Fields<'a> = Vec<Cow<'a, str>>;

/// An iterator over the records of a text.
pub(crate) struct Records<'a> {
    text: &'a str,
    at: usize,
    line: u64,
    delimiter: Delimiter,
    /// Comment lines met so far, without the `#`.
    pub comments: Vec<&'a str>,
}

impl<'a> Records<'a> {
    /// Begins at the first line.
    pub fn new(text: &'a str, delimiter: Delimiter) -> Self {
        Records { text, at: 0, line: 1, delimiter, comments: Vec::new() }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Moves past a line ending if one is here.
    fn line_ending(&mut self) -> bool {
        match self.peek() {
            Some(b'\r') => {
                self.at += 1;
                if self.peek() == Some(b'\n') {
                    self.at += 1;
                }
            }
            Some(b'\n') => self.at += 1,
            _ => return false,
        }
        self.line += 1;
        true
    }

    fn rest_of_line(&self) -> &'a str {
        let rest = &self.text[self.at..];
        &rest[..rest.find(['\r', '\n']).unwrap_or(rest.len())]
    }

    /// Moves past comment lines and blank lines.
    fn skip_comments(&mut self) {
        loop {
            let line = self.rest_of_line();
            let trimmed = line.trim();
            if let Some(comment) = trimmed.strip_prefix('#') {
                self.comments.push(comment.trim());
            } else if !trimmed.is_empty() {
                return;
            }
            self.at += line.len();
            if !self.line_ending() {
                return;
            }
        }
    }

    fn is_delimiter(&self, byte: u8) -> bool {
        match self.delimiter.byte() {
            Some(delimiter) => byte == delimiter,
            None => byte == b' ' || byte == b'\t',
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek()
            && (byte == b' ' || byte == b'\t')
            && (self.delimiter.byte() != Some(byte))
        {
            self.at += 1;
        }
    }

    /// One field; stands on a delimiter, a line ending or the end afterwards.
    fn field(&mut self) -> Result<Cow<'a, str>, DataError> {
        self.skip_blanks();
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        let from = self.at;
        while let Some(byte) = self.peek()
            && !self.is_delimiter(byte)
            && byte != b'\n'
            && byte != b'\r'
        {
            self.at += 1;
        }
        Ok(Cow::Borrowed(self.text[from..self.at].trim()))
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, DataError> {
        let opened = self.line;
        self.at += 1;
        let from = self.at;
        let mut owned: Option<String> = None;
        let mut copied = from;
        loop {
            match self.peek() {
                None => return Err(DataError::OpenQuote { line: opened }),
                Some(b'"') => {
                    let text = &self.text[copied..self.at];
                    self.at += 1;
                    if self.peek() == Some(b'"') {
                        let owned = owned.get_or_insert_default();
                        owned.push_str(text);
                        owned.push('"');
                        self.at += 1;
                        copied = self.at;
                        continue;
                    }
                    let rest = self.after_quote();
                    return Ok(match owned {
                        None if rest.is_empty() => Cow::Borrowed(text),
                        owned => Cow::Owned(owned.unwrap_or_default() + text + rest),
                    });
                }
                Some(b'\n' | b'\r') => {
                    self.line_ending();
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// What stands between a closing quote and the next delimiter: blanks, or text that belongs to
    /// the field all the same.
    fn after_quote(&mut self) -> &'a str {
        let from = self.at;
        while let Some(byte) = self.peek()
            && !self.is_delimiter(byte)
            && byte != b'\n'
            && byte != b'\r'
        {
            self.at += 1;
        }
        self.text[from..self.at].trim_end()
    }

    fn record(&mut self) -> Result<Fields<'a>, DataError> {
        let mut fields = Fields::new();
        loop {
            fields.push(self.field()?);
            if self.delimiter == Delimiter::Whitespace {
                self.skip_delimiters();
            }
            match self.peek() {
                None => return Ok(fields),
                Some(byte) if self.is_delimiter(byte) => self.at += 1,
                // A field ends on a delimiter, a line ending or the end; in the run-of-blanks case
                // the next field begins right here.
                Some(b'\n' | b'\r') => {
                    self.line_ending();
                    return Ok(fields);
                }
                Some(_) => {}
            }
        }
    }

    fn skip_delimiters(&mut self) {
        while let Some(byte) = self.peek()
            && self.is_delimiter(byte)
        {
            self.at += 1;
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<(u64, Fields<'a>), DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_comments();
        if self.at >= self.text.len() {
            return None;
        }
        if self.delimiter == Delimiter::Whitespace {
            self.skip_delimiters();
        }
        let line = self.line;
        match self.record() {
            Ok(fields) => Some(Ok((line, fields))),
            Err(error) => {
                self.at = self.text.len();
                Some(Err(error))
            }
        }
    }
}

/// The first `count` records, as far as they can be read.
pub(crate) fn sample(
    text: &str,
    delimiter: Delimiter,
    count: usize,
) -> impl Iterator<Item = Fields<'_>> {
    Records::new(text, delimiter).map_while(Result::ok).map(|(_, fields)| fields).take(count)
}
