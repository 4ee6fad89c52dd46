"""JAX's side of the benchmark: everything under jit, compiled before it is
timed; where there are several forms, the fastest is timed."""
import math
import os
import sys

import peer

COUNT = peer.threads()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
try:
    import jax
    import jax.numpy as jnp
    from jax import lax
except ImportError as error:
    print("missing", peer.first_line(error), flush=True)
    sys.exit(0)

jax.config.update("jax_enable_x64", True)
Way = peer.Way


def array(name):
    return jnp.asarray(peer.load(name))


def norm(tree):
    return math.sqrt(sum(float(jnp.vdot(p, p)) for p in jax.tree.leaves(tree)))


def done(f, *operands):
    return lambda: jax.block_until_ready(f(*operands))


def hvp_of(loss):
    return lambda w, v: jax.jvp(jax.grad(loss), (w,), (v,))[1]


def split(sizes, w):
    parts = []
    for nin, nout, a, b in peer.layers(sizes):
        parts.append((w[a:b].reshape(nout, nin), w[b:b + nout]))
    return parts


def loss_at(params, x, y):
    """y: labels from 0."""
    (w1, b1), (w2, b2) = params
    z = jnp.tanh(x @ w1.T + b1) @ w2.T + b2
    picked = jnp.take_along_axis(z, y[:, None], 1)[:, 0]
    return (jax.nn.logsumexp(z, 1) - picked).mean()


class Net:
    def __init__(self, sizes, samples, w="w", v="v"):
        self.sizes = sizes
        self.x, self.y = array("x")[:samples], array("y")[:samples] - 1
        self.flat, self.v = array(w), array(v)

    def loss(self, w):
        return loss_at(split(self.sizes, w), self.x, self.y)

    def trees(self):
        return (split(self.sizes, self.flat), split(self.sizes, self.v),
                lambda p: loss_at(p, self.x, self.y))


def hessian_ways(sizes, samples, columns, **names):
    """Of a large one `columns` are computed and the time is scaled: all of
    jacfwd's at once would not fit into memory."""
    net = Net(sizes, samples, **names)
    size = net.flat.size
    part = "" if columns == size else f", {columns} of {size} columns, scaled"
    product = hvp_of(net.loss)

    def check(h):
        return norm(h[:peer.COLUMNS])

    def chunked(chunk):
        @jax.jit
        def run(w):
            return lax.map(lambda i: product(w, jnp.zeros(size).at[i].set(1.0)),
                           jnp.arange(columns), batch_size=chunk)
        return done(run, net.flat)

    ways = [Way(f"vmap of forward-over-reverse by {chunk}" + part,
                chunked(chunk), check, columns / size) for chunk in (4, 8, 32)]
    if columns == size:
        ways.append(Way("jacfwd of grad",
                        done(jax.jit(jax.jacfwd(jax.grad(net.loss))), net.flat),
                        check))
    return ways


def gradient():
    params, _, loss = Net(peer.WIDE, 10000).trees()
    return [Way("jit of grad", done(jax.jit(jax.grad(loss)), params), norm)]


def products(params, directions, loss):
    """(ways of H v): everything anew, and with the forward pass kept."""
    def reverse(w, v):
        def dot(w):
            g = jax.grad(loss)(w)
            return sum(jnp.vdot(a, b) for a, b in
                       zip(jax.tree.leaves(g), jax.tree.leaves(v)))
        return jax.grad(dot)(w)

    def kept():
        _, along = jax.linearize(jax.grad(loss), params)
        return done(jax.jit(along), directions)
    return ([Way("jit of forward over reverse",
                 done(jax.jit(hvp_of(loss)), params, directions), norm),
             Way("jit of reverse over reverse",
                 done(jax.jit(reverse), params, directions), norm)],
            lambda: [Way("linearize, jitted", kept(), norm)])


def hvp():
    return products(*Net(peer.WIDE, 10000).trees())[0]


