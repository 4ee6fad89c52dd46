"""NumPy's side of the benchmark: derivatives by hand, products by BLAS."""
import math
import platform
import sys
from concurrent.futures import ThreadPoolExecutor

import peer

COUNT = peer.threads()
try:
    import numpy as np
except ImportError as error:
    print("missing", peer.first_line(error), flush=True)
    sys.exit(0)

Way = peer.Way
norm = np.linalg.norm


# ---- one hidden layer, softmax cross-entropy --------------------------------

class Net:
    def __init__(self, sizes, samples, x="x", y="y", w="w", v="v"):
        self.sizes = sizes
        self.x = np.ascontiguousarray(peer.load(x)[:samples])
        self.y = peer.load(y)[:samples] - 1
        self.w, self.v = peer.load(w), peer.load(v)
        self.hot = np.eye(sizes[2])[self.y]

    def parts(self, w):
        (i, h, a, b), (_, c, d, e) = peer.layers(self.sizes)
        return (w[a:b].reshape(h, i), w[b:d], w[d:e].reshape(c, h), w[e:])

    def forward(self, w, x, hot):
        w1, b1, w2, b2 = self.parts(w)
        a = np.tanh(x @ w1.T + b1)
        z = a @ w2.T + b2
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        d2 = (p - hot) / len(x)
        return a, p, d2, d2 @ w2

    def backward(self, x, kept, out):
        a, _, d2, g = kept
        o1, c1, o2, c2 = self.parts(out)
        d1 = g * (1 - a * a)
        np.matmul(d1.T, x, out=o1)
        np.matmul(d2.T, a, out=o2)
        d1.sum(0, out=c1)
        d2.sum(0, out=c2)
        return out

    def grad(self):
        kept = self.forward(self.w, self.x, self.hot)
        return self.backward(self.x, kept, np.empty_like(self.w))

    def along(self, kept):
        a, p, d2, g = kept
        _, _, w2, _ = self.parts(self.w)
        v1, vb1, v2, vb2 = self.parts(self.v)
        out = np.empty_like(self.w)
        o1, c1, o2, c2 = self.parts(out)
        slope = 1 - a * a
        ra = slope * (self.x @ v1.T + vb1)
        rz = ra @ w2.T + a @ v2.T + vb2
        r2 = p * (rz - (p * rz).sum(1, keepdims=True)) / len(self.x)
        np.matmul(r2.T, a, out=o2)
        o2 += d2.T @ ra
        r2.sum(0, out=c2)
        r1 = (r2 @ w2 + d2 @ v2) * slope - 2 * a * ra * g
        np.matmul(r1.T, self.x, out=o1)
        r1.sum(0, out=c1)
        return out

    def hvp(self):
        return self.along(self.forward(self.w, self.x, self.hot))

    def hessian(self):
        """By structure: blocks of the layers, one product for a row of them."""
        nin, h, c = self.sizes
        n, m, k = len(self.x), nin + 1, h + 1
        a, p, d2, g = self.forward(self.w, self.x, self.hot)
        w2 = self.parts(self.w)[2]
        xb = np.hstack([self.x, np.ones((n, 1))])
        ab = np.hstack([a, np.ones((n, 1))])
        slope = 1 - a * a
        h11 = np.zeros((h, m, h, m))
        h12 = np.zeros((h, m, c, k))
        h22 = np.zeros((c, k, c, k))
        for s in slices(n, 500):
            x, t, q, sl = xb[s], ab[s], p[s], slope[s]
            curve = (q[:, :, None] * np.eye(c) - q[:, :, None] * q[:, None, :]) / n
            cw = np.einsum("ncd,di->nci", curve, w2, optimize=True) * sl[:, None, :]
            hid = np.einsum("nci,cj->nij", cw, w2, optimize=True) * sl[:, None, :]
            hid[:, range(h), range(h)] += -2 * a[s] * sl * g[s]
            for i in range(h):
                right = (hid[:, i, i:, None] * x[:, None, :]).reshape(len(x), -1)
                h11[i, :, i:] += (x.T @ right).reshape(m, h - i, m)
                right = (cw[:, :, i, None] * t[:, None, :]).reshape(len(x), -1)
                h12[i] += (x.T @ right).reshape(m, c, k)
            for d in range(c):
                right = (curve[:, d, d:, None] * t[:, None, :]).reshape(len(x), -1)
                h22[d, :, d:] += (t.T @ right).reshape(k, c - d, k)
        for i in range(h):
            h12[i, :, :, i] += xb.T @ (d2 * slope[:, i, None])
        return self.assemble(h11, h12, h22)

    def assemble(self, h11, h12, h22):
        nin, h, c = self.sizes
        one = np.r_[:h * nin].reshape(h, nin)
        one = np.hstack([one, h * nin + np.r_[:h][:, None]])
        two = np.r_[:c * h].reshape(c, h)
        two = np.hstack([two, c * h + np.r_[:c][:, None]]) + h * (nin + 1)
        out = np.empty((self.w.size, self.w.size))
        for i in range(h):
            for j in range(i, h):
                out[np.ix_(one[i], one[j])] = h11[i, :, j]
                out[np.ix_(one[j], one[i])] = h11[i, :, j].T
            for d in range(c):
                out[np.ix_(one[i], two[d])] = h12[i, :, d]
                out[np.ix_(two[d], one[i])] = h12[i, :, d].T
        for d in range(c):
            for e in range(d, c):
                out[np.ix_(two[d], two[e])] = h22[d, :, e]
                out[np.ix_(two[e], two[d])] = h22[d, :, e].T
        return out


