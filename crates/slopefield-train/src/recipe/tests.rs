use super::*;

#[test]
fn a_cap_shortens_every_stage_in_proportion_and_is_met_exactly() {
    let recipe = Recipe::custom(vec![
        Stage::adam(100, 0.1, 0.25),
        Stage::adam(300, 0.1, 1.0),
        Stage::lbfgs(200, 1.0),
    ]);
    assert_eq!(recipe.iterations(), 600);
    let lengths = |cap: u64| -> Vec<u32> {
        recipe.clone().capped(cap).stages.iter().map(|s| s.iterations).collect()
    };
    assert_eq!(lengths(600), [100, 300, 200]);
    assert_eq!(lengths(10_000), [100, 300, 200]);
    assert_eq!(lengths(60), [10, 30, 20]);
    for cap in 1..600 {
        assert_eq!(recipe.clone().capped(cap).iterations(), cap, "cap {cap}");
        assert!(recipe.clone().capped(cap).check().is_ok());
    }
    // Too few for every stage: the last ones, over the whole span, are kept.
    assert_eq!(recipe.clone().capped(1).stages, [Stage::lbfgs(1, 1.0)]);
}

#[test]
fn impossible_stages_are_explained() {
    let error = |stages: Vec<Stage>| Recipe::custom(stages).check().unwrap_err();
    assert!(error(vec![]).contains("no stage"));
    assert!(error(vec![Stage::adam(0, 0.1, 1.0)]).contains("stage 1 (Adam): it needs"));
    assert!(
        error(vec![Stage::adam(5, 0.1, 1.0), Stage::lbfgs(5, 0.0)]).contains("stage 2 (L-BFGS)")
    );
    assert!(error(vec![Stage::lbfgs(5, 1.5)]).contains("at most 1, not 1.5"));
    assert!(error(vec![Stage::lbfgs(5, f64::NAN)]).contains("NaN"));
    assert!(error(vec![Stage::adam(5, 0.0, 1.0)]).contains("rate must be positive"));
    let adam = Stage::adam(5, 0.1, 1.0);
    let falling = |last| Stage { schedule: Schedule::Exponential(last), ..adam };
    assert!(error(vec![falling(0.0)]).contains("share above 0 and at most 1, not 0"));
    assert!(error(vec![falling(1.5)]).contains("not 1.5"));
    let clipped = |limit| Stage { clip: Clip::Norm(limit), ..adam };
    assert!(error(vec![clipped(-1.0)]).contains("bound of the gradient must be positive"));
    for beta2 in [-0.1, 1.0, f64::NAN] {
        assert!(error(vec![Stage { beta2, ..adam }]).contains("stage 1 (Adam): beta2 must be"));
    }
    for decay in [-0.1, 10.0, f64::NAN] {
        assert!(
            error(vec![Stage::adamw(5, 0.1, decay, 1.0)]).contains("stage 1 (AdamW): the decay")
        );
    }
    let fine = [Stage::lbfgs(5, 1.0), falling(0.1), clipped(1.0), Stage::adamw(5, 0.1, 0.01, 1.0)];
    assert!(Recipe::custom(fine.to_vec()).check().is_ok());
}
