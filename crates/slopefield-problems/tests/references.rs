//! References against an integrator that shares nothing with the project's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use slopefield_problems::{Problem, everything};

/// Compares all references of `problem` to `digits` of each value, or of this part of the largest.
fn check(problem: &Problem, rtol: f64, atol: f64, digits: f64, part: f64) {
    let times: Vec<f64> = problem.references.iter().map(|r| r.t).collect();
    let states = common::solve(problem, &times, rtol, atol, 20_000);
    for (reference, found) in problem.references.iter().zip(states) {
        let floor = part * reference.u.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
        for (i, (a, b)) in reference.u.iter().zip(found).enumerate() {
            let distance = (a - b).abs();
            let allowed = 2.0 * reference.uncertainty(i) + digits * a.abs().max(floor);
            assert!(
                distance <= allowed,
                "{} at t = {}: state {i} is {b:e}, the reference says {a:e}",
                problem.id,
                reference.t
            );
        }
    }
}

#[test]
fn references_of_stiff_problems_are_reproduced() {
    // The beam and the ring modulator oscillate for too long, the large Brusselators take too
    // long here.
    let chosen = [
        // Rounding of the sum of the states, 1, is seen in the one of size 1e-8.
        ("rober", 1e-18, 1e-8),
        ("hires", 1e-16, 1e-9),
        ("orego", 1e-10, 1e-9),
        ("pollu", 1e-18, 1e-9),
        ("vdp", 1e-12, 1e-9),
        ("vdp-mu", 1e-12, 1e-9),
        ("brusselator-1d", 1e-10, 1e-9),
        ("multisite2", 1e-10, 1e-9),
        // Values from 8e-24 on.
        ("oxygen-reduction", 1e-34, 1e-9),
        ("bidkhori", 1e-22, 1e-9),
    ];
    for (id, atol, digits) in chosen {
        let problem = everything().into_iter().find(|p| p.id == id).unwrap();
        check(&problem, 1e-11, atol, digits, 0.0);
    }
}

#[test]
fn signalling_keeps_what_it_neither_makes_nor_breaks() {
    // Forms of ERK, of MEK and of Akt, by their places in the model text.
    let problem = slopefield_problems::bidkhori();
    let erk = [41, 42, 43, 44, 45, 52, 53, 54, 56];
    let mek = [36, 37, 38, 39, 40, 42, 44, 49, 50];
    let akt = [73, 74, 76, 77, 78, 79, 80, 81, 83, 84, 85, 86];
    let sum = |of: &[usize], u: &[f64]| of.iter().map(|i| u[*i]).sum::<f64>();
    let mut slope = vec![0.0; problem.u0.len()];
    let end = &problem.references[0].u;
    problem.rhs.eval(100.0, end, &problem.p, &mut slope, &mut []);
    for (of, total) in [(&erk[..], 0.4), (&mek, 0.68), (&akt, 0.1)] {
        assert!((sum(of, end) - total).abs() < 1e-12, "{} of {total}", sum(of, end));
        assert!(sum(of, &slope).abs() < 1e-15, "{:e}", sum(of, &slope));
    }
}

#[test]
fn the_published_ozone_chemistry_is_reproduced() {
    check(&slopefield_problems::emep(), 1e-9, 1e-4, 1e-8, 0.0);
}

#[test]
fn the_medical_reference_is_what_the_test_set_publishes() {
    let reference = &slopefield_problems::medical_akzo_nobel().references[0];
    // Numbered from one; computed there at a tolerance of 1e-10.
    let published = [
        (79, 2.339_942_217_046_434e-4),
        (149, 3.595_616_017_506_735e-4),
        (199, 1.173_741_304_462_833e-4),
        (200, 6.190_822_732_534_586e-6),
        (206, 3.234_526_094_359_604e-2),
        (208, 0.154_874_734_841_080_1),
        (212, 0.664_974_483_419_849),
        (220, 0.989_020_487_279_994_4),
    ];
    for (i, value) in published {
        let found = reference.u[i - 1];
        assert!((found - value).abs() < 3e-10, "state {i}: {found:e}, published {value:e}");
    }
}

#[test]
fn references_of_attractors_and_mechanics_are_reproduced() {
    let mut checked = 0;
    for problem in slopefield_problems::non_stiff() {
        // Close passages and chaos magnify what is rounded.
        let digits = match problem.id {
            "arenstorf" | "pleiades" => 1e-6,
            "lorenz-5" | "chen" => 1e-8,
            _ => 1e-10,
        };
        // One state of the chain of reactions ends at 2e-9.
        let atol = if problem.id == "nonlinear-chemistry" { 1e-21 } else { 1e-12 };
        check(&problem, 1e-12, atol, digits, if atol < 1e-12 { 0.0 } else { 1.0 });
        checked += 1;
    }
    assert_eq!(checked, 14);
}

