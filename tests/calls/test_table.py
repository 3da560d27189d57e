from .call_run import Row
from .table import table


def test_what_is_no_case_there_is_told_from_what_was_not_run():
    rows = [
        Row("one", "a tab is closed", 2, left={"alice": 15.64}, stayed=["bob"]),
        Row("one", "Afterword is killed", 2, hear=True, then_left=16.0),
        Row("alone", "a tab is closed", 2, left={"alice": 15.0, "bob": 26.26}, wrong=["bob has left, who was there"]),
    ]
    there = {
        "one": {"a tab is closed", "Afterword is killed"},
        "two": {"a tab is closed", "Afterword is killed"},
        "alone": {"a tab is closed"},
    }
    assert table(rows, there).splitlines() == [
        "| in mid-call | one | two | alone |",
        "| --- | --- | --- | --- |",
        "| a tab is closed | 1 left after 15.6 s, 1 stayed | was not run "
        "| 2 left after 15.0 to 26.3 s, 0 stayed; **bob has left, who was there** |",
        "| Afterword is killed | nobody left; media flows; one killed then left after 16.0 s | was not run | – |",
    ]
