//! Times of the next jump of every kind, the earliest first: an indexed binary heap.

/// An indexed priority queue of times (Gibson & Bruck, *Efficient exact stochastic simulation of
/// chemical systems with many species and many channels*, J. Phys. Chem. A 104 (2000) 1876,
/// doi:10.1021/jp993732q).
#[derive(Debug, Default)]
pub(crate) struct Queue {
    times: Vec<f64>,
    heap: Vec<u32>,
    places: Vec<u32>,
}

impl Queue {
    /// As many entries as `count`, all at infinity.
    pub(crate) fn reset(&mut self, count: usize) {
        self.times.clear();
        self.times.resize(count, f64::INFINITY);
        self.heap.clear();
        self.heap.extend(0..count as u32);
        self.places.clear();
        self.places.extend(0..count as u32);
    }

    /// The earliest entry and its time; nothing when there is none.
    pub(crate) fn first(&self) -> Option<(usize, f64)> {
        self.heap.first().map(|entry| (*entry as usize, self.times[*entry as usize]))
    }

    pub(crate) fn time(&self, entry: usize) -> f64 {
        self.times[entry]
    }

    pub(crate) fn set(&mut self, entry: usize, time: f64) {
        self.times[entry] = time;
        let mut place = self.places[entry] as usize;
        while place > 0 && self.before(place, (place - 1) / 2) {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        loop {
            let mut child = 2 * place + 1;
            if child + 1 < self.heap.len() && self.before(child + 1, child) {
                child += 1;
            }
            if child >= self.heap.len() || !self.before(child, place) {
                return;
            }
            self.swap(place, child);
            place = child;
        }
    }

    fn before(&self, a: usize, b: usize) -> bool {
        self.times[self.heap[a] as usize] < self.times[self.heap[b] as usize]
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.places[self.heap[a] as usize] = a as u32;
        self.places[self.heap[b] as usize] = b as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;
    use crate::random::{Draws, Purpose};

    #[test]
    fn the_earliest_entry_is_first_after_any_change() {
        let mut queue = Queue::default();
        queue.reset(17);
        let mut draws = Draws::new(1, 0, Purpose::Jumps, 0.0);
        for _ in 0..2000 {
            let entry = (17.0 * draws.uniform()) as usize;
            let time = if draws.uniform() < 0.1 { f64::INFINITY } else { draws.uniform() };
            queue.set(entry, time);
            let earliest = queue.times.iter().copied().fold(f64::INFINITY, f64::min);
            assert_eq!(queue.first().unwrap().1, earliest);
            assert_eq!(queue.time(entry), time);
        }
    }
}
