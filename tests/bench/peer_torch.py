"""PyTorch's side of the benchmark: autograd and torch.func, each workload in
the ways we know, the fastest of which is timed."""
import math
import sys

import peer

COUNT = peer.threads()
try:
    import torch
    import torch.nn.functional as F
    from torch.func import grad, hessian, jacrev, jvp, vmap
except ImportError as error:
    print("missing", peer.first_line(error), flush=True)
    sys.exit(0)

torch.set_num_threads(COUNT)
Way = peer.Way


def tensor(name):
    return torch.from_numpy(peer.load(name))


def norm(parts):
    if isinstance(parts, torch.Tensor):
        parts = [parts]
    return math.sqrt(sum(float((p.detach() ** 2).sum()) for p in parts))


def leaves(parts):
    return [p.detach().clone().requires_grad_() for p in parts]


# ---- one hidden layer, softmax cross-entropy --------------------------------

class Net:
    def __init__(self, sizes, samples, w="w", v="v"):
        self.sizes = sizes
        self.x = tensor("x")[:samples].contiguous()
        self.y = tensor("y")[:samples] - 1
        self.flat, self.v = tensor(w), tensor(v)
        self.rows = torch.arange(samples)
        self.params = leaves(self.split(self.flat))
        self.directions = self.split(self.v)

    def split(self, w):
        (i, h, a, b), (_, c, d, e) = peer.layers(self.sizes)
        return [w[a:b].view(h, i), w[b:d], w[d:e].view(c, h), w[e:]]

    def loss(self, params):
        return loss_at(params, self.x, self.y)

    def plain_loss(self, w):
        """The same of the flat vector, of operations all of torch.func knows."""
        w1, b1, w2, b2 = self.split(w)
        z = torch.tanh(self.x @ w1.T + b1) @ w2.T + b2
        return (torch.logsumexp(z, 1) - z[self.rows, self.y]).mean()

    def graph(self):
        """The gradient with its graph, flat."""
        w = self.flat.clone().requires_grad_()
        g, = torch.autograd.grad(self.plain_loss(w), w, create_graph=True)
        return w, g


def loss_at(params, x, y):
    w1, b1, w2, b2 = params
    z = F.linear(torch.tanh(F.linear(x, w1, b1)), w2, b2)
    return F.cross_entropy(z, y)


def hessian_ways(sizes, samples, columns, **names):
    """Ways whose time is that of a column after a column do `columns` of them,
    and their time is scaled."""
    net = Net(sizes, samples, **names)
    size = net.flat.numel()
    part = f", {columns} of {size} columns, scaled"
    eye = torch.eye(size, dtype=torch.float64)[:columns]

    def check(h):
        return norm(h[:peer.COLUMNS])

    def kept():
        w, g = net.graph()
        return torch.stack([torch.autograd.grad(g, w, e, retain_graph=True)[0]
                            for e in eye])

    def chunked():
        def column(e):
            return jvp(grad(net.plain_loss), (net.flat,), (e,))[1]
        return vmap(column, chunk_size=8)(eye)

    def batched():
        w, g = net.graph()
        return torch.cat([torch.autograd.grad(g, w, e, retain_graph=True,
                                              is_grads_batched=True)[0]
                          for e in eye.split(8)])

    ways = [Way(note + part, run, check, columns / size) for note, run in (
        ("double backward, graph kept", kept),
        ("vmap of jvp of grad by 8", chunked),
        ("double backward vmapped by 8", batched))]
    if size < 2000:  # beyond, what these keep does not fit into memory
        ways += [Way("torch.func.hessian",
                     lambda: hessian(net.plain_loss)(net.flat), check),
                 Way("jacrev of grad",
                     lambda: jacrev(grad(net.plain_loss))(net.flat), check)]
    return ways


def gradient():
    net = Net(peer.WIDE, 10000)
    return [Way("autograd",
                lambda: torch.autograd.grad(net.loss(net.params), net.params),
                norm)]


def double(loss, params, directions):
    """(ways of H v): everything anew, and with the graph kept."""
    def first():
        return torch.autograd.grad(loss(params), params, create_graph=True)

    def second(gs):
        return torch.autograd.grad(gs, params, directions, retain_graph=True)

    def forward():
        return jvp(grad(loss), (tuple(p.detach() for p in params),),
                   (tuple(directions),))[1]
    kept = first()
    return ([Way("double backward", lambda: second(first()), norm),
             Way("jvp of grad", forward, norm)],
            [Way("double backward, graph kept", lambda: second(kept), norm)])


def hvp(which):
    net = Net(peer.WIDE, 10000)
    return double(net.loss, net.params, net.directions)[which]


