//! What the steps of all lanes have in common: table, tolerances, limits, controller.

use slopefield_solve::step_rules::{SMALLEST_STEP_ULPS, STRETCH};
use slopefield_solve::{PiController, Settings, Tableau};

/// See the module.
pub(crate) struct Rules {
    pub table: &'static Tableau,
    pub t0: f64,
    pub t1: f64,
    /// +1 or −1.
    pub direction: f64,
    /// Times nearer to 0 than this are as far away, where the shortest step is concerned.
    pub smallest_scale: f64,
    /// The shortest step as a fraction of the time.
    pub floor_factor: f64,
    pub stretch: f64,
    pub h_min: f64,
    pub h_max: f64,
    pub h_init: Option<f64>,
    pub max_steps: f64,
    pub rtol: f64,
    /// One per state.
    pub atol: Vec<f64>,
    pub reciprocal_length: f64,
    pub controller: PiController,
    /// `1/q` of the controller after a rejection.
    pub rejection_exponent: f64,
}

impl Rules {
    /// Rules for `states` states; the settings have been validated for so many.
    pub(crate) fn new(
        table: &'static Tableau,
        (t0, t1): (f64, f64),
        settings: &Settings,
        states: usize,
    ) -> Self {
        let controller = PiController::for_error_order(table.error_order());
        let atol = match settings.atol[..] {
            [one] => vec![one; states],
            _ => settings.atol.clone(),
        };
        Rules {
            table,
            t0,
            t1,
            direction: if t1 < t0 { -1.0 } else { 1.0 },
            smallest_scale: 1e-10 * (t1 - t0).abs(),
            floor_factor: SMALLEST_STEP_ULPS * f64::EPSILON,
            stretch: STRETCH,
            h_min: settings.h_min,
            h_max: settings.h_max,
            h_init: settings.h_init,
            max_steps: settings.max_steps as f64,
            rtol: settings.rtol,
            atol,
            reciprocal_length: 1.0 / states as f64,
            rejection_exponent: controller.alpha + 0.75 * controller.beta,
            controller,
        }
    }
}