#[test]
fn conservation_of_mass_gives_the_references_of_the_differential_equation() {
    let [with, without] =
        ["rober-dae", "rober"].map(|id| everything().into_iter().find(|p| p.id == id).unwrap());
    for reference in &with.references {
        assert!(without.references.contains(reference));
        assert!((reference.u.iter().sum::<f64>() - 1.0).abs() < 2e-13);
    }
    let u = [0.4, 3e-5, 0.7];
    let eval = |problem: &Problem| {
        let mut out = [0.0; 3];
        problem.rhs.eval(0.0, &u, &problem.p, &mut out, &mut []);
        out
    };
    let (with, without) = (eval(&with), eval(&without));
    assert_eq!(with[..2], without[..2]);
    assert!((with[2] - (u.iter().sum::<f64>() - 1.0)).abs() < 1e-15);
}

#[test]
fn the_reference_of_the_pendulum_keeps_length_and_energy() {
    for problem in slopefield_problems::algebraic() {
        if !problem.id.starts_with("pendulum") {
            continue;
        }
        let &[g, length] = &problem.p[..] else { panic!("two parameters") };
        let &[x, y, vx, vy, tension] = &problem.references[0].u[..] else { panic!("five states") };
        let speed2 = vx * vx + vy * vy;
        assert!((x * x + y * y - length * length).abs() < 1e-14);
        assert!((x * vx + y * vy).abs() < 1e-14);
        assert!(
            (0.5 * speed2 + g * y).abs() < 1e-13,
            "released at rest at the height of the pivot"
        );
        assert!((tension - (speed2 - g * y) / (length * length)).abs() < 1e-13);
    }
}

#[test]
fn the_reference_of_the_car_axis_keeps_its_constraints() {
    let problem = slopefield_problems::car_axis();
    let reference = &problem.references[0];
    let u = &reference.u;
    let mut slope = [0.0; 10];
    let mut eval = |t: f64, u: &[f64]| {
        problem.rhs.eval(t, u, &problem.p, &mut slope, &mut []);
        slope
    };
    let found = eval(reference.t, u);
    assert!(found[8].abs() < 1e-13 && found[9].abs() < 1e-13, "{found:?}");
    // Along the motion, whose acceleration the multipliers give, the first and second derivatives
    // of the constraints by time vanish.
    let moved = |h: f64| -> Vec<f64> {
        let position = |i: usize| u[i] + h * (u[4 + i] + 0.5 * h * found[4 + i]);
        (0..10).map(|i| if i < 4 { position(i) } else { u[i] }).collect()
    };
    let h = 1e-4;
    let (above, below) = (eval(reference.t + h, &moved(h)), eval(reference.t - h, &moved(-h)));
    for i in [8, 9] {
        let (first, second) =
            ((above[i] - below[i]) / (2.0 * h), (above[i] - 2.0 * found[i] + below[i]) / (h * h));
        // The differences leave h² times derivatives of the road, of frequency 10.
        assert!(first.abs() < 1e-5, "rate of constraint {i}: {first:e}");
        assert!(second.abs() < 1e-3, "its rate: {second:e}");
    }
}

#[test]
fn published_values_satisfy_the_algebraic_equations() {
    use slopefield_problems as problems;
    // Forces reach 1e3, friction factors 10; positions on the sphere are written with 13 digits.
    let cases = [
        (problems::squeezer(), 1e-8),
        (problems::slider_crank(), 1e-6),
        (problems::water_tubes(), 1e-9),
        (problems::fekete(), 1e-12),
        (problems::wheelset(), 1e-8),
        (problems::nand_gate(), 1e-13),
        (problems::two_bit_adder(), 1e-9),
        (problems::charge_pump(), 1e-13),
    ];
    for (problem, allowed) in cases {
        let mass = problem.rhs.structure().mass.unwrap();
        let differential = mass.pattern().rows.to_vec();
        let reference = &problem.references[0];
        for (t, u) in [(problem.t0, &problem.u0), (reference.t, &reference.u)] {
            let mut out = vec![0.0; u.len()];
            problem.rhs.eval(t, u, &problem.p, &mut out, &mut []);
            for (i, x) in out.iter().enumerate() {
                let algebraic = !differential.contains(&(i as u32));
                assert!(!algebraic || x.abs() < allowed, "{}, t = {t}, row {i}: {x:e}", problem.id);
            }
        }
    }
}

