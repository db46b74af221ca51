"""Column lineage: the columns of which each column of a result or of a target is made, and the transformations.

    column_edges(tree)    edges.py            one statement's tree -> ColumnResult
      Statements          writes.py           INSERT, UPDATE, MERGE, CREATE, ...: the value of each column of a target
                          assignments.py      SET, WHEN, ON CONFLICT
                          targets.py          the table and the column of a target
        Queries           queries.py          SELECT, set operations, CTEs -> the relation of their rows
                          unions.py           set operations
          item, join      sources.py          FROM and JOIN -> the relations that a SELECT can use
                          functions.py        functions that return rows
                          pivots.py           PIVOT, UNPIVOT, MATCH_RECOGNIZE
          outputs         projections.py      the SELECT list -> its output columns
                          stars.py            `*` and COLUMNS(...) -> the columns that they stand for (patterns.py)
                          naming.py           the store's name of an expression without an alias
            Trace         expressions.py      an expression -> the columns that it is made of
            row_of        structs.py          an expression -> the fields of its struct (constructors.py, paths.py)
            Scope         scopes.py           a name -> the column that it refers to; CTEs

The terms of these files are *origin*, *lineage*, *output*, *relation* and *row* (`relations.py`), and the
transformations of OpenLineage (`transformations.py`). Differences between dialects are data (`rules.py`).
"""

from prefect_lineage_events.sql.columns.edges import ColumnResult, cloned, column_edges, joined

__all__ = ["ColumnResult", "cloned", "column_edges", "joined"]
