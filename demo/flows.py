"""Two ordinary flows over all flights that left New York in 2013, in DuckDB.

Only the names of the blocks refer to lineage: `SqlAlchemyLineage` instead of `SqlAlchemyConnector`, and a block for
files that records its reads.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from prefect import flow, task

from prefect_lineage_events import LineageBlock, SqlAlchemyLineage, record_write

WAREHOUSE = "flights-warehouse"
FILES = "flight-files"


class FlightFiles(LineageBlock):
    """A folder with the CSV files of the flights data set."""

    _block_type_name = "Flight Files"
    _block_type_slug = "flight-files"
    folder: str

    def read(self, name: str) -> pd.DataFrame:
        path = next(Path(self.folder).glob(f"{name}.csv*"))
        frame = pd.read_csv(path)
        self.record_read(path.as_uri(), rows=len(frame))
        return frame


def insert_frame(table, connection, columns, rows):
    """Insert all rows of pandas into DuckDB at once instead of one by one (see `method` of `DataFrame.to_sql`)."""
    frame = pd.DataFrame(rows, columns=columns)
    connection.exec_driver_sql("register", ("frame", frame))
    connection.exec_driver_sql(f"INSERT INTO {table.name} SELECT * FROM frame")


@task
def stage(name: str):
    """Load one file into its staging table."""
    frame = FlightFiles.load(FILES).read(name)
    with SqlAlchemyLineage.load(WAREHOUSE) as db:
        frame.to_sql(f"stg_{name}", db.get_engine(), index=False, method=insert_frame)


@task
def build_departures():
    """Build a table with one row for each flight, with the names of airline, plane and destination."""
    with SqlAlchemyLineage.load(WAREHOUSE) as db:
        db.execute("""
            CREATE TABLE departures AS
            SELECT f.flight, f.origin, f.dest, f.dep_delay, f.arr_delay, f.distance,
                   make_date(f.year, f.month, f.day) AS flown_on,
                   a.name AS airline, p.manufacturer, d.name AS destination
            FROM stg_flights f
            JOIN stg_airlines a ON a.carrier = f.carrier
            LEFT JOIN stg_planes p ON p.tailnum = f.tailnum
            LEFT JOIN stg_airports d ON d.faa = f.dest
        """)
        db.execute("UPDATE departures SET manufacturer = 'AIRBUS' WHERE manufacturer = 'AIRBUS INDUSTRIE'")


@task
def build_delays():
    """Build delays by airline through a temporary table, and a view of the worst ones."""
    with SqlAlchemyLineage.load(WAREHOUSE) as db, db.get_connection() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE airline_delays (airline VARCHAR, late_flights BIGINT, mean_delay DOUBLE)"
        )
        connection.exec_driver_sql(
            "CREATE TEMP TABLE late AS SELECT airline, dep_delay AS delay FROM departures WHERE dep_delay > 15"
        )
        connection.exec_driver_sql(
            "INSERT INTO airline_delays SELECT airline, count(*), avg(delay) FROM late GROUP BY airline"
        )
        connection.exec_driver_sql(
            "CREATE VIEW worst_airlines AS SELECT airline, mean_delay FROM airline_delays WHERE late_flights > 1000"
        )


@task
def summarise_weather():
    """Summarise the weather of each airport and day in pandas."""
    with SqlAlchemyLineage.load(WAREHOUSE) as db:
        weather = pd.read_sql("SELECT origin, month, day, temp, precip FROM stg_weather", db.get_engine())
        daily = weather.groupby(["origin", "month", "day"], as_index=False).agg({"temp": "mean", "precip": "sum"})
        daily.to_sql("daily_weather", db.get_engine(), index=False)


@task
def read_routes() -> pd.DataFrame:
    with SqlAlchemyLineage.load(WAREHOUSE) as db:
        return pd.read_sql("SELECT origin, dest, distance FROM departures", db.get_engine())


@task
def rank_routes(departures: pd.DataFrame):
    """Write a table computed from a DataFrame of another task."""
    routes = departures.groupby(["origin", "dest"], as_index=False).agg(
        flights=("distance", "size"), distance=("distance", "max")
    )
    with SqlAlchemyLineage.load(WAREHOUSE) as db:
        routes.nlargest(50, "flights").to_sql("top_routes", db.get_engine(), index=False)


@flow(name="airport report", log_prints=True)
def airport_report():
    """Join departures with the weather at each airport of New York, as a subflow."""
    with SqlAlchemyLineage.load(WAREHOUSE) as db:
        db.execute("""
            CREATE TABLE airport_days AS
            SELECT d.origin, d.flown_on, avg(d.dep_delay) AS mean_delay, max(w.precip) AS rain
            FROM departures d
            JOIN daily_weather w ON w.origin = d.origin AND w.month = month(d.flown_on) AND w.day = day(d.flown_on)
            GROUP BY d.origin, d.flown_on
        """)


@flow(name="flights nightly", log_prints=True)
def flights_nightly():
    """Load files into staging tables, and build marts from them."""
    for name in ("flights", "planes", "airlines", "airports", "weather"):
        stage(name)
    build_departures()
    build_delays()
    summarise_weather()
    rank_routes(read_routes())
    airport_report()


@task
def write_report(path: Path):
    with SqlAlchemyLineage.load(WAREHOUSE) as db:
        db.execute("""
            CREATE TABLE rain_report AS
            SELECT a.origin, count(*) AS rainy_days, avg(a.mean_delay) AS mean_delay
            FROM airport_days a WHERE a.rain > 0 GROUP BY a.origin
        """)
        worst = pd.read_sql("SELECT airline, mean_delay FROM worst_airlines ORDER BY mean_delay DESC", db.get_engine())
    worst.to_csv(path, index=False)
    record_write(path.as_uri())


@flow(name="delay report", log_prints=True)
def delay_report(folder: str = "."):
    """Report on the tables that the first flow wrote."""
    write_report(Path(folder).resolve() / "worst_airlines.csv")


if __name__ == "__main__":
    flights_nightly()
    delay_report()
