"""The plan of a deploy: each automation once, and nothing that a person edited is replaced without a question."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.events.schemas.automations import Automation, AutomationCore

from prefect_lineage_events.automations.assemble import ASSEMBLE
from prefect_lineage_events.automations.assemble_batched import ASSEMBLE_BATCHED
from prefect_lineage_events.automations.assemble_on_completion import ASSEMBLE_ON_COMPLETION
from prefect_lineage_events.automations.definition import Definition, Ids, Options, Runs, literal
from prefect_lineage_events.automations.listed import AUTOMATIONS
from prefect_lineage_events.automations.plan import Change, plan
from prefect_lineage_events.automations.revision import is_as_deployed, marked
from prefect_lineage_events.automations.schema_changed import SCHEMA_CHANGED
from prefect_lineage_events.automations.table_stale import TABLE_STALE
from prefect_lineage_events.automations.table_written import TABLE_WRITTEN, parameters_for
from prefect_lineage_events.automations.tables import pattern_of, table_of

IDS = Ids(uuid4(), uuid4())


def stored(core: AutomationCore, **changes: Any) -> Automation:
    """An automation as the server answers with it: through JSON, with an id."""
    content = core.model_dump(mode="json")
    content["trigger"]["id"] = str(uuid4())
    return Automation.model_validate({**content, "id": str(uuid4()), **changes})


def deployed(definition: Definition, options: Options | None = None, **changes: Any) -> tuple[Definition, Automation]:
    core = AutomationCore.model_validate(definition.build(options or definition.example, IDS))
    return definition, stored(marked(core), **changes)


def kinds(changes: list[Change]) -> list[tuple[str, str, bool]]:
    return [(change.kind, change.name, change.edited) for change in changes]


def test_first_deploy_makes_the_default_alone() -> None:
    assert kinds(plan([], [], IDS)) == [("create", "prefect-lineage-assemble", False)]


@pytest.mark.parametrize("definition", AUTOMATIONS, ids=lambda one: one.name)
def test_second_deploy_changes_nothing(definition: Definition) -> None:
    runs = definition.example.runs

    def kept(one: Definition, found: Automation) -> Options:
        return one.options_of(found) if runs is None else Options(table=table_of(found), runs=runs)

    found = [deployed(definition)] if definition.group == "assembler" else [deployed(ASSEMBLE), deployed(definition)]
    assert {change.kind for change in plan(found, [], IDS, kept=kept)} == {"keep"}
    again = plan(found, [(definition, definition.example)], IDS, kept=kept)
    assert {change.kind for change in again} == {"keep"}, "chosen again, it is not made twice"


def test_chosen_assembler_replaces_the_other() -> None:
    changes = plan([deployed(ASSEMBLE)], [(ASSEMBLE_BATCHED, Options())], IDS)
    assert kinds(changes) == [
        ("create", "prefect-lineage-assemble-batched", False),
        ("delete", "prefect-lineage-assemble", False),
    ]


def test_later_deploy_keeps_the_assembler_that_was_chosen() -> None:
    assert kinds(plan([deployed(ASSEMBLE_ON_COMPLETION)], [], IDS)) == [
        ("keep", "prefect-lineage-assemble-on-completion", False)
    ]


def test_edited_automation_is_shown_with_its_difference() -> None:
    definition, found = deployed(ASSEMBLE)
    found.trigger.within *= 5  # type: ignore[union-attr]
    (change,) = plan([(definition, found)], [], IDS)
    assert (change.kind, change.edited) == ("update", True)
    assert [one for one in change.diff() if "within" in one] == ["-  within: 300.0", "+  within: 60.0"]
    assert change.as_json()["diff"] == change.diff()


@pytest.mark.parametrize("seconds", [20, 33])
@pytest.mark.parametrize("earlier", range(3))
def test_automation_of_an_earlier_version_is_updated_without_a_question(earlier: int, seconds: float) -> None:
    likeness = stored(AutomationCore.model_validate(ASSEMBLE.build(Options(settle=seconds), IDS)))
    before = ASSEMBLE.earlier[earlier](likeness, IDS)
    assert before is not None
    (change,) = plan([(ASSEMBLE, stored(AutomationCore.model_validate(before)))], [], IDS)
    assert (change.kind, change.edited) == ("update", False)


def test_automation_with_another_deployment_is_no_edit_of_a_person() -> None:
    """The assembler's deployment was deleted and made again: its id is another one."""
    (change,) = plan([deployed(ASSEMBLE)], [], Ids(uuid4(), uuid4()))
    assert (change.kind, change.edited) == ("update", False)


def test_imported_file_of_this_version_is_kept() -> None:
    found = stored(AutomationCore.model_validate(ASSEMBLE.build(Options(), IDS)))
    assert kinds(plan([(ASSEMBLE, found)], [], IDS)) == [("keep", "prefect-lineage-assemble", False)]


