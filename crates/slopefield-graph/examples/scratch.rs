#[path="../tests/support/mod.rs"] mod support;
use support::*;
use slopefield_lang::*;
use slopefield_graph::*;
use std::time::Instant;
fn main() {
    let cube = |i| bin(Binary::Pow, u(i), num(3.0));
    let mut m = model(vec![output(0, 0), output(0, 1)], &[]);
    m.networks.push(mlp("n", 2, 2, &[50.0], "tanh"));
    m.calls.push(call(0, vec![cube(0), cube(1)]));
    let l = lowered(&m);
    println!("{}{}{}", l.rhs.eval, l.rhs.jvp, l.rhs.vjp);
    let t = Instant::now(); for _ in 0..20 { lowered(&m); } println!("lower mlp {:?}", t.elapsed()/20);
    let k = interpreter(&l);
    let p = l.layout.initial_values(&m, &l.networks, 1);
    let mut s = vec![0.0; slopefield_kernel::Kernel::scratch_len(&k)];
    let mut o = [0.0;2];
    let t = Instant::now(); for _ in 0..20000 { slopefield_kernel::Kernel::eval(&k, 0.0, &[0.3,0.4], &p, &mut o, &mut s); } println!("eval {:?}", t.elapsed()/20000);
    let mut g = vec![0.0; p.len()];
    let t = Instant::now(); for _ in 0..20000 { let (mut a, mut b)=(0.0,[0.0;2]); slopefield_kernel::Kernel::vjp(&k, slopefield_kernel::Point{t:0.0,u:&[0.3,0.4],p:&p}, &[1.0,1.0], slopefield_kernel::Cotangent{t:&mut a,u:&mut b,p:&mut g}, &mut s); } println!("vjp {:?}", t.elapsed()/20000);

    // chem: n species
    for n in [30u32, 1000, 3000] {
        let mut d = vec![];
        for i in 0..n {
            let j = (i+1)%n; let h=(i+7)%n;
            let arr = |i: u32, x: Expr| mul(mul(p_(i), un(Unary::Exp, div(num(-1.0), add(p_((i+1)%n), time())))), x);
            let hill = div(bin(Binary::Pow, u(h), num(2.5)), add(num(1.0), bin(Binary::Pow, u(h), num(2.5))));
            d.push(add(sub(arr(i,u(j)), arr(j,mul(u(i),u(h)))), hill));
        }
        let m = model(d, &vec![0.5; n as usize]);
        let t = Instant::now(); let l = lowered(&m); println!("chem {n} lower {:?} eval {} jvp {} vjp {}", t.elapsed(), l.rhs.eval.code.len(), l.rhs.jvp.code.len(), l.rhs.vjp.code.len());
    }
    let mut m = model(vec![sub(mul(p_(0), u(0)), mul(p_(1), mul(u(0), u(1)))), sub(mul(p_(2), mul(u(0), u(1))), mul(p_(3), u(1)))], &[1.5, 1.0, 0.75, 3.0]);
    m.is_complete = true;
    println!("{}", lowered(&m).rhs.vjp);
}
fn p_(i: u32) -> Expr { support::p(i) }
