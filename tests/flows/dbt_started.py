"""dbt, started by flows: in their process, by prefect-dbt, and as a process of its own by dbt-ol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from dbt.cli.main import dbtRunner
from prefect import flow
from prefect.runtime import flow_run
from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings

MODELS = {
    "paid": "select id, customer_id, amount from {{ source('shop', 'orders') }} where status = 'paid'",
    "totals": "select c.country, sum(p.amount) as total from {{ ref('paid') }} p "
    "join {{ source('shop', 'customers') }} c on c.id = p.customer_id group by c.country",
}


def project() -> Path:
    folder = Path("shop")
    (folder / "models").mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text(
        "name: shop\nversion: '1.0.0'\nprofile: shop\nmodels:\n  shop:\n    +materialized: table\n"
    )
    (folder / "profiles.yml").write_text(json.dumps({"shop": {"target": "dev", "outputs": {"dev": target()}}}))
    tables = [{"name": "orders"}, {"name": "customers"}]
    sources = {"version": 2, "sources": [{"name": "shop", "schema": target()["schema"], "tables": tables}]}
    (folder / "models" / "sources.yml").write_text(json.dumps(sources))
    for name, sql in MODELS.items():
        (folder / "models" / f"{name}.sql").write_text(sql)
    return folder


def target() -> dict[str, object]:
    if "SHOP_FILE" in os.environ:
        return {"type": "duckdb", "path": os.environ["SHOP_FILE"], "schema": "main", "threads": 2}
    url = urlsplit(os.environ["SHOP_URL"])
    login = {"host": url.hostname, "port": url.port, "user": url.username, "password": url.password}
    return {"type": "postgres", **login, "dbname": url.path.strip("/"), "schema": "public", "threads": 2}


@flow(name="dbt in the process")
def in_the_process() -> None:
    folder = str(project())
    result = dbtRunner().invoke(["run", "--project-dir", folder, "--profiles-dir", folder])
    if not result.success:
        raise RuntimeError(str(result.exception))


@flow(name="dbt by prefect-dbt")
def by_prefect_dbt() -> None:
    folder = project()
    PrefectDbtRunner(settings=PrefectDbtSettings(project_dir=folder, profiles_dir=folder)).invoke(["run"])


@flow(name="dbt by a command")
def by_a_command() -> str:
    folder = str(project())
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "OPENLINEAGE__TRANSPORT__TYPE": "file",
        "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(Path("sent").resolve()),
    }
    command = [programs / "dbt-ol", "run", "--project-dir", folder, "--profiles-dir", folder]
    subprocess.run(command, check=True, env=environment)
    return str(flow_run.id)


if __name__ == "__main__":
    run_id = by_a_command()  # first, since DuckDB's file stays open in this process afterwards
    in_the_process()
    by_prefect_dbt()
    parents = set()
    for file in Path().glob("sent*"):
        for line in file.read_text().splitlines():
            event = json.loads(line)
            if event["job"]["name"].startswith("dbt-run"):
                parents.add(event["run"]["facets"]["parent"]["run"]["runId"])
    print("parents", parents == {run_id})
