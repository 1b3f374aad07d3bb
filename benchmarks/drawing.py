"""The results as tables and pictures."""

import statistics

import matplotlib.pyplot as plt

from nnlearn.book.figures import COLORS, use_style
from nnlearn.files import atomic_file

NAMES = {
    "nnlearn": "nnlearn",
    "torch": "PyTorch",
    "thinc": "Thinc",
    "autograd": "autograd",
    "products": "its matrix products alone",
}


def spread(values, scale=1.0, digits=2):
    """Write the median of some numbers, and their smallest and largest."""
    low, middle, high = (f"{f(values) * scale:.{digits}f}" for f in (min, statistics.median, max))
    return f"{middle} [{low}, {high}]"


def about(found):
    """Write in one sentence where and with what it was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    settings = " ".join(f"{name}={value}" for name, value in found["settings"].items())
    return f"{found['machine']}; {versions}; {settings}; medians of {found['rounds']} rounds"


def table(found):
    """Return the training steps as a Markdown table, with ratios taken within a round."""
    lines = [
        "| network | program | one step, ms | time / PyTorch's | memory, MiB |",
        "| --- | --- | --- | --- | --- |",
    ]
    for network in found["networks"].values():
        programs = network["programs"]
        title = network["title"]
        if "machine" in network:  # measured on another one than the rest
            title += f", on {network['machine']}"
        for row, (name, report) in enumerate(programs.items()):
            seconds, torch = report["seconds"], programs.get("torch", report)["seconds"]
            ratios = [s / t for s, t in zip(seconds, torch, strict=True)]
            lines.append(
                f"| {title if row == 0 else ''} | {NAMES[name]} | "
                f"{spread(seconds, 1e3, 1)} | {spread(ratios)} | "
                f"{statistics.median(report['mebibytes']):.0f} |"
            )
    return "\n".join([*lines, "", about(found)])


def steps(found, path):
    """Draw each program's time as a multiple of PyTorch's."""
    use_style()
    figure, axes = plt.subplots(figsize=(7, 4))
    colors = dict(zip(NAMES, ("activation", "neutral", "weights", "input", "target"), strict=True))
    for column, (name, network) in enumerate(found["networks"].items()):
        programs = network["programs"]
        torch = programs["torch"]["seconds"]
        for k, (program, report) in enumerate(programs.items()):
            ratios = [s / t for s, t in zip(report["seconds"], torch, strict=True)]
            middle = statistics.median(ratios)
            place = column + 0.16 * (k - (len(programs) - 1) / 2)
            axes.bar(
                place,
                middle,
                0.14,
                color=COLORS[colors[program]],
                label=NAMES[program] if name == "mlp" else None,
            )
            axes.plot([place] * 2, [min(ratios), max(ratios)], color="black", lw=1)
    axes.axhline(1, color="black", lw=0.8, ls=":")
    axes.set_xticks(range(len(found["networks"])), [n.upper() for n in found["networks"]])
    axes.set_ylabel("time of one step / PyTorch's")
    axes.legend(frameon=False)
    _save(figure, path)


def growth(found, path):
    """Draw times against what grows, a panel for each: of a convolution, and of an MLP's step."""
    use_style()
    count = len(found["networks"])
    figure, panels = plt.subplots(
        1, count, figsize=(2.5 * count, 3), sharey=True, layout="constrained"
    )
    words = {"batch": "images", "side": "side, pixels", "channels": "channels"}
    for axes, (name, rows) in zip(panels, found["networks"].items(), strict=True):
        values = [row.get("parameters", row["value"]) for row in rows]
        for key, role in (("seconds", "activation"), ("products", "neutral")):
            times = [1e3 * statistics.median(row[key]) for row in rows]
            axes.loglog(values, times, "o-", color=COLORS[role], markersize=4)
        if name in words:
            axes.set_xticks(values, [str(v) for v in values], minor=False)
        axes.minorticks_off()
        axes.set_title("conv2d" if name in words else "MLP, a step with Adam", fontsize="medium")
        axes.set_xlabel(words.get(name, "parameters"))
    panels[0].set_ylabel("ms")
    names = ((0.92, "the whole", "activation"), (0.84, "products alone", "neutral"))
    for height, line, role in names:
        panels[0].text(0.05, height, line, color=COLORS[role], transform=panels[0].transAxes)
    _save(figure, path)


def lengths(found, path):
    """Draw a recurrent layer's time for one step of the sequence, by the sequence's length."""
    use_style()
    figure, panels = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained")
    for axes, (name, rows) in zip(panels, found["networks"].items(), strict=True):
        values = [row["value"] for row in rows]
        for library, role in (("nnlearn", "activation"), ("torch", "neutral")):
            times = [[1e6 * s / row["value"] for s in row[library]] for row in rows]
            middle = [statistics.median(some) for some in times]
            axes.semilogx(values, middle, "o-", color=COLORS[role], markersize=4)
            low, high = zip(*((min(some), max(some)) for some in times), strict=True)
            axes.fill_between(values, low, high, color=COLORS[role], alpha=0.2, linewidth=0)
            axes.text(values[-1] * 1.1, middle[-1], NAMES[library], color=COLORS[role], va="center")
        names = [str(v) if v < 1000 else f"{v // 1000}k" for v in values]
        axes.set_xticks(values, names, minor=False)
        axes.minorticks_off()
        top = 2 * max(statistics.median(row["torch"]) * 1e6 / row["value"] for row in rows)
        axes.set(xlabel="length T (steps)", xlim=(8, 9000), ylim=(0, top), title=name.upper())
    panels[0].set_ylabel("forward and backward, µs a step")
    _save(figure, path)


def _save(figure, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        figure.savefig(file, dpi=150, format="png")
    plt.close(figure)
