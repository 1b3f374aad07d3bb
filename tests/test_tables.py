"""Tables: columns in line as text, and HTML that a page may colour as it likes."""

from nnlearn.tables import Table, shortened

FRUIT = Table(
    "Fruit",
    ("name", "kind", "price"),
    [("apple", "a<b", "1"), ("  fig", "", "12")],
    ["in cents"],
    left=2,
)


def test_text():
    assert str(FRUIT).splitlines() == [
        "Fruit",
        "name   kind  price",
        "apple  a<b       1",
        "  fig           12",
        "in cents",
    ]
    assert str(Table("Nothing", ("name",), [])) == "Nothing"


def test_html():
    page = FRUIT.html()
    assert page.count('<th scope="col">') == 3
    assert '<th scope="row">&nbsp;&nbsp;fig</th><td></td><td>12</td>' in page
    assert "a&lt;b" in page
    assert '<tfoot><tr><td colspan="3">in cents</td></tr></tfoot>' in page
    assert "tfoot" not in Table("Nothing", ("name",), []).html()


def test_the_middle_of_a_long_table_is_left_out():
    rows = [(str(i), "x") for i in range(10)]
    assert shortened(rows, 10) == rows
    short = shortened(rows, 7)
    assert [row[0] for row in short] == ["0", "1", "2", "3", "… 4 more", "8", "9"]
    assert {len(row) for row in short} == {2}
