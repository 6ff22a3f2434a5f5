"""The dashboard's frame: what every page shares."""

from __future__ import annotations

import streamlit as st

from app.views import compare_dials, compare_interventions, does_it_work, explore, history, method, phase_map

# Streamlit keeps room for a logo above the sidebar; the name stands there instead. White on the dark theme's primary
# colour would be too faint, so a main button is as dark as in the light theme. When the server is gone, Streamlit's own
# dialog (those of our pages have blocks in them) makes way for what the component says of it: it goes into a corner.
STYLE = """<style>
[data-testid=stSidebarHeader] { height: 2.25rem; margin-bottom: 0; padding-block: 0; }
[data-testid=stSidebarUserContent] { padding-top: 0; }
[data-testid=stSidebarUserContent] [data-testid=stVerticalBlock] { gap: 0.6rem; }
[data-testid=stSidebarUserContent] button[kind=tertiary] { min-height: 0; text-decoration: underline dotted; }
[data-testid=stSidebarUserContent] button[kind=tertiary] p { font-size: 0.85rem; }
[data-testid=stBaseButton-primary]:enabled { background: #047857; border-color: #047857; }
body:has([data-transport=lost]) [data-testid=stDialog]:not(:has([data-testid=stVerticalBlock])) {
  inset: auto auto 0.5rem 0.5rem; width: 15.5rem; height: auto; padding: 0; overflow: visible; background: none;
  & * { margin: 0; max-width: 100%; min-height: 0; }
  & section { padding: 0.75rem 1rem; box-shadow: 0 0 0 1px #8884, 0 4px 16px #0003; }
  & h2 { padding: 0 0 0.25rem; font-size: 1rem; }
  & h2 ~ * { padding: 0; font-size: 0.85rem; }
}
</style>"""

st.set_page_config(page_title="Regimescope", page_icon="◐", layout="wide")
st.html(STYLE)
# They lie in `views`: Streamlit takes a folder `pages` beside this script for pages that it is to find by itself.
PAGES = [
    st.Page(explore.page, title="Explore", url_path="explore", default=True),
    st.Page(compare_dials.page, title="Compare dials", url_path="compare-dials"),
    st.Page(compare_interventions.page, title="Compare interventions", url_path="compare-interventions"),
    st.Page(phase_map.page, title="Phase map", url_path="phase-map"),
    st.Page(does_it_work.page, title="Does it work?", url_path="does-it-work"),
    st.Page(history.page, title="History", url_path="history"),
    st.Page(method.page, title="Method", url_path="method"),
]
st.navigation(PAGES, position="top").run()