def sgd(batch):
    net = Net(peer.WIDE, 10000)
    firsts = peer.batches(peer.SGD_STEPS, batch, 10000)

    def autograd():
        for i in firsts:
            loss = loss_at(net.params, net.x[i:i + batch], net.y[i:i + batch])
            gs = torch.autograd.grad(loss, net.params)
            with torch.no_grad():
                torch._foreach_add_(net.params, gs, alpha=-peer.SGD_RATE)
        return net.params

    hot = F.one_hot(net.y, peer.WIDE[2]).to(torch.float64)
    own = [p.detach().clone() for p in net.params]

    def by_hand():
        w1, b1, w2, b2 = own
        with torch.inference_mode():
            for i in firsts:
                x = net.x[i:i + batch]
                a = torch.addmm(b1, x, w1.T).tanh_()
                p = torch.softmax(torch.addmm(b2, a, w2.T), 1)
                d2 = p.sub_(hot[i:i + batch])
                d1 = (d2 @ w2).mul_(1 - a * a)
                rate = -peer.SGD_RATE / batch
                w2.addmm_(d2.T, a, alpha=rate)
                b2.add_(d2.sum(0), alpha=rate)
                w1.addmm_(d1.T, x, alpha=rate)
                b1.add_(d1.sum(0), alpha=rate)
        return own
    return [Way("autograd", autograd, norm, peer.SGD_STEPS),
            Way("by hand", by_hand, norm, peer.SGD_STEPS)]


# ---- the deep autoencoder, f32 ----------------------------------------------

def deep(kind):
    x = tensor("deep_x")

    def split(w):
        parts = []
        for nin, nout, a, b in peer.layers(peer.DEEP):
            parts += [w[a:b].view(nout, nin), w[b:b + nout]]
        return parts

    def loss(params):
        z, last = x, len(params) - 2
        for l in range(0, len(params), 2):
            z = F.linear(z, params[l], params[l + 1])
            z = torch.tanh(z) if l < last else z
        return F.mse_loss(z, x)

    params = leaves(split(tensor("deep_w")))
    if kind == "grad":
        return [Way("autograd",
                    lambda: torch.autograd.grad(loss(params), params), norm)]
    ways = double(loss, params, split(tensor("deep_v")))
    return ways[0 if kind == "hvp" else 1]


# ---- gradient steps on 5 x^2 - y^2 ------------------------------------------

SCALE = torch.tensor([10.0, -2.0], dtype=torch.float64)
START = torch.tensor([0.3, 0.1], dtype=torch.float64)


def f(w):
    return 5 * w[0] ** 2 - w[1] ** 2


def by_hand(steps):
    def run():
        w = START.clone()
        with torch.inference_mode():
            for _ in range(steps):
                w = w - peer.QUAD_RATE * (SCALE * w)
        return w
    return run


def autograd(steps):
    def run():
        w = START.clone().requires_grad_()
        for _ in range(steps):
            g, = torch.autograd.grad(f(w), w)
            with torch.no_grad():
                w -= peer.QUAD_RATE * g
        return w
    return run


def functional(steps):
    def run():
        w, df = START.clone(), grad(f)
        for _ in range(steps):
            w = w - peer.QUAD_RATE * df(w)
        return w
    return run


def iterate():
    """Fewer steps than the others; the check extends them."""
    steps = peer.LOOP_STEPS
    rest = (1 - peer.QUAD_RATE * SCALE) ** (peer.QUAD_STEPS - steps)
    return [Way("by hand, Python loop, a hundredth of the steps",
                by_hand(steps), lambda w: norm(w * rest), steps)]


