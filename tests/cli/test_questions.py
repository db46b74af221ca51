"""Questions from the command line: their text and their JSON, and names that nothing has."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from prefect_lineage_events.cli import checks, main, words
from prefect_lineage_events.cli.errors import CommandError
from prefect_lineage_events.cli.words import Names
from prefect_lineage_events.encoding import EPOCH
from prefect_lineage_events.graph import values
from prefect_lineage_events.graph.graph import Window
from tests.cli.shop import EXPORTS, GOLDEN, QUESTIONS, answer, shop, without_drawing
from tests.graph.worlds import World, at

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", QUESTIONS)
def test_answer_is_as_recorded(name: str) -> None:
    code, text, errors = answer(QUESTIONS[name])
    assert (code, errors) == (0, "")
    assert text == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", QUESTIONS)
def test_json_is_as_recorded(name: str) -> None:
    code, text, errors = answer(f"{QUESTIONS[name]} --json")
    assert (code, errors) == (0, "")
    assert json.loads(text) == json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EXPORTS)
def test_export_is_as_recorded(name: str) -> None:
    code, text, errors = answer(EXPORTS[name])
    assert (code, errors) == (0, "")
    assert without_drawing(text) == (GOLDEN / name).read_text(encoding="utf-8")


def test_openlineage_events_are_those_of_the_runs_that_touched_the_dataset() -> None:
    _, text, _ = answer("export report.csv --format openlineage")
    events = [json.loads(row) for row in text.splitlines()]
    assert [(one["eventType"], one["job"]["name"]) for one in events] == [("START", "report"), ("FAIL", "report")]
    assert [one["name"] for one in events[1]["inputs"]] == ["shop.mart.sales"]
    assert [one["name"] for one in events[1]["outputs"]] == ["report.csv"]


def test_openlineage_events_have_the_tags_of_their_runs_by_the_source_of_the_settings(monkeypatch) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_TAG_SOURCE", "US")
    world = World()
    run = world.run("load", "a > b")
    world.snapshots = [replace(run, run=replace(run.run, tags=("nightly",)))]
    _, text, _ = answer("export --format openlineage", world)
    for event in map(json.loads, text.splitlines()):
        (tag,) = event["run"]["facets"]["tags"]["tags"]
        assert (tag["key"], tag["source"]) == ("nightly", "US")


def test_json_is_the_answer_of_the_graph() -> None:
    impact = values.Impact.model_validate_json(answer("impact staging.orders.amount --json")[1])
    assert [(one.dataset.rpartition("/")[2], one.column) for one in impact.values] == [("sales", "total")]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("show mart.sale", "did you mean shop.mart.sales?"),
        ("show orders", "'orders' is the name of 2 datasets"),
        ("impact staging.orders.amont", "did you mean amount?"),
        ("upstream nowhere", "there is no dataset 'nowhere'"),
        ("diff run-1 run-9", "did you mean run-"),
        ("diff run-1 00000000-0000-0000-0000-000000000000", "is not among the 7 runs"),
        ("freshness nowhere", "there is no dataset 'nowhere'"),
        ("runs nightlyy", "did you mean nightly?"),
        ("runs mart.sale", "did you mean shop.mart.sales?"),
        ("export nowhere --format dot", "there is no dataset 'nowhere'"),
    ],
)
def test_name_that_nothing_has_is_reported_with_the_nearest(command: str, message: str) -> None:
    code, text, errors = answer(command)
    assert (code, text) == (2, "")
    assert message in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("options", "window"),
    [
        ("--since 2026-11-01T06:30Z", Window(at(0.5))),
        ("--since all --as-of 2026-11-01T08:00Z", Window(EPOCH, at(2))),
        ("--since 2h --as-of 2026-11-01T08:00Z", Window(at(0), at(2))),
    ],
)
def test_options_of_time_are_the_window_of_the_ends_of_runs(
    options: str, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def load(_: object, window: Window, **__: object) -> NoReturn:
        asked.append(window)
        raise CommandError("enough")

    monkeypatch.setattr("prefect_lineage_events.graph.loading.load", load)
    monkeypatch.setattr("prefect.get_client", lambda **_: nullcontext())
    monkeypatch.setattr(checks, "require_api_address", lambda: None)
    monkeypatch.setattr(checks, "require_reachable_api", lambda: None)
    main(["unused", *options.split()])
    assert asked == [window]


def test_names_do_not_control_the_terminal() -> None:
    world = shop()
    world.run("na\x1b[31mme", "raw.or\u202eders > mart.x\u009b2J", columns="a\x07>b\u2066", name="ru\x1b]0;n")
    for command in (*QUESTIONS.values(), "show ru\x1b]0;n", "downstream mart.x\u009b2J", "conflicts", "unused"):
        for ending in ("", " --json"):
            _, text, errors = answer(command + ending, world)
            assert all(c.isprintable() or c == "\n" for c in text + errors), command


def test_difference_shows_names_with_spaces_and_slashes() -> None:
    world = World()
    for name in ("first", "second"):
        world.run(name, f"{name} > mart.sales", columns="a b>c", name=name)
    uri = world.snapshots[0].shape.lineage.inputs[0].dataset.uri
    shown = Names(world.graph, [uri, f"{uri} x", f"{uri}/x"])
    assert shown.within(f"{uri} x a -> {uri}/x b") == f"{shown(uri + ' x')} a -> {shown(uri + '/x')} b"
    _, text, _ = answer("diff first second", world)
    assert "://" not in text


def test_names_are_prepared_once_for_all_texts(monkeypatch) -> None:
    escaped: list[str] = []
    monkeypatch.setattr(words.re, "escape", lambda text: escaped.append(text) or text)
    uris = ["s3://a/x", "s3://b/x"]
    shown = Names(World().graph, uris)
    assert [shown.within(f"{uri} of") for uri in uris] == [f"{shown(uri)} of" for uri in uris]
    assert sorted(escaped) == uris


def test_row_of_a_pipe_is_one_line_without_styles() -> None:
    world = shop()
    world.run("long", f"raw.{'x' * 250} > mart.wide")
    _, text, _ = answer("upstream mart.wide", world)
    assert "x" * 250 in text
    assert not any(row.endswith(" ") for row in text.splitlines())


def test_reader_that_goes_away_ends_the_command_quietly() -> None:
    code = "import sys; from tests.cli.shop import shop; from prefect_lineage_events.cli import asking, main; "
    code += "g = shop().graph; asking.graph_of = lambda _: g; sys.exit(main(['show', 'mart.sales']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as done:
        assert done.stdout is not None
        assert done.stderr is not None
        done.stdout.close()
        errors = done.stderr.read()
    assert (done.returncode, errors) == (141, "")


def test_exports_hold_hostile_names_as_text() -> None:
    world = shop()
    name = '=x"]; <script src=x `&lt;` #34; \\ | end'
    world.run("<b>f</b>", f"raw.orders > mart.{name}".replace(",", ""))
    page, mermaid = answer("export --format html", world)[1], answer("export --format mermaid", world)[1]
    assert "<script" not in page
    assert "<b>f" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert all(
        re.fullmatch(r'flowchart LR|  d\d+(\["[^"<>]*"\]| -->\|"[^"<>]*"\| d\d+)', row) for row in mermaid.splitlines()
    )
    dot = answer("export --format dot", world)[1]
    quoted = re.sub(r'"(?:[^"\\]|\\.)*"', "Q", dot)
    assert "script" not in quoted
    assert '"' not in quoted


def test_csv_holds_no_formula() -> None:
    world = shop()
    world.run('=cmd|"/c calc"!A1', "raw.orders > mart.x", columns="=a>@b")
    rows = list(csv.reader(answer("export", world)[1].splitlines()))
    assert any("'=a" in row for row in rows)
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("command", ["show", "explain"])
def test_dataset_has_one_name_in_all_tables_of_an_answer(command: str) -> None:
    world = World()
    local = "file:///shop/own/users.csv"
    world.run("clicks", f"{local} > s3://landing/in/users.csv", writes=local, unknown=local)
    rows = answer(f"{command} clicks", world)[1].splitlines()
    assert [row.split()[2] for row in rows if row.startswith("unknown source")] == ["own/users.csv"]
    assert {word for row in rows for word in row.split() if word == "users.csv"} == set()


def test_number_of_unknown_sources_agrees_with_its_noun() -> None:
    world = World()
    world.run("nightly", writes="mart.a mart.b", unknown="mart.a mart.b")
    assert "2 unknown sources" in answer("runs", world)[1]


def test_lack_of_several_runs_is_one_row() -> None:
    world = World()
    for lifecycle in ("CREATE", "OVERWRITE"):
        world.run("nightly", "raw.orders > mart.sales", unknown="mart.sales", lifecycle=lifecycle)
    _, text, _ = answer("show mart.sales", world)
    assert len(json.loads(answer("show mart.sales --json", world)[1])["gaps"]) == 2
    assert text.count("its rows came out of Python") == 1
