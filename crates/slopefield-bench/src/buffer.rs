//! Numbers that begin on a cache line.

use std::ops::{Deref, DerefMut};

/// A slice that begins at a multiple of 64 bytes, so that two subjects measured on the same
/// inputs do not differ by where the allocator put their arrays.
#[derive(Debug)]
pub(crate) struct Buffer {
    storage: Vec<f64>,
    skip: usize,
    len: usize,
}

const LINE: usize = 64;

impl Buffer {
    /// Zeros.
    pub(crate) fn zeros(len: usize) -> Buffer {
        let storage = vec![0.0; len + LINE / size_of::<f64>()];
        let misplaced = storage.as_ptr() as usize % LINE;
        Buffer { skip: (LINE - misplaced) % LINE / size_of::<f64>(), storage, len }
    }

    /// A copy of these.
    pub(crate) fn of(values: &[f64]) -> Buffer {
        let mut buffer = Buffer::zeros(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl Deref for Buffer {
    type Target = [f64];
    fn deref(&self) -> &[f64] {
        &self.storage[self.skip..self.skip + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.storage[self.skip..self.skip + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_begin_on_a_line() {
        for len in [0, 1, 7, 8, 1000] {
            let buffer = Buffer::zeros(len);
            assert_eq!(buffer.len(), len);
            assert_eq!(buffer.as_ptr() as usize % LINE, 0);
        }
        assert_eq!(*Buffer::of(&[1.0, 2.0]), [1.0, 2.0]);
    }
}
