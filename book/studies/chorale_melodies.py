"""Read the melodies of Bach's chorales out of the corpus of music21, for chapter 7.

    pip install music21
    python book/studies/chorale_melodies.py

writes ``nnlearn/data/datasets/bach-chorales.npz``. music21 is needed for nothing else, and is
therefore no dependency of the project.

Of each chorale the pitches and lengths of the soprano's notes are taken, and where it rests on a
note (a fermata). The key signature is moved to none. Chorales in another time than 4/4, with rests
inside, or with unusual lengths are left out. Bach set many tunes several times: what shares a fifth
of its seven-step stretches is taken for one tune, and no tune is on both sides of a split.
"""

import itertools
import warnings
from pathlib import Path

import numpy as np
from music21 import converter, corpus

from nnlearn.files import atomic_file

DATASETS = Path(__file__).resolve().parents[2] / "nnlearn" / "data" / "datasets"
FILE = DATASETS / "bach-chorales.npz"
LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16)  # of a note, in sixteenths
TEST, CHOICE = 60, 30  # melodies: the last of the file, and those before them
STRETCH, SHARED = 7, 0.2  # what makes two melodies one tune


def soprano(path):
    """Return (upbeat in sixteenths, notes) of a chorale, or None if it is left out."""
    score = converter.parse(path)
    part = next((p for p in score.parts if (p.partName or "").startswith("Soprano")), None)
    if part is None:
        return None
    times = [time.ratioString for time in part.recurse().getElementsByClass("TimeSignature")]
    sharps = part.recurse().getElementsByClass("KeySignature").first().sharps
    bar = part.getElementsByClass("Measure").first()
    events = [n for n in part.stripTies().flatten().notesAndRests if not n.duration.isGrace]
    while events and events[0].isRest:
        del events[0]
    while events and events[-1].isRest:
        del events[-1]
    lengths = [4 * float(n.quarterLength) for n in events]
    if times != ["4/4"] or any(n.isRest for n in events) or not set(lengths) <= set(LENGTHS):
        return None
    move = -7 * sharps % 12
    move -= 12 if move > 6 else 0
    rests_on = [any("Fermata" in type(e).__name__ for e in n.expressions) for n in events]
    start = 4 * float(bar.paddingLeft + events[0].offset)
    rows = zip((n.pitches[-1].midi + move for n in events), lengths, rests_on, strict=True)
    return int(-start % 16), np.array(list(rows), dtype=np.uint8)


def stretches(upbeat, notes):
    """Return the runs of intervals between the notes on the beats: they tell a tune."""
    starts = np.cumsum([-upbeat, *notes[:-1, 1].astype(int)])
    steps = np.diff(notes[starts % 4 == 0, 0].astype(int))
    return {tuple(steps[i : i + STRETCH]) for i in range(len(steps) - STRETCH + 1)}


def tunes(melodies):
    """Put melodies of one tune together: lists of indices."""
    marks = [stretches(*melody) for melody in melodies]
    label = list(range(len(melodies)))
    for i, j in itertools.combinations(label.copy(), 2):
        fewest = max(1, min(len(marks[i]), len(marks[j])))
        if len(marks[i] & marks[j]) > SHARED * fewest:
            label = [label[i] if k == label[j] else k for k in label]
    return [[i for i, k in enumerate(label) if k == tune] for tune in dict.fromkeys(label)]


def taken(groups, count):
    """Take whole groups, the first that fit, until there are so many; return what they hold."""
    found = []
    for group in list(groups):
        if len(found) + len(group) <= count:
            found += group
            groups.remove(group)
    assert len(found) == count
    return found


def main():
    warnings.simplefilter("ignore")
    paths = sorted(p for p in corpus.getComposer("bach") if p.name.startswith("bwv"))
    read = {path.stem.removeprefix("bwv"): soprano(path) for path in paths}
    names = [name for name, melody in read.items() if melody is not None]
    melodies = [read[name] for name in names]
    groups = tunes(melodies)
    print(len(names), "melodies,", len(groups), "tunes")
    groups = [groups[i] for i in np.random.default_rng(0).permutation(len(groups))]
    test, choice = taken(groups, TEST), taken(groups, CHOICE)
    order = [*itertools.chain(*groups), *choice, *test]
    with atomic_file(FILE) as file:
        np.savez_compressed(
            file,
            names=np.array([names[i] for i in order]),
            upbeats=np.array([melodies[i][0] for i in order], dtype=np.uint8),
            counts=np.array([len(melodies[i][1]) for i in order], dtype=np.uint8),
            notes=np.concatenate([melodies[i][1] for i in order]),
        )


if __name__ == "__main__":
    main()
