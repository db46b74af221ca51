"""Saved documents of the plain connectors, loaded as lineage blocks and converted to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from prefect.blocks.core import Block

from prefect_lineage_events import patches
from prefect_lineage_events.blocks import BLOCKS, extra_advice
from prefect_lineage_events.nearness import did_you_mean, nearest

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient, SyncPrefectClient
    from prefect.client.schemas.objects import BlockDocument

T = TypeVar("T", bound=Block)

# The documentation that the blocks' forms in Prefect's UI point to.
DOCUMENTATION_URL = "https://github.com/prefect-lineage-events/prefect-lineage-events"
# The lineage block that replaces a plain connector, by the connector's block type slug.
REPLACEMENTS = {block.replaces: block.name for block in BLOCKS if block.replaces}
_LISTED_BY = "`prefect block ls` lists them"


def missing_extra(extra: str, error: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return the error of a block whose connector is not installed, with the command that installs it."""
    return ModuleNotFoundError(
        f"{error.name} is not installed, which this lineage block extends: {extra_advice(extra)}",
        name=error.name,
    )


def loads_plain_documents(block: type[T]) -> type[T]:
    """Class decorator: `load` takes the plain connector's document if the lineage block has none of that name.

    So a flow that loads a saved block only needs to change the class.
    """
    plain = plain_class(block)

    def _get_block_document(cls: Any, name: str, client: SyncPrefectClient) -> tuple[BlockDocument, str]:
        try:
            return super(block, cls)._get_block_document(name, client)  # type: ignore[no-any-return]
        except ValueError as error:
            with _also_missing(error, plain):
                return plain._get_block_document(name, client)

    async def _aget_block_document(cls: Any, name: str, client: PrefectClient) -> tuple[BlockDocument, str]:
        try:
            return await super(block, cls)._aget_block_document(name, client)  # type: ignore[no-any-return]
        except ValueError as error:
            with _also_missing(error, plain):
                return await plain._aget_block_document(name, client)

    for method in (_get_block_document, _aget_block_document):
        setattr(block, method.__name__, classmethod(method))
    return block


def switches_on(block: type[T]) -> type[T]:
    """Class decorator: an instance of the block, or a subclass of it, switches lineage on.

    Flows often load a block before they start the threads and processes that use it.
    """
    initialize = block.block_initialization

    def block_initialization(self: T) -> None:
        patches.switch_on()
        initialize(self)

    def __init_subclass__(cls: Any, /, **kwargs: Any) -> None:
        super(block, cls).__init_subclass__(**kwargs)
        patches.switch_on()

    setattr(block, block_initialization.__name__, block_initialization)
    setattr(block, __init_subclass__.__name__, classmethod(__init_subclass__))
    return block


def plain_class(block: type[Block]) -> type[Block]:
    """The connector that a lineage block extends."""
    slug = block.get_block_type_slug()
    return next(base for base in block.__mro__[1:] if issubclass(base, Block) and base.get_block_type_slug() != slug)


@contextmanager
def _also_missing(error: ValueError, plain: type[Block]) -> Iterator[None]:
    try:
        yield
    except ValueError:
        raise ValueError(f"{error}, nor for {plain.get_block_type_slug()}") from None


def _loaded(plain: Any, name: str) -> Any:
    """The plain connector's document of this name. Raises ValueError with the nearest names."""
    from prefect import get_client

    try:
        return plain.load(name)
    except ValueError as error:
        slug = plain.get_block_type_slug()
        with get_client(sync_client=True) as client:
            names = [one.name for one in client.read_block_documents_by_type(slug) if one.name]
        if name in names:
            raise  # it is there, and cannot be read
        near = did_you_mean(f"{slug}/{one}" for one in nearest(name, names))
        raise ValueError(f"there is no document {slug}/{name}: {_LISTED_BY}{near}") from error


def convert(reference: str, *, overwrite: bool = False) -> str:
    """Save a plain connector's document as one of the lineage block, under the same name, and return its reference.

    `reference` is `<block type slug>/<name>`, as `prefect block ls` shows it. The plain document is kept. Raises
    ValueError with the reason for another type, a missing document or a name that exists already.
    """
    slug, separator, name = reference.partition("/")
    if not separator or slug not in REPLACEMENTS:
        near = did_you_mean(f"{one}/{name}" for one in nearest(slug, REPLACEMENTS)) if name else ""
        raise ValueError(
            f"{reference!r} is no document of {', '.join(REPLACEMENTS)}: give <type>/<name>, as {_LISTED_BY}{near}"
        )
    block_class: Any = getattr(import_module("prefect_lineage_events"), REPLACEMENTS[slug])
    plain = _loaded(plain_class(block_class), name)
    block = block_class(**{field: getattr(plain, field) for field in plain.model_fields_set})
    try:
        block.save(name, overwrite=overwrite)
    except ValueError as error:
        if "already in use" not in str(error):
            raise
        taken = f"{block_class.get_block_type_slug()}/{name}"
        raise ValueError(f"{taken} exists already; --overwrite replaces it") from error
    return f"{block_class.get_block_type_slug()}/{name}"