def slices(n, size):
    return [slice(i, min(i + size, n)) for i in range(0, n, size)]


def hessian(sizes, samples, **names):
    net = Net(sizes, samples, **names)
    return [Way("by structure", net.hessian,
                lambda h: norm(h[:, :peer.COLUMNS]))]


def gradient():
    net = Net(peer.WIDE, 10000)
    return [Way("by hand", net.grad, norm)]


def hvp():
    net = Net(peer.WIDE, 10000)
    return [Way("by hand", net.hvp, norm)]


def hvp_kept():
    net = Net(peer.WIDE, 10000)
    kept = net.forward(net.w, net.x, net.hot)
    return [Way("by hand, forward pass kept", lambda: net.along(kept), norm)]


def sgd(batch):
    net = Net(peer.WIDE, 10000)
    state = {"w": net.w.copy(), "out": np.empty_like(net.w)}
    firsts = peer.batches(peer.SGD_STEPS, batch, 10000)

    def run():
        w, out = state["w"], state["out"]
        for i in firsts:
            x, hot = net.x[i:i + batch], net.hot[i:i + batch]
            net.backward(x, net.forward(w, x, hot), out)
            out *= peer.SGD_RATE
            w -= out
        return w
    return [Way("by hand", run, norm, peer.SGD_STEPS)]


# ---- the deep autoencoder, f32 ----------------------------------------------

class Deep:
    def __init__(self):
        self.x = peer.load("deep_x")
        w, v = peer.load("deep_w"), peer.load("deep_v")
        self.w, self.v = self.parts(w), self.parts(v)
        self.scale = np.float32(2.0 / self.x.size)

    def parts(self, w):
        return [(w[a:b].reshape(nout, nin), w[b:b + nout])
                for nin, nout, a, b in peer.layers(peer.DEEP)]

    def forward(self):
        acts = [self.x]
        for l, (w, b) in enumerate(self.w):
            z = acts[-1] @ w.T
            z += b
            acts.append(np.tanh(z, out=z) if l < len(self.w) - 1 else z)
        return acts

    def backward(self, acts):
        d = (acts[-1] - self.x) * self.scale
        ds, backs = [d], []
        for l in range(len(self.w) - 1, 0, -1):
            back = ds[-1] @ self.w[l][0]
            backs.append(back)
            ds.append(back * (1 - acts[l] * acts[l]))
        return ds[::-1], backs[::-1]

    def grad(self):
        acts = self.forward()
        ds, _ = self.backward(acts)
        return [(d.T @ a, d.sum(0)) for d, a in zip(ds, acts)]

    def keep(self):
        acts = self.forward()
        return (acts, *self.backward(acts))

    def along(self, kept):
        acts, ds, backs = kept
        last = len(self.w) - 1
        ras, ra = [None], None
        for l, ((w, _), (v, vb)) in enumerate(zip(self.w, self.v)):
            rz = acts[l] @ v.T
            rz += vb
            if ra is not None:
                rz += ra @ w.T
            ra = rz * (1 - acts[l + 1] ** 2) if l < last else rz
            ras.append(ra)
        rd, out = ras[-1] * self.scale, []
        for l in range(last, -1, -1):
            o = rd.T @ acts[l]
            if l > 0:
                o += ds[l].T @ ras[l]
            out.append((o, rd.sum(0)))
            if l > 0:
                rback = rd @ self.w[l][0] + ds[l] @ self.v[l][0]
                rd = (rback * (1 - acts[l] ** 2)
                      - 2 * acts[l] * ras[l] * backs[l - 1])
        return out

    def hvp(self):
        return self.along(self.keep())


