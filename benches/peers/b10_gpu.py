"""gpu: Lotka-Volterra trajectories on a graphics card, 100 to a million

p = [1.5,1,3,1]*(1 +- 20 % uniform), t in [0,10], rtol 1e-5, atol 1e-6, float32, end state only, on the card that the library takes
by itself; without a card a case fails and says so (PEERS_GPU_ANYWHERE=1 runs it on whatever there is, to try the script).
value = trajectories per second (higher is better); error = largest relative error of the first 64 trajectories."""
import os

import numpy as np
from common import Bench
from problems import ens_params, ens_ref

B = Bench("gpu", __doc__, metric="trajectories per second", unit="1/s")
SIZES = (100, 1000, 10_000, 100_000, 1_000_000)
RTOL, ATOL = 1e-5, 1e-6


def on_card(is_card, name):
    if not is_card and not os.environ.get("PEERS_GPU_ANYWHERE"):
        raise RuntimeError(f"no graphics card: the library computes on {name}")
    return dict(notes=str(name))


def err(u):
    r = ens_ref()[:, -1]
    m = min(64, len(u))
    return float((np.abs(np.asarray(u[:m], dtype=float) - r[:m]) / np.abs(r[:m])).max())


def rate(ctx, go, n):
    ctx.time(go, min_n=3, warm=1)
    for k in ("median", "min", "p90"):  # seconds per n trajectories -> trajectories per second ("min" = best)
        ctx.res[k] = n / ctx.res[k]


def diffrax_case(n, stays=False):
    """`stays`: parameters are on the card before and states stay there, so that the solve alone is timed."""
    def run(ctx):
        import diffrax as dx
        import jax
        import jax.numpy as jnp
        device = jax.devices()[0]
        extra = on_card(device.platform != "cpu", device.device_kind)

        def f(t, y, p):
            x, z = y
            return (p[0] * x - p[1] * x * z, -p[2] * z + p[3] * x * z)

        def one(p):
            s = dx.diffeqsolve(dx.ODETerm(f), dx.Tsit5(), 0.0, 10.0, None, (jnp.array(1.0), jnp.array(1.0)), args=p,
                               saveat=dx.SaveAt(t1=True), throw=False, max_steps=1024, adjoint=dx.ForwardMode(),
                               stepsize_controller=dx.PIDController(rtol=RTOL, atol=ATOL))
            return jnp.stack(s.ys, -1)[0]
        many = jax.jit(jax.vmap(one))
        P = np.asarray(ens_params(n), dtype=np.float32)
        if stays:
            there = jax.device_put(P)
            go = lambda: many(there).block_until_ready()
        else:
            go = lambda: np.asarray(many(P))  # there and back, as ours
        u = ctx.first(go)
        rate(ctx, go, n)
        return dict(error=err(u), **extra)
    return run


def torchdiffeq_case(n):
    def run(ctx):
        import torch
        from torchdiffeq import odeint
        card = torch.cuda.is_available()
        extra = on_card(card, torch.cuda.get_device_name() if card else "the processor")
        where = torch.device("cuda" if card else "cpu")
        P = torch.tensor(ens_params(n), dtype=torch.float32)

        def go():
            with torch.no_grad():
                p = P.to(where)

                def f(t, u):
                    x, y = u[:, 0], u[:, 1]
                    return torch.stack([p[:, 0] * x - p[:, 1] * x * y, -p[:, 2] * y + p[:, 3] * x * y], 1)
                t = torch.tensor([0.0, 10.0], device=where)
                u = odeint(f, torch.ones(n, 2, device=where), t, rtol=RTOL, atol=ATOL, method="dopri5")
                return u[-1].cpu().numpy()
        u = ctx.first(go)
        rate(ctx, go, n)
        return dict(error=err(u), **extra)
    return run


for size in SIZES:
    B.case("diffrax", f"{size}: Tsit5 vmap, float32", cold=False)(diffrax_case(size))
    B.case("diffrax", f"{size}: Tsit5 vmap, float32, without transfers", cold=False)(diffrax_case(size, stays=True))
    B.case("torchdiffeq", f"{size}: dopri5, one joint state, float32", cold=False)(torchdiffeq_case(size))

if __name__ == "__main__":
    B.main()
