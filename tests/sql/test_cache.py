"""The cache of answers: bounded by entries and bytes, the least recently used entry is evicted first, safe for threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from prefect_lineage_events.sql.cache import BoundedCache


def test_a_cached_value_is_found() -> None:
    cache: BoundedCache[str] = BoundedCache(10, 1_000)
    cache.put(("sql", "snowflake"), "answer", 6)
    assert cache.get(("sql", "snowflake")) == "answer"
    assert cache.get(("sql", "postgres")) is None


def test_the_least_recently_used_entry_is_evicted_first() -> None:
    cache: BoundedCache[int] = BoundedCache(2, 1_000)
    cache.put("a", 1, 1)
    cache.put("b", 2, 1)
    assert cache.get("a") == 1
    cache.put("c", 3, 1)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_bytes_are_bounded_for_any_number_of_entries() -> None:
    cache: BoundedCache[int] = BoundedCache(1_000, 160)
    for i in range(100):
        cache.put(i, i, 10)
    assert cache.bytes == 160
    assert len(cache) == 16
    assert cache.get(99) == 99


def test_an_entry_that_is_too_heavy_is_not_kept() -> None:
    cache: BoundedCache[int] = BoundedCache(10, 160)
    cache.put("light", 1, 10)
    cache.put("heavy", 2, 11)
    assert cache.get("heavy") is None
    assert cache.get("light") == 1


def test_putting_again_counts_the_weight_once() -> None:
    cache: BoundedCache[int] = BoundedCache(10, 160)
    cache.put("a", 1, 10)
    cache.put("a", 2, 4)
    assert (cache.bytes, cache.get("a")) == (4, 2)


def test_clear_removes_all_entries() -> None:
    cache: BoundedCache[int] = BoundedCache(10, 160)
    cache.put("a", 1, 10)
    cache.clear()
    assert (len(cache), cache.bytes, cache.get("a")) == (0, 0, None)


def test_the_count_is_right_after_use_by_threads() -> None:
    cache: BoundedCache[int] = BoundedCache(50, 500)

    def use(seed: int) -> None:
        for i in range(2_000):
            cache.put((seed * i) % 97, i, 7)
            cache.get(i % 97)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(1, 9)))
    assert len(cache) <= 50
    assert cache.bytes == 7 * len(cache)


def test_entries_used_once_do_not_evict_those_used_again() -> None:
    cache: BoundedCache[int] = BoundedCache(100, 10_000)
    cache.put("daily", 1, 1)
    cache.get("daily")
    for i in range(1_000):
        cache.put(i, i, 1)
    assert cache.get("daily") == 1
    assert len(cache) < 100


def test_entries_of_long_cycles_are_kept_from_the_second_cycle_on() -> None:
    cache: BoundedCache[int] = BoundedCache(1_000, 10_000)
    for _ in range(2):
        for i in range(500):
            if cache.get(i) is None:
                cache.put(i, i, 1)
    assert all(cache.get(i) == i for i in range(500))
