"""One network on the device, in a process of its own: ``python -m benchmarks.on_device mlp torch``.

Prints a line of JSON: the time of a step, the memory, for nnlearn what a step waits for, and, if
asked for, the time of the same step as a graph: the host launches all kernels of a step at once.
"""

import argparse
import json
import runpy
import statistics
import time
import traceback
import warnings

from benchmarks import timing

BLOCK = 10  # steps between two waits for the device: one wait a step would be part of the time
#: from this step on Adam's correction 1 - β₂ᵗ is 1 to the last digit, and all steps are alike
LATE = 100_000


def timed(step, settle, seconds):
    """Return the median time of a step, in seconds, where `settle` waits for the device."""
    for _ in range(BLOCK):
        step()
    settle()
    found = []
    end = time.perf_counter() + seconds
    while len(found) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(BLOCK):
            step()
        settle()
        found.append((time.perf_counter() - start) / BLOCK)
    return statistics.median(found)


def waits(step):
    """Return at which lines a step of nnlearn waits for the device: none, it should be.

    CuPy tells of its own: ``allow_synchronize`` raises at the first array that is brought to the
    host (so do ``float(a)``, ``if a:`` and masks as indices) and at a wait for the whole device.
    It does not see a wait for a stream or an event. The double counts them all.
    """
    import cupy

    if hasattr(cupy, "counted"):
        with cupy.counted() as counts:
            step()
        return sorted(counts.waits)
    import cupyx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated: it does not see all waits
        forbidden = cupyx.allow_synchronize(False)
        with forbidden:
            try:
                step()
            except cupyx.DeviceSynchronized as error:
                return [_line_of(error)]
    return []


def _line_of(error):
    """Return the last line of the package that an error passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "nnlearn" in f.filename] or frames
    return f"{ours[-1].name}, line {ours[-1].lineno}: {ours[-1].line}"


def captured(step):
    """Return a graph of nnlearn's step as a function that launches it.

    A graph repeats the kernels with the numbers and the memory of the one step that was captured.
    So nothing may come from the host (the GAN's noise does), Adam must be so late that its
    correction no longer changes, and no memory may be new: on the same stream as in the steps
    before, CuPy's pool has all of it. What a later step without the graph would put into that
    memory a launch would overwrite: from here on, only launches.
    """
    import cupy

    names = step.__globals__
    if "optimizer" not in names:
        raise RuntimeError("its noise comes from the host, and would be the same at each launch")
    names["optimizer"].steps += LATE
    stream = cupy.cuda.Stream(non_blocking=True)
    cupy.cuda.Device().synchronize()
    with stream:
        for _ in range(3):
            step()
        stream.begin_capture()
        try:
            step()
        finally:
            graph = stream.end_capture()
    return lambda: graph.launch(stream)


def launch_differs(launch, step):
    """Return by how much a launch moves θ otherwise than a step does, relative to its move."""
    import cupy

    wait = cupy.cuda.Device().synchronize
    names = step.__globals__
    vectors = [names["params"].vector, *names["optimizer"].memory.values()]
    wait()
    before = [v.copy() for v in vectors]
    moves = []
    for move in (launch, step):
        for vector, old in zip(vectors, before, strict=True):
            vector[...] = old
        wait()  # the graph has a stream of its own
        move()
        wait()
        moves.append(vectors[0].get() - before[0].get())
    launched, stepped = moves
    return float(abs(launched - stepped).max() / abs(stepped).max())


def compiled(step):
    """Have PyTorch compile every module of a program, with graphs; do the first step."""
    import torch

    names = step.__globals__
    for name, thing in list(names.items()):
        if isinstance(thing, torch.nn.Module):
            names[name] = torch.compile(thing, mode="reduce-overhead")
    step()
    return step


def as_graph(library, step, settle, seconds):
    """Return the time of a step as a graph, or why there is none."""
    try:
        if library == "torch":
            return {"seconds": timed(compiled(step), settle, seconds)}
        launch = captured(step)
        differs = launch_differs(launch, step)
        return {"seconds": timed(launch, settle, seconds), "differs": differs}
    except Exception as error:  # whatever keeps a step from being one: it is told
        return {"reason": f"{type(error).__name__}: {error}".splitlines()[0]}


def run(network, library, seconds, graph):
    """Run a network's program on the device; print what was found."""
    if library == "torch":
        import torch

        torch.set_default_device("cuda")
        settle, peak = torch.cuda.synchronize, torch.cuda.max_memory_allocated
    else:
        import cupy

        settle = cupy.cuda.Device().synchronize
        peak = cupy.get_default_memory_pool().total_bytes

    def report(step):
        found = {"seconds": timed(step, settle, seconds), "mebibytes": peak() / 2**20}
        if library == "nnlearn":
            found["waits"] = waits(step)
        if graph:
            found["graph"] = as_graph(library, step, settle, seconds)
        print(json.dumps(found))

    timing.report = report
    runpy.run_module(f"benchmarks.{network}_{library}")


def main():
    """Read what to run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.on_device", description=__doc__)
    parser.add_argument("network")
    parser.add_argument("library", choices=["nnlearn", "torch"])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--graph", action="store_true", help="time the step as a graph, too")
    run(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
