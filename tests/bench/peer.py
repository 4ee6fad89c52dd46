"""What the benchmark's peers share: the numbers of the workloads, the data, and
the conversation with the driver, a line for a line:

    prepare NAME   ->  ready CHECK NOTE  |  none REASON
    sample         ->  took SECONDS      (for one unit of the workload)

A workload is a function that returns ways of doing it; the fastest, after a
warm-up, is the one that is timed. Its check is one number of its result, on
which all sides must agree.
"""
import gc
import math
import os
import sys
import time

SAMPLE, LONG = 0.05, 0.5   # seconds: of a sample; of a run that needs no warm-up

# Also in workloads.lua and limits.h.
SGD_STEPS, SGD_RATE = 100, 0.05
QUAD_STEPS, QUAD_RATE = 1_000_000, 1e-6
LANES, LANE_STEPS, LANE_RATE = 100_000, 1000, 1e-3
LOOP_STEPS = 10_000
COLUMNS = 8                # of a Hessian, in its check

WIDE, NARROW = (100, 50, 10), (100, 10, 10)
DEEP = (784, 1000, 500, 250, 30, 250, 500, 1000, 784)

# The noise rows; also in limits.h and workloads.lua.
SDE_PATHS, SDE_STEPS, SDE_DT, SDE_X0 = 100_000, 1000, 1e-3, 1.0
SDE_A, SDE_SIGMA, SDE_TAU, SDE_RHO = 0.3, 0.5, 0.4, 0.5
NORMALS = 1_000_000
COIN_WALKERS, COIN_STEPS, COIN_SIZE = 1_000_000, 1000, 0.1
COIN_BELOW = 0.946625228982840
WELL_SIGMA, WELL_DT, WELL_T = 0.5, 1e-2, 10.0
# FitzHugh-Nagumo with correlated noise, see fhn_drift.
FHN_A, FHN_B, FHN_EPS, FHN_I = 0.7, 0.8, 0.08, 0.5
FHN_S, FHN_R, FHN_RHO = 0.3, 0.1, 0.6
FHN_T, FHN_DT, FHN_TOLERANCE = 10.0, 1e-2, 1e-3
FHN_EULER = ((0.6298433, 5.4e-4), (1.1315355, 1.6e-4), (1.5748997, 6.1e-4),
             (1.3840776, 3.5e-4), (0.6784753, 6.3e-4))
FHN_FINE = ((0.6312129, 1.1e-3), (1.1315537, 3.2e-4), (1.5734853, 1.2e-3),
            (1.3840400, 7.0e-4), (0.6805517, 1.3e-3))  # by a quarter of the step


class Way:
    """One way of doing a workload: `run` gives a result, `check` a number of
    it; the time of a run is divided by `units`."""

    def __init__(self, note, run, check, units=1.0):
        self.note, self.run, self.check, self.units = note, run, check, units


def threads():
    """The thread count the driver gives; the process keeps to as many cores."""
    count = int(os.environ.get("OMP_NUM_THREADS", "1"))
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[:count]))
    return count


def load(name):
    """An array of the driver's data, by numpy."""
    import numpy
    return numpy.load(os.path.join(sys.argv[1], name + ".npy"))


def layers(sizes):
    """(in, out, offset of the weight [out x in], offset of the bias [out])."""
    at = 0
    for nin, nout in zip(sizes, sizes[1:]):
        yield nin, nout, at, at + nin * nout
        at += nin * nout + nout


def batches(count, batch, samples):
    """The first sample of each of `count` batches along the data, again and
    again."""
    per = samples // batch
    return [(i % per) * batch for i in range(count)]


def errors(values, expected, variance=None, spread=0.0):
    """How many standard errors the mean of values is away from expected, which
    itself is uncertain by spread. The error is the sample's where the variance
    is not known."""
    import numpy
    values = numpy.asarray(values).ravel()
    if variance is None:
        variance = values.var()
    return abs(values.mean() - expected) / math.sqrt(
        variance / values.size + spread * spread)


