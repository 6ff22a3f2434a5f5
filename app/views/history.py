"""History: what was asked before, to be opened, exported, compared and deleted."""

from __future__ import annotations

from contextlib import closing

import streamlit as st

from app import jobs
from app.jobs import Job, JobManager
from app.markdown import plain
from app.permalink import address_of
from app.titles import title_of
from app.views.two_curves import compare
from engine.dials import InputError
from engine.documents import Document
from engine.history import Record
from engine.store import Store

SECONDS = 2.0
"""After so long the page has what others have done."""
SHOWN = 20
"""Records on a page."""
TITLES = {
    "sweep": "sweep",
    "dials": "comparison of dials",
    "interventions": "comparison of interventions",
    "map": "map",
}
BADGES = {"clean": "green-badge[● ", "entangled": "blue-badge[✕ ", "lost": "orange-badge[▼ "}
"""How Streamlit writes a chip of a tone; others are grey. Shapes as in the charts."""
IMPORTED = "imported-last"
STATES = {"cancelled": "stopped", "failed": "failed", "running": "interrupted"}


def page() -> None:
    """Draws the page."""
    st.markdown("### History")
    try:
        manager = jobs.manager()
    except InputError as error:
        st.error(str(error))
        return
    st.caption(_store(manager))
    under_way = st.container()
    _import(manager)
    with under_way:
        st.fragment(_under_way, run_every=SECONDS)(manager.history.state)
    records = [record for record in manager.history.records() if not _is_under_way(record, manager)]
    words = st.text_input(
        "Search", key="search", placeholder="any words: a model, a dial, a verdict…", bind="query-params"
    )
    found = [record for record in records if _matches(record, words)]
    if not found:
        st.info("Nothing was measured yet: open Explore." if not records else "Nothing of it matches; use fewer words.")
        return
    pages = (len(found) - 1) // SHOWN + 1
    number = st.pagination(pages, key="history-page") if pages > 1 else 1
    chosen = [_line(record, manager) for record in found[SHOWN * (number - 1) : SHOWN * number]]
    _compare([record for record in chosen if record is not None])


def _store(manager: JobManager) -> str:
    """How much room results take."""
    with closing(Store(manager.store)) as store:
        if store.notice:
            return store.notice
        share = f"{store.volume() / 1e6:,.1f} of at most {store.limit / 1e6:,.0f} MB"
    return f"The store in `{manager.store}` has {share}; `REGIMESCOPE_CACHE_LIMIT` sets another limit, in MB."


# ---- what is under way -----------------------------------------------------------------------------------------------


def _under_way(drawn: object) -> None:
    """What is being measured, by whomever; draws the page anew when something was finished."""
    manager = jobs.manager()
    if manager.history.state != drawn:
        st.rerun()
    for job in manager.under_way():
        with st.container(border=True, key=f"job-{job.question.key}"):
            _job(job, manager)


def _job(job: Job, manager: JobManager) -> None:
    progress = job.snapshot.get("progress")
    share = progress["done"] / progress["total"] if progress["total"] else 0.0
    st.progress(share, f"{title_of(job.question)}: {progress['done']:,} of {progress['total']:,} points")
    with st.container(horizontal=True):
        st.link_button("Open", address_of(job.question))
        if st.button("Cancel", key=f"cancel-{job.question.key}", help="Stops it for all who look at it."):
            manager.stop(job.question.key)
            st.rerun()


def _is_under_way(record: Record, manager: JobManager) -> bool:
    job = manager.get(record.name)
    return job is not None and job.active


# ---- records ---------------------------------------------------------------------------------------------------------


def _badge(document: Document) -> str:
    """A chip with what it says, or with why it says nothing."""
    if document.status != "done":
        return f":gray-badge[{STATES[document.status]}]"
    return f":{BADGES.get(document.said.tone, 'gray-badge[○ ')}{document.said.name}]"


def _matches(record: Record, words: str) -> bool:
    document = record.document
    said, question = document.said, document.question
    text = f"{title_of(question)} {TITLES[question.kind]} {said.name} {said.headline}"
    return all(word in text.casefold() for word in words.casefold().split())


def _line(record: Record, manager: JobManager) -> Record | None:
    """One record; returns it if it is chosen for a comparison."""
    document = record.document
    kind = TITLES[document.question.kind]
    with st.container(border=True, key=f"record-{record.name}"):
        title = f"{_badge(document)} **{plain(title_of(document.question))}**"
        if document.analysis is not None:
            chosen = st.checkbox(title, key=f"choose-{record.name}", help="Choose two sweeps to compare them.")
        else:
            chosen = False
            st.markdown(title)
        if document.status == "done":
            st.caption(plain(document.said.headline))
        origin = "imported" if record.imported else document.where
        at = document.at.replace("T", " ").removesuffix("+00:00")
        st.caption(f"{kind} · {at} UTC · {document.done:,} points · {origin} · version {document.version}")
        with st.container(horizontal=True):
            st.link_button("Open", address_of(document.question))
            with st.popover("Export"):
                for form in ("CSV", "Parquet", "JSON"):
                    st.markdown(f"[{form}](/api/history/{record.name}/result.{form.lower()})")
            with st.popover("Delete"):
                st.markdown(_deletion(record))
                if st.button("Delete it", key=f"delete-{record.name}"):
                    _delete(record, manager)
    return record if chosen else None


def _deletion(record: Record) -> str:
    if record.imported:
        return "Removes the imported result from this list."
    return "Removes it, and all that was first measured for it; others that share some of that will measure it again."


def _delete(record: Record, manager: JobManager) -> None:
    try:
        manager.history.remove(record.name)
    except InputError as error:
        st.error(plain(str(error)))
        return
    if not record.imported:
        manager.forget(record.name)
        with closing(Store(manager.store)) as store:
            store.forget(record.name)
    st.rerun()


def _compare(chosen: list[Record]) -> None:
    """Two sweeps over one another."""
    if len(chosen) == 2:
        first, second = sorted(chosen, key=lambda record: record.document.at)
        compare(first.document, second.document)
    elif chosen:
        st.info("Choose one more to compare the two." if len(chosen) == 1 else "Two can be compared; choose fewer.")


# ---- import ----------------------------------------------------------------------------------------------------------


def _import(manager: JobManager) -> None:
    """Takes in a result that was exported as JSON."""
    with st.expander("Import a result"):
        file = st.file_uploader("A JSON file that was exported here or elsewhere", type="json", key="import")
        if file is None:
            return
        try:
            document = Document.from_json(file.getvalue())
            if st.session_state.get(IMPORTED) != file.file_id:  # the file stays here: once is enough
                manager.history.bring(document)
                st.session_state[IMPORTED] = file.file_id
        except InputError as error:
            st.error(plain(str(error)))
        else:
            st.success(plain(f"Imported: {title_of(document.question)}."))
