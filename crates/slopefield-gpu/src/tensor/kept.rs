//! Arrays that stay on a device from batch to batch: taking memory can cost more than a batch.

use std::cell::{Cell, RefCell};

use crate::device::{Device, DeviceArray};
use crate::error::GpuError;

/// `N` arrays, each taken again only where it is too small. Who uses one has it, and puts it back.
pub(crate) struct Kept<'a, const N: usize> {
    device: &'a Device,
    arrays: RefCell<[Option<DeviceArray>; N]>,
    taken: Cell<u64>,
}

impl<'a, const N: usize> Kept<'a, N> {
    pub(crate) fn new(device: &'a Device) -> Self {
        let arrays = RefCell::new(std::array::from_fn(|_| None));
        Kept { device, arrays, taken: Cell::new(0) }
    }

    /// How often memory was taken.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.get()
    }

    fn large_enough(&self, which: usize, len: u64) -> Option<DeviceArray> {
        let kept = self.arrays.borrow_mut()[which].take();
        let kept = kept.filter(|array| array.size() >= len);
        if kept.is_none() {
            self.taken.set(self.taken.get() + 1);
        }
        kept
    }

    /// Array number `which`, with these bytes at its beginning.
    pub(crate) fn with(&self, which: usize, bytes: &[u8]) -> Result<DeviceArray, GpuError> {
        match self.large_enough(which, bytes.len() as u64) {
            Some(array) => self.device.write_at(&array, 0, bytes).map(|()| array),
            None => self.device.array(bytes),
        }
    }

    /// Array number `which`, of so many bytes at least, all 0.
    pub(crate) fn cleared(&self, which: usize, len: u64) -> Result<DeviceArray, GpuError> {
        match self.large_enough(which, len) {
            Some(array) => self.device.clear(&array).map(|()| array),
            None => self.device.empty(len),
        }
    }

    /// Gives all memory back, for where it was not enough.
    pub(crate) fn release(&self) {
        self.arrays.borrow_mut().iter_mut().for_each(|array| *array = None);
    }

    /// Keeps arrays for the next batch, the first of them as number `first`.
    pub(crate) fn put(&self, first: usize, arrays: impl IntoIterator<Item = DeviceArray>) {
        let mut kept = self.arrays.borrow_mut();
        kept[first..].iter_mut().zip(arrays).for_each(|(to, array)| *to = Some(array));
    }
}