def hvp_kept():
    return products(*Net(peer.WIDE, 10000).trees())[1]()


def sgd(batch):
    net = Net(peer.WIDE, 10000)
    start = split(peer.WIDE, net.flat)
    per = 10000 // batch
    firsts = peer.batches(peer.SGD_STEPS, batch, 10000)

    def update(params, x, y):
        g = jax.grad(loss_at)(params, x, y)
        return jax.tree.map(lambda p, d: p - peer.SGD_RATE * d, params, g)

    def at(params, x, y, i):
        return update(params, lax.dynamic_slice_in_dim(x, i, batch),
                      lax.dynamic_slice_in_dim(y, i, batch))
    step = jax.jit(at)

    def loop():
        params = start
        for i in firsts:
            params = step(params, net.x, net.y, i)
        return jax.block_until_ready(params)

    @jax.jit
    def whole(params, x, y):
        return lax.fori_loop(0, peer.SGD_STEPS,
                             lambda i, p: at(p, x, y, i % per * batch), params)
    return [Way("jitted step, Python loop", loop, norm, peer.SGD_STEPS),
            Way("fori_loop over all steps", done(whole, start, net.x, net.y),
                norm, peer.SGD_STEPS)]


# ---- the deep autoencoder, f32 ----------------------------------------------

def deep(kind):
    x = array("deep_x")

    def loss(params):
        z = x
        for l, (w, b) in enumerate(params):
            z = z @ w.T + b
            z = jnp.tanh(z) if l < len(params) - 1 else z
        return ((z - x) ** 2).mean()

    params = split(peer.DEEP, array("deep_w"))
    directions = split(peer.DEEP, array("deep_v"))
    if kind == "grad":
        return [Way("jit of grad", done(jax.jit(jax.grad(loss)), params), norm)]
    anew, kept = products(params, directions, loss)
    return anew if kind == "hvp" else kept()


# ---- gradient steps on 5 x^2 - y^2 ------------------------------------------

SCALE = jnp.array([10.0, -2.0])
START = jnp.array([0.3, 0.1])


def f(w):
    return 5 * w[0] ** 2 - w[1] ** 2


def by_grad(w, rate):
    return w - rate * jax.grad(f)(w)


def by_hand(w, rate):
    return w - rate * (SCALE * w)


def iterate():
    def whole(step):
        return done(jax.jit(lambda w: lax.fori_loop(
            0, peer.QUAD_STEPS, lambda _, w: step(w, peer.QUAD_RATE), w)), START)
    return [Way("fori_loop of grad", whole(by_grad), norm, peer.QUAD_STEPS)]


def lanes():
    start = array("lanes")
    units = peer.LANES * peer.LANE_STEPS
    one = jax.vmap(lambda w: by_grad(w, peer.LANE_RATE))

    @jax.jit
    def steps_of_lanes(w):
        return lax.fori_loop(0, peer.LANE_STEPS, lambda _, w: one(w), w)

    @jax.jit
    def lanes_of_steps(w):
        return jax.vmap(lambda w: lax.fori_loop(
            0, peer.LANE_STEPS, lambda _, w: by_grad(w, peer.LANE_RATE), w))(w)

    @jax.jit
    def blocks(w):
        return lax.map(steps_of_lanes, w.reshape(-1, 2000, 2))
    return [Way("fori_loop of vmap", done(steps_of_lanes, start), norm, units),
            Way("vmap of fori_loop", done(lanes_of_steps, start), norm, units),
            Way("blocks of 2000 lanes", done(blocks, start), norm, units)]