def sde_check(x):
    """Errors of mean and second moment of Euler-Maruyama's paths, against the
    scheme's own recursion."""
    import numpy
    x = numpy.asarray(x, numpy.float64).ravel()
    h, m1, m2 = SDE_DT, SDE_X0, SDE_X0 ** 2
    up = 1 + SDE_A * h
    for _ in range(SDE_STEPS):
        m2 = (m2 * (up * up + SDE_SIGMA ** 2 * h) + SDE_TAU ** 2 * h
              + 2 * SDE_RHO * SDE_SIGMA * SDE_TAU * h * m1)
        m1 *= up
    return max(errors(x, m1, m2 - m1 * m1), errors(x * x, m2))


def normals_check(x):
    """Of the first, second and fourth moment."""
    import numpy
    x = numpy.asarray(x, numpy.float64).ravel()
    y = x * x
    return max(errors(x, 0, 1), errors(y, 1, 2), errors(y * y, 3, 96))


def coins_check(x):
    """Of the share that did not rise, and of the mean logarithm."""
    import numpy
    x = numpy.asarray(x, numpy.float64).ravel()
    mean = 0.5 * COIN_STEPS * math.log1p(-COIN_SIZE ** 2)
    variance = COIN_STEPS * math.atanh(COIN_SIZE) ** 2
    p = COIN_BELOW
    return max(errors(x <= 1, p, p * (1 - p)),
               errors(numpy.log(x), mean, variance))


def well_check(x):
    """Of E x^2 = 1 and E x^4 = 1 + sigma^2: x^2 has the gamma law of shape
    1 / sigma^2 and mean 1 at T = 10."""
    import numpy
    y, s = numpy.asarray(x).ravel() ** 2, WELL_SIGMA ** 2
    return max(errors(y, 1, s), errors(y * y, 1 + s))


def fhn_drift(v, w):
    """dv = (v - v^3/3 - w + I) dt + s sqrt(1 + v^2) dW1,
    dw = eps (v + a - b w) dt + r v dW2, dW1 dW2 = rho dt, in Ito's sense."""
    return v - v * v * v / 3 - w + FHN_I, FHN_EPS * (v + FHN_A - FHN_B * w)


def fhn_check(v, w, moments):
    """Of E v, E w, E v^2, E w^2, E v w; moments are pairs, those of many more
    paths and their standard errors."""
    import numpy
    v, w = numpy.asarray(v).ravel(), numpy.asarray(w).ravel()
    return max(errors(x, mean, spread=spread) for x, (mean, spread)
               in zip((v, w, v * v, w * w, v * w), moments))


def clock(run, times=1):
    start = time.perf_counter()
    for _ in range(times):
        run()
    return time.perf_counter() - start


class Peer:
    def __init__(self, workloads):
        self.workloads, self.way, self.times = workloads, None, 1

    def prepare(self, name):
        self.way = None
        gc.collect()
        if name not in self.workloads:
            return "none not done by this peer"
        best, failed = math.inf, []
        for way in self.workloads[name]():
            try:
                result = way.run()
                check = float(way.check(result))
                del result
                took = clock(way.run)
                if took < LONG:
                    took = min(took, clock(way.run), clock(way.run))
            except Exception as error:  # noqa: BLE001: any failure is told
                failed.append(f"{way.note}: {first_line(error)}")
                continue
            if took / way.units < best:
                best, self.way, value = took / way.units, way, check
                self.times = max(1, round(SAMPLE / took))
            print(f"  {name}: {way.note}: {took / way.units:.4g} s",
                  file=sys.stderr, flush=True)
        if self.way is None:
            return "none " + "; ".join(failed)
        return f"ready {value!r} {self.way.note}"

    def sample(self):
        gc.collect()
        took = clock(self.way.run)
        if took < LONG:
            took = clock(self.way.run, self.times) / self.times
        return f"took {took / self.way.units:.9g}"


def first_line(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]


def serve(greeting, workloads):
    """Answers until the end of standard input."""
    peer = Peer(workloads)
    print("hello", greeting, flush=True)
    for line in sys.stdin:
        word, _, name = line.strip().partition(" ")
        try:
            answer = peer.prepare(name) if word == "prepare" else peer.sample()
        except Exception as error:  # noqa: BLE001
            answer = "none " + first_line(error)
        print(answer, flush=True)


def start_up(module):
    """The workload of a fresh interpreter that loads the peer."""
    import subprocess
    command = [sys.executable, "-c", "import " + module]
    return lambda: [Way("a fresh python", lambda: subprocess.run(command, check=True),
                        lambda _: math.nan)]
