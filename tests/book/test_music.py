"""Melodies as tokens, as a score and as sound."""

import re
import wave

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from paths import BOOK

import nnlearn as nn
from nnlearn.book import music

SOUNDS = sorted((BOOK / "_static" / "sound").glob("*.mp3"))
melodies = st.lists(
    st.tuples(st.sampled_from(music.PITCHES), st.sampled_from(music.LENGTHS), st.integers(0, 1)),
    max_size=12,
).map(lambda rows: np.array(rows, dtype=int).reshape(-1, 3))


# --- tokens ------------------------------------------------------------------------------------


@given(melodies)
def test_a_melody_comes_back_from_its_tokens(notes):
    tokens = music.encode(notes)
    assert tokens[0] == tokens[-1] == music.END
    assert np.all((tokens >= 0) & (tokens < music.TOKENS))
    np.testing.assert_array_equal(music.decode(tokens), notes)
    np.testing.assert_array_equal(music.decode(tokens[:-1]), notes)


def test_every_token_is_used_once():
    notes = [(p, n, r) for p in music.PITCHES for n in music.LENGTHS for r in (0, 1)]
    tokens = {tuple(music.encode(np.array([note]))[1:3]) for note in notes}
    assert len(tokens) == len(notes)
    assert {t for pair in tokens for t in pair} == set(range(1, music.TOKENS))


def test_a_melody_ends_where_the_tokens_make_no_note():
    length, pitch = 4, music.FIRST_PITCH + 3
    for tail in ([length, length], [pitch, pitch], [length, music.END], [music.END], [length]):
        notes = music.decode([music.END, length, pitch, *tail])
        assert len(notes) == 1
    assert music.decode([music.END]).shape == (0, 3)


@pytest.mark.parametrize("note", [(60, 5, 0), (20, 4, 0)])
def test_what_has_no_token(note):
    with pytest.raises(ValueError, match=f"encode: notes contains pitch {note[0]} of length"):
        music.encode(np.array([note]))


# --- bars --------------------------------------------------------------------------------------


@given(melodies, st.integers(0, 15))
def test_bars_are_full_and_nothing_is_lost(notes, upbeat):
    bars = music.split_at_bars(notes, upbeat)
    sizes = [sum(length for _, length in bar) for bar in bars]
    if len(sizes) > 1:
        assert sizes[0] == (upbeat or 16)
        assert set(sizes[1:-1]) <= {16}
    whole = np.zeros(len(notes), dtype=int)
    for bar in bars:
        for index, length in bar:
            assert length in music.LENGTHS
            whole[index] += length
    np.testing.assert_array_equal(whole, notes[:, 1])
    order = [index for bar in bars for index, _ in bar]
    assert order == sorted(order)


# --- the score ---------------------------------------------------------------------------------


def drawn(notes, **settings):
    return music.score(np.array(notes), **settings).data


def test_the_score_has_every_note_and_every_rest():
    notes = [(60, 4, 0), (62, 4, 0), (64, 8, 1), (65, 16, 0)]
    picture = drawn(notes)
    assert picture.count('class="note"') == 4
    assert picture.count('class="fermata"') == 1
    assert picture.count('class="measure"') == 2


def test_a_note_over_the_bar_line_is_tied():
    picture = drawn([(60, 12, 0), (62, 8, 1), (64, 12, 0)])
    assert picture.count('class="note"') == 4
    assert picture.count('class="tie"') == 1
    assert picture.count('class="fermata"') == 1  # at its end, and not on both of its signs


def test_accidentals_hold_until_the_bar_line():
    """By the codes of the Standard Music Font Layout."""
    codes = {"E260": "flat", "E261": "natural", "E262": "sharp"}

    def signs(*pitches):
        picture = drawn([(pitch, 4, 0) for pitch in pitches])
        return [codes[code] for code in re.findall(r'href="#(E26[012])-', picture)]

    assert signs(66, 66, 65, 67) == ["sharp", "natural"]  # F sharp twice, then F
    assert signs(65, 66, 66, 65) == ["sharp", "natural"]
    assert signs(67, 67, 67, 66, 66) == ["sharp", "sharp"]  # and anew after the bar line
    assert signs(70, 71, 70, 70) == ["flat", "natural", "flat"]
    assert signs(66, 78, 65, 77) == ["sharp", "sharp", "natural", "natural"]  # an octave apart
    assert signs(60, 62, 64, 65) == []


def test_the_notes_of_the_network_have_their_colour():
    picture = drawn([(60, 4, 0), (62, 4, 0), (64, 4, 0)], color_from=1, color="#b0488a")
    assert len(re.findall(r'class="note"[^>]*#b0488a|color="#b0488a"', picture)) >= 2
    assert "#b0488a" not in drawn([(60, 4, 0), (62, 4, 0)])


def test_the_same_melody_is_drawn_the_same():
    """Strict comparison of the chapter's outputs needs it."""
    notes = [(60, 4, 0), (66, 2, 1), (64, 12, 0)]
    assert drawn(notes, upbeat=4) == drawn(notes, upbeat=4)


# --- sound -------------------------------------------------------------------------------------


@pytest.mark.parametrize("pitch", [57, 69, 81])
def test_a_note_sounds_at_its_pitch(pitch):
    samples = music.sound(np.array([(pitch, 16, 0)]), beats_per_minute=60)
    assert len(samples) == 4 * 22_050
    spectrum = np.abs(np.fft.rfft(samples))
    frequency = np.argmax(spectrum) / 4
    assert frequency == pytest.approx(440 * 2 ** ((pitch - 69) / 12), abs=0.3)


def test_nothing_is_clipped_and_nothing_clicks():
    notes = np.array([(60, 4, 0), (64, 4, 0), (67, 8, 1)])
    samples = music.sound(notes, beats_per_minute=120)
    assert samples.dtype == np.float32
    assert np.abs(samples).max() == pytest.approx(0.8, rel=1e-6)
    assert len(samples) == pytest.approx((0.5 + 0.5 + 1.5) * 22_050, abs=2)
    ends = np.cumsum([0, 11025, 11025])
    assert np.abs(samples[ends]).max() < 0.01  # each note begins from silence
    assert len(music.sound(np.zeros((0, 3), dtype=int))) == 0


def test_a_player_for_the_notebook(tmp_path):
    audio = music.play(np.array([(69, 4, 0)]), beats_per_minute=60)
    file = tmp_path / "a.wav"
    file.write_bytes(audio.data)
    with wave.open(str(file)) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (22_050, 22_050)


def test_there_are_recordings():
    assert len(SOUNDS) == 4


@pytest.mark.parametrize("path", SOUNDS, ids=lambda path: path.stem)
def test_the_recordings_are_small_and_not_clipped(path):
    assert path.stat().st_size < 300_000
    samples, rate = soundfile.read(path)
    assert rate == 22_050
    assert 10 < len(samples) / rate < 80
    assert 0.5 < np.abs(samples).max() < 0.99
    assert np.sqrt(np.mean(samples**2)) > 0.1


# --- the data ----------------------------------------------------------------------------------


def test_every_chorale_can_be_encoded():
    for chorales in nn.data.load_chorales():
        for chorale in chorales:
            np.testing.assert_array_equal(music.decode(music.encode(chorale.notes)), chorale.notes)
