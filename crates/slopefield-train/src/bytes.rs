//! Little-endian reading and writing of plain data, and the FNV-1a hash that guards it.

/// FNV-1a, 64 bits (Fowler, Noll, Vo).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fnv(pub u64);

impl Fnv {
    pub fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0 ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub fn number(&mut self, x: f64) {
        self.bytes(&x.to_bits().to_le_bytes());
    }

    pub fn count(&mut self, n: usize) {
        self.bytes(&(n as u64).to_le_bytes());
    }
}

/// Appends values.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub Vec<u8>);

impl Writer {
    pub fn byte(&mut self, v: u8) {
        self.0.push(v);
    }

    pub fn count(&mut self, v: u64) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    pub fn number(&mut self, v: f64) {
        self.count(v.to_bits());
    }

    pub fn numbers(&mut self, v: &[f64]) {
        self.count(v.len() as u64);
        for x in v {
            self.number(*x);
        }
    }

    pub fn text(&mut self, v: &str) {
        self.count(v.len() as u64);
        self.0.extend_from_slice(v.as_bytes());
    }
}

/// The data end early or hold something impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Takes values off the front.
#[derive(Debug)]
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    pub fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    pub fn count(&mut self) -> Result<u64, Malformed> {
        let bytes = self.take(8)?.try_into().map_err(|_| Malformed)?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub fn number(&mut self) -> Result<f64, Malformed> {
        Ok(f64::from_bits(self.count()?))
    }

    /// A length whose elements of `size` bytes can be there.
    pub fn len(&mut self, size: usize) -> Result<usize, Malformed> {
        let n = usize::try_from(self.count()?).map_err(|_| Malformed)?;
        if n.checked_mul(size).is_some_and(|bytes| bytes <= self.0.len()) {
            Ok(n)
        } else {
            Err(Malformed)
        }
    }

    pub fn numbers(&mut self) -> Result<Vec<f64>, Malformed> {
        (0..self.len(8)?).map(|_| self.number()).collect()
    }

    pub fn text(&mut self) -> Result<String, Malformed> {
        let n = self.len(1)?;
        String::from_utf8(self.take(n)?.to_vec()).map_err(|_| Malformed)
    }
}