def test_second_of_a_name_is_deleted_and_the_one_that_deploy_wrote_stays() -> None:
    imported = ASSEMBLE, stored(AutomationCore.model_validate(ASSEMBLE.build(Options(), IDS)))
    written = deployed(ASSEMBLE)
    kept, gone = plan([imported, written], [], IDS)
    assert (kept.kind, kept.found, gone.kind, gone.found) == ("keep", written[1], "delete", imported[1])


def test_disabled_automation_stays_disabled() -> None:
    (change,) = plan([deployed(ASSEMBLE, enabled=False)], [], Ids(uuid4(), uuid4()))
    assert change.wanted is not None
    assert not change.wanted.enabled


def test_tags_and_actions_of_people_stay() -> None:
    mail = {"type": "send-notification", "block_document_id": str(uuid4()), "subject": "s", "body": "b"}
    found = deployed(SCHEMA_CHANGED, actions=[mail], tags=["data-team"])
    assert kinds(plan([deployed(ASSEMBLE), found], [], IDS))[1] == ("keep", "prefect-lineage-schema-changed", False)


def test_hours_stay_unless_others_are_given() -> None:
    table = "postgres://h:5432/d/s/t"
    found = [deployed(ASSEMBLE), deployed(TABLE_STALE, Options(table=table, hours=7))]
    assert {change.kind for change in plan(found, [], IDS)} == {"keep"}
    *_, change = plan(found, [(TABLE_STALE, Options(table=table, hours=9))], IDS)
    assert (change.kind, change.edited) == ("update", False)
    assert change.wanted is not None
    assert change.wanted.trigger.within.total_seconds() == 9 * 3600  # type: ignore[union-attr]


def test_two_tables_have_two_automations() -> None:
    runs = Runs(uuid4(), "report/nightly")
    found = [deployed(ASSEMBLE), deployed(TABLE_WRITTEN, Options(table="postgres://h:5432/d/s/a", runs=runs))]
    made = plan(found, [(TABLE_WRITTEN, Options(table="postgres://h:5432/d/s/b", runs=runs))], IDS)
    assert next(change.kind for change in made) == "create"


def test_automation_whose_deployment_is_gone_is_left_alone() -> None:
    found = [deployed(ASSEMBLE), deployed(TABLE_WRITTEN)]
    *_, change = plan(found, [], IDS, kept=lambda one, _: None if one is TABLE_WRITTEN else Options())
    assert (change.kind, change.why) == ("keep", "the deployment that it runs is gone")


def test_revision_does_not_depend_on_ids_or_on_the_switch() -> None:
    _, found = deployed(ASSEMBLE)
    again = stored(found, enabled=False)
    assert is_as_deployed(found)
    assert is_as_deployed(again)
    assert not is_as_deployed(stored(found, name="renamed"))


@pytest.mark.parametrize("text", ["a*b", "[abc]", "what?", "plain/orders", "[*", "][", "a!b"])
def test_literal_pattern_matches_only_its_text(text: str) -> None:
    from prefect.server.events.schemas.events import matches

    assert matches(literal(text), text)
    assert not matches(literal(text), text + "x")
    assert not matches(literal(text), "other")
    assert not matches(f"!{literal(text)}", text)
    assert not matches(f"!{literal('!' + text)}", "!" + text)


@pytest.mark.parametrize("table", ["postgres://h:5432/d/s/t", "s3://b/[x]/what?", "file:///a/*/b*"])
def test_table_is_read_back_from_its_pattern(table: str) -> None:
    _, found = deployed(TABLE_STALE, Options(table=table))
    assert table_of(found) == table
    found.trigger.match.root["prefect.resource.id"] = "edited[a-z]*"  # type: ignore[union-attr]
    assert table_of(found) is None
    assert pattern_of("a*b") == "a*b"


@pytest.mark.parametrize(
    ("type_", "field"), [("string", "schema_name"), ("array", "columns"), ("object", "types"), ("", "columns")]
)
def test_parameter_schema_gets_what_its_type_declares(type_: str, field: str) -> None:
    runs = Runs(UUID(int=1), "f/d", {"schema": type_, "dataset": "string", "mine": "string"})
    assert parameters_for(runs) == {
        "dataset": "{{ event.payload['dataset'] }}",
        "schema": f"{{{{ event.payload['{field}'] }}}}",
    }


@pytest.mark.parametrize("definition", AUTOMATIONS, ids=lambda one: one.name)
def test_each_automation_is_described_for_people(definition: Definition) -> None:
    assert definition.description.endswith(".")
    assert definition.cost.endswith(".")
    assert definition.summary
