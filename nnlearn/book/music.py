"""Melodies as numbers for a network, as a score for the eye, and as sound for the ear.

A melody is an array (L, 3) of int: of each note the pitch (MIDI, 60 is middle C), the length in
sixteenths, and 1 where the singers rest on it. It needs verovio to draw and IPython to show, and
is therefore not imported with the package, but by ``from nnlearn.book import music``.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from nnlearn.arrays.typing import Array

#: Lengths of notes, in sixteenths, and the pitches that chorales use.
LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16)
PITCHES = range(53, 87)
#: How the twelve steps of an octave are written: letter, and n(atural), s(harp) or f(lat).
SPELLING = [("c", "n"), ("c", "s"), ("d", "n"), ("d", "s"), ("e", "n"), ("f", "n"), ("f", "s")]
SPELLING += [("g", "n"), ("g", "s"), ("a", "n"), ("b", "f"), ("b", "n")]
END = 0  # begins and ends a melody
FIRST_PITCH = 1 + 2 * len(LENGTHS)
#: How many different tokens there are.
TOKENS = FIRST_PITCH + len(PITCHES)


def encode(notes: Any) -> Any:
    """Write a melody as tokens: the end's sign, a length and a pitch for each note, the end's sign.

    Parameters
    ----------
    notes : array of int, shape (L, 3)

    Returns
    -------
    array of int, shape (2 L + 2,)
        A length's token also says whether the singers rest on the note.

    Raises
    ------
    ValueError
        If a length or a pitch has no token.
    """
    tokens = [END]
    for pitch, length, rest in notes.tolist():
        if length not in LENGTHS or pitch not in PITCHES:
            raise ValueError(
                f"encode: notes contains pitch {pitch} of length {length}, expected pitches "
                f"{PITCHES[0]} to {PITCHES[-1]} and lengths {LENGTHS}"
            )
        tokens.append(1 + LENGTHS.index(length) + len(LENGTHS) * rest)
        tokens.append(FIRST_PITCH + PITCHES.index(pitch))
    return np.array([*tokens, END])


def decode(tokens: Array) -> Any:
    """Read a melody back from tokens, as far as they make whole notes.

    Parameters
    ----------
    tokens : sequence of int
        The first one is the sign of the beginning. It ends at the end's sign, or at a token that
        does not stand where it should.

    Returns
    -------
    array of int, shape (L, 3)
    """
    notes = []
    for length, pitch in zip(tokens[1::2], tokens[2::2], strict=False):
        if not 0 < length < FIRST_PITCH <= pitch:
            break
        rest, which = divmod(int(length) - 1, len(LENGTHS))
        notes.append((PITCHES[int(pitch) - FIRST_PITCH], LENGTHS[which], rest))
    return np.array(notes, dtype=int).reshape(-1, 3)


def split_at_bars(notes: Any, upbeat: Any) -> Any:
    """Cut notes at the bar lines, into lengths that one sign can write.

    Parameters
    ----------
    notes : array of int, shape (L, 3)
    upbeat : int
        Sixteenths before the first bar.

    Returns
    -------
    list of list of (index, length)
        The bars: of each piece the number of its note, and its length in sixteenths.
    """
    bars: list[Any] = [[]]
    left = upbeat or 16
    for index, length in enumerate(notes[:, 1].tolist()):
        while length:
            piece = max(size for size in LENGTHS if size <= min(length, left))
            bars[-1].append((index, piece))
            length, left = length - piece, left - piece
            if left == 0:
                bars.append([])
                left = 16
    return bars if bars[-1] else bars[:-1]


def score(notes: Any, upbeat: Any = 0, color_from: Any = None, color: Any = "#000000") -> Any:
    """Draw a melody as a score.

    Parameters
    ----------
    notes : array of int, shape (L, 3)
    upbeat : int
        Sixteenths before the first bar.
    color_from : int, optional
        From this note on, the notes have the colour.
    color : str

    Returns
    -------
    IPython.display.SVG
    """
    import verovio
    from IPython.display import SVG

    toolkit = verovio.toolkit()
    toolkit.setOptions(
        {
            **{"scale": 45, "pageWidth": 1900, "adjustPageHeight": True, "svgViewBox": True},
            **{"header": "none", "footer": "none", "xmlIdSeed": 1, "breaks": "auto"},
        }
    )
    toolkit.loadData(_mei(notes, upbeat, color_from, color))
    return SVG(toolkit.renderToSVG(1))  # type: ignore[no-untyped-call]


def _mei(notes: Any, upbeat: Any, color_from: Any, color: Any) -> Any:
    """Write a melody in the format of the Music Encoding Initiative, which verovio reads."""
    bars = split_at_bars(notes, upbeat)
    pieces = [index for bar in bars for index, _ in bar]
    last = {index: place for place, index in enumerate(pieces)}
    place, measures = 0, []
    for bar in bars:
        layer, rests = "", ""
        signs: dict[
            Any, Any
        ] = {}  # of each line of the staff: the accidental that holds in this bar
        for index, length in bar:
            later, earlier = last[index] > place, place > 0 and pieces[place - 1] == index
            tie = {(0, 1): "i", (1, 1): "m", (1, 0): "t"}.get((earlier, later))
            extra = f' tie="{tie}"' if tie else ""
            if color_from is not None and index >= color_from:
                extra += f' color="{color}"'
            layer += _mei_note(notes[index, 0], length, f"n{place}", extra, signs)
            if notes[index, 2] and not later:
                rests += f'<fermata place="above" startid="#n{place}"/>'
            place += 1
        measures.append(
            f'<measure><staff n="1"><layer n="1">{layer}</layer></staff>{rests}</measure>'
        )
    head = "<meiHead><fileDesc><titleStmt><title/></titleStmt><pubStmt/></fileDesc></meiHead>"
    staff = '<staffGrp><staffDef n="1" lines="5" clef.shape="G" clef.line="2"/></staffGrp>'
    return (
        f'<mei xmlns="http://www.music-encoding.org/ns/mei" meiversion="5.0">{head}<music><body>'
        f'<mdiv><score><scoreDef meter.count="4" meter.unit="4">{staff}</scoreDef>'
        f"<section>{''.join(measures)}</section></score></mdiv></body></music></mei>"
    )


def _mei_note(pitch: Any, length: int, name: str, extra: Any, signs: Any) -> Any:
    """Write one sign: a power of two, with a dot where it is one and a half times one."""
    size, dots = (length * 2 // 3, ' dots="1"') if length % 3 == 0 else (length, "")
    octave, step = divmod(int(pitch), 12)
    letter, accidental = SPELLING[step]
    line = (letter, octave)
    mark = f' accid="{accidental}"' if accidental != signs.get(line, "n") else ""
    signs[line] = accidental
    return (
        f'<note xml:id="{name}" pname="{letter}" oct="{octave - 1}" dur="{16 // size}"{dots}'
        f"{mark}{extra}/>"
    )


def sound(notes: Any, beats_per_minute: Any = 84, rate: Any = 22050) -> Any:
    """Play a melody on a small organ.

    Parameters
    ----------
    notes : array of int, shape (L, 3)
    beats_per_minute : float
        A quarter note is one beat; where the singers rest, the note lasts a half longer.
    rate : int
        Samples a second.

    Returns
    -------
    array of float32, shape (samples,)
        Between -0.8 and 0.8: nothing is clipped.
    """
    seconds = notes[:, 1] / 4 * (60 / beats_per_minute) * (1 + notes[:, 2] / 2)
    ends = np.rint(np.cumsum([0.0, *seconds]) * rate).astype(int)
    samples = np.zeros(ends[-1], dtype=np.float32)
    for pitch, (start, stop) in zip(notes[:, 0].tolist(), pairwise(ends), strict=True):
        time = np.arange(stop - start) / rate
        frequency = 440 * 2 ** ((pitch - 69) / 12)
        tone = sum(
            strength * np.sin(2 * np.pi * k * frequency * time)
            for k, strength in [(1, 1.0), (2, 0.5), (3, 0.25), (4, 0.2), (6, 0.1)]
        )
        fade = np.minimum(1, np.minimum(time, time[::-1]) / 0.03)  # no click
        samples[start:stop] = tone * fade * np.exp(-0.4 * time)
    return samples * (0.8 / max(np.max(np.abs(samples), initial=0), 1e-9))


def play(notes: Any, **settings: Any) -> Any:
    """Return a player for a melody, for a notebook: `sound` with its settings."""
    from IPython.display import Audio

    rate = settings.get("rate", 22_050)
    return Audio(sound(notes, **settings), rate=rate, normalize=False)  # type: ignore[no-untyped-call]
