//! The time that this process has had of a processor.

use std::time::Duration;

/// Processor time of this process so far, which other processes do not lengthen; none where the system
/// is not asked for it.
#[cfg(unix)]
pub fn processor_time() -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for one time.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let part = u32::try_from(time.tv_nsec).ok()?;
    (status == 0).then(|| Duration::new(seconds, part))
}

/// Processor time of this process so far; not asked for here.
#[cfg(not(unix))]
pub fn processor_time() -> Option<Duration> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::processor_time;
    use std::time::Duration;

    #[test]
    fn waiting_takes_no_processor_time_and_computing_does() {
        let (wait, before) = (Duration::from_millis(200), processor_time().unwrap());
        std::thread::sleep(wait);
        // Other tests of this program may compute meanwhile, but hardly on every core.
        let waited = processor_time().unwrap();
        let mut sum = 0u64;
        while processor_time().unwrap() < waited + Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(1));
        }
        assert!(processor_time().unwrap() > before);
    }
}
