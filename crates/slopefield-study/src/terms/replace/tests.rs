use super::*;
use slopefield_discovery::{Expression, Factor, Function, Node, Sum, Term};

fn formula(terms: &[(f64, &[Factor])]) -> Formula {
    let term = |(c, factors): &(f64, &[Factor])| (*c, Term { factors: factors.to_vec() });
    Sum { terms: terms.iter().map(term).collect() }.into()
}

fn product() -> Formula {
    formula(&[(0.9, &[Factor::Power(0, 1), Factor::Power(1, 1)])])
}

fn replaced(text: &str, formulas: &[(usize, &Formula)]) -> Result<String, NotReplaced> {
    let (model, found) = slopefield_lang::check(text);
    assert!(found.iter().all(|d| d.severity != Severity::Error), "{found:?}");
    let document = slopefield_lang::parse(text).document;
    let term = crate::terms::term(&document, &model, 0, text).unwrap();
    let of = |(output, formula): &(usize, &'_ Formula)| (*output, (*formula).clone());
    let formulas: Vec<(usize, Formula)> = formulas.iter().map(of).collect();
    let all: Vec<Replacement<'_>> = formulas
        .iter()
        .map(|(output, formula)| Replacement { term: &term, output: *output, formula })
        .collect();
    replace(text, &model, &all)
}

const MODEL: &str = "\
state x = 1
state y = 2
const birth = 1.3, death = 1.8

# What happens when they meet.
network n: mlp(inputs: 2, outputs: 2)  # small
let z = n(x/3, y/4)

x' = birth*x - z[1]
y' = -death*y + z[2]
observe a = x
";

#[test]
fn all_outputs_of_a_named_vector_become_a_list() {
    let other = formula(&[
        (-0.25, &[Factor::Saturating(1, 0.5)]),
        (2e-5, &[Factor::Power(0, 2), Factor::Inverse(0, 12345.678)]),
    ]);
    let text = replaced(MODEL, &[(0, &product()), (1, &other)]).unwrap();
    let expected = MODEL
        .replace(
            "network n: mlp(inputs: 2, outputs: 2)",
            "param n_1 = 0.9 in [-90, 90]\nparam n_2 = -0.25 in [-25, 25]\n\
             param n_3 = 0.5 in [0.005, 50] log\nparam n_4 = 2e-5 in [-0.002, 0.002]\n\
             param n_5 = 12345.7 in [120, 1200000] log",
        )
        .replace(
            "let z = n(x/3, y/4)",
            "let z[2] = [n_1*x*y, n_2*y/(n_3 + y) + n_4*x^2/(n_5 + x)]",
        );
    assert_eq!(text, expected);
}

#[test]
fn outputs_without_a_formula_stay_with_the_network() {
    let text = replaced(MODEL, &[(1, &product())]).unwrap();
    assert!(text.contains("param n_1 = 0.9 in [-90, 90]\nnetwork n: mlp(inputs: 2, outputs: 2)"));
    assert!(text.contains("let z[2] = [n(x/3, y/4)[1], n_1*x*y]"), "{text}");
}

/// Names that the text has are not taken, and arguments are written so that they stay one factor.
#[test]
fn formulas_stand_where_the_network_stood() {
    let text = "param n_1 = 1\nstate u[2] = [1, 2]\nnetwork n: mlp(inputs: 2, outputs: 1)\n\
                u[i]' = -2*n(u[i], (u[1] - n_1)/2)^2 for i in 1..2\nobserve a = u[1]\n";
    let sum = formula(&[(1.0, &[Factor::Power(0, 2)]), (3.0, &[Factor::Power(1, 1)])]);
    let new = replaced(text, &[(0, &sum)]).unwrap();
    assert!(new.contains("u[i]' = -2*(n_2*u[i]^2 + n_3*(u[1] - n_1))^2 for i in 1..2"), "{new}");
    assert!(!new.contains("network"));
}

#[test]
fn what_cannot_be_written_is_refused() {
    let whole = "state u[2] = [1, 2]\nnetwork n: mlp(inputs: 2, outputs: 2)\nu' = n(u[1], u[2]) - u\n\
                 observe a = u[1]\n";
    let why = replaced(whole, &[(0, &product())]).unwrap_err();
    assert!(why.0.contains("all outputs of `n(u[1], u[2])` are taken as one"), "{why}");
    let array = whole.replace("n(u[1], u[2])", "n(u)");
    assert!(replaced(&array, &[(0, &product())]).unwrap_err().0.contains("an array as a whole"));
    let inside =
        "state x = 1\nnetwork n: mlp(inputs: 1, outputs: 1)\nx' = n(n(x))\nobserve a = x\n";
    let line = formula(&[(2.0, &[Factor::Power(0, 1)])]);
    assert!(replaced(inside, &[(0, &line)]).unwrap_err().0.contains("inside an argument"));
}

/// `0.8*x*exp(-0.3*y)` and `x^2/(2.5 + x - y)`: constants inside keep their sign.
#[test]
fn formulas_of_any_form_are_written_with_bounds_for_their_constants() {
    let decaying = Expression::new(vec![
        Node::Constant(0.8),
        Node::Input(0),
        Node::Constant(-0.3),
        Node::Input(1),
        Node::Product(2, 3),
        Node::Call(Function::Exp, 4),
        Node::Product(1, 5),
        Node::Product(0, 6),
    ]);
    let quotient = Expression::new(vec![
        Node::Input(0),
        Node::Whole(2),
        Node::Power(0, 1),
        Node::Constant(2.5),
        Node::Input(0),
        Node::Sum(3, 4),
        Node::Input(1),
        Node::Difference(5, 6),
        Node::Quotient(2, 7),
    ]);
    let [decaying, quotient] = [decaying, quotient].map(|e| Formula::Free(e.unwrap()));
    let text = replaced(MODEL, &[(0, &decaying), (1, &quotient)]).unwrap();
    let params = "param n_1 = 0.8 in [-80, 80]\nparam n_2 = -0.3 in [-1.2, -0.075]\n\
                  param n_3 = 2.5 in [0.025, 250] log  # small\n";
    assert!(text.contains(params), "{text}");
    assert!(text.contains("let z[2] = [n_1*x*exp(n_2*y), x^2/(n_3 + x - y)]"), "{text}");
}
