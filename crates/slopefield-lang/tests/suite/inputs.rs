//! Forcing signals: where they are numbered, what they count as, and where they may stand.

use slopefield_lang::{
    DelayStructure, Env, Interpolation, Model, NoiseStructure, Variable, check, derivative,
    evaluate,
};

#[track_caller]
fn right(text: &str) -> Model {
    let (model, diagnostics) = check(text);
    assert!(model.is_complete && diagnostics.is_empty(), "{diagnostics:?}");
    model
}

#[test]
fn inputs_stand_between_states_and_delayed_values() {
    let model = right(
        "state x = 1, y[2] = 2\ninput rain = column(\"rain mm\", previous) {mm}\n\
         input light = column(\"PAR\")\ninput warmth = column(\"T\", cubic)\n\
         let grown = light*x\nx' = rain - delay(x, 1) + grown\n\
         y[i]' = light*y[i] - delay(y[i], 2)*warmth for i in 1..2\n",
    );
    let names: Vec<&str> = model.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["rain", "light", "warmth"]);
    let columns: Vec<&str> = model.inputs.iter().map(|input| input.column.as_str()).collect();
    assert_eq!(columns, ["rain mm", "PAR", "T"]);
    let kinds: Vec<Interpolation> = model.inputs.iter().map(|input| input.interpolation).collect();
    let expected = [Interpolation::Previous, Interpolation::Linear, Interpolation::Cubic];
    assert_eq!(kinds, expected);
    assert_eq!(model.inputs[0].unit.as_deref(), Some("mm"));
    assert_eq!(model.variables(), 3 + 3 + 3);
    assert!(model.class.sentence.contains("driven by 3 forcing signals"), "{:?}", model.class);
    // x, y[1], y[2], rain, light, warmth, then x(t-1), y[1](t-2), y[2](t-2).
    let states = [2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0, 23.0];
    let slopes = slopefield_lang::evaluate_derivatives(&model, 0.0, &states, &[]);
    let expected = [7.0 - 17.0 + 22.0, 11.0 * 3.0 - 19.0 * 13.0, 11.0 * 5.0 - 23.0 * 13.0];
    assert_eq!(slopes, expected);
}

#[test]
fn an_input_counts_as_time_and_not_as_a_state() {
    let text = |noise: &str| {
        format!(
            "state x = 1, y = 2\ninput rain = column(\"rain\")\nnoise W\nnoise V\n\
             x' = -x + {noise}\ny' = -y + rain*V'\n"
        )
    };
    let class = |noise: &str| right(&text(noise)).class.noise;
    assert_eq!(class("rain*W'"), Some(NoiseStructure::Additive));
    assert_eq!(class("rain*x*W'"), Some(NoiseStructure::Diagonal));
    assert_eq!(class("rain*x*W' + rain*y*V'"), Some(NoiseStructure::General));
    // A lag that depends on time, beside an input.
    let text = "state x = 1\ninput u = column(\"u\")\nx' = u - delay(x, 1 + t^2)\n";
    let delays = right(text).class.delays;
    assert!(matches!(delays, Some(DelayStructure { varying: 1, state_dependent: 0, .. })));
}

#[test]
fn derivatives_by_time_are_not_known() {
    let model = right("state x = 1\ninput u = column(\"u\")\nx' = u*x + t\n");
    let slope = &model.states[0].derivative;
    assert!(derivative(&model, slope, Variable::Time).is_err());
    let by_x = derivative(&model, slope, Variable::State(slopefield_lang::StateId(0))).unwrap();
    let env = Env { states: &[2.0, 5.0], ..Env::default() };
    assert_eq!(evaluate(&by_x, &env), 5.0);
}

#[test]
fn an_input_is_no_linear_term() {
    let model = right("param a = 2\nstate x = 1\ninput u = column(\"u\")\nx' = a*u - 3*x\n");
    let (linear, rest) = model.split_linear().unwrap();
    let at =
        |model: &Model| slopefield_lang::evaluate_derivatives(model, 0.0, &[5.0, 7.0], &[2.0])[0];
    assert_eq!((at(&linear), at(&rest)), (-15.0, 14.0));
}

#[test]
fn units_of_inputs_are_compared() {
    let text = |unit: &str| {
        format!(
            "time t {{day}}\nstate V = 1 {{mm}}\ninput rain = column(\"rain\") {{{unit}}}\n\
             V' = rain\nobserve r = rain\n"
        )
    };
    let (model, diagnostics) = check(&text("mm/day"));
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    assert_eq!(model.observations[0].unit.as_deref(), Some("mm/day"));
    let (_, diagnostics) = check(&text("mm"));
    assert!(diagnostics.iter().any(|d| d.code == "unit-mismatch"), "{diagnostics:?}");
}

#[test]
fn unused_inputs_are_noted() {
    let (_, diagnostics) = check("state x = 1\ninput u = column(\"u\")\nx' = -x\n");
    let codes: Vec<_> = diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["unused"]);
}
