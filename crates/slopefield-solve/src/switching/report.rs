//! What a switching method found.

/// Which kind of method takes steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Side {
    /// Explicit, for problems that are not stiff.
    #[default]
    Explicit,
    /// Implicit, for stiff problems.
    Implicit,
}

/// A change of the method.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Switch {
    /// Time.
    pub t: f64,
    /// What takes steps from there.
    pub to: Side,
}

/// Where a system was stiff, and what took the steps. Of fixed size: when there are more switches
/// than [`SwitchReport::CAPACITY`], the first ones are kept and all are counted.
#[derive(Debug, Clone, PartialEq)]
pub struct SwitchReport {
    switches: [Switch; SwitchReport::CAPACITY],
    count: u64,
    start: Side,
    /// Accepted steps of the explicit method,
    pub explicit_steps: u64,
    /// and of the implicit one.
    pub implicit_steps: u64,
    /// Name of the explicit method,
    pub explicit: &'static str,
    /// and of the implicit one.
    pub implicit: &'static str,
    /// Beginning of the first implicit step and end of the last one.
    stiff: Option<(f64, f64)>,
}

impl SwitchReport {
    /// Number of switches that are kept.
    pub const CAPACITY: usize = 64;

    /// No step has been taken.
    pub(super) fn begin(start: Side, explicit: &'static str, implicit: &'static str) -> Self {
        SwitchReport {
            switches: [Switch::default(); SwitchReport::CAPACITY],
            count: 0,
            start,
            explicit_steps: 0,
            implicit_steps: 0,
            explicit,
            implicit,
            stiff: None,
        }
    }

    pub(super) fn switched(&mut self, t: f64, to: Side) {
        if let Some(free) = self.switches.get_mut(self.count as usize) {
            *free = Switch { t, to };
        }
        self.count += 1;
    }

    pub(super) fn stepped(&mut self, t_prev: f64, t: f64, by: Side) {
        match by {
            Side::Explicit => self.explicit_steps += 1,
            Side::Implicit => {
                self.implicit_steps += 1;
                let from = self.stiff.map_or(t_prev, |(from, _)| from);
                self.stiff = Some((from, t));
            }
        }
    }

    /// The switches, the first [`SwitchReport::CAPACITY`] of them.
    pub fn switches(&self) -> &[Switch] {
        &self.switches[..(self.count as usize).min(SwitchReport::CAPACITY)]
    }

    /// Number of all switches.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// One sentence for the user, without a full stop.
    pub fn sentence(&self) -> String {
        let SwitchReport { explicit, implicit, implicit_steps: slow, .. } = self;
        let all = self.explicit_steps + slow;
        let Some((from, to)) = self.stiff else {
            return format!("not stiff: all {all} steps were taken by {explicit}");
        };
        if self.explicit_steps == 0 {
            return format!("all {all} steps were taken by {implicit}");
        }
        let (from, to) = (short(from), short(to));
        let begins = u64::from(self.start == Side::Implicit);
        let stretches = begins + (self.count + 1 - begins) / 2;
        let stretch = if stretches == 1 {
            format!("stiff from t = {from} to {to}")
        } else {
            format!("stiff {stretches} times between t = {from} and {to}")
        };
        format!("{stretch}: {slow} of {all} steps were taken by {implicit}, the rest by {explicit}")
    }
}

/// A number to four digits.
fn short(x: f64) -> String {
    if x == 0.0 {
        return "0".into();
    }
    let exponent = x.abs().log10().floor();
    if (-4.0..6.0).contains(&exponent) {
        let digits = (3.0 - exponent).max(0.0) as usize;
        let text = format!("{x:.digits$}");
        if digits == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').into() }
    } else {
        format!("{x:.3e}")
    }
}
