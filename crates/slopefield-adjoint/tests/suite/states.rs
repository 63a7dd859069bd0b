//! The derivatives of saved states: made into gradients, these agree with differences of the same
//! steps, and with the adjoints whose steps they belong to.
use crate::common;

use common::dual::{System, c, crossing};
use common::{gradient, ivp, relative_distance, spread, squares};
use slopefield_adjoint::{
    Case, DiscreteAdjoint, Evaluated, ForwardSensitivity, GaussAdjoint, GradientMethod,
    HybridAdjoint, HybridForward, ImplicitAdjoint, ImplicitSensitivity, Loss, Replay,
    StateSensitivities, check,
};
use slopefield_kernel::Crossing;
use slopefield_problems::{forced_relaxation, lotka_volterra};
use slopefield_solve::runge_kutta::TSIT5;
use slopefield_solve::{Ivp, Settings, SolveError, method};

/// A gradient made of the derivatives of the states.
struct Contracted(Box<dyn StateSensitivities>);

impl GradientMethod for Contracted {
    fn name(&self) -> &'static str {
        "contracted"
    }

    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        let (n, columns) = (ivp.u0.len(), ivp.u0.len() + ivp.p.len());
        let mut states = vec![0.0; saves.len() * n];
        let mut jacobian = vec![f64::NAN; states.len() * columns];
        let forward =
            self.0.states_and_jacobian(ivp, settings, saves, &mut states, &mut jacobian)?;
        let mut by_state = vec![0.0; states.len()];
        let loss = loss(&states, &mut by_state);
        for (j, g) in grad_u0.iter_mut().chain(grad_p).enumerate() {
            *g = by_state.iter().zip(jacobian.chunks_exact(columns)).map(|(w, r)| w * r[j]).sum();
        }
        Ok(Evaluated { loss, forward, reverse_products: 0, memory: 0, by_start_time: None })
    }
}

#[track_caller]
fn of(method: &dyn GradientMethod) -> Contracted {
    Contracted(method.state_sensitivities().expect("a method that goes step by step"))
}

#[test]
fn they_agree_with_differences_of_the_same_steps() {
    let settings = Settings::with_tolerances(1e-4, 1e-5);
    for problem in [lotka_volterra(), forced_relaxation()] {
        let saves = spread(problem.t0, problem.t1, 9);
        let case = Case { ivp: ivp(&problem), settings: &settings, saves: &saves };
        let exact = |method: &dyn GradientMethod, replay: Replay<'_>| {
            let report = check(&mut of(method), &case, replay, &mut squares, 3, 5).unwrap();
            assert!(report.worst() < 1e-9, "{} {report:#?}", problem.id);
        };
        exact(&DiscreteAdjoint::new(&TSIT5), Replay::Frozen(&TSIT5));
        exact(&ForwardSensitivity::new(&TSIT5), Replay::Frozen(&TSIT5));
        for name in ["rosenbrock23", "rodas5p", "trbdf2", "kvaerno5", "radau"] {
            exact(&ImplicitAdjoint::named(name).unwrap(), Replay::Steps(name));
            exact(&ImplicitSensitivity::named(name).unwrap(), Replay::Steps(name));
        }
    }
}

#[test]
fn they_go_through_events_as_the_adjoint_does() {
    let ball = System::new(2, 2, |_, u, p, out| {
        out[0] = u[1];
        out[1] = -p[0];
    })
    .roots(1, |_, u, _, out| out[0] = u[0])
    .event(crossing(0, Crossing::Falling), |_, u, p, out| {
        out[0] = c(0.0);
        out[1] = -p[1] * u[1];
    });
    let settings = Settings::with_tolerances(1e-8, 1e-8);
    let saves = spread(0.0, 15.0, 8);
    let ivp = Ivp { rhs: &ball, t0: 0.0, t1: 15.0, u0: &[50.0, 0.0], p: &[9.8, 0.8] };
    let run = |method: &mut dyn GradientMethod| {
        let (_, by_u0, by_p) = gradient(method, &ivp, &settings, &saves, &mut squares).unwrap();
        [by_u0, by_p].concat()
    };
    let adjoint = run(&mut HybridAdjoint::new(&TSIT5));
    for found in
        [run(&mut of(&HybridAdjoint::new(&TSIT5))), run(&mut of(&HybridForward::new(&TSIT5)))]
    {
        assert!(relative_distance(&found, &adjoint) < 1e-11, "{found:?} {adjoint:?}");
    }
}

#[test]
fn methods_that_do_not_go_step_by_step_give_none() {
    assert!(GaussAdjoint::new(method("tsit5").unwrap()).state_sensitivities().is_none());
}
