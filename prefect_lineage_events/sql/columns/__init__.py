"""Column lineage: which columns of which tables go into which column, and how.

    column_edges(tree)    edges.py            one statement's tree -> ColumnResult
      Statements          statements.py       INSERT, UPDATE, MERGE, CREATE, ...: which value goes into which target
                          assignments.py      SET, WHEN, ON CONFLICT
                          targets.py          the table and column that is meant
        Queries           queries.py          SELECT, set operations, CTEs -> the relation they put out
                          ctes.py, unions.py  WITH, and set operations
          item, join      sources.py          FROM and JOIN -> the relations a SELECT can use
                          functions.py        functions that return rows
                          pivots.py           PIVOT, UNPIVOT, MATCH_RECOGNIZE
          outputs         projections.py      the SELECT list -> the columns it puts out
                          stars.py            `*` and COLUMNS(...) -> the columns they stand for (patterns.py)
                          naming.py           what a store calls an expression without an alias
            Trace         expressions.py      an expression -> the columns it is made of
            row_of        structs.py          an expression -> the fields of its struct (constructors.py, paths.py)
            Scope         scopes.py           a name -> the column it means

The words of these files are *origin*, *lineage*, *output* and *relation* (`relations.py`), *row* (`rows.py`), and the
transformations of OpenLineage (`transformations.py`). What differs between dialects is data (`rules.py`).
"""

from prefect_lineage_events.sql.columns.edges import ColumnResult, cloned, column_edges, joined

__all__ = ["ColumnResult", "cloned", "column_edges", "joined"]