def norms(parts):
    return math.sqrt(sum(float(norm(a)) ** 2 + float(norm(b)) ** 2
                         for a, b in parts))


def deep(kind):
    net = Deep()
    if kind == "kept":
        kept = net.keep()
        return [Way("by hand, forward pass kept", lambda: net.along(kept), norms)]
    return [Way("by hand", net.grad if kind == "grad" else net.hvp, norms)]


# ---- gradient steps on 5 x^2 - y^2 ------------------------------------------

SCALE = np.array([10.0, -2.0])


def descend(steps):
    def run():
        w = np.array([0.3, 0.1])
        for _ in range(steps):
            w = w - peer.QUAD_RATE * (SCALE * w)
        return w
    return run


def iterate():
    """A tenth of the steps; the check extends them by the factor's power."""
    steps = peer.QUAD_STEPS // 10
    rest = (1 - peer.QUAD_RATE * SCALE) ** (peer.QUAD_STEPS - steps)
    return [Way("by hand, Python loop, a tenth of the steps", descend(steps),
                lambda w: norm(w * rest), steps)]


def loop():
    return [Way("by hand, Python loop", descend(peer.LOOP_STEPS), norm,
                peer.LOOP_STEPS)]


def march(start, size):
    """In blocks of `size` lanes, all steps of a block before the next."""
    out = start.copy()
    temp = np.empty((size, 2))
    factor = SCALE * peer.LANE_RATE
    for s in slices(len(start), size):
        w, t = out[s], temp[:len(out[s])]
        for _ in range(peer.LANE_STEPS):
            np.multiply(w, factor, out=t)
            np.subtract(w, t, out=w)
    return out


def lanes():
    start = peer.load("lanes")
    units = peer.LANES * peer.LANE_STEPS
    return [Way(f"in place, blocks of {size} lanes",
                lambda size=size: march(start, size), norm, units)
            for size in (4000, 20000)]


# ---- noise -------------------------------------------------------------------

RANDOM = [np.random.Generator(np.random.SFC64([2026, i])) for i in range(COUNT)]


def spread(work, paths, block):
    """work(generator, part of the result) for blocks of paths, on threads: the
    generators and large operations let go of the interpreter."""
    out = np.empty(paths)
    parts = [out[s] for s in slices(paths, block)]

    def thread(i):
        for part in parts[i::COUNT]:
            work(RANDOM[i], part)
    if COUNT == 1:
        thread(0)
    else:
        with ThreadPoolExecutor(COUNT) as pool:
            list(pool.map(thread, range(COUNT)))
    return out


def two_noises(random, x):
    """U = rho W + sqrt(1 - rho^2) V; the scales are folded into constants."""
    root = math.sqrt(peer.SDE_DT)
    sigma, tau = peer.SDE_SIGMA * root, peer.SDE_TAU * peer.SDE_RHO * root
    rest = peer.SDE_TAU * math.sqrt(1 - peer.SDE_RHO ** 2) * root
    up = 1 + peer.SDE_A * peer.SDE_DT
    x[:] = peer.SDE_X0
    w, g = np.empty((2, len(x))), np.empty(len(x))
    for _ in range(peer.SDE_STEPS):
        random.standard_normal(out=w)
        np.multiply(x, sigma, out=g)
        g += tau
        g *= w[0]
        x *= up
        x += g
        w[1] *= rest
        x += w[1]


