"""Tables: columns in line as text, and HTML that a page may colour as it likes."""

from xml.etree import ElementTree

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


def test_every_element_is_closed():
    """As XML would have it: a table in a notebook stands between other things."""
    table = ElementTree.fromstring(FRUIT.html().replace("&nbsp;", "_"))
    assert [part.tag for part in table] == ["caption", "thead", "tbody", "tfoot"]
    assert [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")] == [
        ["name", "kind", "price"],
        ["apple", "a<b", "1"],
        ["__fig", "", "12"],
        ["in cents"],
    ]


def test_unless_told_otherwise_one_column_is_text():
    assert str(Table("Two", ("a", "number"), [("b", "1")])).splitlines() == [
        *("Two", "a  number", "b       1"),
    ]


def test_the_middle_of_a_long_table_is_left_out():
    rows = [(str(i), "x") for i in range(10)]
    assert shortened(rows, 10) == shortened(tuple(rows), 10) == rows
    short = shortened(rows, 7)
    assert [row[0] for row in short] == ["0", "1", "2", "3", "… 4 more", "8", "9"]
    assert {len(row) for row in short} == {2}