def loop(step):
    jitted = jax.jit(lambda w: step(w, peer.QUAD_RATE))

    def run():
        w = START
        for _ in range(peer.LOOP_STEPS):
            w = jitted(w)
        return jax.block_until_ready(w)

    def eager(steps=peer.LOOP_STEPS // 50):
        w = START
        for _ in range(steps):
            w = step(w, peer.QUAD_RATE)
        return jax.block_until_ready(w)
    rest = (1 - peer.QUAD_RATE * SCALE) ** (peer.LOOP_STEPS * 49 // 50)
    return [Way("jitted step, Python loop", run, norm, peer.LOOP_STEPS),
            Way("not jitted, Python loop", eager, lambda w: norm(w * rest),
                peer.LOOP_STEPS // 50)]


# ---- noise -------------------------------------------------------------------

ROOT = math.sqrt(peer.SDE_DT)
MIX = math.sqrt(1 - peer.SDE_RHO ** 2)


def two_noises(x, z):
    dw, dv = ROOT * z[0], ROOT * z[1]
    du = peer.SDE_RHO * dw + MIX * dv
    return (x + peer.SDE_A * x * peer.SDE_DT + peer.SDE_SIGMA * x * dw
            + peer.SDE_TAU * du)


def one_noise(x, z):
    g = jnp.sqrt((peer.SDE_SIGMA * x) ** 2 + peer.SDE_TAU ** 2
                 + 2 * peer.SDE_RHO * peer.SDE_SIGMA * peer.SDE_TAU * x)
    return x + peer.SDE_A * x * peer.SDE_DT + g * ROOT * z[0]


def ensemble_ways(step, count, start, steps, paths, check, block=2000):
    """step(x, z) with z of `count` normals, for the lanes of start(n)."""
    draw = jax.random.normal

    def scan(key, lanes, shape):
        def body(x, k):
            return step(x, draw(k, (count, *shape))), None
        return lax.scan(body, lanes, jax.random.split(key, steps))[0]

    def many(n, key):
        return scan(key, start((n,)), (n,))

    def blocks(key):
        keys = jax.random.split(key, paths // block)
        return lax.map(lambda k: many(block, k), keys)

    def apart(key):
        keys = jax.random.split(key, paths)
        return jax.vmap(lambda k: scan(k, start(()), ()))(keys)

    units = paths * steps
    three, bits = jax.random.key(1), jax.random.key(1, impl="rbg")
    all_at_once = jax.jit(lambda key: many(paths, key))
    ways = [("lax.scan of all lanes", all_at_once, three),
            ("lax.map over blocks of lax.scan", jax.jit(blocks), three),
            ("vmap of lax.scan, a key a path", jax.jit(apart), three),
            ("lax.scan of all lanes, rbg", all_at_once, bits)]
    return [Way(f"{note}, {paths} paths", done(run, key), check, units)
            for note, run, key in ways]


def sde(step, count):
    return ensemble_ways(step, count, lambda s: jnp.full(s, peer.SDE_X0),
                         peer.SDE_STEPS, peer.SDE_PATHS // 10, peer.sde_check)


def normals():
    run = jax.jit(lambda key: jax.random.normal(key, (peer.NORMALS,)))
    return [Way(impl, done(run, jax.random.key(1, impl=impl)),
                peer.normals_check, peer.NORMALS)
            for impl in ("threefry2x32", "rbg")]


def coins():
    """Every random word of 32 bits serves 32 steps."""
    walkers = peer.COIN_WALKERS // 10
    up, down = 1 + peer.COIN_SIZE, 1 - peer.COIN_SIZE
    words, rest = divmod(peer.COIN_STEPS, 32)

    def walk(key, n):
        def flips(x, k, count):
            w = jax.random.bits(k, (n,), jnp.uint32)

            def flip(_, xw):
                return (xw[0] * jnp.where(xw[1] & 1, up, down), xw[1] >> 1)
            return lax.fori_loop(0, count, flip, (x, w))[0]
        keys = jax.random.split(key, words + 1)
        x = lax.scan(lambda x, k: (flips(x, k, 32), None), jnp.ones(n),
                     keys[:-1])[0]
        return flips(x, keys[-1], rest)

    def blocks(key):
        return lax.map(lambda k: walk(k, 2000),
                       jax.random.split(key, walkers // 2000))
    key, units = jax.random.key(1), walkers * peer.COIN_STEPS
    return [Way("a bit a step, all walkers", done(jax.jit(
                lambda k: walk(k, walkers)), key), peer.coins_check, units),
            Way("a bit a step, blocks of 2000", done(jax.jit(blocks), key),
                peer.coins_check, units)]


def heun():
    """Heun's scheme on dx = (x - x^3) dt + sigma x o dW."""
    h, root = peer.WELL_DT, peer.WELL_SIGMA * math.sqrt(peer.WELL_DT)

    def step(x, z):
        n = root * z[0]
        b = x - x * x * x
        y = x + h * b + n * x
        return x + 0.5 * (h * (b + y - y * y * y) + n * (x + y))
    return ensemble_ways(step, 1, jnp.ones, round(peer.WELL_T / h),
                         peer.SDE_PATHS // 10, peer.well_check)


def fhn():
    """FitzHugh-Nagumo with correlated noise by Euler-Maruyama."""
    h, root = peer.FHN_DT, math.sqrt(peer.FHN_DT)
    mix = math.sqrt(1 - peer.FHN_RHO ** 2)

    def step(x, z):
        v, w = x
        d1, d2 = root * z[0], root * (peer.FHN_RHO * z[0] + mix * z[1])
        drift = peer.fhn_drift(v, w)
        return (v + h * drift[0] + peer.FHN_S * jnp.sqrt(1 + v * v) * d1,
                w + h * drift[1] + peer.FHN_R * v * d2)
    return ensemble_ways(step, 2, lambda s: (jnp.zeros(s), jnp.zeros(s)),
                         round(peer.FHN_T / h), peer.SDE_PATHS // 10,
                         lambda x: peer.fhn_check(*x, peer.FHN_EULER))


# ---- single operations ------------------------------------------------------

def one(f, *shapes):
    def ways():
        key = jax.random.key(1)
        operands = [jax.random.normal(key, s) for s in shapes]
        return [Way("", done(jax.jit(f), *operands), lambda _: math.nan)]
    return ways


def normal():
    return [Way("", done(jax.jit(lambda k: jax.random.normal(k, (1_000_000,))),
                         jax.random.key(1)), lambda _: math.nan)]


MILLION = (1_000_000,)
WORKLOADS = {
    "hessian": lambda: hessian_ways(peer.WIDE, 10000, 64),
    "hessian-small": lambda: hessian_ways(peer.NARROW, 1000, 1120,
                                          w="small_w", v="small_v"),
    "gradient": gradient,
    "hvp": hvp,
    "hvp-kept": hvp_kept,
    "sgd-64": lambda: sgd(64),
    "sgd-128": lambda: sgd(128),
    "deep-gradient": lambda: deep("grad"),
    "deep-hvp": lambda: deep("hvp"),
    "deep-hvp-kept": lambda: deep("kept"),
    "iterate": iterate,
    "iterate-lanes": lanes,
    "loop": lambda: loop(by_hand),
    "loop-grad": lambda: loop(by_grad),
    "sde-two": lambda: sde(two_noises, 2),
    "sde-one": lambda: sde(one_noise, 1),
    "sde-normals": normals,
    "sde-coins": coins,
    "sde-heun": heun,
    "sde-fhn": fhn,
    "start-up": peer.start_up("jax"),
    "add-2": one(jnp.add, (2,), (2,)),
    "add": one(jnp.add, MILLION, MILLION),
    "exp": one(jnp.exp, MILLION),
    "sum": one(jnp.sum, MILLION),
    "matmul": one(lambda a: a @ a, (512, 512)),
    "normal": normal,
    "hessian-2": lambda: [Way("", done(jax.jit(jax.hessian(f)), START),
                              lambda _: math.nan)],
}

peer.serve(f"jax {jax.__version__}", WORKLOADS)