def one_noise(random, x):
    h, up = peer.SDE_DT, 1 + peer.SDE_A * peer.SDE_DT
    a, b = h * peer.SDE_SIGMA ** 2, h * peer.SDE_TAU ** 2
    c = 2 * h * peer.SDE_RHO * peer.SDE_SIGMA * peer.SDE_TAU
    x[:] = peer.SDE_X0
    w, g = np.empty(len(x)), np.empty(len(x))
    for _ in range(peer.SDE_STEPS):
        random.standard_normal(out=w)
        np.multiply(x, a, out=g)
        g += c
        g *= x
        g += b
        np.sqrt(g, out=g)
        g *= w
        x *= up
        x += g


def sde(work):
    paths = peer.SDE_PATHS // 5
    units = paths * peer.SDE_STEPS
    return [Way(f"SFC64, blocks of {block} paths over threads, a fifth of the "
                "paths", lambda block=block: spread(work, paths, block),
                peer.sde_check, units) for block in (1000, 2500, 10000)]


def normals():
    out = np.empty(peer.NORMALS)

    def fill(random, part):
        random.standard_normal(out=part)

    def fresh():
        return RANDOM[0].standard_normal(peer.NORMALS)
    return [Way("SFC64, over threads", lambda: spread(fill, peer.NORMALS, 1 << 17),
                peer.normals_check, peer.NORMALS),
            Way("SFC64, in place", lambda: fill(RANDOM[0], out) or out,
                peer.normals_check, peer.NORMALS),
            Way("SFC64, into a new array", fresh, peer.normals_check,
                peer.NORMALS)]


def flips(random, x):
    """A random byte serves eight steps."""
    factors = np.array([1 - peer.COIN_SIZE, 1 + peer.COIN_SIZE])
    x[:] = 1
    for _ in range(peer.COIN_STEPS // 8):
        bits = random.integers(0, 256, len(x), dtype=np.uint8)
        for _ in range(8):
            x *= factors.take(bits & 1)
            bits >>= 1


def coins():
    walkers = peer.COIN_WALKERS // 10
    return [Way(f"a bit a step, blocks of {block} over threads, a tenth of the "
                "walkers", lambda block=block: spread(flips, walkers, block),
                peer.coins_check, walkers * peer.COIN_STEPS)
            for block in (5000, 25000)]


# ---- single operations ------------------------------------------------------

def normal(*shape):
    return np.random.default_rng(1).standard_normal(shape)


def one(make):
    def ways():
        return [Way("", make(), lambda _: math.nan)]
    return ways


def add(n):
    a, b = np.ones(n), np.ones(n)
    return lambda: a + b


def applied(f, *shape):
    a = normal(*shape)
    return lambda: f(a)


WORKLOADS = {
    "hessian": lambda: hessian(peer.WIDE, 10000),
    "hessian-small": lambda: hessian(peer.NARROW, 1000, w="small_w", v="small_v"),
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
    "loop": loop,
    "sde-two": lambda: sde(two_noises),
    "sde-one": lambda: sde(one_noise),
    "sde-normals": normals,
    "sde-coins": coins,
    "start-up": peer.start_up("numpy"),
    "add-2": one(lambda: add(2)),
    "add": one(lambda: add(1_000_000)),
    "exp": one(lambda: applied(np.exp, 1_000_000)),
    "sum": one(lambda: applied(np.sum, 1_000_000)),
    "matmul": one(lambda: applied(lambda a: a @ a, 512, 512)),
    "normal": one(lambda: lambda g=np.random.default_rng(1):
                  g.standard_normal(1_000_000)),
}


def blas():
    try:
        found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return f"{found['name']} {found['version']}"
    except Exception:  # noqa: BLE001: older versions tell it otherwise
        return "BLAS unknown"


peer.serve(f"numpy {np.__version__}, {blas()}, Python {platform.python_version()}",
           WORKLOADS)
