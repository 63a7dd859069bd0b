//! Plain arrays, for every machine.

use super::{LANES, Vector};

/// Eight doubles in an array.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f64; LANES]);

impl Portable {
    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Portable(std::array::from_fn(|i| f(self.0[i], b.0[i])))
    }
    #[inline(always)]
    fn zip_bits(self, b: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        self.zip(b, |a, b| f64::from_bits(f(a.to_bits(), b.to_bits())))
    }
    #[inline(always)]
    fn test(self, b: Self, f: impl Fn(f64, f64) -> bool) -> [bool; LANES] {
        std::array::from_fn(|i| f(self.0[i], b.0[i]))
    }
}

// No method needs anything of the machine; only `load` and `store` are unsafe in fact.
impl Vector for Portable {
    type Mask = [bool; LANES];

    #[inline(always)]
    unsafe fn splat(x: f64) -> Self {
        Portable([x; LANES])
    }
    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self {
        // SAFETY: the caller promises eight readable elements; arrays of f64 may lie anywhere f64 may.
        Portable(unsafe { p.cast::<[f64; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f64) {
        // SAFETY: the caller promises eight writable elements.
        unsafe { p.cast::<[f64; LANES]>().write_unaligned(self.0) };
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        self.zip(b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        self.zip(b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        self.zip(b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        self.zip(b, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn least(self, b: Self) -> Self {
        self.zip(b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn greatest(self, b: Self) -> Self {
        self.zip(b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn and(self, b: Self) -> Self {
        self.zip_bits(b, |a, b| a & b)
    }
    #[inline(always)]
    unsafe fn or(self, b: Self) -> Self {
        self.zip_bits(b, |a, b| a | b)
    }
    #[inline(always)]
    unsafe fn add_bits(self, b: Self) -> Self {
        self.zip_bits(b, u64::wrapping_add)
    }
    #[inline(always)]
    unsafe fn shl52(self) -> Self {
        Portable(self.0.map(|x| f64::from_bits(x.to_bits() << 52)))
    }
    #[inline(always)]
    unsafe fn shr52(self) -> Self {
        Portable(self.0.map(|x| f64::from_bits(x.to_bits() >> 52)))
    }
    #[inline(always)]
    unsafe fn lt(self, b: Self) -> Self::Mask {
        self.test(b, |a, b| a < b)
    }
    #[inline(always)]
    unsafe fn le(self, b: Self) -> Self::Mask {
        self.test(b, |a, b| a <= b)
    }
    #[inline(always)]
    unsafe fn eq(self, b: Self) -> Self::Mask {
        self.test(b, |a, b| a == b)
    }
    #[inline(always)]
    unsafe fn select(mask: Self::Mask, a: Self, b: Self) -> Self {
        Portable(std::array::from_fn(|i| if mask[i] { a.0[i] } else { b.0[i] }))
    }
    #[inline(always)]
    unsafe fn mask(bits: u8) -> Self::Mask {
        std::array::from_fn(|i| bits >> i & 1 == 1)
    }
    #[inline(always)]
    unsafe fn bits(mask: Self::Mask) -> u8 {
        (0..LANES).fold(0, |bits, i| bits | u8::from(mask[i]) << i)
    }
}
