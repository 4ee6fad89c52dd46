"""diffrax's side of the benchmark: the noise rows through diffeqsolve, vmapped
over the keys of the paths and jitted; where there are several forms, the
fastest is timed."""
import math
import os
import sys

import peer

COUNT = peer.threads()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
try:
    import diffrax as dfx
    import jax
    import jax.numpy as jnp
except ImportError as error:
    print("missing", peer.first_line(error), flush=True)
    sys.exit(0)

jax.config.update("jax_enable_x64", True)
Way = peer.Way


def ensemble(solve, paths):
    run = jax.jit(jax.vmap(solve))
    keys = jax.random.split(jax.random.key(1), paths)
    return lambda: jax.block_until_ready(run(keys))


def fixed(solver, drift, diffusion, noises, start, until, dt, brownian):
    """One path with steps of one length. The path without a memory is the cheaper one
    and enough for fixed steps, but wants the direct adjoint."""
    shape = () if noises == 1 else (noises,)

    def solve(key):
        if brownian == "tree":
            path = dfx.VirtualBrownianTree(0.0, until, dt / 2, shape, key)
            adjoint = dfx.RecursiveCheckpointAdjoint()
        else:
            path = dfx.UnsafeBrownianPath(shape, key)
            adjoint = dfx.DirectAdjoint()
        terms = dfx.MultiTerm(dfx.ODETerm(drift),
                              dfx.ControlTerm(diffusion, path))
        return dfx.diffeqsolve(terms, solver, 0.0, until, dt, start,
                               adjoint=adjoint, max_steps=None
                               if brownian == "tree" else
                               round(until / dt) + 1).ys[0]
    return solve


def fixed_ways(drift, diffusion, noises, start, until, dt, paths, check,
               solver=dfx.Euler()):
    steps = round(until / dt)
    return [Way(f"{type(solver).__name__}, {note}, {n} paths", ensemble(
                fixed(solver, drift, diffusion, noises, start, until, dt, kind),
                n), check, n * steps)
            for note, kind, n in (("UnsafeBrownianPath", "unsafe", paths),
                                  ("VirtualBrownianTree", "tree", paths // 8))]


PATHS = peer.SDE_PATHS // 50
UNTIL = peer.SDE_STEPS * peer.SDE_DT
MIX = math.sqrt(1 - peer.SDE_RHO ** 2)


def growth(t, x, args):
    return peer.SDE_A * x


def two():
    def diffusion(t, x, args):
        return jnp.stack([peer.SDE_SIGMA * x + peer.SDE_TAU * peer.SDE_RHO,
                          jnp.asarray(peer.SDE_TAU * MIX)])
    return fixed_ways(growth, diffusion, 2, jnp.asarray(peer.SDE_X0), UNTIL,
                      peer.SDE_DT, PATHS, peer.sde_check)


def one():
    def diffusion(t, x, args):
        return jnp.sqrt((peer.SDE_SIGMA * x) ** 2 + peer.SDE_TAU ** 2
                        + 2 * peer.SDE_RHO * peer.SDE_SIGMA * peer.SDE_TAU * x)
    return fixed_ways(growth, diffusion, 1, jnp.asarray(peer.SDE_X0), UNTIL,
                      peer.SDE_DT, PATHS, peer.sde_check)


def heun():
    return fixed_ways(lambda t, x, args: x - x ** 3,
                      lambda t, x, args: peer.WELL_SIGMA * x, 1,
                      jnp.asarray(1.0), peer.WELL_T, peer.WELL_DT, PATHS,
                      peer.well_check, dfx.Heun())


# ---- FitzHugh-Nagumo ---------------------------------------------------------

FHN_MIX = math.sqrt(1 - peer.FHN_RHO ** 2)
ORIGIN = jnp.zeros(2)


def fhn_drift(t, x, args):
    return jnp.stack(peer.fhn_drift(x[0], x[1]))


def fhn_diffusion(t, x, args):
    s = peer.FHN_S * jnp.sqrt(1 + x[0] ** 2)
    r = peer.FHN_R * x[0]
    return jnp.array([[s, 0.0], [peer.FHN_RHO * r, FHN_MIX * r]])


def fhn_stratonovich(t, x, args):
    """The same process in Stratonovich's sense."""
    s = peer.FHN_S
    change = jnp.stack([s * s * x[0],
                        s * jnp.sqrt(1 + x[0] ** 2) * peer.FHN_RHO * peer.FHN_R])
    return fhn_drift(t, x, args) - 0.5 * change


def fhn():
    return fixed_ways(fhn_drift, fhn_diffusion, 2, ORIGIN, peer.FHN_T,
                      peer.FHN_DT, PATHS, lambda x: peer.fhn_check(
                          x[:, 0], x[:, 1], peer.FHN_EULER))


def adaptive():
    """The noise does not commute: of the solvers with an error estimate, SPaRK
    is the one made for it."""
    paths, tolerance = 250, peer.FHN_TOLERANCE

    def solve(solver, area):
        def one(key):
            path = dfx.VirtualBrownianTree(0.0, peer.FHN_T, 2.0 ** -14, (2,), key,
                                           levy_area=area)
            terms = dfx.MultiTerm(dfx.ODETerm(fhn_stratonovich),
                                  dfx.ControlTerm(fhn_diffusion, path))
            control = dfx.PIDController(rtol=tolerance, atol=tolerance,
                                        pcoeff=0.1, icoeff=0.3, dcoeff=0.0,
                                        dtmin=2.0 ** -12)
            out = dfx.diffeqsolve(terms, solver, 0.0, peer.FHN_T, 0.01, ORIGIN,
                                  stepsize_controller=control,
                                  max_steps=1 << 16)
            return out.ys[0]
        return one

    def check(x):
        return peer.fhn_check(x[:, 0], x[:, 1], peer.FHN_FINE)
    return [Way(f"{name}, PIDController, tolerance {tolerance:g}, {paths} paths",
                ensemble(solve(solver, area), paths), check, paths)
            for name, solver, area in (
                ("SPaRK, 290 steps a path", dfx.SPaRK(), dfx.SpaceTimeLevyArea),
                ("Heun by halves, 250 steps a path",
                 dfx.HalfSolver(dfx.Heun()), dfx.BrownianIncrement))]


WORKLOADS = {
    "sde-two": two,
    "sde-one": one,
    "sde-heun": heun,
    "sde-fhn": fhn,
    "sde-adaptive": adaptive,
}

peer.serve(f"diffrax {dfx.__version__}, jax {jax.__version__}", WORKLOADS)
