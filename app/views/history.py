"""History: what was asked before, to be opened, exported, compared and deleted."""

from __future__ import annotations

from contextlib import closing
from string import Template

import streamlit as st

from app import jobs
from app.jobs import Job, JobManager
from app.markdown import plain
from app.permalink import address_of
from app.titles import title_of
from app.views.two_curves import compare, table_of_curves
from engine.dials import InputError
from engine.documents import Document, Form
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
MOST_CHOSEN = 2
CHOSEN = "chosen-last"
TO_COMPARISON = Template("""<script>
// $names
const compared = document.querySelector(".st-key-compared")
compared.style.scrollMarginTop = "4.5rem" // the bar of the pages lies over the top
compared.scrollIntoView({ behavior: "smooth" })
</script>""")
"""Brings the comparison into view; the names make it another script for another pair."""
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
    compared = st.container(key="compared")
    pages = (len(found) - 1) // SHOWN + 1
    number = st.pagination(pages, key="history-page") if pages > 1 else 1
    shown = found[SHOWN * (number - 1) : SHOWN * number]
    full = sum(bool(st.session_state.get(_choice(record))) for record in shown) >= MOST_CHOSEN
    chosen = [record for record in shown if _line(record, manager, full)]
    with compared:
        _compare(chosen)


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


def _choice(record: Record) -> str:
    """The key of the box that chooses a record."""
    return f"choose-{record.name}"


def _line(record: Record, manager: JobManager, full: bool) -> bool:
    """One record; returns whether it is chosen for a comparison, of which no more can be if that is full."""
    document = record.document
    with st.container(border=True, key=f"record-{record.name}"):
        title = f"{_badge(document)} **{plain(title_of(document.question))}**"
        chosen = False
        if document.analysis is not None:
            closed = full and not st.session_state.get(_choice(record))
            help = "Two are chosen; choose one less first." if closed else "Choose two sweeps to compare them."
            chosen = st.checkbox(title, key=_choice(record), help=help, disabled=closed)
        else:
            st.markdown(f":small[{title}]")  # as large as the label of a box
        if document.status == "done":
            st.caption(plain(document.said.headline))
        at = document.at.replace("T", " ").removesuffix("+00:00")
        origin = f"imported, measured on {plain(document.where)}" if record.imported else document.where
        kind = TITLES[document.question.kind]
        st.caption(f"{kind} · {at} UTC · {document.done:,} points · {origin} · version {document.version}")
        if record.imported:
            here = "shows what was measured here" if _measured_here(record, manager) else "measures it here"
            st.caption(f"The figures of the file are below, under *Figures*; *Open here* {here}.")
        with st.container(horizontal=True):
            st.link_button("Open here" if record.imported else "Open", address_of(document.question))
            with st.popover("Export"):
                for form in Form:
                    st.markdown(f"[{form.title}](/api/history/{record.name}/result.{form.name})")
            with st.popover("Delete"):
                st.markdown(_deletion(record))
                if st.button("Delete it", key=f"delete-{record.name}"):
                    _delete(record, manager)
        if record.imported:
            _figures(record, manager)
    return chosen


def _measured_here(record: Record, manager: JobManager) -> Document | None:
    """The answer to the same question that was measured here, if there is one."""
    found = manager.history.find(record.document.question)
    return found if found is not None and found.status == "done" else None


def _figures(record: Record, manager: JobManager) -> None:
    """What an imported document says, beside what was measured here; drawn once it is unfolded."""
    document, here = record.document, _measured_here(record, manager)
    with st.expander("Figures", key=f"figures-{record.name}", on_change="rerun") as figures:
        if not figures.open:
            return
        if document.analysis is None:
            if here:
                numbers = "the same numbers" if here.says(document) else "other numbers"
                st.caption(f"What was measured here has {numbers}.")
            st.dataframe(table_of_curves(document), hide_index=True)
        else:
            beside = {"measured here": here} if here else {}
            compare({"imported": document, **beside}, key=f"curves-{record.name}")


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
    """Two sweeps over one another, above the records; the page goes there when the second is chosen."""
    names = [record.name for record in chosen]
    before, st.session_state[CHOSEN] = st.session_state.get(CHOSEN, []), names
    if len(chosen) < MOST_CHOSEN:
        if len(names) > len(before):
            st.toast("Choose one more sweep to compare the two.")
        return
    first, second = sorted(chosen, key=lambda record: record.document.at)
    st.markdown("#### Two sweeps")
    compare({"first": first.document, "second": second.document}, key="two-curves")
    st.button("Close the comparison", key="close-comparison", on_click=_close, args=(chosen,))
    if names != before:
        st.html(TO_COMPARISON.substitute(names=names), unsafe_allow_javascript=True)


def _close(chosen: list[Record]) -> None:
    for record in chosen:
        st.session_state[_choice(record)] = False


# ---- import ----------------------------------------------------------------------------------------------------------


def _import(manager: JobManager) -> None:
    """Takes in a result that was exported as JSON."""
    with st.expander("Import a result"):
        file = st.file_uploader(
            "A JSON file that was exported here or elsewhere", key="import"
        )  # any: to tell what it is not
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