def loop(ways):
    return [Way(note, run(peer.LOOP_STEPS // 5), lambda w: norm(
        w * (1 - peer.QUAD_RATE * SCALE) ** (peer.LOOP_STEPS * 4 // 5)),
        peer.LOOP_STEPS // 5) for note, run in ways]


def march(start, size):
    out = start.clone()
    with torch.inference_mode():
        for w in out.split(size):
            for _ in range(peer.LANE_STEPS):
                w.addcmul_(w, SCALE, value=-peer.LANE_RATE)
    return out


def lanes():
    start = tensor("lanes")
    units = peer.LANES * peer.LANE_STEPS
    return [Way(f"in place, by hand, blocks of {size} lanes",
                lambda size=size: march(start, size), norm, units)
            for size in (20000, 100000)]


# ---- noise -------------------------------------------------------------------

def blocked(work, paths, block):
    """work(part of the result) for blocks of paths, in place."""
    out = torch.empty(paths, dtype=torch.float64)
    with torch.inference_mode():
        for part in out.split(block):
            work(part)
    return out


def two_noises(x):
    root = math.sqrt(peer.SDE_DT)
    sigma, tau = peer.SDE_SIGMA * root, peer.SDE_TAU * peer.SDE_RHO * root
    rest = peer.SDE_TAU * math.sqrt(1 - peer.SDE_RHO ** 2) * root
    up = 1 + peer.SDE_A * peer.SDE_DT
    x.fill_(peer.SDE_X0)
    w = torch.empty((2, len(x)), dtype=torch.float64)
    g = torch.empty_like(x)
    for _ in range(peer.SDE_STEPS):
        w.normal_()
        torch.mul(x, sigma, out=g).add_(tau)
        x.mul_(up).addcmul_(g, w[0]).add_(w[1], alpha=rest)


def one_noise(x):
    h, up = peer.SDE_DT, 1 + peer.SDE_A * peer.SDE_DT
    a, b = h * peer.SDE_SIGMA ** 2, h * peer.SDE_TAU ** 2
    c = 2 * h * peer.SDE_RHO * peer.SDE_SIGMA * peer.SDE_TAU
    x.fill_(peer.SDE_X0)
    w, g = torch.empty_like(x), torch.empty_like(x)
    for _ in range(peer.SDE_STEPS):
        w.normal_()
        torch.mul(x, a, out=g).add_(c).mul_(x).add_(b).sqrt_()
        x.mul_(up).addcmul_(g, w)


def sde(work):
    paths = peer.SDE_PATHS // 5
    return [Way(f"in place, blocks of {block} paths, a fifth of the paths",
                lambda block=block: blocked(work, paths, block),
                peer.sde_check, paths * peer.SDE_STEPS)
            for block in (4000, 20000)]


def normals():
    out = torch.empty(peer.NORMALS, dtype=torch.float64)
    return [Way("in place", out.normal_, peer.normals_check, peer.NORMALS)]


def coins():
    walkers = peer.COIN_WALKERS // 10
    s = peer.COIN_SIZE

    def by_bits(x):
        x.fill_(1)
        bits = torch.empty(len(x), dtype=torch.int64)
        for done in range(0, peer.COIN_STEPS, 50):
            bits.random_(0, 1 << 50)
            for _ in range(min(50, peer.COIN_STEPS - done)):
                flip = (bits & 1).to(torch.float64)
                x.mul_(flip.mul_(2 * s).add_(1 - s))
                bits >>= 1

    def by_bernoulli(x):
        x.fill_(1)
        f = torch.empty_like(x)
        for _ in range(peer.COIN_STEPS):
            x.mul_(f.bernoulli_(0.5).mul_(2 * s).add_(1 - s))
    return [Way(f"{note}, blocks of {block}, a tenth of the walkers",
                lambda work=work, block=block: blocked(work, walkers, block),
                peer.coins_check, walkers * peer.COIN_STEPS)
            for note, work in (("a bit a step", by_bits),
                               ("bernoulli_", by_bernoulli))
            for block in (10000, 100000)]


# ---- single operations ------------------------------------------------------

def one(make):
    return lambda: [Way("", make(), lambda _: math.nan)]


def normal(*shape):
    return torch.randn(shape, dtype=torch.float64)


def of(f, *operands):
    return lambda: f(*operands)


WORKLOADS = {
    "hessian": lambda: hessian_ways(peer.WIDE, 10000, 32),
    "hessian-small": lambda: hessian_ways(peer.NARROW, 1000, 160,
                                          w="small_w", v="small_v"),
    "gradient": gradient,
    "hvp": lambda: hvp(0),
    "hvp-kept": lambda: hvp(1),
    "sgd-64": lambda: sgd(64),
    "sgd-128": lambda: sgd(128),
    "deep-gradient": lambda: deep("grad"),
    "deep-hvp": lambda: deep("hvp"),
    "deep-hvp-kept": lambda: deep("kept"),
    "iterate": iterate,
    "iterate-lanes": lanes,
    "loop": lambda: loop([("by hand, Python loop", by_hand)]),
    "loop-grad": lambda: loop([("autograd, Python loop", autograd),
                               ("torch.func.grad, Python loop", functional)]),
    "sde-two": lambda: sde(two_noises),
    "sde-one": lambda: sde(one_noise),
    "sde-normals": normals,
    "sde-coins": coins,
    "start-up": peer.start_up("torch"),
    "add-2": one(lambda: of(torch.add, torch.ones(2).double(),
                            torch.ones(2).double())),
    "add": one(lambda: of(torch.add, normal(1_000_000), normal(1_000_000))),
    "exp": one(lambda: of(torch.exp, normal(1_000_000))),
    "sum": one(lambda: of(torch.sum, normal(1_000_000))),
    "matmul": one(lambda: of(lambda a: a @ a, normal(512, 512))),
    "normal": one(lambda: of(normal, 1_000_000)),
    "hessian-2": one(lambda: of(hessian(f), START)),
}

peer.serve(f"torch {torch.__version__}", WORKLOADS)
