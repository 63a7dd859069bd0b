//! Numbers as the bytes of a dialect's arrays, and back.

use rayon::prelude::*;

use crate::dialect::Dialect;

impl Dialect {
    /// Bytes of a number, and of a count of time.
    pub(crate) fn width(self) -> u64 {
        if self.is_double() { 8 } else { 4 }
    }

    /// Numbers, rounded to the precision of the dialect.
    pub(crate) fn bytes_of_reals(self, numbers: &[f64]) -> Vec<u8> {
        if self.is_double() {
            spread(numbers, |x| x.to_ne_bytes())
        } else {
            spread(numbers, |x| (x as f32).to_ne_bytes())
        }
    }

    pub(crate) fn reals(self, bytes: &[u8]) -> Vec<f64> {
        if self.is_double() {
            gather(bytes, f64::from_ne_bytes)
        } else {
            gather(bytes, |b| f64::from(f32::from_ne_bytes(b)))
        }
    }

    /// Counts of time.
    pub(crate) fn bytes_of_ticks(self, ticks: &[u64]) -> Vec<u8> {
        if self.is_double() {
            spread(ticks, u64::to_ne_bytes)
        } else {
            // At most 2³¹ in single precision.
            spread(ticks, |x| (x as u32).to_ne_bytes())
        }
    }

    pub(crate) fn ticks(self, bytes: &[u8]) -> Vec<u64> {
        if self.is_double() {
            gather(bytes, u64::from_ne_bytes)
        } else {
            gather(bytes, |b| u64::from(u32::from_ne_bytes(b)))
        }
    }
}

pub(crate) fn bytes_of_words(words: &[u32]) -> Vec<u8> {
    spread(words, u32::to_ne_bytes)
}

pub(crate) fn words(bytes: &[u8]) -> Vec<u32> {
    gather(bytes, u32::from_ne_bytes)
}

/// Elements that are worth a thread.
const PIECE: usize = 1 << 15;

/// The elements one after the other.
fn spread<T, const N: usize>(numbers: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8>
where
    T: Copy,
{
    let mut out = vec![0; N * numbers.len()];
    for (to, x) in out.as_chunks_mut::<N>().0.iter_mut().zip(numbers) {
        *to = bytes(*x);
    }
    out
}

fn gather<T, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> T + Sync + Send) -> Vec<T>
where
    T: Send,
{
    let elements = bytes.as_chunks::<N>().0;
    elements.par_iter().with_min_len(PIECE).map(|b| number(*b)).collect()
}

/// Writes numbers in columns: element `k` of a column is `column(k)`.
pub(crate) fn write_column(dialect: Dialect, to: &mut [u8], column: impl Fn(usize) -> f64 + Sync) {
    fn each<const N: usize>(to: &mut [u8], bytes: impl Fn(usize) -> [u8; N] + Sync + Send) {
        let to = to.as_chunks_mut::<N>().0;
        to.par_iter_mut().with_min_len(PIECE).enumerate().for_each(|(k, to)| *to = bytes(k));
    }
    if dialect.is_double() {
        each(to, |k| column(k).to_ne_bytes());
    } else {
        each(to, |k| (column(k) as f32).to_ne_bytes());
    }
}

/// Trajectories whose numbers are written together: theirs stay in the cache while all rows are.
const TOGETHER: usize = 256;

/// Writes rows of `lanes` numbers each: element `k` of row `i` is `number(i, k)`. By trajectories and not
/// by rows, because numbers of a trajectory often lie side by side where they come from.
pub(crate) fn write_rows(
    dialect: Dialect,
    to: &mut [u8],
    lanes: usize,
    number: impl Fn(usize, usize) -> f64 + Sync,
) {
    let width = dialect.width() as usize;
    let mut groups: Vec<Vec<&mut [u8]>> = Vec::new();
    groups.resize_with(lanes.div_ceil(TOGETHER), Vec::new);
    for row in to.chunks_exact_mut(width * lanes.max(1)) {
        for (group, part) in groups.iter_mut().zip(row.chunks_mut(width * TOGETHER)) {
            group.push(part);
        }
    }
    groups.into_par_iter().enumerate().for_each(|(group, rows)| {
        for (i, part) in rows.into_iter().enumerate() {
            write_column(dialect, part, |k| number(i, TOGETHER * group + k));
        }
    });
}

/// Elements of an array, from its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Elements<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) bytes: &'a [u8],
}

impl Elements<'_> {
    /// A number.
    pub(crate) fn real(&self, at: usize) -> f64 {
        if self.dialect.is_double() {
            f64::from_ne_bytes(self.bytes.as_chunks().0[at])
        } else {
            f64::from(f32::from_ne_bytes(self.bytes.as_chunks().0[at]))
        }
    }

    /// A count of time.
    pub(crate) fn ticks(&self, at: usize) -> u64 {
        if self.dialect.is_double() {
            u64::from_ne_bytes(self.bytes.as_chunks().0[at])
        } else {
            u64::from(u32::from_ne_bytes(self.bytes.as_chunks().0[at]))
        }
    }

    /// A count.
    pub(crate) fn word(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes.as_chunks().0[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_in_the_precision_of_the_dialect() {
        let (numbers, times) = ([0.1, -3.5e7, f64::INFINITY], [0, 7, 1 << 31]);
        for dialect in Dialect::ALL {
            let want = numbers.map(|x| if dialect.is_double() { x } else { f64::from(x as f32) });
            assert_eq!(dialect.reals(&dialect.bytes_of_reals(&numbers)), want);
            assert_eq!(dialect.ticks(&dialect.bytes_of_ticks(&times)), times);
            assert_eq!(dialect.bytes_of_reals(&numbers).len() as u64, 3 * dialect.width());
        }
        let long = Dialect::CudaDouble;
        assert_eq!(long.ticks(&long.bytes_of_ticks(&[1 << 62])), [1 << 62]);
        assert_eq!(words(&bytes_of_words(&[1, u32::MAX])), [1, u32::MAX]);
    }

    #[test]
    fn rows_are_written_in_their_places() {
        for (rows, lanes) in [(3, 1), (2, 255), (5, 256), (4, 1000), (0, 7)] {
            for dialect in Dialect::ALL {
                let mut bytes = vec![0; rows * lanes * dialect.width() as usize];
                write_rows(dialect, &mut bytes, lanes, |i, k| (1000 * i + k) as f64);
                let elements = Elements { dialect, bytes: &bytes };
                for at in 0..rows * lanes {
                    let expected = 1000 * (at / lanes) + at % lanes;
                    assert_eq!(elements.real(at), expected as f64, "{rows} {lanes} {at}");
                }
            }
        }
    }

    #[test]
    fn columns_are_written_and_elements_read_in_their_places() {
        for dialect in Dialect::ALL {
            let mut bytes = vec![0; 100_000 * dialect.width() as usize];
            write_column(dialect, &mut bytes, |k| 0.5 * k as f64);
            let elements = Elements { dialect, bytes: &bytes };
            assert!((0..100_000).all(|k| elements.real(k) == 0.5 * k as f64));
            let times = dialect.bytes_of_ticks(&[3, 1 << 30]);
            assert_eq!(Elements { dialect, bytes: &times }.ticks(1), 1 << 30);
            assert_eq!(Elements { dialect, bytes: &bytes_of_words(&[4, 9]) }.word(1), 9);
        }
    }
}
