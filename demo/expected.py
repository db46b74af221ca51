"""The lineage that the demo must show, by the last part of each name. The demo fails if an edge is missing."""

EDGES = {
    ("flights.csv.zip", "stg_flights"),
    ("planes.csv", "stg_planes"),
    ("airlines.csv", "stg_airlines"),
    ("airports.csv", "stg_airports"),
    ("weather.csv", "stg_weather"),
    ("stg_flights", "departures"),
    ("stg_airlines", "departures"),
    ("stg_planes", "departures"),
    ("stg_airports", "departures"),
    ("departures", "airline_delays"),
    ("airline_delays", "worst_airlines"),
    ("stg_weather", "daily_weather"),
    ("departures", "top_routes"),
    ("departures", "airport_days"),
    ("daily_weather", "airport_days"),
    ("airport_days", "rain_report"),
    ("worst_airlines", "worst_airlines.csv"),
}

COLUMNS = {
    ("stg_flights.dep_delay", "departures.dep_delay"),
    ("stg_airlines.name", "departures.airline"),
    ("stg_planes.manufacturer", "departures.manufacturer"),
    ("stg_airports.name", "departures.destination"),
    ("departures.airline", "airline_delays.airline"),
    ("departures.dep_delay", "airline_delays.mean_delay"),
    ("airline_delays.mean_delay", "worst_airlines.mean_delay"),
    ("departures.dep_delay", "airport_days.mean_delay"),
    ("daily_weather.precip", "airport_days.rain"),
    ("airport_days.mean_delay", "rain_report.mean_delay"),
}

# A temporary table is neither an input nor an output: its sources feed its readers.
ABSENT = {"late", "frame"}
