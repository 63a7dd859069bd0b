"""Write the inputs and references of `slopefield bench core` that are too long to be made on the fly.

  PEERS_VENV/bin/python inputs.py        (needs numpy, scipy and a C++ compiler; see ../peers/README.md)

One number per line with all its digits, `#` before a heading. The problems are those of ../peers/problems.py, so
that every tool solves the same ones. References are 5 or more digits more accurate than the tolerances of the cases.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "peers"))
import numpy as np
import problems as P


def write(name, **arrays):
    with open(os.path.join(HERE, "inputs", name + ".txt"), "w") as f:
        for key, values in arrays.items():
            values = np.ravel(values)
            f.write(f"# {key} {len(values)}\n")
            f.writelines(f"{float(v)!r}\n" for v in values)


def spread(g, n=100):
    """n components from first to last, equally spaced: enough to compare a gradient of any length"""
    g = np.ravel(g)
    return g[np.linspace(0, len(g) - 1, n).astype(int)]


lv = P.lv_ref()
write("lotka_volterra", states=lv["u"], data=lv["data"], loss=lv["loss"], gradient=lv["grad"])
sp = P.spiral_trained()
write("spiral", weights=sp["params"], data=sp["data"], loss=sp["loss"], gradient=sp["grad"])
ens = P.ens_params()
write("ensemble", first_and_last=np.concatenate([ens[0], ens[-1]]), states=P.ens_ref(8)[:8])
for n in P.SC_H:
    W1, _, W2, _, _, data = P.sc_problem(n)
    r = P.sc_ref(n)
    write(f"scaling_{n}", corners=[W1[0, 0], W1[-1, -1], W2[0, 0], W2[-1, -1], data[0, 0], data[-1, -1]],
          states=r["u"], loss=r["loss"], largest=np.abs(r["grad"]).max(), gradient=spread(r["grad"]))
ro = P.rober_ref()
write("robertson", data=ro["data"], scale=ro["scale"], loss=ro["loss"], gradient=ro["grad"])
bt = P.torus_ref()
write("brusselator_torus", loss=bt["loss"], gradient=bt["grad"])