#[test]
fn the_two_bit_adder_is_at_rest_until_a_signal_rises() {
    let problem = slopefield_problems::two_bit_adder();
    let mut out = vec![0.0; problem.u0.len()];
    problem.rhs.eval(0.0, &problem.u0, &[], &mut out, &mut []);
    // The first signal rises at t = 0 at two gates, by 1 V in each unit of time across 0.6. The values of
    // the test set are at rest to 1e-9 V, across 1250.
    for (i, slope) in out.iter().enumerate() {
        let gate = matches!(i, 1 | 6 | 40 | 45);
        assert!((slope - if gate { 0.6 } else { 0.0 }).abs() < 1e-6, "row {i}: {slope:e}");
    }
    // Charges published beside the voltages, of some transistors and of the outputs.
    let charges = [
        (0, 0.532_967_634_834_889_3e-5),
        (3, 0.709_060_291_527_592_7e-2),
        (39, 0.608_319_921_582_274_6e-3),
        (80, -0.304_856_827_806_005_1),
        (117, -0.193_440_830_329_868_7),
        (119, -0.579_443_452_722_597_2),
        (120, -0.193_440_830_329_868_7),
        (155, -0.300_743_527_508_374),
    ];
    for (i, charge) in charges {
        let found = problem.references[0].u[i];
        assert!((found - charge).abs() < 1e-12, "charge {i}: {found} {charge}");
    }
}

#[test]
fn the_b_cell_receptor_is_at_rest_where_public_benchmarks_have_it() {
    // Computed by BioNetGen for SciMLBenchmarks.jl, at a relative tolerance of 1e-8 or so.
    let published = [
        ("BCR(alpha~0,beta~0)", 2.997178348854e5),
        ("Lyn(unique,SH3,SH2,Y397~0,Y508~0)", 4.714915480798e4),
        ("Fyn(unique,SH3,SH2,Y420~0,Y531~0)", 4.697901102231e4),
        ("PAG(PRS1,PRS2,Y317~0,Y163~0,Y387~0)", 2.907712428252e5),
        ("Csk(SH2)", 2.999807396749e5),
        ("Lyn(unique,SH3,SH2,Y397~P,Y508~0)", 1.256496403614e-1),
        ("Fyn(unique,SH3,SH2,Y420~P,Y531~0)", 4.048783555301e-1),
        ("PAG(PRS1,PRS2,Y317~0,Y163~0,Y387~P)", 1.738807654313e-1),
        ("PAG(PRS1,PRS2,Y317~0,Y163~P,Y387~0)", 1.319915920362e-1),
    ];
    let problem = slopefield_problems::b_cell_receptor();
    let network = problem.network.unwrap();
    for (species, amount) in published {
        let found = problem.u0[network.find(species).unwrap()];
        assert!((found / amount - 1.0).abs() < 5e-8, "{species}: {found:e}");
    }
    // Nothing moves without a signal; reactions go on at up to 1e6 a second.
    let mut p = problem.p.clone();
    *p.last_mut().unwrap() = 0.0;
    let mut slope = vec![0.0; problem.u0.len()];
    problem.rhs.eval(0.0, &problem.u0, &p, &mut slope, &mut []);
    let fastest = slope.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    assert!(fastest < 1e-2, "{fastest:e}");
}

#[test]
fn the_b_cell_receptor_answers_a_signal_as_two_programs_say() {
    let problem = slopefield_problems::b_cell_receptor();
    let network = problem.network.unwrap();
    // Molecules are lost neither on the way there nor under the signal.
    let with_signal = &problem.references[0];
    for kind in ["BCR(", "Lyn(", "Fyn(", "PAG(", "Csk(", "Syk("] {
        let all = |u: &[f64]| {
            let within = network.species.iter().map(|species| species.matches(kind).count());
            within.zip(u).map(|(count, u)| count as f64 * u).sum::<f64>()
        };
        for u in [&problem.u0, &with_signal.u] {
            assert!((all(u) / 3e5 - 1.0).abs() < 1e-6, "{kind}: {}", all(u));
        }
    }
    // Found by SciPy, which did not give the reference.
    let found_elsewhere = [
        ("active_syk", 6.902_217e-7),
        ("alpha_twice", 1.472_314_2),
        ("beta_twice", 0.023_836_996),
        ("active_lyn", 7.505_516e-5),
        ("inhibited_lyn", 299_828.143_58),
        ("active_fyn", 1.043_135_6e-4),
        ("inhibited_fyn", 299_830.490_68),
        ("pag_with_csk", 16_182.214_93),
    ];
    for (name, amount) in found_elsewhere {
        let (_, terms) = network.counts.iter().find(|(count, _)| count == name).unwrap();
        let found = terms.iter().map(|(w, i)| w * with_signal.u[*i as usize]).sum::<f64>();
        assert!((found / amount - 1.0).abs() < 1e-5, "{name}: {found:e}, elsewhere {amount:e}");
    }
}
