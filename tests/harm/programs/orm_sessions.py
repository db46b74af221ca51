"""ORM sessions, Core, savepoints, two ways to fail, and the engine's own events."""

from kit import Connector, attempt
from prefect import flow
from sqlalchemy import ForeignKey, event, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    books: Mapped[list["Book"]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


@flow
def sessions():
    database = Connector(connection_info="sqlite:///orm.db")
    engine = database.get_engine()
    heard = []
    event.listen(
        engine, "after_cursor_execute", lambda c, cursor, sql, *_: heard.append((sql.split()[0], cursor.rowcount))
    )
    event.listen(engine, "commit", lambda c: heard.append("commit"))
    event.listen(engine, "rollback", lambda c: heard.append("rollback"))
    event.listen(engine, "connect", lambda dbapi, record: heard.append(type(dbapi).__name__))
    event.listen(engine, "checkout", lambda dbapi, record, fairy: heard.append(dbapi.__class__.__name__))
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Author(name="a", books=[Book(title="one"), Book(title="two")]))
        session.commit()
        with session.begin_nested():
            session.add(Author(name="b"))
        try:
            with session.begin_nested():
                session.add(Author(name="a"))
        except IntegrityError as error:
            print(error.orig, error.statement)
        session.commit()
        print(session.scalars(select(Author.name).order_by(Author.id)).all())
        author = session.get(Author, 1)
        print([book.title for book in author.books])
        session.add(Book(title="never", author=author))
        session.rollback()
    with engine.begin() as connection:
        print(connection.execute(insert(Author), [{"name": "c"}, {"name": "d"}]).rowcount)
        connection.exec_driver_sql("UPDATE author SET name = ? WHERE name = ?", ("e", "d"))
    with engine.connect().execution_options(stream_results=True) as connection:
        for chunk in connection.execute(select(Author.name)).partitions(2):
            print(chunk)
    with engine.connect() as connection:
        print(connection.connection.driver_connection.__class__, connection.connection.dbapi_connection.__class__)
        transaction = connection.begin()
        connection.execute(text("DELETE FROM book"))
        transaction.rollback()
        print(connection.execute(text("SELECT count(*) FROM book")).scalar())
    print(inspect(engine).get_table_names(), [c["name"] for c in inspect(engine).get_columns("book")])
    attempt("pool", lambda: engine.pool.status())
    engine.dispose()
    print(heard)
    with Session(engine) as session:
        session.add(Author(name="a"))
        session.commit()


sessions()
