"""`status` remembers results, and knows which of them still count."""

from exercise_course import RIGHT

from nnlearn.exercises import progress
from nnlearn.exercises.verdict import Result


def test_status_remembers_and_knows_what_has_changed(reader, pristine):
    assert "not started" in reader("status")[1]
    reader.answer(a1=RIGHT["5.1"], a2="wrong")
    assert "3 of 3" not in reader("status")[1]
    answers = {"5.1": RIGHT["5.1"], "5.2": "wrong"}
    results = [Result("5.1", "right"), Result("5.2", "wrong", "…")]
    progress.remember(reader.copy.parent, pristine, answers, results)
    line = reader("status")[1]
    assert "1 of 3 right" in line
    assert "1 not right yet" in line
    assert "1 not answered" in line
    reader.answer(a1="def double(x):\n    return 3 * x")
    line = reader("status")[1]
    assert "0 of 3 right" in line
    assert "1 changed since the last check" in line


def test_status_survives_damaged_files(reader):
    reader("start", "5")
    (reader.copy.parent / progress.FILE).write_text("{half")
    assert reader("status") == (0, "05-cnn                0 of 3 right, 3 not answered\n")
    reader.copy.write_text("{half")
    code, text = reader("status")
    assert code == 0
    assert "cannot be read" in text


def test_a_changed_exercise_makes_the_remembered_result_stale(reader, pristine):
    folder = reader.copy.parent
    progress.remember(folder, pristine, RIGHT, [Result(n, "right") for n in RIGHT])
    assert set(progress.known(folder, pristine, RIGHT).values()) == {"right"}
    pristine.exercises["5.1"].cell("check")["source"] = "stricter_check(double)"
    assert progress.known(folder, pristine, RIGHT)["5.1"] == "new"
